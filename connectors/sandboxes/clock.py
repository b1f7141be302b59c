"""The sandbox's time: the machine's, moved by hand where a test wants an hour to pass."""

from __future__ import annotations

import asyncio
import contextlib
from datetime import datetime, timedelta

from syncd.core.clock import Clock, SystemClock


class MovableClock:
    """A `Clock` that can be put forward, and stopped. Sleepers wake when their time has come either way."""

    def __init__(self, base: Clock | None = None) -> None:
        self._base = base or SystemClock()
        self._ahead = 0.0
        self._stopped: tuple[datetime, float] | None = None
        self._moved = asyncio.Event()

    def now(self) -> datetime:
        """The sandbox's hour, UTC."""
        at = self._base.now() if self._stopped is None else self._stopped[0]
        return at + timedelta(seconds=self._ahead) if self._ahead else at

    def millis(self) -> int:
        """The same in whole milliseconds since 1970."""
        at = self.now()
        return int(at.timestamp()) * 1000 + at.microsecond // 1000

    def monotonic(self) -> float:
        """Seconds of a clock that goes back only if `advance` is told to."""
        return (self._base.monotonic() if self._stopped is None else self._stopped[1]) + self._ahead

    def advance(self, seconds: float) -> None:
        """Put it forward, or back with a negative number."""
        self._ahead += seconds
        self._moved.set()

    def stop(self) -> None:
        """From now on only `advance` moves it."""
        self._stopped = self._stopped or (self._base.now(), self._base.monotonic())

    def go(self) -> None:
        """Run again, with the machine's time and what it was put forward by."""
        self._stopped = None
        self._moved.set()

    async def sleep(self, seconds: float) -> None:
        """Return when the clock shows `seconds` more."""
        due = self.monotonic() + seconds
        while (left := due - self.monotonic()) > 0:
            self._moved.clear()
            with contextlib.suppress(TimeoutError):
                async with asyncio.timeout(None if self._stopped else left):
                    await self._moved.wait()
