"""Writes that may linger go together, and so do reads that somebody rang for."""

from __future__ import annotations

import asyncio

from syncd.core.clock import SystemClock
from syncd.engine.engine import Engine
from tests.engine.conftest import MakePair
from tests.engine.test_first_reads import QUIET
from tests.support.watching import Watch

LINGER = 0.777


class HeldClock(SystemClock):
    """The machine's clock, but lingering lasts until it is told to end."""

    def __init__(self) -> None:
        self.began, self.enough = asyncio.Event(), asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        if seconds != LINGER:
            await super().sleep(seconds)
            return
        self.began.set()
        await self.enough.wait()


async def test_what_comes_while_a_write_lingers_shares_its_call(pair: MakePair) -> None:
    p = await pair(erp_capture=f"scan, linger: {LINGER}")
    world = p.rig.world
    clock = world.clock = HeldClock()
    await p.crm.execute("insert into contact (email, first) values ('a@x.org', 'Ann'), ('b@x.org', 'Bob')")
    engine = Engine(world, p.rig.settings, p.rig.keepers)
    running = asyncio.create_task(engine.run())
    async with Watch.on(world.store.url, "outbox", "inbox", "sends") as watch:
        await asyncio.wait_for(clock.began.wait(), 60)
        await p.crm.execute("insert into contact (email, first) values ('c@x.org', 'Cyd')")
        world.bells.read[p.rig.stream("crm", "contact").id].set()
        await watch.until("select count(*) = 3 from outbox", within=60)
        assert await p.one("erp", "select count(*) from people") == 0
        clock.enough.set()
        await watch.until(QUIET, within=60)
    engine.stop()
    await running
    assert await p.row("erp", "select count(*), count(distinct xmin::text) from people") == (3, 1)


async def test_what_comes_while_a_read_lingers_shares_it(pair: MakePair) -> None:
    p = await pair(erp_capture=f"scan, linger: {LINGER}")
    world = p.rig.world
    clock = world.clock = HeldClock()
    engine = Engine(world, p.rig.settings, p.rig.keepers)
    running = asyncio.create_task(engine.run())
    async with Watch.on(world.store.url, "records") as watch:
        await asyncio.wait_for(engine.caught_up.wait(), 60)
        await p.erp.execute("insert into people (mail, name) values ('a@x.org', 'Ann')")
        world.bells.read[p.rig.stream("erp", "contact").id].set()
        await asyncio.wait_for(clock.began.wait(), 60)
        assert await watch.con.fetchval("select count(*) from records") == 0
        await p.erp.execute("insert into people (mail, name) values ('b@x.org', 'Bob')")
        clock.enough.set()
        await watch.until("select count(*) = 2 from records", within=60)
        assert await watch.con.fetchval("select count(distinct xmin::text) from records") == 1
    engine.stop()
    await running
