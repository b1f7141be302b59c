"""How many calls the sandbox takes: a bucket per second, and a daily quota that others eat from, too."""

from __future__ import annotations

from datetime import timedelta
from email.utils import format_datetime
from typing import Literal

from connectors.sandboxes.clock import MovableClock
from connectors.sandboxes.shape import Refusal, Strict

RetryAfter = Literal["seconds", "date", "absent", "absurd"]


class LimitOptions(Strict):
    """`per_second` calls with a `burst`; `quota` calls a day; what `Retry-After` says when they are gone."""

    per_second: float | None = None
    burst: int = 10
    quota: int | None = None
    quota_status: int = 429
    retry_after: RetryAfter = "seconds"


class Limits:
    """The counters of one sandbox."""

    def __init__(self, options: LimitOptions, clock: MovableClock) -> None:
        self.options, self.clock = options, clock
        self.tokens = float(options.burst)
        self.left = options.quota
        self._at = clock.monotonic()
        self._day = clock.now().date()

    def take(self) -> None:
        """One call; `Refusal` 429 where none is left."""
        if self.options.per_second is None and self.left is None:
            return
        self._refill()
        if self.left is not None:
            if self.left <= 0:
                raise self.refuse("quota_exceeded", 3600.0, self.options.quota_status)
            self.left -= 1
        if self.options.per_second is not None:
            if self.tokens < 1:
                raise self.refuse("rate_limited", (1 - self.tokens) / self.options.per_second)
            self.tokens -= 1

    def _refill(self) -> None:
        now, today = self.clock.monotonic(), self.clock.now().date()
        rate = self.options.per_second or 0.0
        self.tokens = min(float(self.options.burst), self.tokens + max(0.0, now - self._at) * rate)
        self._at = now
        if today != self._day:
            self._day, self.left = today, self.options.quota

    def refuse(
        self, code: str, wait: float, status: int = 429, retry_after: str | float | None = "unsaid"
    ) -> Refusal:
        """The 429; `retry_after` is one of the options' words, or seconds, or None for no header."""
        refusal = Refusal(status, code, "too many calls")
        how = self.options.retry_after if retry_after == "unsaid" else retry_after
        if how == "date":
            refusal.headers["Retry-After"] = format_datetime(
                self.clock.now() + timedelta(seconds=wait), usegmt=True
            )
        elif how == "absurd":
            refusal.headers["Retry-After"] = "99999999"
        elif how == "seconds":
            refusal.headers["Retry-After"] = str(max(1, round(wait)))
        elif isinstance(how, int | float):
            refusal.headers["Retry-After"] = f"{how:g}"
        return refusal

    def headers(self) -> dict[str, str]:
        """What each answer says of what is left."""
        if self.left is not None:
            return {"X-RateLimit-Limit": str(self.options.quota), "X-RateLimit-Remaining": str(self.left)}
        if self.options.per_second is not None:
            return {
                "X-RateLimit-Limit": str(self.options.burst),
                "X-RateLimit-Remaining": str(int(self.tokens)),
            }
        return {}
