"""The door to one system: its call rate, its circuit breaker, its pauses. Every remote call passes it."""

from __future__ import annotations

import asyncio
import math
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

from purgatory import AsyncCircuitBreakerFactory, ContextChanged, Event
from purgatory.domain.model import CLOSED, OPENED, HalfOpenedState, OpenedState
from purgatory.service._async.circuitbreaker import AsyncCircuitBreaker

from connectors.base import CanMeter, Capabilities, Connector, Meter
from syncd.core.clock import Clock
from syncd.core.errors import (
    BatchRefused,
    CursorLost,
    Fenced,
    LoginNeeded,
    NeedsOperator,
    RetryLater,
    SchemaMoved,
    StoreUnavailable,
)
from syncd.engine.pace import Pace
from syncd.engine.quota import Budget, Words

T = TypeVar("T")

FAILURES_TO_OPEN = 5
OPEN_SECONDS = 15.0
PROBE_SECONDS = 30.0
"""How often a system that needs a person is tried again, in case the person came."""

LONGEST_PAUSE = 3600.0
"""Seconds after which a system is tried again, however much later it says to come back."""

NOT_FAILURES: list[Any] = [
    *(BatchRefused, CursorLost, NeedsOperator, SchemaMoved, Fenced, StoreUnavailable),
    asyncio.CancelledError,
]


class Gatekeeper:
    """Paces the calls to one system, by `calls_per_second`, by the vendor's `burst` (requests, seconds), and
    by what `meter` says of the vendor's limits.

    `words` say how much of the vendor's quota this process may use by itself; without them all of it.

    `call_seconds` is the time-out of one call; it must be shorter than the store's lease. While the schema is
    in `doubt`, and somebody looks at it (`watched`), no other call is made.
    """

    def __init__(
        self,
        system: str,
        clock: Clock,
        *,
        calls_per_second: float | None = None,
        call_seconds: float = 20.0,
        meter: Callable[[], Meter] | None = None,
        words: Words | None = None,
        burst: tuple[int, float] | None = None,
    ) -> None:
        self.system, self.clock, self.call_seconds = system, clock, call_seconds
        self.calls = 0
        self._troubles: dict[str, str] = {}
        self.needs: str | None = None
        self.doubt = asyncio.Event()
        self.watched = False
        self._not_before = 0.0
        self._pace = Pace(clock, calls_per_second, meter, burst)
        self.budget = Budget(clock, words or Words(), meter)
        self._breakers = AsyncCircuitBreakerFactory(FAILURES_TO_OPEN, math.inf, exclude=NOT_FAILURES)
        self._breakers.add_listener(self._heard)
        self._opened: dict[str, float] = {}

    @classmethod
    def of(
        cls,
        system: str,
        clock: Clock,
        connector: Connector | None,
        *,
        calls_per_second: float | None = None,
        call_seconds: float = 20.0,
        words: Words | None = None,
    ) -> Gatekeeper:
        """The door to what a connector reaches; of the owner's rate and the vendor's the slower counts."""
        can = connector.capabilities if connector is not None else Capabilities()
        rates = [rate for rate in (calls_per_second, can.calls_per_second) if rate is not None]
        return cls(
            system,
            clock,
            calls_per_second=min(rates) if rates else None,
            call_seconds=call_seconds,
            meter=connector.meter if isinstance(connector, CanMeter) else None,
            words=words,
            burst=can.burst,
        )

    async def call(
        self,
        make: Callable[[], Awaitable[T]],
        *,
        about: str = "",
        looking: bool = False,
        sweep: bool = False,
        suspect: bool = False,
    ) -> T:
        """Make one call when it is its turn.

        A time-out is `RetryLater(uncertain=True)`: the remote may have done it. While the breaker is open
        `RetryLater` says when to come back, and nothing is sent. Each object, named by `about`, has a breaker
        of its own: one that fails for days must not hold up the others. `looking` is a look at the schema. A
        call of a `sweep` waits as long as the quota is for others. Where a single record is `suspect`, a
        failure is not held against the system: neither the breaker counts it, nor does anybody wait.
        """
        if self.doubt.is_set() and self.watched and not looking:
            raise SchemaMoved(f"the schema of {self.system} is looked at first")
        await self._afford(about, sweep=sweep)
        try:
            await self._turn(about)
            self.calls += 1
            try:
                return await (self._tried(make, about) if suspect else self._made(make, about))
            finally:
                self._pace.done()
        finally:
            self.budget.done()

    @property
    def trouble(self) -> str | None:
        """What failed last, None when all is well."""
        return next(iter(self._troubles.values()), None)

    def troubled(self, about: str) -> bool:
        """Whether the last call about an object failed, or the system needs a person."""
        return about in self._troubles or self.needs is not None

    async def ready(self) -> None:
        """Wait until a pause is over: what is to be written down before a call is not written down for it."""
        wait = self._not_before - self.clock.monotonic()
        if wait > 0:
            await self.clock.sleep(wait)

    async def _tried(self, make: Callable[[], Awaitable[T]], about: str) -> T:
        """A call that may fail for a single record; a wait that the system asks for is kept all the same."""
        if (await self._breaker(about)).context.state != CLOSED:
            return await self._made(make, about)
        try:
            return await self._timed(make)
        except LoginNeeded as error:
            self.needs = str(error)
            self._pause(PROBE_SECONDS)
            raise
        except SchemaMoved:
            self.doubt.set()
            raise
        except RetryLater as error:
            self._pause(error.after or 0.0)
            raise

    def _pause(self, seconds: float) -> None:
        """Nobody calls for so long; a longer wait that was heard of before stands."""
        until = self.clock.monotonic() + min(seconds, LONGEST_PAUSE)
        self._not_before = max(self._not_before, until)

    async def _made(self, make: Callable[[], Awaitable[T]], about: str) -> T:
        breaker = await self._breaker(about)
        try:
            async with breaker:
                result = await self._timed(make)
        except OpenedState:
            trouble = self._troubles.setdefault(about, f"{self.system} failed")
            raise RetryLater(f"{trouble} ({FAILURES_TO_OPEN} times in a row)", OPEN_SECONDS) from None
        except SchemaMoved:
            self.doubt.set()
            raise
        except RetryLater as error:
            self._troubles[about] = str(error)
            self._pause(error.after or 0.0)
            raise
        except NeedsOperator as error:
            self.needs = str(error)
            self._pause(PROBE_SECONDS)
            raise
        self._troubles.pop(about, None)
        self.needs = None
        return result

    async def _breaker(self, about: str) -> AsyncCircuitBreaker:
        """The breaker, half open again after a while by our stopwatch: its own clock is the machine's, and
        whoever sets that back by a day would keep it open for a day."""
        breaker = await self._breakers.get_breaker(about)
        over = self.clock.monotonic() > self._opened.get(about, 0.0) + OPEN_SECONDS
        if breaker.context.state == OPENED and over:
            breaker.context.set_state(HalfOpenedState())
        return breaker

    def _heard(self, about: str, what: str, event: Event) -> None:
        if what == "state_changed" and isinstance(event, ContextChanged) and event.state == OPENED:
            self._opened[about] = self.clock.monotonic()

    async def _afford(self, about: str, *, sweep: bool) -> None:
        """Until our share of the quota has a call left. Raises `RetryLater`; a sweep goes on where it is."""
        while True:
            try:
                wait = self.budget.wait(sweep=sweep)
                break
            except RetryLater as error:
                if not sweep:
                    raise self._put_off(error, about) from None
                await self.clock.sleep(error.after or 1.0)
        if wait > 0:
            try:
                await self.clock.sleep(wait)
            except BaseException:
                self.budget.done()
                raise

    def _put_off(self, error: RetryLater, about: str) -> RetryLater:
        self._troubles[about] = f"{self.system}: {error}"
        return RetryLater(self._troubles[about], error.after)

    async def _turn(self, about: str) -> None:
        await self.ready()
        try:
            wait = self._pace.wait()
        except RetryLater as error:
            raise self._put_off(error, about) from None
        if wait > 0:
            try:
                await self.clock.sleep(wait)
            except BaseException:
                self._pace.done()
                raise

    async def _timed(self, make: Callable[[], Awaitable[T]]) -> T:
        try:
            async with asyncio.timeout(self.call_seconds):
                return await make()
        except TimeoutError:
            message = f"{self.system} did not answer within {self.call_seconds:.0f} s"
            raise RetryLater(message, uncertain=True) from None
