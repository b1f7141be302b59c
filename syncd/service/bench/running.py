"""The daemon in this process, as `syncd run` runs it, and when it has nothing more to do."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable
from contextlib import asynccontextmanager
from pathlib import Path

from syncd.core.clock import SystemClock
from syncd.core.errors import NeedsOperator
from syncd.engine.world import Stream, World
from syncd.service.bench.view import View
from syncd.service.compose import open_service
from syncd.service.daemon import Daemon
from syncd.service.health import listening
from syncd.service.hooks import receiving
from syncd.service.vendors import load_settings

TICK = 0.02
"""Seconds between looks at the counters."""
STILL = 0.1
"""Seconds without any change before the queues are looked into."""
PATIENCE = 60.0
"""Seconds without any change before the benchmark gives up."""
_QUIET = """
select not exists (select from outbox) and not exists (select from inbox)
  and not exists (select from sends)"""


class Running:
    """A daemon that runs. `moved` is when its counters last moved, by the monotonic clock."""

    def __init__(self, daemon: Daemon, task: asyncio.Task[None], hooks: str, server: int, view: View) -> None:
        self.daemon, self.hooks, self.server, self.view = daemon, hooks, server, view
        self._task = task
        self._seen: list[tuple[int, ...]] = []
        self.moved = time.monotonic()

    @property
    def world(self) -> World:
        assert self.daemon.world is not None
        return self.daemon.world

    def stream(self, system: str) -> Stream:
        """The one kind in a system."""
        return next(stream for stream in self.world.streams.values() if stream.system == system)

    def pushed(self, system: str) -> int:
        """Writes that a system took so far."""
        return self.world.counters[self.stream(system).id].pushed

    async def begun(self) -> None:
        """Wait until the systems have been looked at and the engine starts."""
        await self._until(lambda: self.daemon.engine is not None, tick=0.001)

    async def caught_up(self) -> None:
        """Wait until everything was read once, and all is quiet."""
        await self.begun()
        engine = self.daemon.engine
        assert engine is not None
        await self._until(engine.caught_up.is_set)
        await self.quiet()

    async def read(self, *systems: str) -> None:
        """Have systems read now, and wait until they are read and all is quiet."""
        assert self.daemon.engine is not None
        names = {f"read {system}.{self.stream(system).kind}" for system in systems}
        healths = [loop.health for loop in self.daemon.engine.loops if loop.name in names]
        before = [health.rounds for health in healths]
        for system in systems:
            self.world.bells.read[self.stream(system).id].set()
        await self._until(lambda: all(h.rounds > n for h, n in zip(healths, before, strict=True)))
        await self.quiet()

    async def written(self, system: str, count: int) -> None:
        """Wait until a system took so many writes in all, and all is quiet."""
        await self._until(lambda: self.pushed(system) >= count)
        await self.quiet()

    async def quiet(self) -> None:
        """Wait until nothing is queued or under way."""
        while True:
            await self._until(lambda: time.monotonic() - self.moved >= STILL)
            async with self.world.store.read() as con:
                if await con.fetchval(_QUIET):
                    return
            await asyncio.sleep(STILL)

    async def _until(self, done: Callable[[], bool], *, tick: float = TICK) -> None:
        while not done():
            if self._task.done():
                self._task.result()
                raise NeedsOperator("the daemon ended by itself", "Look into the benchmark's log")
            self._watch()
            await asyncio.sleep(tick)

    def _watch(self) -> None:
        """Whether anything moved; the screen may tell of it."""
        counters = self.world.counters if self.daemon.world is not None else {}
        seen: list[tuple[int, ...]] = [
            (one.read, one.applied, one.held, one.pushed, one.calls) for one in counters.values()
        ]
        now = time.monotonic()
        if seen != self._seen:
            self._seen, self.moved = seen, now
        elif now - self.moved > PATIENCE:
            raise NeedsOperator("nothing has moved for a minute", "Look into the benchmark's log")
        self.view.advance(sum(one.pushed for one in counters.values()))


@asynccontextmanager
async def running(config: Path, view: View) -> AsyncIterator[Running]:
    """The daemon on a configuration for the length of the block; it has only begun to look at its systems."""
    settings = load_settings(config)
    async with open_service(settings, clock=SystemClock(), lease=True, look=False) as service:
        daemon = Daemon(service)
        server = service.opened.server
        if server is None or server.pid is None:
            raise NeedsOperator("the store's server is not ours", "Report it")
        async with listening(daemon), receiving(daemon) as hooks:
            task = asyncio.create_task(daemon.run())
            try:
                yield Running(daemon, task, hooks or "", server.pid, view)
            finally:
                daemon.stop()
                await task
