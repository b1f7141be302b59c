"""One life of the daemon's process: its numbered points, its tasks, its death.

A kill leaves nothing to the dead: from then on every statement and every remote call of theirs fails
before it has an effect, and their tasks are ended. What a write call had sent before goes on at the remote.
A stall (SIGSTOP) holds whatever the process would do next, its timers too, until it is woken.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Callable
from contextvars import Context, ContextVar
from typing import Any

from syncd.engine.engine import Engine
from tests.sim.twin.loop import TwinLoop

_LIFE: ContextVar[Life | None] = ContextVar("life", default=None)


BUSY = 15_000
"""Points after which a life counts as running in a circle: from then on each takes a second, so that time
goes on and the run comes to an end."""


class Dead(Exception):
    """This process is no more."""


class Life:
    """`die_at` is the number of the point at which it is killed, None for a life without an end.

    A negative number counts only the points around write calls, where a death leaves most behind.
    `delay` is how long the process may stand still at a point, in virtual seconds. `stall_at` is a number
    of the same kind, and for how many seconds the process stalls there. `seat` is whose connections it uses.
    """

    def __init__(
        self,
        number: int,
        pick: random.Random,
        say: Callable[[str], object],
        die_at: int | None = None,
        delay: float = 0.0,
        seat: int = 0,
    ) -> None:
        self.number, self.pick, self.say, self.die_at, self.delay = number, pick, say, die_at, delay
        self.seat = seat
        self.stall_at: tuple[int, float] | None = None
        self.stalls: list[float] = []
        self.stalled = self.stopping = self.succeeded = False
        self.engine: Engine | None = None
        self.woken: Callable[[Life], object] = lambda _: None
        self.born = 0.0
        self.has_store = False
        self.passed = self.written = 0
        self.busy: float = BUSY
        self.dead = self.killed = False
        self.died_at: str | None = None
        self.death = asyncio.Event()
        self.tasks: list[asyncio.Task[Any]] = []
        self._held: list[asyncio.Handle] = []

    def begin(self, loop: TwinLoop) -> None:
        """What this task starts from now on belongs to this life."""
        _LIFE.set(self)
        loop.born = _take_in
        loop.holds = _holds

    async def reach(self, name: str) -> None:
        """Pass a point, or die there."""
        if self.dead:
            raise Dead
        self.passed += 1
        self.written += " write of " in name
        if self.die_at is not None and self.die_at in (self.passed, -self.written or None):
            self.killed = True
            self.kill(name)
            raise Dead
        if self.stall_at is not None and self._is_due(*self.stall_at) and "before write of" not in name:
            self._stall(name)
            await asyncio.sleep(0)
        wait = self.pick.random() * self.delay if self.delay and self.pick.random() < 0.3 else 0.0
        if self.passed > self.busy:
            wait = 1.0
        if wait:
            await asyncio.sleep(wait)
            if self.dead:
                raise Dead

    def kill(self, where: str) -> None:
        """The end, here and now."""
        if not self.dead:
            self.dead, self.died_at = True, where
            self.say(f"life {self.number} killed at point {self.passed}: {where}")
            self.wake()
            self.death.set()

    def stop(self) -> None:
        """SIGTERM: end what is under way, and then end."""
        self.stopping = True
        self.say(f"life {self.number} is told to stop")
        if self.engine is not None:
            self.engine.stop()

    def _is_due(self, point: int, _: float) -> bool:
        """Whether the place of a stall is reached. What is before a write is put off to after the sending:
        between the last look at the lease and the sending a process that uses no time cannot be stopped."""
        return self.passed >= point if point > 0 else self.written >= -point

    def _stall(self, where: str) -> None:
        assert self.stall_at is not None
        lasts, self.stall_at, self.stalled = self.stall_at[1], None, True
        self.stalls.append(lasts)
        self.say(f"life {self.number} stalls for {lasts} s at point {self.passed}: {where}")
        asyncio.get_running_loop().call_later(lasts, self.wake, context=Context())

    def wake(self) -> None:
        """The end of a stall."""
        if self.stalled:
            self.stalled = False
            self.say(f"life {self.number} wakes")
            loop = asyncio.get_running_loop()
            assert isinstance(loop, TwinLoop)
            loop.go_on(self._held)
            self._held = []
            self.woken(self)

    def hold(self, handle: asyncio.Handle) -> None:
        """Put off what a stalled process cannot do now."""
        self._held.append(handle)

    async def bury(self) -> None:
        """End the tasks of a dead process; nothing that they still try reaches anybody."""
        assert self.dead
        left = [task for task in self.tasks if not task.done()]
        for task in left:
            task.cancel()
        for task in self.tasks:  # in order, so that the log does not depend on who ends first
            await asyncio.gather(task, return_exceptions=True)
        self.tasks.clear()


def _holds(handle: asyncio.Handle) -> bool:
    """Whether what a handle belongs to is stalled, and keeps it for later."""
    life = handle._context.get(_LIFE)  # type: ignore[attr-defined]
    if life is None or not life.stalled:
        return False
    life.hold(handle)
    return True


def _take_in(task: asyncio.Task[Any]) -> None:
    life = _LIFE.get()
    if life is not None:
        life.tasks.append(task)
        if len(life.tasks) % 500 == 0:
            life.tasks = [task for task in life.tasks if not _ended_well(task)]


def _ended_well(task: asyncio.Task[Any]) -> bool:
    return task.done() and (task.cancelled() or task._exception is None)
