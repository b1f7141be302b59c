"""How much of a system's quota the daemon uses by itself: a share of the vendor's limit, less a reserve.

Counted are the requests that really left, over the vendor's window, also across restarts. What other tools
use is seen in what the vendor says is left.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import asdict, dataclass, field
from typing import Any

from connectors.base import Meter
from syncd.core.clock import Clock
from syncd.core.errors import RetryLater

SCARCE = 0.2
"""From this part of our share on, calls are spread over the time until there is more."""
SWEEPS_LEAVE = 0.25
"""The part of our share that sweeps leave to reads of changes and to writes."""
LONGEST_SLEEP = 5.0
"""Seconds that a call waits at the door; what must wait longer is told to come back."""
SLICES = 96
"""A rolling window is counted in so many slices: 15 minutes of a day."""
RAMP_SECONDS = 60.0
"""After calls were held, they begin with one a second, twice as many every 5 s."""


@dataclass(frozen=True, slots=True)
class Words:
    """What the owner said, as parts of the vendor's limit: ours, and people's. None: no word."""

    share: float | None = None
    reserve: float | None = None


@dataclass(slots=True)
class Counted:
    """What is remembered across restarts. Times are seconds since the epoch.

    `window` is None where the limit counts up to `until`; else it rolls, and `slices` holds our requests by
    when each slice of it began. `remaining` is the vendor's word, believed up to `until`.
    """

    limit: int | None = None
    window: float | None = None
    until: float = 0.0
    remaining: int | None = None
    slices: dict[int, int] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Usage:
    """For people: our requests in the window, what we may use, the vendor's limit and what it says is left.

    `state` is untold (no limit was heard of), fine, scarce or held.
    """

    used: int
    ours: int | None
    limit: int | None
    remaining: int | None
    window: float | None
    state: str


class Budget:
    """One system's. `words` limit the daemon's own calls; without any all pass."""

    def __init__(self, clock: Clock, words: Words, meter: Callable[[], Meter] | None) -> None:
        self._clock, self.words, self._meter = clock, words, meter
        self.counted = Counted()
        self._seen = self._heard = 0  # what its connector sent before, to log in and to describe, counts
        self.loaded = False
        self._flying, self._largest = 0, 1
        self._since = 0  # ours since the vendor's last word
        self._due = self._ramp = self._each = 0.0
        self._held = False

    def load(self, saved: Mapping[str, Any]) -> None:
        """What an earlier process counted. Words of another form are left out."""
        slices = {int(begin): int(n) for begin, n in saved.get("slices", {}).items()}
        known = Counted(saved.get("limit"), saved.get("window"), float(saved.get("until", 0)), None, slices)
        for begin, number in self.counted.slices.items():
            known.slices[begin] = known.slices.get(begin, 0) + number
        self.counted, self.loaded = known, True

    def saved(self) -> dict[str, Any]:
        """What a later process needs to know."""
        self._listen()
        return {k: v for k, v in asdict(self.counted).items() if k != "remaining"}

    @property
    def limits(self) -> bool:
        """Whether the owner said anything of it."""
        return self.words.share is not None or self.words.reserve is not None

    def wait(self, *, sweep: bool = False) -> float:
        """Seconds until the next call may begin, which is counted with this. Raises `RetryLater`."""
        self._listen()
        wait = self._judge(sweep=sweep) if self.limits and self.counted.limit is not None else 0.0
        self._flying += 1
        return wait

    def done(self) -> None:
        """A call has ended, however."""
        self._flying -= 1
        self._listen()

    def usage(self) -> Usage:
        """How things stand."""
        self._listen()
        known = self.counted
        if known.limit is None:
            return Usage(self._used(), None, None, None, known.window, "untold")
        full, left = self._full(), self._left()
        state = "held" if left < self._largest else "scarce" if left <= SCARCE * full else "fine"
        ours = int(full) if self.limits else None
        return Usage(self._used(), ours, known.limit, self._others(), known.window, state if ours else "fine")

    # -- what is left --------------------------------------------------------------------------------

    def _full(self) -> float:
        words = self.words
        share = 1.0 if words.share is None else words.share
        return (self.counted.limit or 0) * min(share, 1.0 - (words.reserve or 0.0))

    def _others(self) -> int | None:
        """What is left by the vendor's word and what we sent since; None where that is too old."""
        known = self.counted
        if known.remaining is None or self._clock.now().timestamp() >= known.until:
            return None
        return known.remaining - self._since

    def _left(self) -> float:
        """The calls that we may make now, those under way taken off as large as the largest one was."""
        left = self._full() - self._used()
        others = self._others()
        if others is not None:
            left = min(left, others - (self.words.reserve or 0.0) * (self.counted.limit or 0))
        return left - self._flying * self._largest

    def _used(self) -> int:
        """Our requests in the window; a slice counts until all of it is out."""
        known, now = self.counted, self._clock.now().timestamp()
        if known.window is None:
            known.slices = known.slices if now < known.until or known.limit is None else {}
        else:
            oldest = now - known.window - self._slice()
            known.slices = {begin: n for begin, n in known.slices.items() if begin > oldest}
        return sum(known.slices.values())

    def _slice(self) -> float:
        return max(1.0, (self.counted.window or 86_400.0) / SLICES)

    # -- one call ------------------------------------------------------------------------------------

    def _judge(self, *, sweep: bool) -> float:
        now, full = self._clock.now().timestamp(), self._full()
        left = self._left()
        if sweep and left - SWEEPS_LEAVE * full < self._largest:
            raise RetryLater("sweeps wait: what is left of the quota is for writes", self._until_more(now))
        if left < self._largest:
            self._held = True
            raise RetryLater(f"no calls by itself: {self._why()}", self._until_more(now))
        if self._held:
            self._held, self._ramp = False, now + RAMP_SECONDS
        wait = max(0.0, self._due - now)
        if wait > LONGEST_SLEEP:
            raise RetryLater(f"calls are few and far between: {self._why()}", wait)
        self._each = max(self._gap(now, left, full), self._ramp_gap(now))
        self._due = now + wait + self._each
        return wait

    def _gap(self, now: float, left: float, full: float) -> float:
        """Seconds between calls: none while there is plenty, else what can be kept up until there is more."""
        if left > SCARCE * full:
            return 0.0
        known = self.counted
        if known.window is not None:
            return known.window / max(1.0, full)
        return max(0.0, known.until - now) / max(1.0, left)

    def _ramp_gap(self, now: float) -> float:
        since = now - (self._ramp - RAMP_SECONDS)
        return 0.5 ** (since / 5.0) if 0.0 <= since < RAMP_SECONDS else 0.0

    def _until_more(self, now: float) -> float:
        """Seconds until something may have changed: a slice is out, the window ends, or the word is old."""
        known = self.counted
        ends = [known.until] if known.until > now else []
        if known.window is not None and known.slices:
            ends.append(min(known.slices) + known.window + self._slice())
        return min(max(1.0, min(ends, default=now + 60.0) - now), 900.0)

    def _why(self) -> str:
        known, others = self.counted, self._others()
        reserved = (self.words.reserve or 0.0) * (known.limit or 0)
        if others is not None and others - reserved < self._full() - self._used():
            left = max(0, others)
            return f"of {known.limit} calls only {left} are left, and {reserved:.0f} are kept for people"
        return f"{self._used()} of our {self._full():.0f} calls of {known.limit} are used"

    # -- listening -----------------------------------------------------------------------------------

    def _listen(self) -> None:
        """Count what left since, and take over what the vendor said."""
        if self._meter is None:
            return
        told, now = self._meter(), self._clock.now().timestamp()
        sent = max(0, told.requests - self._seen)
        self._seen = told.requests
        if sent:
            self._used()  # what a window that has ended counted is over
            begin = int(now // self._slice() * self._slice())
            slices = self.counted.slices
            slices[begin] = slices.get(begin, 0) + sent
            if len(slices) > 2 * SLICES:  # where no limit is ever told, nothing else ends them
                del slices[min(slices)]
            self._largest = max(self._largest, min(sent, 100)) if self._flying <= 1 else self._largest
            self._since += sent
            self._due += (sent - 1) * self._each  # one was paid for when the call began
        if told.heard != self._heard and told.limit is not None and told.remaining is not None:
            self._heard, self._since = told.heard, 0
            known = self.counted
            known.limit, known.window, known.remaining = told.limit, told.window, told.remaining
            known.until = now + (told.resets_in if told.resets_in is not None else 60.0)
