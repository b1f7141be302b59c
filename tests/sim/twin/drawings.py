"""Chapters: what every fourth run tells of besides edits, faults at points and kills.

Each is drawn from a lot of its own, so that a new one leaves the plans of the others as they are.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import replace

from tests.sim.twin.shape import Event, FaultPlan, Plan
from tests.sim.twin.troubles import NAMES

BYSTANDER = 900
HOURS = 6 * 3600.0
PASSING = tuple(name for name in NAMES if name not in ("away", "broken_object"))

Chapter = Callable[[random.Random, Plan], Plan]


def embellished(plan: Plan) -> Plan:
    """A plan with one chapter more, or with all that go together."""
    pick = random.Random(f"chapters {plan.seed}")
    name = pick.choices(list(CHAPTERS), [WEIGHTS.get(name, 6) for name in CHAPTERS])[0]
    return CHAPTERS[name](random.Random(f"{name} {plan.seed}"), plan)


def _length(plan: Plan) -> float:
    return sum(event.after for event in plan.events)


def _trouble(pick: random.Random, plan: Plan, what: str) -> FaultPlan:
    lasts = pick.choice((5.0, 30.0, 120.0))
    how = {
        "clock": pick.choice((-86_400.0, -90.0, 90.0, 86_400.0, -789_000_000.0)),
        "long_wait": pick.choice((600.0, 1e8)),
        "empty_side": pick.choice((0.0, 1.0)),
    }
    system = pick.choice(plan.systems).name
    return FaultPlan(round(pick.random() * _length(plan), 3), what, system, 0, 1, lasts, how.get(what, 0.0))


def troubles(pick: random.Random, plan: Plan) -> Plan:
    """One trouble of a CRM, or two that may meet."""
    return _with(pick, plan, pick.sample(PASSING, pick.choice((1, 2, 2))))


def everything(pick: random.Random, plan: Plan) -> Plan:
    """Every trouble there is, besides what else fails."""
    return _with(pick, plan, PASSING)


def _with(pick: random.Random, plan: Plan, names: Sequence[str]) -> Plan:
    told = [_trouble(pick, plan, name) for name in names]
    if "empty_side" in names:  # found by a sweep: there must be some while it lasts
        told = [replace(f, how=60.0) if f.what == "long_wait" else f for f in told]
        plan = replace(plan, sweep=15.0)
    hours = {"hours": ""} if any(f.what == "long_wait" and f.how > 3600 for f in told) else {}
    return replace(plan, faults=(*plan.faults, *told), more=plan.more | hours)


def bystanders(pick: random.Random, plan: Plan) -> Plan:
    """Somebody is edited again and again in one system, while another one, or an object, is in trouble."""
    home, *others = [system.name for system in plan.systems]
    sick = others[-1]
    if len(others) > 1:
        what, object = pick.choice(("away", "hangs", "raises", "poison_row")), ""
    else:
        what, object = pick.choice((("broken_object", "firms"), ("poison_row", ""), ("row_lock", "")))
    start, lasts = 30.0, 200.0
    trouble = FaultPlan(start, what, sick, 0, 1, lasts, 0.0, object)
    pace = (lasts + start) / len(plan.events)
    events = [replace(event, after=round(pace * 2 * pick.random(), 3), hold=0.0) for event in plan.events]
    events.insert(0, Event(0.1, "create", home, "people", BYSTANDER))
    step = max(1, len(events) // 12)
    for place in range(len(events), step, -step):
        events.insert(place, Event(0.1, "edit", home, "people", BYSTANDER, "name"))
    systems = tuple(replace(system, unique=False, short="") for system in plan.systems)
    told = replace(plan, systems=systems, events=tuple(events), faults=(trouble,), deaths=())
    return replace(told, poll=5.0, more={"bystander": sick if len(others) > 1 else ""})


def outage(pick: random.Random, plan: Plan) -> Plan:
    """A system is off for six hours, in which people go on working elsewhere (F44)."""
    sick = pick.choice(plan.systems).name
    off = FaultPlan(5.0, "away", sick, 0, 1, HOURS)
    pace = HOURS / len(plan.events)
    half = len(plan.events) // 2
    slow = [replace(e, after=round(pace * 2 * pick.random(), 3), hold=0.0) for e in plan.events[half:]]
    told = replace(plan, events=(*plan.events[:half], *slow), faults=(off,), deaths=plan.deaths[:1])
    return replace(told, poll=60.0, sweep=7200.0, more={"hours": sick})


def quotas(pick: random.Random, plan: Plan) -> Plan:
    """The systems let so many calls through, and another tool eats of one (F16, F17)."""
    window = pick.choice((20.0, 60.0))
    systems = []
    for system in plan.systems:
        share = pick.choice((0.3, 0.6))
        most = int(window * pick.choice((4, 8)))
        others = pick.choice((0.0, 0.0, (1.0 - share) * most / window, most / window * 0.9))
        words = {
            "most": most,
            "window": window,
            "share": share,
            "others": others,
            "rolling": pick.random() < 0.5,
        }
        systems.append(replace(system, more={**system.more, "quota": words}))
    return replace(plan, systems=tuple(systems), poll=5.0)


CHAPTERS: dict[str, Chapter] = {
    "troubles": troubles,
    "everything": everything,
    "bystanders": bystanders,
    "outage": outage,
    "quotas": quotas,
}
WEIGHTS = {"everything": 2, "outage": 1, "quotas": 3}
"""How often the long ones are told; the others 6 times."""
