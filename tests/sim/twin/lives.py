"""Chapters about the daemon itself: its store, its rival, its stops, and how much it can carry.

Told by every twelfth seed, each drawn from a lot of its own (see `drawings`); the words that they leave in
`Plan.more` are those of `store_troubles`, `daemons` and `shape.wide`.
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.sim.twin.shape import Event, Plan, wide
from tests.sim.twin.store_troubles import POINTS

Chapter = Callable[[random.Random, Plan], Plan]


def lived(plan: Plan) -> Plan:
    """A plan with one chapter more."""
    pick = random.Random(f"lives {plan.seed}")
    name = pick.choices(list(CHAPTERS), WEIGHTS)[0]
    return CHAPTERS[name](random.Random(f"{name} {plan.seed}"), plan)


def failing_store(pick: random.Random, plan: Plan) -> Plan:
    """Connections are lost around statements, the server refuses, or is away for a while (F38)."""
    plan = _stretched(plan, 60.0)
    told = [_trouble(pick, pick.choice((*POINTS, "lost", "lost_after", "away"))) for _ in range(4)]
    return replace(plan, deaths=plan.deaths[:1], more=_and(plan, store=told))


def _trouble(pick: random.Random, what: str) -> dict[str, Any]:
    words = {"at": round(pick.random() * 60, 3), "what": what}
    if what == "away":
        return {**words, "lasts": pick.choice((0.3, 5.0, 45.0))}
    sorts = ("write",) if what in ("full", "read_only", "deadlock") else ("any", "write", "commit", "lease")
    return {
        **words,
        "on": pick.choice(sorts),
        "skip": pick.choice((0, 1, 5, 20)) if "lease" not in sorts else 0,
    }


def old_backup(pick: random.Random, plan: Plan) -> Plan:
    """The store is put back to what it was some time ago (F38)."""
    plan = _stretched(plan, 80.0)
    taken = round(pick.random() * 40, 3)
    at = round(taken + pick.choice((1.0, 10.0, 40.0)) * (0.5 + pick.random()), 3)
    told = [{"at": at, "what": "old_backup", "of": taken, "lasts": pick.choice((6.0, 30.0))}]
    return replace(plan, deaths=plan.deaths[:2], more=_and(plan, store=told))


def two_daemons(pick: random.Random, plan: Plan) -> Plan:
    """A second daemon wants the store, and who has it stalls, within its lease or past it (F39)."""
    plan = _stretched(plan, 90.0)
    lasts = [pick.choice((40.0, 70.0)), *pick.sample((8.0, 25.0, 45.0), pick.choice((0, 1, 2)))]
    pick.shuffle(lasts)
    stalls = [[pick.choice((pick.randint(20, 500), -pick.randint(1, 12))), each] for each in lasts]
    slow = max(plan.slow, pick.choice((0.0, 0.02)))
    rival = round(pick.random() * 30, 3)
    return replace(plan, slow=slow, deaths=plan.deaths[:1], more=_and(plan, rival=rival, stalls=stalls))


def stops(pick: random.Random, plan: Plan) -> Plan:
    """The daemon is told to end while there is much to do, and started again (F40)."""
    plan = _stretched(plan, 40.0)
    times = sorted(round(pick.random() * 40, 3) for _ in range(pick.choice((2, 4))))
    told = [[at, pick.choice((0.0, 1.0, 20.0))] for at in times]
    return replace(plan, deaths=plan.deaths[:1], more=_and(plan, stops=told))


def great_numbers(pick: random.Random, plan: Plan) -> Plan:
    """People have hundreds of fields, and somebody types a megabyte into one (F43)."""
    plan = replace(plan, more=_and(plan, fields=pick.choice((300, 400))))
    names, systems = wide(plan), [system.name for system in plan.systems]
    events = list(plan.events)
    who = [event.who for event in events if (event.what, event.object) == ("create", "people")]
    for place, event in enumerate(events):
        if (event.what, event.object) == ("edit", "people") and pick.random() < 0.5:
            events[place] = replace(event, field=pick.choice(names), hold=0.0)
    for what, to in (("fill", 0), ("swell", 1_000_000), ("fill", 0), ("swell", 1_000_000)):
        some = Event(
            0.5, what, pick.choice(systems), "people", pick.choice(who), pick.choice(("name", names[0])), to
        )
        events.insert(pick.randint(len(events) // 3, len(events)), some)
    systems_ = tuple(replace(system, short="") for system in plan.systems)
    return replace(
        plan, systems=systems_, events=tuple(events), faults=plan.faults[:1], deaths=plan.deaths[:1]
    )


def _stretched(plan: Plan, seconds: float) -> Plan:
    """People take at least so long for what they do."""
    longer = max(1.0, seconds / sum(event.after for event in plan.events))
    return replace(plan, events=tuple(replace(e, after=round(e.after * longer, 3)) for e in plan.events))


def _and(plan: Plan, **words: Any) -> dict[str, Any]:
    return {**plan.more, **words}


CHAPTERS: dict[str, Chapter] = {
    "failing_store": failing_store,
    "old_backup": old_backup,
    "two_daemons": two_daemons,
    "stops": stops,
    "great_numbers": great_numbers,
}
WEIGHTS = (4, 4, 4, 3, 1)
