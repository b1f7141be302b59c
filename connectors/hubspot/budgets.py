"""What is left of HubSpot's limits: of a day's calls, and of those in ten seconds (usage guidelines).

Answers tell of both in headers; those of searches have none, and a limit of their own (see `client`). Nothing
is slept here: the engine keeps to what the meter says.
"""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta, timezone, tzinfo
from typing import Any
from zoneinfo import ZoneInfo

from connectors.base import Meter
from connectors.http import Answer, RateHeaders
from connectors.http.rates import Counted

PREFIX = "X-HubSpot-RateLimit-"
DAY = 86_400.0
AGAIN = 3600.0
"""Seconds for which what is left of a day is believed, where nobody knows when the account's day ends."""
SCARCE = 0.1
"""From this part of the ten seconds' calls on, they are spread."""
PAUSE = 1.0
"""Seconds to wait when none of them is left: they come back one by one."""
BURST = (100, 10.0)
"""The calls of ten seconds that every plan has; answers tell of more."""


class Budgets(Counted):
    """Counts, and tells what was heard last. `zone`: that of the account, whose midnight ends its day."""

    def __init__(self, monotonic: Callable[[], float] = time.monotonic) -> None:
        super().__init__(RateHeaders(PREFIX + "Daily-Remaining", PREFIX + "Daily"), monotonic)
        self.zone: tzinfo | None = None
        self.burst: tuple[int, float] | None = None

    def heard(self, answer: Answer) -> None:
        before = self.meter.heard
        super().heard(answer)
        fresh, spread = self.meter.heard > before, _spread(answer)
        if not fresh and spread is None:
            return
        told = self.meter if fresh else Meter(self.meter.requests, before + 1)
        wait = max(told.wait or 0.0, spread or 0.0) or None
        resets_in, window = self._day(answer) if told.remaining is not None else (None, None)
        self.burst = _burst(answer) or self.burst
        self.meter = Meter(
            told.requests, told.heard, told.remaining, told.limit, resets_in, wait, window, self.burst
        )

    def until_midnight(self, now: datetime) -> float | None:
        """Seconds until the account's day ends; None where its time zone is not known."""
        if self.zone is None:
            return None
        here = now.astimezone(self.zone)
        end = (here + timedelta(days=1)).replace(hour=0, minute=0, second=0, microsecond=0)
        return (end.astimezone(UTC) - now).total_seconds()

    def _day(self, answer: Answer) -> tuple[float, float | None]:
        """(seconds until there is more, window): up to midnight, or of the last 24 hours to be safe."""
        left = self.until_midnight(answer.date() or datetime.now(UTC))
        return (AGAIN, DAY) if left is None else (left, None)


def zone_of(details: Mapping[str, Any]) -> tzinfo | None:
    """The time zone of an account, by its name or else by its distance from UTC."""
    try:
        return ZoneInfo(str(details["timeZone"]))
    except (KeyError, ValueError, OSError):
        pass
    shift = details.get("utcOffsetMilliseconds")
    good = isinstance(shift, int) and abs(shift) < DAY * 1000
    return timezone(timedelta(milliseconds=int(shift or 0))) if good else None


def _spread(answer: Answer) -> float | None:
    """Seconds to wait, where little is left of the calls of an interval; None where it is not told."""
    left, most, interval = (_whole(answer, word) for word in ("Remaining", "Max", "Interval-Milliseconds"))
    if left is None or not most or not interval:
        return None
    if left > SCARCE * most:
        return 0.0
    return PAUSE if left == 0 else interval / 1000 / most


def _burst(answer: Answer) -> tuple[int, float] | None:
    """The calls of an interval, and its seconds; None where they are not told."""
    most, interval = _whole(answer, "Max"), _whole(answer, "Interval-Milliseconds")
    return (most, interval / 1000) if most and interval else None


def _whole(answer: Answer, word: str) -> int | None:
    text = (answer.headers.get(PREFIX + word) or "").strip()
    return int(text) if text.isascii() and text.isdigit() and len(text) < 12 else None
