"""The events of one topic: a stream that goes on where the last reading ended."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from connectors.salesforce.events.change import Batch, Session
from connectors.salesforce.events.channel import Channel
from connectors.salesforce.events.errors import step
from connectors.salesforce.events.reading import Reading
from connectors.salesforce.events.schemas import Schemas
from connectors.salesforce.events.stream import Stream, newest
from syncd.core.clock import Clock
from syncd.core.errors import CursorLost, RetryLater, SyncdError

SHORT_LIVED = 10.0
"""Seconds: the end of a stream that lived longer is worth a ring, so that it is begun anew at once."""


class Feed:
    """One topic, for one reader at a time; `busy` while there is one.

    `position` is the replay id up to which everything was handed out, or let go by.
    """

    def __init__(
        self,
        channel: Channel,
        schemas: Schemas,
        topic: str,
        clock: Clock,
        waits: tuple[float, float],
        ring: Callable[[], None],
    ) -> None:
        self.channel, self.schemas, self.topic, self.clock = channel, schemas, topic, clock
        self.settle, self.grace = waits
        self.ring = ring
        self.position: bytes | None = None
        self.turn = 0
        self.busy = False
        self._stream: Stream | None = None
        self._session: Session | None = None
        self._went = False
        self.trouble: SyncdError | None = None

    @property
    def calls(self) -> bool:
        """Whether a read would find something now, or must begin a stream that ended anew.

        While nobody reads, it is what went by since the position was asked for.
        """
        stream = self._stream
        if stream is None:
            return False
        if self._went or any(answer.events for answer in stream.waiting):
            return True
        return stream.ended and self.clock.monotonic() - stream.began > SHORT_LIVED

    @property
    def reads(self) -> bool:
        """Whether its stream is one that is read, and not one that goes by."""
        return self._stream is not None and self._stream.skim is None

    @property
    def answers(self) -> bool:
        """Whether the service has answered on its stream, and that is open."""
        return self._stream is not None and self._stream.answered and not self._stream.ended

    async def follow(self) -> bytes | None:
        """Listen from now on, if nothing does; the newest replay id that is known.

        What passes is kept in `trouble` and not raised, for who asks has another way to read meanwhile.
        """
        stream = self._stream
        if stream is None or stream.ended:
            stale = await self._looked_at(stream)
            await self.open(None, stale=stale)
        self._went = False
        return self.position

    async def _looked_at(self, ended: Stream | None) -> bool:
        """Whether the session of a stream that ended was refused. Raises what will not pass by itself."""
        if ended is None or ended.failure is None:
            return False
        await self.hang_up()
        before, self.trouble = self.trouble, self.why(ended)
        again = ended.refused and before is None  # another session may help
        if not again and not isinstance(self.trouble, RetryLater):
            raise self.trouble
        return ended.refused

    def read(self, after: bytes) -> AsyncIterator[Batch]:
        """The batches after a replay id; ends when nothing comes any more."""
        self.turn += 1
        return Reading(self, self.turn).batches(after)

    async def stream_after(self, after: bytes) -> tuple[Stream, bool]:
        """The stream after a replay id, and whether it is one that worked already."""
        stream = self._stream
        if stream is not None and after == self.position and (stream.waiting or not stream.ended):
            stream.skim, self._went = None, False
            return stream, stream.answered
        self.position = after
        return await self.open(after), False

    async def open(self, after: bytes | None, *, stale: bool = False) -> Stream:
        """A new stream in place of the one there was; `stale`: the session was refused."""
        await self.hang_up()
        self._session = await self.channel.sessions(self._session if stale else None)
        stream = Stream(self.channel.subscribe(self._session), self.clock, self.ring)
        if after is None:
            stream.skim = self._went_by
        self._stream = stream
        stream.begin(self.topic, after)
        return stream

    def _went_by(self, replay_id: bytes, events: int) -> None:
        self.trouble = None
        known, self.position = self.position, replay_id or self.position
        if events or known is None:
            self._went = True
            self.ring()

    def why(self, stream: Stream) -> SyncdError:
        """What happens next, by how a stream ended."""
        if stream.failure is None:
            return RetryLater(f"change events of {self.topic}: the service ends every stream at once")
        why = step(stream.failure, self.topic)
        if isinstance(why, CursorLost):
            self.position = None  # it is no place to go on from, for anybody
        return why

    async def batch(self, answers: Sequence[Any]) -> Batch:
        """Answers, decoded into one."""
        events = [
            (await self.schemas.decoder(one.event.schema_id, self.topic)).event(
                one.event.payload, bytes(one.replay_id)
            )
            for answer in answers
            for one in answer.events
        ]
        return Batch(tuple(events), newest(answers[-1]) or self.position or b"")

    async def hang_up(self) -> None:
        """End the stream."""
        stream, self._stream = self._stream, None
        if stream is not None:
            await stream.aclose()

    async def aclose(self) -> None:
        """End the stream, and the reading that waits for it."""
        self.turn += 1
        await self.hang_up()
