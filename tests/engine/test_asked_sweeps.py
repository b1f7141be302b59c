"""A sweep that a person asks for begins at once, not when it is looked whether one is due."""

from __future__ import annotations

import asyncio

from syncd.core.clock import SystemClock
from syncd.engine.engine import Engine
from syncd.store import intents
from tests.engine.conftest import MakePair
from tests.support.watching import Watch

LOOKED_AFTER = 5.0
"""Seconds after which a sweep's loop looks whether it is due."""


class Endless(SystemClock):
    """The machine's clock, but that time is never over."""

    async def sleep(self, seconds: float) -> None:
        if seconds != LOOKED_AFTER:
            await super().sleep(seconds)
            return
        await asyncio.Event().wait()


async def test_it_begins_at_once(pair: MakePair) -> None:
    p = await pair()
    world = p.rig.world
    world.clock = Endless()
    engine = Engine(world, p.rig.settings, p.rig.keepers)
    running = asyncio.create_task(engine.run())
    async with Watch.on(world.store.url, "streams") as watch:
        await asyncio.wait_for(engine.caught_up.wait(), 60)
        await intents.ask(world.store, "sweep", {})
        await watch.until("select bool_and(swept_at > '2002-01-01') from streams", within=60)
    engine.stop()
    await running
