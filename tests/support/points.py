"""Numbered crash points: at every commit of the store and around every remote call.

A point is passed, or it kills: `Killed` is no `Exception`, so that nothing in the engine handles it, and
once it was raised every further point raises it again, for a dead process does nothing any more.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import TypeVar

from syncd.core.clock import Clock
from syncd.engine.gatekeeper import Gatekeeper
from syncd.store.store import Alone, Store, Tx

T = TypeVar("T")


class Killed(BaseException):
    """The process died here."""


class Points:
    """The points of one process's life, numbered from 1 in the order of passing.

    With `telling` only those count before which something was committed or written: a death at any of the
    others leaves what the one before it leaves.
    """

    def __init__(self, die_at: int | None = None, *, telling: bool = False) -> None:
        self.die_at, self.telling = die_at, telling
        self.names: list[str] = []
        self.died_at: str | None = None

    def reach(self, name: str, *, tells: bool = False) -> None:
        """Pass a point, or die."""
        if self.died_at is None:
            if self.telling and not tells:
                return
            self.names.append(name)
            if len(self.names) != self.die_at:
                return
            self.died_at = name
        raise Killed(self.died_at)

    def keeper(self, system: str, clock: Clock) -> Gatekeeper:
        """A door to a system with a point before each call, and one after it, before its answer is heard."""
        return _PointedKeeper(self, system, clock)


class PointedStore(Store):
    """A store with a point before and after each commit."""

    points: Points

    @asynccontextmanager
    async def write(self, *, fenced: bool = True, numbers: int = 5000) -> AsyncIterator[Tx]:
        async with super().write(fenced=fenced, numbers=numbers) as tx:
            yield tx
            self.points.reach("before commit")
        self.points.reach("after commit", tells=True)

    @asynccontextmanager
    async def alone(self, *, numbers: int = 5000) -> AsyncIterator[Alone]:
        async with super().alone(numbers=numbers) as one:
            self.points.reach("before commit")
            yield one
        self.points.reach("after commit", tells=True)

    async def abandon(self) -> None:
        """Let go of everything as a kill does: no release of the lease, no goodbye to a transaction."""
        lease = self._lease._con
        self._hot.terminate()
        self._plain.terminate()
        if lease is not None:
            await lease.close()  # the server frees the session's lock, the lease itself stays taken


class _PointedKeeper(Gatekeeper):
    def __init__(self, points: Points, system: str, clock: Clock) -> None:
        super().__init__(system, clock)
        self._points = points

    async def call(
        self,
        make: Callable[[], Awaitable[T]],
        *,
        about: str = "",
        looking: bool = False,
        sweep: bool = False,
        suspect: bool = False,
    ) -> T:
        what = make.__qualname__.partition(".<locals>")[0]
        self._points.reach(f"before {what} of {self.system}")
        answer = await super().call(make, about=about, looking=looking, sweep=sweep, suspect=suspect)
        self._points.reach(f"after {what} of {self.system}", tells=what.endswith(".send"))
        return answer
