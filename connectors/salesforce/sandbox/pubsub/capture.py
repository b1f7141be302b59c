"""From a committed transaction to its change events: what is one event, and what it says.

Several saves of a record in one transaction are one event of the first one's type; the same change of several
records is one event with several ids; what is beyond the threshold is told by an overflow event per object
(Change Data Capture Developer Guide: Merged Change Events, Overflow Events).
"""

from __future__ import annotations

from collections.abc import Callable, Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from connectors.salesforce.sandbox import ids
from connectors.salesforce.sandbox.journal import Change
from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.pubsub.schemas import EventSchema, Slot
from connectors.sandboxes.table import Row

TYPES = {"create": "CREATE", "update": "UPDATE", "delete": "DELETE", "undelete": "UNDELETE"}


@dataclass(frozen=True, slots=True)
class Event:
    """One event before it is written. `told`: whether it tells fields; a gap and a delete do not."""

    entity: str
    type: str
    ids: tuple[str, ...]
    schema: EventSchema
    change: Change
    sequence: int = 1
    told: bool = True

    def gap(self) -> Event:
        """The same without fields."""
        return replace(self, type=f"GAP_{self.type}", told=False)

    def overflow(self) -> Event:
        """An overflow event in its place."""
        return replace(self, type="GAP_OVERFLOW", ids=(ids.EMPTY,), told=False)

    def wildcard(self) -> Event:
        """The same for all records of the object."""
        return replace(self, ids=(f"{self.ids[0][:3]}*",))


def events_of(
    org: Org,
    changes: Sequence[Change],
    schema: Callable[[str], EventSchema | None],
    threshold: int,
) -> list[Event]:
    """The events of one transaction, in order; `schema` gives None for what is not captured."""
    found: list[Event] = []
    spent, over = 0, dict[str, Event]()
    for change in merged(changes):
        known = schema(change.object)
        if known is None:
            continue
        told = change.op != "delete"
        event = Event(change.object, TYPES[change.op], (change.id,), known, change, told=told)
        spent += max(1, len(change.changed)) if change.op == "update" else 1
        if spent > threshold:
            over.setdefault(change.object, event.overflow())
        else:
            found.append(event)
    events = [*grouped(org, found), *over.values()]
    return [replace(event, sequence=number) for number, event in enumerate(events, 1)]


def merged(changes: Iterable[Change]) -> list[Change]:
    """One change for all the saves of a record; a delete or undelete after them stands alone."""
    found: list[Change] = []
    places: dict[str, int] = {}
    for change in changes:
        place = places.get(change.id)
        if place is None or change.op != "update" or found[place].op not in ("create", "update"):
            places[change.id] = len(found)
            found.append(change)
            continue
        first = found[place]
        both = tuple(dict.fromkeys((*first.changed, *change.changed)))
        found[place] = replace(first, fields=change.fields, changed=both, stamp=change.stamp)
    return found


def grouped(org: Org, events: Sequence[Event]) -> list[Event]:
    """Updates and deletes that say the same become one."""
    if len(events) < 2:
        return list(events)
    found: dict[Any, Event] = {}
    for number, event in enumerate(events):
        alike: Any = number
        if event.type in ("UPDATE", "DELETE"):
            alike = (event.entity, event.type, event.schema.id, said(org, event), event.change.user)
        known = found.get(alike)
        found[alike] = event if known is None else replace(known, ids=(*known.ids, *event.ids))
    return list(found.values())


def said(org: Org, event: Event) -> Any:
    """What an update says: place and value of each field, or part of a compound one, that changed."""
    if not event.told:
        return None
    return tuple((place, _news(old, new)) for place, _, old, new in updated(org, event))


def _news(old: Any, new: Any) -> Any:
    if not isinstance(new, tuple):
        return new
    parts = tuple((i, now) for i, (was, now) in enumerate(zip(old, new, strict=True)) if was != now)
    return parts, all(value is None for value in new)


def whole(org: Org, event: Event) -> Iterator[tuple[Slot, Any]]:
    """Each field and its value after the change."""
    read = _reader(org, event, event.change.fields)
    return ((slot, read(slot)) for slot in event.schema.slots)


def updated(org: Org, event: Event) -> Iterator[tuple[int, Slot, Any, Any]]:
    """Place in the schema (the header is 0), field, and the value before and after, where they differ.

    Every update names LastModifiedDate, also within the same second; a converted lead's leaves it out.
    """
    change = event.change
    changed = frozenset(change.changed)
    before, after = _reader(org, event, change.before or {}), _reader(org, event, change.fields)
    for place, slot in enumerate(event.schema.slots, 1):
        if slot.name == "LastModifiedDate":
            if change.cause != "convert":
                yield place, slot, None, after(slot)
        elif slot.computed or not changed.isdisjoint(slot.fields):
            old, new = before(slot), after(slot)
            if old != new:
                yield place, slot, old, new


def _reader(org: Org, event: Event, fields: Mapping[str, Any]) -> Callable[[Slot], Any]:
    """What reads a field, or the parts of a compound one, of a record that looks like this.

    What field-level security hides is empty.
    """
    change = event.change
    table = org.org_table(change.object)
    row = Row(0, change.id, dict(fields), change.stamp, "", change.at)
    real = table.rows.get(change.id)
    row.created = real.created if real is not None else change.stamp

    def one(name: str | None) -> Any:
        if name is None or not org.sees(table, name):
            return None
        return org.getter(table, name)(row) if name in table.fields else row.fields.get(name)

    def read(slot: Slot) -> Any:
        return tuple(one(part) for _, part, _ in slot.parts) if slot.parts else one(slot.field)

    return read
