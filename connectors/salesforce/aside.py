"""The bus of change events, and what is done while it is away: it is left alone for a while."""

from __future__ import annotations

import logging
import time
from collections.abc import AsyncIterator, Callable
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Protocol

from connectors.salesforce.events import Batch
from syncd.core.errors import NeedsOperator, RetryLater, SyncdError

REST = 30.0
"""Seconds for which a bus that failed is not asked again, where it asks for no longer wait."""
LOGGED = 3
"""Failures in a row of which one line of the log tells; `syncd status` tells of the first."""
logger = logging.getLogger(__name__)


class Bus(Protocol):
    """What is needed of `connectors.salesforce.events`."""

    async def check(self, topic: str) -> None: ...
    async def position(self, topic: str) -> bytes | None: ...
    def read(self, topic: str, after: bytes) -> AsyncIterator[Batch]: ...
    def answers(self, topic: str) -> bool: ...
    def trouble(self, topic: str) -> SyncdError | None: ...


class Away(Exception):
    """No events can be read now. `why` is what was said of it."""

    def __init__(self, why: RetryLater | NeedsOperator) -> None:
        super().__init__(str(why))
        self.why = why


@dataclass(slots=True)
class Absence:
    """Since when a topic cannot be read, how often that was tried, and what was said of it last."""

    since: datetime
    why: SyncdError
    failures: int = 0


class Door:
    """The way to the bus. What it raises of its own is `Away`, so that it is told from the org's troubles."""

    def __init__(self, bus: Bus, rest: float = REST, clock: Callable[[], float] = time.monotonic) -> None:
        self.bus, self.rest, self.clock = bus, rest, clock
        self.absent: dict[str, Absence] = {}
        self._shut: dict[str, tuple[float, RetryLater | NeedsOperator]] = {}

    async def read(self, topic: str, after: bytes) -> AsyncIterator[Batch]:
        """The batches after a replay id. Raises `CursorLost` and `Away`."""
        until, why = self._shut.pop(topic, (0.0, None))
        if why is not None and self.clock() < until:
            self._shut[topic] = until, why
            raise Away(why)
        try:
            async for batch in self.bus.read(topic, after):
                self.absent.pop(topic, None)
                yield batch
            if self.bus.answers(topic):
                self.absent.pop(topic, None)
        except (RetryLater, NeedsOperator) as error:
            self._failed(topic, error)
            wished = error.after if isinstance(error, RetryLater) else None
            self._shut[topic] = self.clock() + max(wished or 0.0, self.rest), error
            raise Away(error) from None

    async def position(self, topic: str) -> bytes | None:
        """The newest replay id that is known; listens from now on. Raises what the bus does."""
        try:
            found = await self.bus.position(topic)
        except (RetryLater, NeedsOperator) as error:
            self._failed(topic, error)
            raise
        trouble = self.bus.trouble(topic)
        if found is not None:
            self.absent.pop(topic, None)
        elif trouble is not None:
            self._failed(topic, trouble)
        return found

    def notes(self) -> list[str]:
        """What cannot be read now, for a person."""
        return [
            f"{one.why}: away since {one.since:%Y-%m-%d %H:%M:%S} UTC, polling"
            for one in self.absent.values()
        ]

    def _failed(self, topic: str, why: SyncdError) -> None:
        known = self.absent.setdefault(topic, Absence(datetime.now(UTC), why))
        known.why, known.failures = why, known.failures + 1
        if known.failures == LOGGED:
            logger.warning("%s; polling since %s", why, known.since.isoformat(timespec="seconds"))
