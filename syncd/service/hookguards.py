"""What stands before a webhook: a rate per address, a memory of deliveries, a log that does not flood."""

from __future__ import annotations

from collections.abc import Sequence
from hashlib import blake2b
from math import ceil

from aiolimiter import AsyncLimiter
from loguru import logger

from connectors.base import Delivery
from syncd.core.clock import Clock

MOST_ADDRESSES = 10_000
MOST_DELIVERIES = 100_000
LOG_EVERY = 60.0


class Rates:
    """How often each address may call, per system: `rate` a second, as many at once."""

    def __init__(self) -> None:
        self._limiters: dict[tuple[str, str], AsyncLimiter] = {}

    async def pass_through(self, system: str, address: str, rate: float) -> bool:
        """Whether a call is within the rate; it counts if so."""
        limiter = self._limiters.pop((system, address), None) or AsyncLimiter(rate, 1)
        self._limiters[system, address] = limiter  # the last used at the end
        if len(self._limiters) > MOST_ADDRESSES:
            del self._limiters[next(iter(self._limiters))]
        if not limiter.has_capacity():
            return False
        await limiter.acquire()
        return True

    @staticmethod
    def wait(rate: float) -> int:
        """Whole seconds after which a refused call is within the rate again."""
        return ceil(1 / rate)


class Seen:
    """The deliveries of one system that were taken, for as long as their signatures are good."""

    def __init__(self, clock: Clock, tolerance: float) -> None:
        # a signature may be as far ahead of our clock as behind it
        self._clock, self._seconds = clock, 2 * tolerance
        self._until: dict[bytes, float] = {}

    def knows(self, key: bytes) -> bool:
        """Whether a delivery was taken before."""
        return self._until.get(key, 0.0) > self._clock.monotonic()

    def remember(self, key: bytes) -> None:
        """A delivery is taken; what is too old, or too much, is forgotten."""
        now = self._clock.monotonic()
        self._until.pop(key, None)
        self._until[key] = now + self._seconds
        while len(self._until) > MOST_DELIVERIES or next(iter(self._until.values())) <= now:
            del self._until[next(iter(self._until))]


def key_of(delivery: Delivery, headers: Sequence[str]) -> bytes:
    """What tells a delivery from others: its body, and the headers of its signature."""
    digest = blake2b(delivery.body, digest_size=16)
    for name in headers:
        digest.update(f"\n{name}:{delivery.headers.get(name, '')}".encode("utf-8", "surrogateescape"))
    return digest.digest()


class Notes:
    """Says a refusal once a minute, per system and outcome."""

    def __init__(self, clock: Clock) -> None:
        self._clock = clock
        self._said: dict[tuple[str, str], tuple[float, int]] = {}

    def refused(self, system: str, outcome: str, why: str, address: str) -> None:
        """Log a refusal, or count it for the next time."""
        now = self._clock.monotonic()
        at, more = self._said.get((system, outcome), (-LOG_EVERY, 0))
        if now - at < LOG_EVERY:
            self._said[system, outcome] = (at, more + 1)
            return
        self._said[system, outcome] = (now, 0)
        since = f"; {more} more since the last such line" if more else ""
        where = f"for {system}" if system else "for no system of ours"
        logger.warning("a webhook {} from {} is refused as {}: {}{}", where, address, outcome, why, since)
