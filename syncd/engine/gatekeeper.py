"""The door to one system: its call rate, its circuit breaker, its pauses. Every remote call passes it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from aiolimiter import AsyncLimiter
from purgatory import AsyncCircuitBreakerFactory
from purgatory.domain.model import OpenedState

from syncd.core.clock import Clock
from syncd.core.errors import BatchRefused, CursorLost, NeedsOperator, RetryLater, SchemaMoved

T = TypeVar("T")

FAILURES_TO_OPEN = 5
OPEN_SECONDS = 15.0
PROBE_SECONDS = 30.0
"""How often a system that needs a person is tried again, in case the person came."""

NOT_FAILURES: list[Any] = [BatchRefused, CursorLost, NeedsOperator, SchemaMoved, asyncio.CancelledError]


class Gatekeeper:
    """Paces the calls to one system.

    `call_seconds` is the time-out of one call; it must be shorter than the store's lease. While the schema is
    in `doubt`, and somebody looks at it (`watched`), no other call is made.
    """

    def __init__(
        self, system: str, clock: Clock, *, calls_per_second: float | None = None, call_seconds: float = 20.0
    ) -> None:
        self.system, self.clock, self.call_seconds = system, clock, call_seconds
        self.calls = 0
        self.trouble: str | None = None
        self.needs: str | None = None
        self.doubt = asyncio.Event()
        self.watched = False
        self._not_before = 0.0
        self._limiter = AsyncLimiter(max(1.0, calls_per_second), 1) if calls_per_second else None
        self._breakers = AsyncCircuitBreakerFactory(FAILURES_TO_OPEN, OPEN_SECONDS, exclude=NOT_FAILURES)

    async def call(self, make: Callable[[], Awaitable[T]], *, looking: bool = False) -> T:
        """Make one call when it is its turn.

        A time-out is `RetryLater(uncertain=True)`: the remote may have done it. While the breaker is open
        `RetryLater` says when to come back, and nothing is sent. `looking` is a look at the schema.
        """
        if self.doubt.is_set() and self.watched and not looking:
            raise SchemaMoved(f"the schema of {self.system} is looked at first")
        await self._turn()
        self.calls += 1
        try:
            async with await self._breakers.get_breaker(self.system):
                result = await self._timed(make)
        except OpenedState:
            message = f"{self.system} failed {FAILURES_TO_OPEN} times in a row"
            raise RetryLater(message, OPEN_SECONDS) from None
        except SchemaMoved:
            self.doubt.set()
            raise
        except RetryLater as error:
            self.trouble = str(error)
            self._not_before = self.clock.monotonic() + (error.after or 0.0)
            raise
        except NeedsOperator as error:
            self.needs = str(error)
            self._not_before = self.clock.monotonic() + PROBE_SECONDS
            raise
        self.trouble = self.needs = None
        return result

    async def _turn(self) -> None:
        wait = self._not_before - self.clock.monotonic()
        if wait > 0:
            await self.clock.sleep(wait)
        if self._limiter is not None:
            await self._limiter.acquire()

    async def _timed(self, make: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self.call_seconds):
                return await make()
        except TimeoutError:
            message = f"{self.system} did not answer within {self.call_seconds:.0f} s"
            raise RetryLater(message, uncertain=True) from None
