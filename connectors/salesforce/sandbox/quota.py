"""The org's calls: a quota for any 24 hours that others eat from, too, told in each answer."""

from __future__ import annotations

from collections import Counter

from connectors.sandboxes.clock import MovableClock
from connectors.sandboxes.limits import LimitOptions, Limits

HOUR, HOURS = 3600.0, 24


class Quota(Limits):
    """The kit's counters under the vendor's header. Calls are forgotten 24 hours later, to the hour."""

    def __init__(self, options: LimitOptions, clock: MovableClock) -> None:
        self._calls: Counter[int] = Counter()
        self._clock = clock
        super().__init__(options, clock)

    @property
    def left(self) -> int | None:
        """Calls that are left; None: they are not counted."""
        return None if self.options.quota is None else self.options.quota - self.used

    @left.setter
    def left(self, calls: int | None) -> None:
        """As if another tool had made the calls that are lacking, in this hour."""
        if calls is not None and self.left is not None:
            self._calls[self._hour] += self.left - calls

    @property
    def used(self) -> int:
        """Calls of the last 24 hours."""
        first = self._hour - HOURS
        for hour in [hour for hour in self._calls if hour <= first]:
            del self._calls[hour]
        return self._calls.total()

    @property
    def _hour(self) -> int:
        return int(self._clock.monotonic() // HOUR)

    def _refill(self) -> None:
        """The rate alone: what was used comes back by itself."""
        self._day = self.clock.now().date()
        super()._refill()

    def headers(self) -> dict[str, str]:
        """`Sforce-Limit-Info`."""
        return {"Sforce-Limit-Info": f"api-usage={self.used}/{self.options.quota}"}
