"""How often Salesforce is asked, counted by the org: a sync may run out of the day's calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from syncd.store.store import Store
from tests.support.salesforce import OrgRig

TICK = 2.0
"""Seconds for which writes may linger."""
PER_TICK = 100
"""Changes meanwhile: 50 a second."""
POLL = 5
"""Ticks between two polls: ten seconds, of three objects."""


@pytest.fixture
async def org(
    store: Store, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> AsyncIterator[OrgRig]:
    async with OrgRig.made(store, fresh_database, tmp_path) as org:
        yield org


@pytest.mark.slow
async def test_a_first_sync_takes_two_calls_for_a_hundred_records(org: OrgRig) -> None:
    used = await org.fill(10_000)
    print(f"{used} calls for 10,000 records")
    assert used <= 0.02 * 10_000


async def test_a_steady_stream_takes_one_call_for_twenty_changes(org: OrgRig) -> None:
    """Half of the changes are made here and half there, each of another record within a tick."""
    await org.fill(1000)
    ids = sorted(org.contacts())
    org.sandbox.clock.advance(3600)
    await org.rig.settle()
    before, ticks, half = org.used, 15, PER_TICK // 2
    for tick in range(ticks):
        org.sandbox.clock.advance(TICK)
        first = 1 + tick * PER_TICK % 1000
        sql = f"update people set job = 'Job {tick}' where id between {first} and {first + half - 1}"
        await org.con.execute(sql)
        for n in range(first + half - 1, first + PER_TICK - 1):
            org.sandbox.people.edit("Contact", id=ids[n], fields={"Phone": f"{tick}"})
        for stream in org.rig.streams:
            if stream.system == "erp" or tick % POLL == POLL - 1:
                await org.rig.intakes[stream.id].read()
        await org.rig.work()
    await org.rig.settle()
    used, changes = org.used - before, ticks * PER_TICK
    assert sum(fields["Title"] is not None for fields in org.contacts().values()) == 500
    print(f"{used} calls for {changes} changes")
    assert used <= 0.05 * changes
