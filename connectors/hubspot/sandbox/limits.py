"""The calls that the portal takes: a burst in ten seconds, searches in one, and a day's.

No Retry-After. `X-HubSpot-RateLimit-…` tells what is left, in all answers but those of searches (usage
guidelines).
"""

from __future__ import annotations

from collections import deque
from datetime import datetime
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.hubspot.sandbox.options import HubLimits
from connectors.hubspot.sandbox.refusals import Refused, limited
from connectors.sandboxes.clock import MovableClock
from connectors.sandboxes.limits import Limits

SEARCHES, JOURNAL = "search", "journal"


class Rates(Limits):
    """The counters of one portal. `next` says what comes: `search`, `journal`, or another call."""

    options: HubLimits

    def __init__(self, options: HubLimits, clock: MovableClock, time_zone: str) -> None:
        super().__init__(options, clock)
        self.options = options
        self.next = ""
        self.day_calls = 0
        try:
            self.zone = ZoneInfo(time_zone)
        except ZoneInfoNotFoundError:
            self.zone = ZoneInfo("UTC")
        self._today = self.today()
        self._burst: deque[float] = deque()
        self._searches: deque[float] = deque()

    def today(self) -> datetime:
        """When this day of the account began."""
        at = self.clock.now().astimezone(self.zone)
        return at.replace(hour=0, minute=0, second=0, microsecond=0)

    def take(self) -> None:
        """One call; `Refused` 429. The journal has limits of its own, which nobody meets here."""
        if self.next == JOURNAL:
            return
        now, today = self.clock.monotonic(), self.today()
        if today != self._today:
            self._today, self.left, self.day_calls = today, self.options.quota, 0
        if self.left is not None and self.left <= 0:
            raise self._refused("DAILY", 3600.0)
        searching = self.next == SEARCHES
        calls, most, window, policy = (
            (self._searches, self.options.search, 1.0, "SECONDLY")
            if searching
            else (self._burst, self.options.burst, self.options.window, "TEN_SECONDLY_ROLLING")
        )
        while calls and calls[0] <= now - window:
            calls.popleft()
        if most is not None and len(calls) >= most:
            raise self._refused(policy, window)
        calls.append(now)
        self.day_calls += 1
        if self.left is not None:
            self.left -= 1

    def _refused(self, policy: str, wait: float) -> Refused:
        refused = limited(policy)
        refused.headers = self.refuse(policy, wait).headers
        return refused

    def headers(self) -> dict[str, str]:
        """None from the kit: `told` has them, for they differ by call."""
        return {}

    def told(self, *, daily: bool) -> dict[str, str]:
        """What an answer says of what is left; `daily`: the client is a private app."""
        most = self.options.burst
        found = {
            "X-HubSpot-RateLimit-Max": str(most),
            "X-HubSpot-RateLimit-Remaining": str(max(0, most - len(self._burst))),
            "X-HubSpot-RateLimit-Interval-Milliseconds": str(int(self.options.window * 1000)),
            "X-HubSpot-RateLimit-Secondly": str(most // 10),
            "X-HubSpot-RateLimit-Secondly-Remaining": str(max(0, most // 10 - 1)),
        }
        if daily and self.left is not None:
            found["X-HubSpot-RateLimit-Daily"] = str(self.options.quota)
            found["X-HubSpot-RateLimit-Daily-Remaining"] = str(max(0, self.left))
        return found
