"""Aims: plans bent towards one rule of the engine, which calm ones and moods seldom need.

Every twenty-fourth seed has one. It takes a whole plan and gives another, and draws from a lot of its own.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.sim.twin.plan import Event, FaultPlan, Plan, SystemPlan

Aim = Callable[[random.Random, Plan], Plan]
NEW = 500
"""Numbers of the firms that only an aim tells of."""


def aimed(plan: Plan) -> Plan:
    """The plan of a seed with the aim of the seed."""
    name = list(AIMS)[plan.seed // 24 % len(AIMS)]
    return AIMS[name](random.Random(f"{name} {plan.seed}"), plan)


def late_feeds(pick: random.Random, plan: Plan) -> Plan:
    """Creates end in doubt, and a look-up shows them long before the feed does.

    People work in the first system only: an index hides for a while who was edited.
    """
    find_lag = pick.choice((0.0, 8.0))
    systems = [_loose(system, read_lag=14.0, find_lag=find_lag) for system in plan.systems[1:]]
    length = sum(event.after for event in plan.events)
    faults = [
        FaultPlan(round(pick.random() * length, 3), "lost", system.name, 0, 2)
        for system in systems
        for _ in range(4)
    ]
    events = [replace(e, system=plan.systems[0].name) for e in plan.events]
    first = _with(plan.systems[0], features={"read_lag": 0.0})
    return replace(
        plan, systems=(first, *systems), events=tuple(events), faults=tuple(faults), deaths=(), poll=1.0
    )


def cut_pages(pick: random.Random, plan: Plan) -> Plan:
    """Pages are cut short again and again, and no sweep helps before the end."""
    length = max(sum(event.after for event in plan.events), 200.0)  # each time it is waited longer
    faults = [
        FaultPlan(round(pick.random() * length, 3), "truncate", pick.choice(plan.systems).name, times=4)
        for _ in range(8)
    ]
    return replace(plan, faults=tuple(faults), deaths=(), poll=1.0, sweep=600.0)


def answering_rules(pick: random.Random, plan: Plan) -> Plan:
    """Rules of the systems write over what we have just written, while our answers are on their way."""
    events = [
        replace(e, field="phone", hold=0.0) if (e.what, e.object) == ("edit", "people") else e
        for e in plan.events
    ]
    systems = tuple(
        replace(_with(s, features={"compare_and_set": False, "read_lag": 0.0}), rules=8, short="")
        for s in plan.systems
    )
    rules = f"[{{strategy: prefer, systems: {pick.choice(('[a, b]', '[b, a]'))}}}]"
    return replace(
        plan, systems=systems, rules=rules, events=tuple(events), faults=(), deaths=(), poll=1.0, slow=0.3
    )


def late_parents(pick: random.Random, plan: Plan) -> Plan:
    """People move to firms that are new, and that are read or written later than they are."""
    length, names = sum(event.after for event in plan.events), [system.name for system in plan.systems]
    events, firm = list[Event](), NEW
    for event in plan.events:
        if (event.what, event.object) == ("edit", "people") and pick.random() < 0.4:
            firm += 1
            events.append(replace(event, what="create", object="firms", who=firm, field="", to=0, hold=0.0))
            event = replace(event, after=0.1, what="move", to=firm, field="", hold=0.0)
        events.append(event)
    faults = [
        FaultPlan(
            round(pick.random() * length, 3),
            "broken_object",
            pick.choice(names),
            lasts=pick.choice((3.0, 10.0)),
            object="firms",
        )
        for _ in range(3)
    ]
    return replace(plan, events=tuple(events), faults=tuple(faults), deaths=(), sweep=600.0)


def bumped_versions(pick: random.Random, plan: Plan) -> Plan:
    """A firm's edit moves the versions of its people, and every write is compared."""
    systems = []
    for system in plan.systems:
        quirks = {name: value for name, value in system.quirks.items() if name != "no_stamps"}
        quirks |= {"bump_children": True, "noop_bumps": pick.random() < 0.5}
        systems.append(replace(_with(system, features={"compare_and_set": True}), quirks=quirks))
    events = [
        replace(e, object="firms", who=0, field="city") if e.what == "edit" and pick.random() < 0.4 else e
        for e in plan.events
    ]
    return replace(plan, systems=tuple(systems), events=tuple(events))


def bent_values(pick: random.Random, plan: Plan) -> Plan:
    """Every system but the first stores what it is sent in a form of its own, and says so."""
    first, *others = plan.systems
    systems = [
        replace(
            _with(s, features={"stored_in_answer": True}),
            normalise={name: pick.choice(("trim", "lower", "cut:6")) for name in ("name", "phone", "city")},
        )
        for s in others
    ]
    return replace(plan, systems=(replace(first, normalise={}), *systems))


def waiting_strangers(pick: random.Random, plan: Plan) -> Plan:
    """Somebody new is edited again and again, an index shows it late, and a create of ours is open then."""
    names = [system.name for system in plan.systems]
    systems = (
        _with(plan.systems[0], features={"read_lag": 0.0}),
        *(
            replace(_loose(s, read_lag=10.0, find_lag=0.0), index=True, normalise={})
            for s in plan.systems[1:]
        ),
    )
    events, faults, now = list[Event](), list[FaultPlan](), 0.0
    for who in range(1, 7):
        there = pick.choice(names[1:])
        events.append(Event(12.0, "create", there, "people", who))
        events += [Event(0.9, "edit", there, "people", who, "name") for _ in range(5)]
        wait = 4.0 + pick.random() * 2
        events.append(Event(wait, "create", names[0], "people", 100 + who))
        now += 12.0 + 5 * 0.9 + wait
        faults.append(FaultPlan(now - 0.1, "slow_answer", there, lasts=1.0 + pick.random() * 4))
    told = replace(plan, systems=systems, events=tuple(events), faults=tuple(faults), deaths=())
    return replace(told, poll=1.0, sweep=600.0, slow=pick.choice((0.02, 0.3)))


def taken_back(pick: random.Random, plan: Plan) -> Plan:
    """Somebody is deleted and restored while the delete waits behind another write for its turn."""
    home, other = plan.systems[0].name, plan.systems[1].name
    systems = tuple(
        replace(
            _with(s, features={"deletes_reported": True}), keys="upsert" if s.keys == "client_ids" else s.keys
        )
        for s in plan.systems
    )
    events, faults, now = list[Event](), list[FaultPlan](), 0.0
    for who in range(1, 5):
        several = (who, 100 + who, 200 + who)
        told = [Event(pick.random(), "create", home, "people", n) for n in several]
        told.append(Event(9.0, "edit", home, "people", 100 + who, "name"))  # its answer is slow
        first = now + sum(event.after for event in told)
        told.append(Event(1.0, "edit", home, "people", 200 + who, "name"))  # so is that of what comes next
        told.append(Event(0.0, "delete", home, "people", who))  # and this one's turn is after that
        told.append(Event(4.0 + pick.random() * 2, "restore", home, "people", who))
        faults.append(FaultPlan(first - 0.1, "slow_answer", other, lasts=3.0))
        faults.append(FaultPlan(first + 1.0, "slow_answer", other, lasts=6.0))
        now += sum(event.after for event in told)
        events += told
    deletes = f"{{policy: propagate, against_edit: {pick.choice(('ask', 'edit-wins'))}}}"
    plan = replace(plan, systems=systems, events=tuple(events), faults=tuple(faults), deaths=())
    return replace(plan, deletes=deletes, poll=1.0, sweep=600.0, slow=pick.choice((0.0, 0.02)))


def far_indexes(pick: random.Random, plan: Plan) -> Plan:
    """An edit is seen by a look at its record, and told by an index when it was edited over elsewhere."""
    home, other = plan.systems[0].name, plan.systems[1].name
    systems = (
        _with(plan.systems[0], features={"read_lag": 0.0, "partial_fields": False}),
        *(
            replace(
                _with(s, features={"read_lag": 10.0, "compare_and_set": False, "partial_fields": False}),
                index=True,
                normalise={},
            )
            for s in plan.systems[1:]
        ),
    )
    events = list[Event]()
    for who in range(1, 7):
        events += [
            Event(pick.random(), "create", home, "people", who),
            Event(14.0, "edit", other, "people", who, "name"),
            Event(0.5 + pick.random(), "edit", home, "people", who, "phone"),
            Event(1.5 + pick.random() * 3, "edit", home, "people", who, "name"),
        ]
    told = replace(plan, systems=systems, events=tuple(events), faults=(), deaths=(), poll=1.0, sweep=600.0)
    return replace(told, slow=pick.choice((0.0, 0.02)))


AIMS: dict[str, Aim] = {
    "late feeds": late_feeds,
    "cut pages": cut_pages,
    "answering rules": answering_rules,
    "late parents": late_parents,
    "bumped versions": bumped_versions,
    "bent values": bent_values,
    "waiting strangers": waiting_strangers,
    "taken back": taken_back,
    "far indexes": far_indexes,
}


def _with(system: SystemPlan, *, features: dict[str, Any]) -> SystemPlan:
    return replace(system, features={**system.features, **features})


def _loose(system: SystemPlan, **lags: float) -> SystemPlan:
    """Our key can be looked for, and is no unique one."""
    quirks = {name: value for name, value in system.quirks.items() if name != "integer_ids"}
    return replace(
        _with(system, features=dict(lags)), keys="findable", loose=True, unique=False, quirks=quirks
    )
