"""Find the shortest story that still fails: leave out deeds, faults, deaths and quirks, one by one."""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import replace
from typing import TypeVar

from tests.sim.twin.plan import Event, Plan, SystemPlan

T = TypeVar("T")


def shrink(plan: Plan, fails: Callable[[Plan], bool], budget: int = 300) -> Plan:
    """A smaller plan for which `fails` still says so, after at most `budget` runs."""
    left = budget

    def tried(smaller: Plan) -> bool:
        nonlocal left
        left -= 1
        return left >= 0 and fails(smaller)

    while True:
        before = plan
        for smaller in _steps(plan):
            plan = _better(plan, smaller, tried)
        if plan == before or left <= 0:
            return plan


Step = Callable[[Plan], Iterator[Plan]]


def _steps(plan: Plan) -> list[Step]:
    return [_fewer_deaths, _fewer_faults, _fewer_events, _calmer, _plainer]


def _better(plan: Plan, step: Step, fails: Callable[[Plan], bool]) -> Plan:
    """Take the first smaller one that fails, again and again."""
    found = True
    while found:
        found = False
        for smaller in step(plan):
            if fails(smaller):
                plan, found = smaller, True
                break
    return plan


def _fewer_events(plan: Plan) -> Iterator[Plan]:
    size = len(plan.events) // 2
    while size:
        for start in range(0, len(plan.events), size):
            yield replace(plan, events=_without(plan.events, start, size))
        size //= 2


def _without(events: tuple[Event, ...], start: int, size: int) -> tuple[Event, ...]:
    """Without some events; the time that they took stays, so that the rest happens when it did."""
    gone = sum(event.after for event in events[start : start + size])
    left = [*events[:start], *events[start + size :]]
    if start < len(left):
        left[start] = replace(left[start], after=round(left[start].after + gone, 6))
    return tuple(left)


def _fewer_faults(plan: Plan) -> Iterator[Plan]:
    for place in range(len(plan.faults)):
        yield replace(plan, faults=_drop(plan.faults, place))


def _fewer_deaths(plan: Plan) -> Iterator[Plan]:
    if plan.deaths:
        yield replace(plan, deaths=())
        yield replace(plan, deaths=plan.deaths[:-1])


def _calmer(plan: Plan) -> Iterator[Plan]:
    if plan.slow:
        yield replace(plan, slow=0.0)
    if len(plan.systems) > 2:
        for place, system in enumerate(plan.systems):
            if system.name not in plan.rules:
                yield _without_system(plan, place)


def _without_system(plan: Plan, place: int) -> Plan:
    name = plan.systems[place].name
    return replace(
        plan,
        systems=_drop(plan.systems, place),
        events=tuple(event for event in plan.events if event.system != name),
        faults=tuple(fault for fault in plan.faults if fault.system != name),
    )


def _plainer(plan: Plan) -> Iterator[Plan]:
    for place, system in enumerate(plan.systems):
        for smaller in _plainer_system(system):
            yield replace(plan, systems=(*plan.systems[:place], smaller, *plan.systems[place + 1 :]))


def _plainer_system(system: SystemPlan) -> Iterator[SystemPlan]:
    for name in system.quirks:
        yield replace(system, quirks={k: v for k, v in system.quirks.items() if k != name})
    for name in system.normalise:
        yield replace(system, normalise={k: v for k, v in system.normalise.items() if k != name})
    plain: dict[str, bool | float] = {
        "compare_and_set": True,
        "stored_in_answer": True,
        "partial_fields": False,
        "deletes_reported": True,
    }
    plain |= {"read_lag": 0.0, "find_lag": 0.0, "read_batch": 100, "write_batch": 100}
    for name, value in plain.items():
        if system.features.get(name, value) != value:
            yield replace(system, features={**system.features, name: value})
    if system.keys != "upsert":
        yield replace(system, keys="upsert")
    if system.page != 100:
        yield replace(system, page=100)


def _drop(items: Sequence[T], place: int) -> tuple[T, ...]:
    return tuple(item for n, item in enumerate(items) if n != place)
