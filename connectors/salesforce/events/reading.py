"""One reading of a topic: from a replay id until there is nothing more, over streams that end meanwhile."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import TYPE_CHECKING, Any

from connectors.salesforce.events.change import Batch
from connectors.salesforce.events.errors import step
from connectors.salesforce.events.stream import Stream
from syncd.core.clock import Clock
from syncd.core.errors import RetryLater

if TYPE_CHECKING:
    from connectors.salesforce.events.feed import Feed

BRIEF = 5.0
"""Seconds: a service that asks for a longer wait is not asked again at once."""


class Reading:
    """Over as soon as another one of the same feed began.

    What waits is told at once, in one batch; what comes after it waits a quiet time for company.
    """

    def __init__(self, feed: Feed, turn: int) -> None:
        self.feed, self.turn = feed, turn
        self.enough = Enough(feed.clock, feed.settle)
        self._renewed = self._proven = self._told = False
        self._older = 0
        self._stream: Stream

    @property
    def _over(self) -> bool:
        return self.feed.turn != self.turn

    async def batches(self, after: bytes) -> AsyncIterator[Batch]:
        """What comes after a replay id."""
        self.feed.busy = True
        try:
            async for batch in self._batches(after):
                yield batch
        finally:
            self.feed.busy = self.feed.busy and self._over  # else it is the newer one's

    async def _batches(self, after: bytes) -> AsyncIterator[Batch]:
        self._stream, self._proven = await self.feed.stream_after(after)
        self._older = len(self._stream.waiting)  # what came before says nothing of now
        while answers := await self._answers():
            batch = await self.feed.batch(answers)
            if self._over:
                return  # a newer one took over while a schema was fetched
            moved = batch.replay_id != self.feed.position
            self.feed.position = batch.replay_id
            self._proven, self._renewed, self._told = True, False, bool(batch.events)
            await self._stream.take(len(answers))
            self._older -= len(answers)
            if batch.events or moved:
                yield batch
            if self._caught_up(answers, batch):
                return

    async def _answers(self) -> list[Any]:
        """What came; nothing where it is over, or nothing came in time."""
        while True:
            stream, feed = self._stream, self.feed
            first = await stream.next(feed.settle, feed.grace)
            if self._told and first is not None and first.events:
                await stream.gather(feed.settle)
            if self._over:
                return []
            if first is not None or not stream.ended:
                return list(stream.waiting)
            await self._mend(stream)

    async def _mend(self, ended: Stream) -> None:
        """Another stream in place of one that ended, once, and again when it brought something."""
        stale = ended.refused
        if self._renewed if stale else not (self._proven and brief(ended)):
            await self.feed.hang_up()
            raise self.feed.why(ended)
        self._renewed, self._proven = stale, False
        self._stream = await self.feed.open(self.feed.position, stale=stale)

    def _caught_up(self, answers: list[Any], batch: Batch) -> bool:
        """A keepalive says that there is nothing more, or an event is younger than this reading.

        Of what waits beyond that somebody was rung already: it is for the next reading.
        """
        if self.enough.told(batch):
            return True
        return not self._stream.waiting and self._older < 0 and not answers[-1].events


class Enough:
    """Whether a reading that never falls quiet has caught up with the time when it began.

    It has when an event tells of a later commit, by the service's clock; a reading of ten times the quiet
    time ends in any case, for clocks differ.
    """

    def __init__(self, clock: Clock, settle: float) -> None:
        self.clock, self.settle = clock, settle
        self.began, self.start = clock.now(), clock.monotonic()

    def told(self, batch: Batch) -> bool:
        """Whether it has, after this batch."""
        lasted = self.clock.monotonic() - self.start
        if lasted < self.settle:
            return False
        times = [event.committed_at for event in batch.events if event.committed_at is not None]
        return lasted > 10 * self.settle or bool(times and max(times) >= self.began)


def brief(stream: Stream) -> bool:
    """Whether a stream ended in a way that a new one may mend at once: it was closed, or cut off."""
    if stream.failure is None:
        return True
    next_step = step(stream.failure, "")
    return isinstance(next_step, RetryLater) and (next_step.after or 0.0) <= BRIEF
