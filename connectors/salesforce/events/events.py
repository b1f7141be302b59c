"""Change events of an org: feeds for each topic over one connection, and a bell for all of them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from pathlib import Path

from connectors.salesforce.events.change import Batch, Sessions
from connectors.salesforce.events.channel import Channel
from connectors.salesforce.events.feed import Feed
from connectors.salesforce.events.schemas import Schemas
from syncd.core.clock import Clock
from syncd.core.errors import NeedsOperator, SyncdError


class Events:
    """See the package. Made by `subscribe`; used in one event loop."""

    def __init__(
        self,
        sessions: Sessions,
        endpoint: str,
        ca: Path | None,
        clock: Clock,
        settle: float,
        grace: float,
        readers: Mapping[str, int],
    ) -> None:
        self.channel = Channel(sessions, endpoint, ca)
        self.schemas = Schemas(self.channel)
        self.clock, self.waits, self.readers = clock, (settle, grace), readers
        self.feeds: dict[str, list[Feed]] = {}
        self._rung = asyncio.Event()

    async def check(self, topic: str) -> None:
        """Whether this account may read the topic; `NeedsOperator` says why not."""
        found = await self.channel.topic(topic)
        if not found.can_subscribe:
            raise NeedsOperator(
                f"change events of {topic}: this account may not subscribe",
                "Grant the integration user read access to the object",
            )

    async def position(self, topic: str) -> bytes | None:
        """The newest replay id that is known, or None; listens from now on.

        Where somebody else reads the topic, it is the place that was read up to, for that is known.
        """
        feeds = self._feeds(topic)
        read = next((feed.position for feed in feeds if feed.reads and feed.position is not None), None)
        return read if read is not None else await feeds[0].follow()

    def trouble(self, topic: str) -> SyncdError | None:
        """Why no position is known, where the service was asked and did not answer soundly."""
        return self._feeds(topic)[0].trouble

    def answers(self, topic: str) -> bool:
        """Whether the service has answered on a stream of the topic that is open now."""
        return any(feed.answers for feed in self._feeds(topic))

    def read(self, topic: str, after: bytes) -> AsyncIterator[Batch]:
        """The batches after a replay id; ends when caught up."""
        return self._feed(topic, after).read(after)

    async def bell(self) -> None:
        """Return when events wait to be read on a topic that was read before, or its stream ended."""
        while True:
            await self._rung.wait()
            self._rung.clear()
            if any(feed.calls for feeds in self.feeds.values() for feed in feeds):
                return  # else a read under way took what rang

    def _feeds(self, topic: str) -> list[Feed]:
        """A feed for each reader."""
        if topic not in self.feeds:
            count, ring = self.readers.get(topic, 1), self._rung.set
            made = [
                Feed(self.channel, self.schemas, topic, self.clock, self.waits, ring) for _ in range(count)
            ]
            self.feeds[topic] = made
        return self.feeds[topic]

    def _feed(self, topic: str, after: bytes) -> Feed:
        """The feed that stands at a place; else one that nobody reads; else a reading is ended."""
        feeds = self._feeds(topic)
        idle = [feed for feed in feeds if not feed.busy] or feeds
        there = [feed for feed in idle if feed.position == after]
        return (there or [feed for feed in idle if not feed.reads] or idle)[0]

    async def aclose(self) -> None:
        """End all streams and the connection. Safe to call twice."""
        for feed in [feed for feeds in self.feeds.values() for feed in feeds]:
            await feed.aclose()
        await self.channel.aclose()
