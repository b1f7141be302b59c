"""Chapters that are told in worlds of their own (`worlds`), each drawn from a lot of its own.

A chapter takes the plan of a seed, with its faults and deaths, and gives another one.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.sim.twin.shape import Event, Plan, SystemPlan
from tests.sim.twin.typed import FORMS
from tests.sim.twin.worlds import SHOWN

Chapter = Callable[[random.Random, Plan], Plan]


def set_in(plan: Plan) -> Plan:
    """The plan of a seed, in the world of the seed."""
    name = list(CHAPTERS)[plan.seed // 12 % len(CHAPTERS)]
    return CHAPTERS[name](random.Random(f"{name} {plan.seed}"), plan)


def references(pick: random.Random, plan: Plan) -> Plan:
    """Firms belong to firms and have a person to ask for: cycles, and targets that take no part (F35)."""
    home = pick.choice(plan.systems).name
    refers = {
        "parent": {"type": "ref", "references": "firms"},
        "main": {"type": "ref", "references": "people"},
    }
    systems = [
        _world(
            replace(system, short="city" if pick.random() < 0.2 else system.short),
            fields={"firms": refers | ({"hidden": {}} if system.name == home else {})},
            where={"firms": SHOWN} if system.name == home else {},
        )
        for system in plan.systems
    ]

    def other(event: Event) -> Event:
        if pick.random() < 0.2:
            return replace(event, what="hide", system=home, object="firms", who=pick.choice(firms), hold=0.0)
        field, to = pick.choice((("parent", firms), ("parent", firms), ("main", people)))
        who = pick.choice(firms)
        to = [who] if field == "parent" and pick.random() < 0.2 else to
        return replace(
            event, what="refer", object="firms", who=who, field=field, to=pick.choice(to), hold=0.0
        )

    firms, people = _numbers(plan, "firms"), _numbers(plan, "people")
    words = {
        "kinds": {"company": {"parent": {"ref": "company"}, "main": {"ref": "contact"}}},
        "map": {"firms": {"parent": "parent", "main": "main"}},
    }
    return _told(plan, systems, _mixed(pick, plan, 0.5, other), words)


def cascades(pick: random.Random, plan: Plan) -> Plan:
    """Firms are deleted, and in some systems that takes their people along (F51)."""
    names = [system.name for system in plan.systems]
    taking = pick.sample(names, pick.choice((1, 1, len(names) - 1)))
    firm = {"type": "ref", "references": "firms", "on_delete": "cascade"}
    systems = [
        _world(system, fields={"people": {"firm": firm}}) if system.name in taking else system
        for system in plan.systems
    ]
    others = [name for name in names if name not in taking]

    def other(event: Event) -> Event:
        what = pick.choice(("create", "move", "move", "delete", "delete"))
        if what == "create":
            return replace(event, what="create", object="firms", who=pick.choice(firms), hold=0.0)
        if what == "move":
            return replace(event, what="move", object="people", to=pick.choice(firms), hold=0.0)
        home = pick.choice(others if pick.random() < 0.7 else names)
        return replace(event, what="delete", system=home, object="firms", who=pick.choice(firms), hold=0.0)

    firms = [*_numbers(plan, "firms"), 0, 1]
    against = pick.choice(("ask", "delete-wins", "edit-wins"))
    plan = replace(plan, deletes=f"{{policy: propagate, against_edit: {against}}}")
    return _told(plan, systems, _mixed(pick, plan, 0.5, other), {})


def leads(pick: random.Random, plan: Plan) -> Plan:
    """A system keeps people as leads first, and makes people of them (F34)."""
    home = pick.choice(plan.systems).name
    systems = [
        _world(replace(system, features={**system.features, "deletes_reported": True}), fields={"leads": {}})
        if system.name == home
        else system
        for system in plan.systems
    ]

    def other(event: Event) -> Event:
        if pick.random() < 0.2:
            fresh = max(_numbers(plan, "people")) + pick.randint(1, 3)
            return replace(event, what="lead", system=home, object="people", who=fresh, hold=0.0)
        how = pick.choice(("", "name", "phone", "phone", "into"))
        who, to = pick.choice(people), pick.choice(people)
        return replace(
            event, what="convert", system=home, object="people", who=who, to=to, field=how, hold=0.0
        )

    events = tuple(
        replace(e, what="lead", system=home)
        if (e.what, e.object) == ("create", "people") and pick.random() < 0.6
        else e
        for e in plan.events
    )
    people = _numbers(plan, "people")
    people += [number + max(people) for number in (1, 2, 3)]
    return _told(plan, systems, _mixed(pick, replace(plan, events=events), 0.3, other), {})


def hostile(pick: random.Random, plan: Plan) -> Plan:
    """People type what breaks programs (F49)."""

    def other(event: Event) -> Event:
        who = pick.choice(people)
        return replace(
            event, what="note", object="people", who=who, field="note", to=pick.randint(0, 999), hold=0.0
        )

    people = _numbers(plan, "people")
    systems = [_world(system, fields={"people": {"note": {}}}) for system in plan.systems]
    words = {"kinds": {"contact": {"note": "text"}}, "map": {"people": {"note": "note"}}}
    return _told(plan, systems, _mixed(pick, plan, 0.6, other), words)


def masses(pick: random.Random, plan: Plan) -> Plan:
    """A rogue job edits or deletes many; the brakes hold it until a person says what shall be (F31)."""
    many = [Event(0.05, "create", pick.choice(plan.systems).name, "people", 100 + n) for n in range(12)]
    brakes = {"update": {"count": 10, "per": 120}}
    if pick.random() < 0.5:
        brakes["delete"] = {"count": 2, "per": 120}

    def other(event: Event) -> Event:
        what, field = pick.choice(
            (
                *(("bulk", "phone"), ("bulk", "name")),
                *(("release", ""), ("release", ""), ("discard", "take_theirs"), ("discard", "detach")),
                ("purge", "") if "delete" in brakes else ("bulk", "phone"),
            )
        )
        return replace(event, what=what, object="people", field=field, hold=0.0)

    words = {"brakes": {"contact": brakes}}
    against = pick.choice(("ask", "delete-wins", "edit-wins"))
    plan = replace(
        plan, events=(*many, *plan.events), deletes=f"{{policy: propagate, against_edit: {against}}}"
    )
    return _told(plan, list(plan.systems), _mixed(pick, plan, 0.3, other), words)


def undated(pick: random.Random, plan: Plan) -> Plan:
    """In one system a field changes and no date moves: only a sweep can find it (F11)."""
    home = pick.choice(plan.systems).name
    systems = [
        replace(system, quirks={**system.quirks, "silent_fields": ["phone"]})
        if system.name == home
        else system
        for system in plan.systems
    ]

    def other(event: Event) -> Event:
        return replace(event, system=home, object="people", who=pick.choice(people), field="phone")

    people = _numbers(plan, "people")
    events = _mixed(pick, plan, 0.3, other)
    return replace(plan, systems=tuple(systems), events=events, sweep=pick.choice((15.0, 30.0, 600.0)))


def dates(pick: random.Random, plan: Plan) -> Plan:
    """People enter dates and instants, and each system writes them in its own way (F15)."""
    forms = pick.sample(list(FORMS), len(plan.systems))
    systems = [_dated(system, form) for system, form in zip(plan.systems, forms, strict=True)]

    def other(event: Event) -> Event:
        what = pick.choice(("born", "met", "met"))
        return replace(
            event,
            what=what,
            object="people",
            who=pick.choice(people),
            field=what,
            to=pick.randint(0, 99),
            hold=0.0,
        )

    people = _numbers(plan, "people")
    words = {
        "kinds": {"contact": {"born": "date", "met": "datetime"}},
        "map": {"people": {"born": "born", "met": "met"}},
    }
    return _told(plan, systems, _mixed(pick, plan, 0.6, other), words)


def _dated(system: SystemPlan, form: str) -> SystemPlan:
    words = dict(zip(("born", "met"), FORMS[form], strict=True))
    fields = {name: {"type": told.get("type", "text")} for name, told in words.items()}
    mapped = {
        name: {"to": name, **{word: how for word, how in told.items() if word != "type"}}
        for name, told in words.items()
    }
    return _world(system, fields={"people": fields}, map={"people": mapped}, dates=form)


CHAPTERS: dict[str, Chapter] = {
    "references": references,
    "cascades": cascades,
    "leads": leads,
    "hostile": hostile,
    "masses": masses,
    "undated": undated,
    "dates": dates,
}


def _world(system: SystemPlan, **words: Any) -> SystemPlan:
    return replace(system, more={**system.more, "world": words})


def _told(plan: Plan, systems: list[SystemPlan], events: tuple[Event, ...], words: dict[str, Any]) -> Plan:
    return replace(plan, systems=tuple(systems), events=events, more={**plan.more, "world": words})


def _numbers(plan: Plan, object: str) -> list[int]:
    return [event.who for event in plan.events if (event.what, event.object) == ("create", object)] or [0]


def _mixed(
    pick: random.Random, plan: Plan, share: float, other: Callable[[Event], Event]
) -> tuple[Event, ...]:
    """The events, some edits of which are another thing."""
    return tuple(other(e) if e.what == "edit" and pick.random() < share else e for e in plan.events)
