"""How often a system is called: by our own rate, and by what its vendor says is left."""

from __future__ import annotations

from collections.abc import Callable

from connectors.base import Meter
from syncd.core.clock import Clock
from syncd.core.errors import RetryLater

LONGEST_SLEEP = 5.0
"""Seconds that a call waits at the door; what must wait longer is told to come back."""
STEADY, AT_ONCE = 0.8, 0.1
"""Parts of a vendor's limit of short times: what is sent evenly over it, and at once. The rest is for what a
call sends beyond the request that it was let in for, and for what was sent before this began to count."""
SCARCE = 0.2
SCARCE_NUMBER = 20
"""From this share of the vendor's limit on, or this number where no limit is told, what is left is spread."""


class Bucket:
    """`rate` requests a second, and `depth` of them at once. `due`: when all that it let in are paid for."""

    def __init__(self, rate: float, depth: float) -> None:
        self.rate, self.depth, self.due = rate, depth, 0.0

    def wait(self, now: float, requests: int) -> float:
        """Seconds until so many may leave, which are counted with this."""
        self.due = max(self.due, now) + requests / self.rate
        return max(0.0, self.due - now - self.depth / self.rate)


class Pace:
    """`per_second` requests, as many at once, and no more than the vendor's `burst`, (requests, seconds),
    lets through; `meter` tells what the connector sent and heard, and which `burst` holds.

    One request is paid for when a call begins. What a call sent beyond it is paid for by the next one, so
    that a write of ten requests counts as ten.
    """

    def __init__(
        self,
        clock: Clock,
        per_second: float | None,
        meter: Callable[[], Meter] | None,
        burst: tuple[int, float] | None = None,
    ) -> None:
        self._clock, self._meter = clock, meter
        self._flying = self._heard = 0
        told = Meter() if meter is None else meter()
        self._paid = told.requests
        self._own = Bucket(per_second, max(1.0, per_second)) if per_second is not None else None
        self._vendor: Bucket | None = None
        self._burst: tuple[int, float] | None = None
        self._keep_to(told.burst or burst)
        self._not_before = 0.0
        self._left: int | None = None
        self._limit: int | None = None
        self._until = 0.0

    def wait(self) -> float:
        """Seconds until the next call may begin, which is counted with this. Raises `RetryLater`."""
        self._listen()
        now = self._clock.monotonic()
        wait = max(self._not_before - now, self._spread(now), 0.0)
        if wait > LONGEST_SLEEP:
            raise RetryLater(f"no calls for {wait:.0f} s: what the server lets through is used up", wait)
        if self._left is not None:
            self._left -= 1
        requests = 1 + self._debt()
        for bucket in (self._own, self._vendor):
            wait = max(wait, bucket.wait(now, requests) if bucket is not None else 0.0)
        self._flying += 1
        self._paid += 1
        return wait

    def done(self) -> None:
        """A call has ended, however."""
        self._flying -= 1
        self._listen()

    def _debt(self) -> int:
        """Requests that were sent and not paid for; those of calls under way are not known yet."""
        if self._meter is None:
            return 0
        sent = self._meter().requests
        debt = max(0, sent - self._paid)
        self._paid = min(max(self._paid, sent), sent + self._flying)
        return debt

    def _keep_to(self, burst: tuple[int, float] | None) -> None:
        """The vendor's limit of short times is this. What was sent before is taken to have left just now."""
        if burst is None or burst == self._burst:
            return
        calls, seconds = self._burst = burst
        before, self._vendor = self._vendor, Bucket(STEADY * calls / seconds, max(1.0, AT_ONCE * calls))
        if before is None:
            self._vendor.wait(self._clock.monotonic(), min(self._paid, calls))
        else:
            self._vendor.due = min(before.due, self._clock.monotonic() + seconds)

    def _spread(self, now: float) -> float:
        """By what the vendor has left: nothing until it is full again, bit by bit where it is scarce."""
        if self._left is None or now >= self._until:
            self._left = None
            return 0.0
        if self._left <= 0:
            return self._until - now
        scarce = SCARCE_NUMBER if self._limit is None else self._limit * SCARCE
        return (self._until - now) / self._left if self._left <= scarce else 0.0

    def _listen(self) -> None:
        """Take over what the connector heard since."""
        told = None if self._meter is None else self._meter()
        if told is None or told.heard == self._heard:
            return
        self._heard, now = told.heard, self._clock.monotonic()
        self._keep_to(told.burst)
        if told.wait is not None:
            self._not_before = max(self._not_before, now + told.wait)
        if told.remaining is not None and told.resets_in is not None:
            self._left, self._limit, self._until = told.remaining, told.limit, now + told.resets_in
