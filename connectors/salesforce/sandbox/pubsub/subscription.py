"""One stream of Subscribe: where it stands, how much was asked for, and what ends it."""

from __future__ import annotations

import asyncio
import uuid
from collections.abc import AsyncIterator, Callable
from typing import Any

from connectors.salesforce.sandbox.pubsub import wire
from connectors.salesforce.sandbox.pubsub.bus import Bus, Kept, replay_id
from connectors.salesforce.sandbox.pubsub.options import PubSubOptions
from connectors.salesforce.sandbox.pubsub.refusals import (
    Refusal,
    bad_argument,
    no_topic,
    unavailable,
)
from connectors.salesforce.sandbox.pubsub.topics import Topics

MOST = 100
"""Events that may be asked for and not yet delivered; more count as so many (Flow Control)."""


class Subscription:
    """`allow` raises `Refusal` where so many events may not be delivered now."""

    def __init__(
        self, bus: Bus, topics: Topics, options: PubSubOptions, allow: Callable[[int], None]
    ) -> None:
        self.bus, self.topics, self.options, self.allow = bus, topics, options, allow
        self.rpc = str(uuid.uuid4())
        self.topic = ""
        self.entities: frozenset[str] = frozenset()
        self.place = self.pending = 0
        self.refusal: Refusal | None = None
        self.over = False
        self._asked = asyncio.Event()

    def begin(self, request: Any) -> None:
        """The first request says what and from where."""
        if not request.topic_name:
            raise bad_argument("topic.validation.empty", "The topic name is blank.")
        entities = self.topics.entities(request.topic_name)
        if entities is None:
            raise no_topic(request.topic_name)
        self.topic, self.entities = request.topic_name, entities
        self.place = self._start(request.replay_preset, bytes(request.replay_id))
        self._add(request.num_requested)

    def _start(self, preset: int, given: bytes) -> int:
        if preset == wire.LATEST:
            return self.bus.tip
        if preset == wire.EARLIEST:
            return self.bus.start
        if not given:
            raise bad_argument(
                "subscription.fetch.replayid.validation.failed",
                "The replay_id is required when the replay_preset is CUSTOM.",
            )
        place = self.bus.place(given)
        if place is None:
            raise bad_argument(
                "subscription.fetch.replayid.corrupted",
                "The replay_id is not valid, or refers to an event outside of the retention window.",
            )
        return place

    def _add(self, count: int) -> None:
        if count <= 0:
            text = "The number of requested events must be greater than zero."
            raise bad_argument("subscription.fetch.requested.events.invalid", text)
        self.pending = min(MOST, self.pending + count)

    async def listen(self, requests: AsyncIterator[Any]) -> None:
        """Take the later requests, until the client has no more of them."""
        try:
            async for request in requests:
                if request.topic_name not in ("", self.topic):
                    text = "The topic of a subscription cannot change."
                    raise bad_argument("subscription.fetch.topic.mismatch", text)
                self._add(request.num_requested)
                self._asked.set()
        except Refusal as refusal:
            self.refusal = refusal
        self.over = True
        self._asked.set()

    async def answers(self) -> AsyncIterator[Any]:
        """What is sent, until it is over. Raises `Refusal`."""
        while True:
            news = self.bus.news
            if self.refusal is not None:
                raise self.refusal
            if self.bus.closed:
                raise unavailable()
            found = self.bus.after(self.place, self.entities, min(self.pending, self.options.batch))
            if self.pending and found:
                yield self._events(found)
                continue
            if self.over and not self.pending:
                return
            if not await self._wait(news):
                if not self.pending:
                    return  # nothing is asked for: the stream does not stay open for that
                yield self._keepalive()

    def _events(self, found: list[Kept]) -> Any:
        self.allow(len(found))
        self.place = found[-1].number
        self.pending -= len(found)
        answer = self._answer(self.place)
        for kept in found:
            event = wire.ProducerEvent(id=kept.id, schema_id=kept.schema_id, payload=kept.payload)
            answer.events.append(wire.ConsumerEvent(event=event, replay_id=replay_id(kept.number)))
        return answer

    def _keepalive(self) -> Any:
        self.place = self.bus.advance()
        return self._answer(self.place)

    def _answer(self, place: int) -> Any:
        return wire.FetchResponse(
            latest_replay_id=replay_id(place), rpc_id=self.rpc, pending_num_requested=self.pending
        )

    async def _wait(self, news: asyncio.Event) -> bool:
        """Until something was published or asked for; False when the time of silence is over."""
        limit = self.options.keepalive if self.pending else self.options.idle
        self._asked.clear()
        tasks = [
            asyncio.ensure_future(news.wait()),
            asyncio.ensure_future(self._asked.wait()),
            asyncio.ensure_future(self.bus.clock.sleep(limit)),
        ]
        try:
            await asyncio.wait(tasks, return_when=asyncio.FIRST_COMPLETED)
            return tasks[0].done() or tasks[1].done()
        finally:
            for task in tasks:
                task.cancel()
            await asyncio.gather(*tasks, return_exceptions=True)
