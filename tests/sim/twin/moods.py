"""Moods: what makes a drawn plan worse in one direction, so that what is rare together comes together.

Every other seed has one. A mood takes a whole plan and gives a whole plan, and draws from a lot of its own.
Of the calm ones some have an aim (`aims`).
"""

from __future__ import annotations

import random
from collections.abc import Callable
from dataclasses import replace
from typing import Any

from tests.sim.twin import plan as calm
from tests.sim.twin.aims import AIMS, aimed
from tests.sim.twin.chapters import CHAPTERS, set_in
from tests.sim.twin.plan import Event, FaultPlan, Plan, SystemPlan


def draw(seed: int, events: int = 50) -> Plan:
    """The plan of a seed: calm, in a mood, with an aim, or told in another world."""
    plan = calm.draw(seed, events)
    return set_in(plan) if seed % 12 == 8 else stirred(plan)


def stirred(plan: Plan) -> Plan:
    """The plan of a seed, in the mood of the seed or with its aim."""
    if plan.seed % 2 == 0:
        return aimed(plan) if plan.seed % 24 == 16 else plan
    pick = random.Random(f"mood {plan.seed}")
    return list(MOODS.values())[plan.seed // 2 % len(MOODS)](plan, pick)


def seeds_of(name: str) -> tuple[int, int]:
    """The first seed of a mood, aim or world and the way to the next; of the others by the names below."""
    if name in MOODS:
        return 2 * list(MOODS).index(name) + 1, 2 * len(MOODS)
    if name in AIMS:
        return 24 * list(AIMS).index(name) + 16, 24 * len(AIMS)
    if name in CHAPTERS:
        return 12 * list(CHAPTERS).index(name) + 8, 12 * len(CHAPTERS)
    return {"calm": (0, 24), "the daemon itself": (4, 12), "a chapter more": (2, 4)}[name]


def _answers_are_lost(plan: Plan, pick: random.Random) -> Plan:
    """Most writes end in doubt, and what they made is seen late."""
    length = sum(event.after for event in plan.events)
    faults = [
        FaultPlan(
            round(pick.random() ** 2 * length, 3),
            pick.choice(("lost", "lost", "lost_row", "cut_off", "slow_answer")),
            pick.choice(plan.systems).name,
            skip=pick.choice((0, 0, 1)),
            times=pick.choice((1, 3)),
            lasts=round(pick.random() * 4, 3),
        )
        for _ in range(8)
    ]
    return replace(_lagging(plan, pick), faults=tuple(faults), deaths=plan.deaths[:1])


def _it_dies_writing(plan: Plan, pick: random.Random) -> Plan:
    """The daemon dies again and again around its writes."""
    deaths = tuple(-pick.randint(1, 14) for _ in range(6))
    return replace(_lagging(plan, pick), deaths=deaths, faults=plan.faults[:1])


def _it_dies_reading(plan: Plan, pick: random.Random) -> Plan:
    """The daemon dies anywhere, often, while it reads small pages; no sweep helps it before the end."""
    deaths = tuple(pick.randint(30, 400) for _ in range(10))
    return replace(_each(plan, page=2), deaths=deaths, faults=plan.faults[:1], sweep=600.0)


def _feeds_lag(plan: Plan, pick: random.Random) -> Plan:
    """What is read is old, nothing compares, and everybody works on the same few at once."""
    plan = _each(_lagging(plan, pick), features={"compare_and_set": False})
    return replace(_hurried(plan), slow=pick.choice((0.0, 0.02)), deaths=plan.deaths[:1])


def _all_at_once(plan: Plan, pick: random.Random) -> Plan:
    """Long ways, and everybody works on the same few at once."""
    return replace(_hurried(plan), slow=pick.choice((0.1, 0.3)), deaths=plan.deaths[:1])


def _out_and_in_again(plan: Plan, pick: random.Random) -> Plan:
    """Many deletes and restores between the edits."""
    events = tuple(_binned(event, pick) for event in _hurried(plan).events)
    against = pick.choice(("ask", "edit-wins"))
    policy = pick.choice(("propagate", "propagate", "ignore"))
    systems = _each(plan, features={"deletes_reported": True}).systems
    deletes = f"{{policy: {policy}, against_edit: {against}}}"
    return replace(plan, systems=systems, events=events, deletes=deletes)


MOODS: dict[str, Callable[[Plan, random.Random], Plan]] = {
    "answers are lost": _answers_are_lost,
    "dies writing": _it_dies_writing,
    "dies reading": _it_dies_reading,
    "feeds lag": _feeds_lag,
    "all at once": _all_at_once,
    "deletes and restores": _out_and_in_again,
}


def _lagging(plan: Plan, pick: random.Random) -> Plan:
    """Feeds lag, indexes more, and our key is of little help."""
    return replace(plan, systems=tuple(_lags(system, pick) for system in plan.systems))


def _lags(system: SystemPlan, pick: random.Random) -> SystemPlan:
    keys = system.keys if system.keys == "client_ids" else pick.choice(("findable", "keyless"))
    lags: dict[str, Any] = {"read_lag": 1.5, "find_lag": 3.0 if keys == "findable" else 0.0}
    features, index = {**system.features, **lags}, pick.random() < 0.5
    return replace(system, keys=keys, features=features, index=index, loose=keys == "findable")


def _each(plan: Plan, *, features: dict[str, Any] | None = None, page: int | None = None) -> Plan:
    return replace(
        plan,
        systems=tuple(
            replace(system, features={**system.features, **(features or {})}, page=page or system.page)
            for system in plan.systems
        ),
    )


def _hurried(plan: Plan) -> Plan:
    return replace(plan, events=tuple(replace(e, after=round(min(e.after, 0.4), 3)) for e in plan.events))


def _binned(event: Event, pick: random.Random) -> Event:
    if event.what != "edit" or pick.random() > 0.3:
        return event
    return replace(event, what=pick.choice(("delete", "delete", "restore")), hold=0.0)
