"""How often HubSpot is asked, counted by the portal: a sync may run out of the day's calls."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from syncd.core.errors import RetryLater
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.quota import Words
from syncd.store.store import Store
from tests.support.hubspot import FILL, Hurried, PortalRig

FreshDatabase = Callable[[], Awaitable[str]]


@pytest.fixture
async def portal(store: Store, fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[PortalRig]:
    async with PortalRig.made(store, fresh_database, tmp_path) as portal:
        yield portal


@pytest.mark.slow
async def test_a_first_sync_takes_three_calls_for_a_hundred_records(portal: PortalRig) -> None:
    used = await portal.fill(10_000)
    print(f"{used} calls for 10,000 records: {dict(portal.sandbox.calls)}")
    assert used <= 0.03 * 10_000


@pytest.mark.slow
async def test_a_first_read_takes_one_call_for_a_hundred_records(
    store: Store, fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    async with PortalRig.made(store, fresh_database, tmp_path, records=2_000) as portal:
        portal.sandbox.clock.advance(3600)
        before = portal.used
        await portal.rig.settle()
        assert await portal.con.fetchval("select count(*) from people") == 2_000
        used = portal.used - before
        print(f"{used} calls for 2,000 records: {dict(portal.sandbox.calls)}")
        assert used <= 0.03 * 2_000


async def test_the_share_of_the_quota_is_never_exceeded(
    store: Store, fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    """I8, counted at the portal; other tools may use the rest."""
    limits = {"quota": 200, "burst": 100_000, "search": None}
    async with PortalRig.made(store, fresh_database, tmp_path, limits=limits) as portal:
        hub = portal.rig.connectors["hub"]
        keeper = Gatekeeper("hub", portal.rig.world.clock, meter=hub.meter, words=Words(share=0.2))
        await hub.describe()
        refused = 0
        for _ in range(120):
            try:
                keeper.budget.wait()
            except RetryLater:
                refused += 1
                continue
            await hub.fetch("contacts", [])
            await hub.describe()
            keeper.budget.done()
        assert refused > 0
        assert portal.used <= 40


async def test_the_limit_of_ten_seconds_is_kept_without_a_word_of_the_owner(
    store: Store, fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    """I8: a first sync, and a burst of edits that are each worked at once, meet no 429."""
    limits: dict[str, Any] = {"burst": 10, "search": None}
    made = PortalRig.made(store, fresh_database, tmp_path, paced=True, limits=limits, records=100)
    async with made as portal:
        portal.sandbox.clock.advance(3600)
        await portal.con.execute(FILL, 100)
        await portal.rig.settle()
        assert len(portal.contacts()) == 200
        ids = list(portal.contacts())
        for n in range(10):
            portal.edit(id=ids[n], fields={"firstname": f"A{n}"})
            await portal.con.execute("update people set tel = $1 where id = $2", str(n), n + 1)
            await portal.rig.read()
            await portal.rig.work()
        clock = portal.rig.world.clock
        assert isinstance(clock, Hurried)
        assert clock.slept > 10, "else nothing was kept back, and nothing is proven"
        assert portal.used > 3 * limits["burst"]
        assert portal.sandbox.door.statuses[429] == 0
