"""Salesforce, HubSpot and a database of one's own with an org's data, under faults, kills and people at work.

The faults have the numbers of the promises. That a value is there, or kept, is known from what the people
did, never asked of the daemon.
"""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Sequence
from pathlib import Path
from random import Random

import pytest

from tests.scenarios import three_acts as acts
from tests.scenarios import three_faults as trouble
from tests.scenarios.org import DATA
from tests.scenarios.three_edits import Crowd, Edit
from tests.scenarios.three_orders import in_every_order
from tests.scenarios.three_people import people
from tests.scenarios.three_way import SIDES, ThreeWay

SEED = 7


@pytest.mark.slow
async def test_three_systems_end_as_one(
    store_url: str, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> None:
    if not DATA.is_dir():
        pytest.skip(f"no data in {DATA}: it is not part of the repository")
    async with ThreeWay.started(tmp_path, store_url, await fresh_database(), people(SEED)) as three:
        crowd, random = Crowd(three, SEED), Random(SEED)
        faults = trouble.in_the_first_sync(three)
        poison = await trouble.poison(three)
        left = [await trouble.one_life(three, random) for _ in range(2)]
        async with three.running() as daemon:
            await three.until(lambda: trouble.all_but_the_poison(three))
            await trouble.nobody_twice(three)
            await trouble.cured(three)
            quick = await _one_by_one(three, crowd)
            advised = await acts.advise(three, crowd)
            await in_every_order(three, crowd)
            assert (await daemon.stop())[0] == 0
        faults += [poison, *trouble.in_the_edits(three)]
        for _ in range(2):
            edits = await crowd.edits(alone=24, apart=9, together=12)
            left.append(await trouble.one_life(three, random, _burst(crowd, edits)))
        async with three.running() as daemon:
            await three.swept()
            await three.until(three.at_rest)
            await acts.meet(three, crowd, faults)
            await _all_stand(crowd)
            await acts.leave(three, crowd)
            await acts.merge(three, crowd)
            await trouble.forged(three, daemon)
            await trouble.ate_the_quota(three, daemon)
            await three.until(three.at_rest)
            assert advised(), "labels of the portal's own stay"
            await _quiet(three)
            await _all_stand(crowd)
            assert (await daemon.stop())[0] == 0
        assert [fault.told() for fault in faults if not fault.fired] == []
        assert any(left), "no kill came while there was work"
        await _the_same(three)
        print(_report(crowd, quick))


async def _one_by_one(three: ThreeWay, crowd: Crowd) -> tuple[Sequence[Edit], float]:
    """Edits while nothing else goes on; they, and the calls that each cost of those that need no sweep."""
    edits = await crowd.edits(alone=8, apart=0, together=0)
    costs = list[int]()
    three.watching = True
    for edit in edits:
        before = _calls(three)
        await crowd.do([edit])
        if edit.unheard:
            await three.swept()
        await three.until(three.at_rest)
        if not edit.unheard:
            costs.append(_calls(three) - before)
    three.watching = False
    return crowd.made[-len(edits) :], sum(costs) / len(costs)


def _calls(three: ThreeWay) -> int:
    return sum(three.sandbox(side).calls.total() for side in ("sales", "marketing"))


async def _all_stand(crowd: Crowd) -> None:
    wrong = await crowd.wrong()
    assert wrong == [], "\n".join(map(str, wrong))


async def _burst(crowd: Crowd, edits: Sequence[Edit]) -> None:
    """Many at once, in three portions."""
    records = sorted({(edit.kind, edit.record) for edit in edits})
    for part in range(3):
        chosen = set(records[part::3])
        await crowd.do([edit for edit in edits if (edit.kind, edit.record) in chosen])


async def _quiet(three: ThreeWay) -> None:
    """Two whole sweeps of all systems after which nothing was written."""
    before = await three.touched()
    for _ in range(2):
        await three.swept()
    assert await three.touched() == before
    assert not await three.left()


async def _the_same(three: ThreeWay) -> None:
    """`syncd reconcile` finds nothing but what is listed as open."""
    done = await three.syncd("reconcile", "--json")
    report = done.json()
    assert done.code == 0, done.out
    assert {found["reason"] for found in report["differences"]} <= {"parked"}, done.out


def _report(crowd: Crowd, quick: tuple[Sequence[Edit], float]) -> str:
    """What is told and never asserted."""
    edits, calls = quick
    lines = [f"{len(crowd.made)} edits, none wrong or lost; {calls:.1f} calls per single change"]
    by_side = crowd.latencies(edits)
    for side in SIDES:
        found = sorted(by_side[side]) or [0.0]
        lines.append(
            f"from {side}: p50 {found[len(found) // 2] * 1000:.0f} ms, "
            f"p99 {found[min(len(found) - 1, int(len(found) * 0.99))] * 1000:.0f} ms"
        )
    return "\n".join(lines)
