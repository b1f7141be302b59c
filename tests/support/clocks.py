"""Clocks for tests."""

from __future__ import annotations

from datetime import UTC, datetime


class Stopped:
    """A clock that only sleepers move."""

    def __init__(self, at: float = 0.0) -> None:
        self.at = at

    def now(self) -> datetime:
        return datetime.fromtimestamp(self.at, UTC)

    def monotonic(self) -> float:
        return self.at

    async def sleep(self, seconds: float) -> None:
        self.at += seconds
