"""The engine: every stream's loops, started together, stopped together."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Iterable, Iterator, Mapping
from contextlib import suppress
from datetime import datetime
from typing import Any

from loguru import logger

from connectors.base import CanBell
from syncd.config import Settings
from syncd.core.errors import StoreUnavailable, SyncdError
from syncd.engine.build import in_order
from syncd.engine.commands import Commands, Done
from syncd.engine.compact import Compactor
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.inbox import Inbox
from syncd.engine.intake import Intake
from syncd.engine.push import Pusher
from syncd.engine.quotabook import EVERY as EVERY
from syncd.engine.quotabook import QuotaBook
from syncd.engine.recover import recover
from syncd.engine.retention import Pruner
from syncd.engine.retries import Retries
from syncd.engine.schemas import LOOK_EVERY, SchemaWatch
from syncd.engine.supervise import Loop, supervise
from syncd.engine.sweep import Sweeper
from syncd.engine.unseen import Historian
from syncd.engine.world import Stream, World

LOOK_AGAIN = 1.0
"""Seconds between looks at the queues when no bell rang: other processes' intents have none."""
SWEEP_DUE = 5.0
"""Seconds between looks whether a sweep is due."""


class Engine:
    """Runs a world. `drain_seconds` is how long a stop waits for what is under way.

    `reload` answers a person's request to read the configuration anew.
    """

    def __init__(
        self,
        world: World,
        settings: Settings,
        keepers: Mapping[str, Gatekeeper],
        *,
        drain_seconds: float = 8.0,
        reload: Callable[[], Awaitable[Done]] | None = None,
    ) -> None:
        self.world, self.keepers = world, keepers
        self.drain_seconds = drain_seconds
        self._reload = reload
        self.stopping = asyncio.Event()
        self.caught_up = asyncio.Event()
        self.running = False
        self.loops: list[Loop] = []
        self._settings = settings
        self._quotas = QuotaBook(world.store, keepers)
        ordered = [stream for kind in in_order(world.kinds) for stream in kind.streams]
        self._places = {stream.id: place for place, stream in enumerate(ordered)}
        self._firsts = dict.fromkeys(world.streams, False)

    async def run(self) -> None:
        """Recover, then run every loop until `stop`; raises when the store or the lease is lost."""
        left = await recover(self.world)
        if left:
            logger.warning("{} write calls were open when the last run ended; they are looked into", left)
        await self._quotas.load()
        self.loops = self._make_loops()
        tasks = [
            asyncio.create_task(supervise(loop, self.world.clock, self.stopping), name=loop.name)
            for loop in self.loops
        ]
        tasks.append(asyncio.create_task(self.world.store.renew(), name="lease"))
        tasks += [asyncio.create_task(self._listen(system), name=f"bell {system}") for system in self._rung()]
        self.running = True
        try:
            await self._until_stopped(tasks)
        finally:
            self.running = False
            await self._end(tasks)

    def stop(self) -> None:
        """Ask all loops to end after what they are doing."""
        self.stopping.set()

    async def _until_stopped(self, tasks: list[asyncio.Task[Any]]) -> None:
        stop = asyncio.create_task(self.stopping.wait())
        done, _ = await asyncio.wait({stop, *tasks}, return_when=asyncio.FIRST_COMPLETED)
        stop.cancel()
        for task in done - {stop}:
            if not task.cancelled() and (error := task.exception()) is not None:
                raise error

    async def _end(self, tasks: list[asyncio.Task[Any]]) -> None:
        """Let loops finish their round; what does not end in time is cancelled and recovered next time."""
        self.stopping.set()
        loops = [task for task in tasks if task.get_name() in {loop.name for loop in self.loops}]
        if loops:
            await asyncio.wait(loops, timeout=self.drain_seconds)
        with suppress(SyncdError):
            await self._quotas.save()
        for task in tasks:
            task.cancel()
        for result in await asyncio.gather(*tasks, return_exceptions=True):
            if isinstance(result, StoreUnavailable):
                logger.error("{}", result)

    # -- the loops -----------------------------------------------------------------------------------

    def _make_loops(self) -> list[Loop]:
        pruner, compactor = Pruner(self.world, self._settings.retention), Compactor(self.world)
        retries = Retries(self.world)
        loops = [
            Loop("commands", Commands(self.world, self._reload).work, self._look_again),
            Loop("prune", pruner.work, pruner.wait),
            Loop("quotas", self._quotas.save, lambda: self.world.clock.sleep(EVERY)),
            Loop("compact", compactor.work, compactor.wait),
            Loop("retries", retries.work, retries.wait),
        ]
        loops += self._schema_loops()
        for kind in in_order(self.world.kinds):
            for stream in self._awake(kind.streams):
                loops += self._stream_loops(stream)
        return loops

    def _schema_loops(self) -> Iterator[Loop]:
        for system, keeper in self.keepers.items():
            streams = self._awake(s for s in self.world.streams.values() if s.system == system)
            if streams:
                look = SchemaWatch(self.world, system, streams, keeper)
                yield Loop(f"schema {system}", look.work, self._doubt(keeper.doubt), system)

    def _awake(self, streams: Iterable[Stream]) -> list[Stream]:
        return [stream for stream in streams if stream.id not in self.world.asleep]

    def _stream_loops(self, stream: Stream) -> list[Loop]:
        world, keeper = self.world, self.keepers[stream.system]
        label = stream.label
        system, linger = stream.system, self._settings.systems[stream.system].linger
        inbox = Inbox(world, stream, keeper, lingers=linger > 0)
        bell = self._bell(world.bells.inbox[stream.id], linger)
        loops = [Loop(f"inbox {label}", inbox.work, bell, system)]
        intake = Intake(world, stream, keeper) if stream.reads else None
        if intake is not None:
            read = self._read_step(stream, intake)
            bell = self._bell(world.bells.read[stream.id], linger, stream.settings.poll)
            loops.append(Loop(f"read {label}", read, bell, system))
            sweep = Sweeper(world, stream, keeper).sweep
            step = self._sweep_step(stream, sweep)
            loops.append(Loop(f"sweep {label}", step, self._after_a_while(stream), system))
        if stream.writes:
            push = self._push_step(stream, Pusher(world, stream, keeper, intake))
            bell = self._bell(world.bells.push[stream.id], linger)
            loops.append(Loop(f"push {label}", push, bell, system))
        if stream.writes and stream.historian is not None:
            historian = Historian(world, stream, keeper)
            loops.append(Loop(f"history {label}", historian.work, historian.wait, system))
        return loops

    def _read_step(self, stream: Stream, intake: Intake) -> Callable[[], Awaitable[object]]:
        async def step() -> None:
            await self._targets_first(stream)
            await intake.read()
            if not self._firsts[stream.id]:
                self._firsts[stream.id] = True
                self.world.bells.ring_push([stream.id])
            if all(done for number, done in self._firsts.items() if self.world.streams[number].reads):
                self.caught_up.set()

        return step

    def _push_step(self, stream: Stream, pusher: Pusher) -> Callable[[], Awaitable[object]]:
        async def step() -> None:
            # what was not read yet, in any object of the kind there, may be the record that would be created
            if all(self._firsts[peer.id] or not peer.reads for peer in stream.peers):
                await pusher.push()

        return step

    async def _targets_first(self, stream: Stream) -> None:
        """Read what references point at before what points at it: fewer references wait.

        Of several objects of the kind the first is read first: who is in two of them is linked there.
        """
        targets = [*stream.peers, *(target for there in stream.targets.values() for target in there)]
        sooner = [t for t in targets if self._places[t.id] < self._places[stream.id]]  # kinds may form a ring
        wanted = [t.id for t in self._awake(sooner) if t.reads]
        while not self._firsts[stream.id] and not all(self._firsts[number] for number in wanted):
            if self.stopping.is_set() or self._in_trouble(wanted):
                return
            await self.world.clock.sleep(0.02)

    def _in_trouble(self, streams: list[int]) -> bool:
        names = {f"read {self.world.streams[n].label}" for n in streams}
        return any(loop.health.failures for loop in self.loops if loop.name in names)

    def _sweep_step(
        self, stream: Stream, sweep: Callable[[], Awaitable[int]]
    ) -> Callable[[], Awaitable[object]]:
        async def step() -> None:
            async with self.world.store.read() as con:
                sql = "select swept_at from streams where stream = $1"
                swept = await con.fetchval(sql, stream.id)
            now = self.world.clock.now()
            if not self._firsts[stream.id]:
                return
            if swept is None:
                await self._mark_swept(stream)  # the first read was a full one
            elif not isinstance(swept, datetime) or (now - swept).total_seconds() >= stream.settings.sweep:
                await sweep()

        return step

    async def _mark_swept(self, stream: Stream) -> None:
        async with self.world.store.write(numbers=10) as tx:
            sql = "update streams set swept_at = $2 where stream = $1"
            await tx.execute(sql, stream.id, self.world.clock.now())

    # -- waiting -------------------------------------------------------------------------------------

    def _bell(
        self, bell: asyncio.Event, linger: float, seconds: float | None = None
    ) -> Callable[[], Awaitable[object]]:
        """Until it rings, at most `seconds`, and then for what may come too: one call does for all of it."""

        async def wait() -> None:
            await self._until(bell, LOOK_AGAIN if seconds is None else seconds)
            if linger and bell.is_set():
                await self.world.clock.sleep(linger)
            bell.clear()

        return wait

    def _doubt(self, doubt: asyncio.Event) -> Callable[[], Awaitable[object]]:
        """Only the look itself ends a doubt."""
        return lambda: self._until(doubt, LOOK_EVERY)

    async def _until(self, bell: asyncio.Event, seconds: float) -> None:
        sleep = asyncio.ensure_future(self.world.clock.sleep(seconds))
        ring = asyncio.ensure_future(bell.wait())
        try:
            await asyncio.wait({sleep, ring}, return_when=asyncio.FIRST_COMPLETED)
        finally:
            sleep.cancel()
            ring.cancel()
            await asyncio.gather(sleep, ring, return_exceptions=True)

    def _after_a_while(self, stream: Stream) -> Callable[[], Awaitable[object]]:
        return self._bell(self.world.bells.sweep[stream.id], 0.0, min(SWEEP_DUE, stream.settings.sweep))

    async def _look_again(self) -> None:
        await self.world.clock.sleep(LOOK_AGAIN / 2)

    # -- bells of the remotes ------------------------------------------------------------------------

    def _rung(self) -> list[str]:
        streams = self._awake(self.world.streams.values())
        return sorted({s.system for s in streams if isinstance(s.connector, CanBell)})

    async def _listen(self, system: str) -> None:
        """A remote's bell starts its reads at once; when listening fails, polling goes on alone."""
        mine = [s for s in self._awake(self.world.streams.values()) if s.system == system]
        connector = mine[0].connector
        while isinstance(connector, CanBell) and not self.stopping.is_set():
            try:
                await connector.bell()
            except Exception as error:
                name = type(error).__name__
                logger.warning("the bell of {} fell silent ({}); polling goes on", system, name)
                await self.world.clock.sleep(5.0)
            for stream in mine:
                self.world.bells.read[stream.id].set()
