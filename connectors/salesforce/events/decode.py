"""From an event's bytes to what changed: the header, the bitmaps, and flat fields."""

from __future__ import annotations

import io
from collections.abc import Iterator, Mapping
from datetime import timedelta
from typing import Any

import fastavro

from connectors.salesforce.events.change import ChangeEvent, ChangeType
from connectors.salesforce.events.layout import EPOCH, Layout, Places, Slot

HEADER = "ChangeEventHeader"
WHOLE = (ChangeType.CREATE, ChangeType.UNDELETE)
TOLD = (*WHOLE, ChangeType.UPDATE, ChangeType.DELETE)
NO_ID = "000000000000000AAA"
"""What an overflow event may carry in place of ids."""


class Decoder:
    """Decodes the events of one schema."""

    def __init__(self, schema: Mapping[str, Any]) -> None:
        self.layout = Layout(schema)
        self._parsed = fastavro.parse_schema(dict(schema), named_schemas={})

    def event(self, payload: bytes, replay_id: bytes) -> ChangeEvent:
        """One event; one that cannot be read is told as `UNREADABLE`, for its record did change."""
        try:
            body = fastavro.schemaless_reader(io.BytesIO(payload), self._parsed, None)
            assert isinstance(body, dict)
            return self._event(body, replay_id)
        except Exception:  # the payload is a stranger's: whatever is wrong with it, the change is real
            return ChangeEvent(self.layout.entity, ChangeType.UNREADABLE, replay_id, gap=True, lost=True)

    def _event(self, body: dict[str, Any], replay_id: bytes) -> ChangeEvent:
        header = body[HEADER]
        change = known(header["changeType"])
        ids = tuple(header["recordIds"])
        lost = change is ChangeType.GAP_OVERFLOW or not all(map(names_one, ids)) or not ids
        gap = lost or change not in TOLD
        fields: dict[str, Any] = {}
        unsaid: frozenset[str] = frozenset()
        if not gap:
            try:
                fields, unsaid = self._fields(change, header, body)
            except (ValueError, OverflowError):  # no bitmap, no such time: the ids are sound
                gap = True
        return ChangeEvent(
            entity=header["entityName"],
            change=change,
            replay_id=replay_id,
            record_ids=() if lost else ids,
            fields=fields,
            unsaid=unsaid,
            gap=gap,
            lost=lost,
            committed_at=EPOCH + timedelta(milliseconds=header["commitTimestamp"]),
            commit_number=header["commitNumber"],
            commit_user=header["commitUser"] or "",
            origin=header["changeOrigin"] or "",
            transaction=header["transactionKey"] or "",
            sequence=header["sequenceNumber"],
        )

    def _fields(
        self, change: ChangeType, header: Mapping[str, Any], body: Mapping[str, Any]
    ) -> tuple[dict[str, Any], frozenset[str]]:
        if change is ChangeType.DELETE:
            return {}, frozenset()
        places = self.layout.places
        nulled, diffs = places(header["nulledFields"]), places(header["diffFields"])
        if change in WHOLE:
            wanted: Places = frozenset((i, None) for i in range(1, len(self.layout.slots)))
            return self._said(wanted, None, diffs, body)
        return self._said(places(header["changedFields"]) | nulled | diffs, nulled, diffs, body)

    def _said(
        self, wanted: Places, nulled: Places | None, diffs: Places, body: Mapping[str, Any]
    ) -> tuple[dict[str, Any], frozenset[str]]:
        """The wanted fields that the body has. `nulled` None: what is empty here is empty there."""
        fields: dict[str, Any] = {}
        unsaid: set[str] = set()
        for place, part, slot, value in self._values(wanted, body):
            if (place, part) in diffs or (place, None) in diffs:
                unsaid.add(slot.name)
            elif value is not None:
                fields[slot.name] = slot.write(value)
            elif nulled is None or (place, part) in nulled or (place, None) in nulled:
                fields[slot.name] = None
            else:
                unsaid.add(slot.name)
        return fields, frozenset(unsaid)

    def _values(self, wanted: Places, body: Mapping[str, Any]) -> Iterator[tuple[int, int | None, Slot, Any]]:
        """Position, part, slot and value of each field; a compound one in its parts."""
        exact = {place for place, part in wanted if part is not None}
        for place, part in sorted(wanted, key=lambda one: (one[0], -1 if one[1] is None else one[1])):
            slot, value = self.layout.slots[place], body.get(self.layout.keys[place])
            if place == 0:
                continue
            if part is None and place in exact:
                continue  # its parts are named one by one
            if not slot.parts or isinstance(value, str):
                yield place, None, slot, value
                continue
            inner = value or {}
            for i in range(len(slot.parts)) if part is None else (part,):
                yield place, i, slot.parts[i], inner.get(slot.keys[i])


def known(change: str) -> ChangeType:
    """The change type; one that is newer than this code changed something, too."""
    return ChangeType(change) if change in ChangeType.__members__ else ChangeType.UNREADABLE


def names_one(id: str) -> bool:
    """Whether an id is one: neither a wildcard (`001*`) nor the overflow's placeholder."""
    return len(id) in (15, 18) and id.isalnum() and id != NO_ID
