"""What people do in the worlds of `chapters`, besides what they do everywhere (`people`)."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from types import MappingProxyType
from typing import TYPE_CHECKING

from tests.sim.twin import typed
from tests.sim.twin.crm import Crm
from tests.sim.twin.shape import Event, number_of

if TYPE_CHECKING:
    from tests.sim.twin.people import People

POINTS = {"firms": {"parent": "firms", "main": "people"}, "people": {"firm": "firms"}}
"""The references, by object: the field, and the object that it points to."""


def find(crm: Crm, object: str, who: int) -> str | None:
    """The record of a firm or person in a CRM, by what never changes about it."""
    return next((i for i, row in crm.rows(object).items() if number_of(object, row) == who), None)


def place(crm: Crm, object: str, who: int) -> tuple[str, str] | None:
    """The object and id of a firm or person, who may be a lead yet."""
    found = find(crm, object, who)
    if found is None and object == "people" and "leads" in crm.tables:
        object, found = "leads", find(crm, "leads", who)
    return None if found is None else (object, found)


def refer(people: People, crm: Crm, event: Event) -> bool:
    """A firm is said to belong to another one, or to itself; or whom to ask for there."""
    target = POINTS["firms"][event.field]
    found, to = find(crm, "firms", event.who), find(crm, target, event.to)
    if found is None or to is None:
        return False
    crm.update("firms", found, {event.field: to})
    if (target, to) == ("firms", found):
        people.happened["reference to itself"] += 1
    elif leads_to(crm, (target, to), ("firms", found)):
        people.happened["references in a circle"] += 1
    if target == "firms" and crm.rows("firms")[to].get("hidden") == "yes":
        people.happened["reference to who takes no part"] += 1
    return True


def leads_to(crm: Crm, start: tuple[str, str], end: tuple[str, str]) -> bool:
    """Whether references lead from one record to another."""
    seen, todo = set(), [start]
    while todo:
        place = todo.pop()
        if place == end:
            return True
        if place not in seen:
            seen.add(place)
            row = crm.rows(place[0]).get(place[1], {})
            todo += [(to, str(row[field])) for field, to in POINTS[place[0]].items() if row.get(field)]
    return False


def hide(people: People, crm: Crm, event: Event) -> bool:
    """A firm takes no part any more, or does so again."""
    found = find(crm, "firms", event.who)
    if found is None:
        return False
    hidden = crm.rows("firms")[found].get("hidden") == "yes"
    crm.update("firms", found, {"hidden": None if hidden else "yes"})
    people.happened["takes part again" if hidden else "takes no part"] += 1
    return True


def lead(people: People, crm: Crm, event: Event) -> bool:
    """Somebody is typed as a lead, where a system has them."""
    if "leads" not in crm.tables:
        return False
    who = ("people", event.who)
    if place(crm, *who) is not None:
        people.happened["typed twice in one system"] += 1
    texts = {name: people.text(crm, name, {}, who) for name in ("name", "phone")}
    crm.create("leads", {"email": f"p{event.who}@x.org", **texts})
    return True


def convert(people: People, crm: Crm, event: Event) -> bool:
    """A lead becomes a person, or a part of one that is there; something may be typed in passing."""
    found = find(crm, "leads", event.who) if "leads" in crm.tables else None
    if found is None:
        return False
    old, who = crm.rows("leads")[found], ("people", event.who)
    into = find(crm, "people", event.to) if event.field == "into" else None
    if into is not None:
        people.gone |= {who, ("people", event.to)}
        people.happened["convert into another"] += 1
    edit = event.field in ("name", "phone") and event.to % 2
    fields = {event.field: people.text(crm, event.field, old, who)} if edit else {}
    crm.convert("leads", found, "people", fields, into)
    return True


def purge(people: People, crm: Crm, event: Event) -> bool:
    """A rogue job deletes one person in three."""
    rows = [(i, number_of("people", row)) for i, row in crm.rows("people").items()][::3]
    people.gone |= {("people", number) for _, number in rows}
    with crm.begin() as edit:
        for remote_id, _ in rows:
            edit.delete("people", remote_id)
    return len(rows) > 1


ACTS: Mapping[str, Callable[[People, Crm, Event], bool]] = MappingProxyType(
    {"refer": refer, "hide": hide, "lead": lead, "convert": convert, "purge": purge}
    | {"note": typed.note, "born": typed.born, "met": typed.met},
)
