"""The daemon: looks at the systems, runs the engine, and begins again with those that come back.

A system that is out of reach, or an object that does not fit its mapping, sleeps: the others run, and what
the sleeping one is owed queues up in the store. It is looked at again and again; once it can be used, the
engine is drained and started with it, which is as safe as any restart. A new configuration is taken in the
same way, under the same lease: judged whole first, and its systems looked at while the old engine still runs.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Coroutine
from contextlib import asynccontextmanager
from typing import Any, TypeAlias

from loguru import logger

from syncd.config import Settings
from syncd.core.errors import SyncdError
from syncd.engine.engine import Engine
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.memory import collect_less
from syncd.engine.supervise import Health
from syncd.engine.world import Counters, World
from syncd.service.compose import Service
from syncd.service.look import Look, close_all, used_systems
from syncd.service.reload import judged, read_again
from syncd.service.remembered import looked

LOOK_AGAIN = 15.0
"""Seconds between looks at systems that cannot be used."""
DRAIN_SECONDS = 6.0
"""How long a stop waits for what is under way; with closing everything it must stay below 10 s."""

Anew: TypeAlias = tuple[Settings, dict[str, Look]]
"""What the next engine is made of: a configuration, and new looks at its systems."""


class Daemon:
    """Runs a service whose store holds the lease and whose systems nobody has looked at yet.

    `deliveries` counts webhooks by (system, outcome). `renewed` is told of each new configuration before
    anything is done with it.
    """

    def __init__(
        self,
        service: Service,
        *,
        look_again: float = LOOK_AGAIN,
        renewed: Callable[[Settings], None] = lambda _: None,
    ) -> None:
        self.service = service
        self._renewed = renewed
        self._next: Anew | None = None
        self._asked = asyncio.Event()
        self.look_again = look_again
        self.stopping = asyncio.Event()
        self.engine: Engine | None = None
        self.world: World | None = None
        self.deliveries: Counter[tuple[str, str]] = Counter()

    def stop(self) -> None:
        """End as soon as what is under way has ended."""
        self.stopping.set()
        if self.engine is not None:
            self.engine.stop()

    async def run(self) -> None:
        """Run until `stop`. Raises `Fenced` or `StoreUnavailable` when the store is lost."""
        async with self._lease_kept():
            await self._or_stop(self._look(used_systems(self.service.settings)))
        collect_less()
        try:
            while not self.stopping.is_set():
                engine = await self._make_engine()
                self._say_what_runs()
                anew = await self._run_engine(engine)
                if anew is not None:
                    await self._take(*anew)
        finally:
            await close_all(self._next[1] if self._next is not None else {})

    async def reload(self) -> tuple[bool, str]:
        """Read the configuration anew; whether it is taken, and a sentence, or every problem of it.

        Its systems are looked at: what they refuse is a problem, that one is out of reach is none.
        """
        try:
            settings = await asyncio.to_thread(read_again, self.service.settings)
            self._renewed(settings)
            looks = await looked(self.service.store, settings, used_systems(settings))
            away = await judged(looks)
        except SyncdError as error:
            logger.error("the new configuration is refused, and the old one stays:\n{}", error)
            return False, str(error)
        for warning in away:
            logger.warning("{}", warning)
        await self._put_off((settings, looks))
        told = "the configuration is right; the engine ends what is under way, and goes on with it"
        return True, "; ".join([told, *away])

    async def _put_off(self, anew: Anew) -> None:
        """Leave it to the loop that runs one engine after the other; one that waits already is void."""
        void, self._next = self._next, anew
        self._asked.set()
        if void is not None:
            await close_all(void[1])

    # -- for health and metrics ----------------------------------------------------------------------

    def healths(self) -> list[Health]:
        """How every loop fares."""
        return [loop.health for loop in self.engine.loops] if self.engine is not None else []

    def counters(self) -> dict[tuple[str, str], Counters]:
        """What was done, by (system, kind)."""
        if self.world is None:
            return {}
        found: dict[tuple[str, str], Counters] = {}
        for stream in self.world.streams.values():
            place, mine = (stream.system, stream.kind), self.world.counters[stream.id]
            found[place] = found[place].with_other(mine) if place in found else mine
        return found

    def troubles(self) -> dict[str, str]:
        """Why a system, or a `system.kind`, does not run as it should, in a sentence each."""
        found: dict[str, str] = {}
        for name, look in self.service.looks.items():
            keeper: Gatekeeper = self.service.keepers[name]
            trouble = look.trouble or keeper.needs or keeper.trouble
            if trouble is not None:
                found[name] = trouble
            found.update({f"{name}.{kind}": why for kind, why in look.refused.items()})
        return found

    # -- one engine after the other ------------------------------------------------------------------

    async def _make_engine(self) -> Engine:
        world = await self.service.world()
        if self.world is not None:
            world.counters.update(self.world.counters)
            world.pruned.update(self.world.pruned)
        self.world = world
        engine = Engine(
            world,
            self.service.settings,
            self.service.keepers,
            drain_seconds=DRAIN_SECONDS,
            reload=self.reload,
        )
        self.engine = engine
        if self.stopping.is_set():
            engine.stop()
        return engine

    async def _run_engine(self, engine: Engine) -> Anew | None:
        """Until it is stopped, or the store is lost, or there is something to begin anew with."""
        running = asyncio.create_task(engine.run())
        renewing = [asyncio.create_task(self._reloaded()), asyncio.create_task(self._wake())]
        watching = asyncio.create_task(self._watch_server())
        tasks: set[asyncio.Task[Any]] = {running, *renewing, watching}
        anew: Anew | None = None
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            engine.stop()
            await running
            if watching.done():
                watching.result()
            if not self.stopping.is_set():
                anew = next((task.result() for task in renewing if task.done()), None)
            return anew
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
            unused = [t.result() for t in renewing if not t.cancelled() and t.exception() is None]
            for found in unused:
                if found is not anew:
                    await close_all(found[1])

    async def _reloaded(self) -> Anew:
        """A new configuration that was found right, its systems looked at."""
        while True:
            await self._asked.wait()
            self._asked.clear()
            anew, self._next = self._next, None
            if anew is not None:
                return anew

    async def _watch_server(self) -> None:
        server = self.service.opened.server
        if server is None:
            await asyncio.Event().wait()
        else:
            await server.watch()

    async def _wake(self) -> Anew:
        """Looks that show that something can run now which could not; never returns where nothing sleeps."""
        while True:
            await self.service.clock.sleep(self.look_again)
            sleeping = {system for system, _ in self.service.asleep()}
            looks = await looked(self.service.store, self.service.settings, sorted(sleeping))
            better = {name: look for name, look in looks.items() if self._is_better(look)}
            await close_all({name: looks[name] for name in looks.keys() - better.keys()})
            if better:
                return self.service.settings, better

    def _is_better(self, new: Look) -> bool:
        old = self.service.looks[new.system]
        return any(new.usable(kind) and not old.usable(kind) for kind in self.service.settings.kinds)

    async def _take(self, settings: Settings, looks: dict[str, Look]) -> None:
        async with self._lease_kept():
            if settings is not self.service.settings:
                logger.info("starting again with the new configuration")
                await self.service.begin_anew(settings, looks)
                return
            for name in looks:
                logger.info("{} can be used now; starting again with it", name)
            await self.service.take(looks)

    async def _look(self, systems: list[str]) -> None:
        await self.service.take(await looked(self.service.store, self.service.settings, systems))

    @asynccontextmanager
    async def _lease_kept(self) -> AsyncIterator[None]:
        """The lease is renewed while the engine, which does it otherwise, is not running."""
        renewing = asyncio.create_task(self.service.store.renew())
        try:
            yield
        finally:
            renewing.cancel()
            await asyncio.gather(renewing, return_exceptions=True)

    async def _or_stop(self, work: Coroutine[Any, Any, None]) -> None:
        """Do something, unless a stop is asked for first."""
        task = asyncio.create_task(work)
        stop = asyncio.create_task(self.stopping.wait())
        await asyncio.wait({task, stop}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        if not task.done():
            task.cancel()
            await asyncio.gather(task, return_exceptions=True)
            return
        task.result()

    def _say_what_runs(self) -> None:
        settings, asleep = self.service.settings, self.service.asleep()
        for name in self.service.looks:
            kinds = [k for k, kind in settings.kinds.items() if name in kind.systems]
            runs = [kind for kind in kinds if (name, kind) not in asleep]
            if runs:
                logger.info("{} ({}): {}", name, settings.systems[name].connector, ", ".join(runs))
        for where, why in self.troubles().items():
            logger.error("{} waits: {}", where, why)
