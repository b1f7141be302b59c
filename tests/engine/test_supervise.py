"""Loops that fail: what the log is told of it."""

from __future__ import annotations

import asyncio
from datetime import UTC, datetime

from loguru import logger

from syncd.core.errors import RetryLater
from syncd.engine.supervise import Loop, supervise


class Hurried:
    """Nobody waits."""

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC)

    def monotonic(self) -> float:
        return 0.0

    async def sleep(self, seconds: float) -> None: ...


async def test_an_outage_of_any_length_is_told_once() -> None:
    """Two troubles in turn, such as the system's own words and our breaker's, are no news each time."""
    stopping, said = asyncio.Event(), list[str]()
    told = ["cannot read", "failed often"] * 50 + ["ok"] + ["cannot read"] * 5 + ["ok"]

    async def step() -> None:
        word = told.pop(0)
        if not told:
            stopping.set()
        if word != "ok":
            raise RetryLater(word)

    async def wait() -> None: ...

    handler = logger.add(said.append, format="{message}", level="INFO")
    try:
        await asyncio.wait_for(supervise(Loop("read", step, wait), Hurried(), stopping), 60)
    finally:
        logger.remove(handler)
    lines = [line.strip() for line in said]
    once = ["read: cannot read", "read: failed often", "read is back"]
    assert lines == [*once, "read: cannot read", "read is back"]
