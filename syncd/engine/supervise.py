"""Loops that stay alive: an error is logged once, waited out with back-off, and the loop goes on."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable
from dataclasses import dataclass, field
from datetime import datetime

from loguru import logger
from tenacity import AsyncRetrying, RetryCallState, retry_if_exception, wait_exponential

from syncd.core.clock import Clock
from syncd.core.errors import (
    CursorLost,
    Fenced,
    NeedsOperator,
    RetryLater,
    SchemaMoved,
    StoreUnavailable,
    SyncdError,
)
from syncd.engine.gatekeeper import LONGEST_PAUSE

LONGEST_WAIT = 60.0
SENTENCES = 10
"""How many sentences about one row of failures go to the log: where ids are named, none is like another."""


@dataclass(slots=True)
class Health:
    """How a loop fares, for `/readyz` and `syncd status`. `trouble` is a sentence, None when all is well.

    `system` is the one that it works for, None for the daemon's own loops; `since` is when the row of
    failures began; `said` is what the log was told of that row.
    """

    name: str
    system: str | None = None
    trouble: str | None = None
    since: datetime | None = None
    failures: int = 0
    rounds: int = 0
    said: set[str] = field(default_factory=set)


@dataclass(slots=True)
class Loop:
    """One supervised loop: `step` does a round; `wait` comes back when there may be more to do."""

    name: str
    step: Callable[[], Awaitable[object]]
    wait: Callable[[], Awaitable[object]]
    system: str | None = None
    health: Health = field(init=False)

    def __post_init__(self) -> None:
        self.health = Health(self.name, self.system)


async def supervise(loop: Loop, clock: Clock, stopping: asyncio.Event) -> None:
    """Run rounds until stopped. Only the loss of the store or of the lease gets out."""
    retrying = AsyncRetrying(
        sleep=lambda seconds: _either(clock.sleep(seconds), stopping),
        stop=lambda _: stopping.is_set(),
        wait=_Wait(),
        retry=retry_if_exception(_may_go_on),
        before_sleep=lambda state: _note(loop.health, state, clock.now()),
        reraise=True,
    )
    while not stopping.is_set():
        try:
            await retrying(loop.step)
        except Exception as error:
            if stopping.is_set() and _may_go_on(error):
                return
            raise
        loop.health.rounds += 1
        if loop.health.trouble is not None:
            logger.info("{} is back", loop.name)
            loop.health.trouble, loop.health.since, loop.health.failures = None, None, 0
            loop.health.said.clear()
        await _either(loop.wait(), stopping)


async def _either(waiting: Awaitable[object], stopping: asyncio.Event) -> None:
    """Wait for one or for the end, whichever comes first."""
    tasks = {asyncio.ensure_future(waiting), asyncio.ensure_future(stopping.wait())}
    try:
        await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
    finally:
        for task in tasks:
            task.cancel()
        await asyncio.gather(*tasks, return_exceptions=True)


def _may_go_on(error: BaseException) -> bool:
    return isinstance(error, Exception) and not isinstance(error, Fenced | StoreUnavailable)


class _Wait(wait_exponential):
    """Exponential with jitter; a remote's own wish is honoured, a person is waited for patiently."""

    def __init__(self) -> None:
        super().__init__(multiplier=0.2, max=LONGEST_WAIT)

    def __call__(self, retry_state: RetryCallState) -> float:
        error = retry_state.outcome.exception() if retry_state.outcome else None
        if isinstance(error, CursorLost):
            return 0.0
        if isinstance(error, RetryLater) and error.after is not None:
            return min(error.after, LONGEST_PAUSE)
        return float(super().__call__(retry_state)) + random.uniform(0, 0.2)


def _note(health: Health, state: RetryCallState, now: datetime) -> None:
    """Say each trouble once in a row of failures, for six hours' outage too; values never reach the log."""
    error = state.outcome.exception() if state.outcome else None
    if isinstance(error, SchemaMoved):
        return  # the look at the schema says what it found
    health.failures += 1
    health.since = health.since or now
    said = str(error) if isinstance(error, SyncdError) else f"{type(error).__name__} (a bug; see the log)"
    health.trouble = said
    if said in health.said or len(health.said) == SENTENCES:
        return
    health.said.add(said)
    if isinstance(error, SyncdError):
        level = "ERROR" if isinstance(error, NeedsOperator) else "WARNING"
        logger.log(level, "{}: {}", health.name, said)
    else:
        logger.opt(exception=error).error("{} failed unexpectedly", health.name)
