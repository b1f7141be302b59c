"""Time, injected: production takes `SystemClock`, tests hand in their own."""

from __future__ import annotations

import asyncio
import time
from datetime import UTC, datetime
from typing import Protocol


class Clock(Protocol):
    """What the engine knows of time: the hour, a stopwatch, and waiting."""

    def now(self) -> datetime:
        """The present time, zone-aware UTC."""

    def monotonic(self) -> float:
        """Seconds of a clock that never steps back."""

    async def sleep(self, seconds: float) -> None:
        """Wait."""


class SystemClock:
    """The machine's clock."""

    def now(self) -> datetime:
        return datetime.now(UTC)

    def monotonic(self) -> float:
        return time.monotonic()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)
