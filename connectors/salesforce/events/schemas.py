"""The schemas that were seen, by id. An id is a fingerprint: what it names never changes."""

from __future__ import annotations

import orjson

from connectors.salesforce.events.change import ChangeEvent, ChangeType
from connectors.salesforce.events.channel import Channel
from connectors.salesforce.events.decode import Decoder

MOST = 500
"""Schemas that are kept; an object's changes with its fields, so an org has few at a time."""


class Unreadable:
    """In place of a decoder, where the schema itself cannot be read."""

    def event(self, payload: bytes, replay_id: bytes) -> ChangeEvent:
        """Something changed; nobody can say what."""
        return ChangeEvent("", ChangeType.UNREADABLE, replay_id, gap=True, lost=True)


class Schemas:
    """Fetches a schema once."""

    def __init__(self, channel: Channel) -> None:
        self.channel = channel
        self._known: dict[str, Decoder | Unreadable] = {}

    async def decoder(self, id: str, topic: str) -> Decoder | Unreadable:
        """The decoder of a schema. Raises as `Channel.schema` does."""
        found = self._known.get(id)
        if found is None:
            found = made(await self.channel.schema(id, topic))
            if len(self._known) >= MOST:
                del self._known[next(iter(self._known))]
            self._known[id] = found
        return found


def made(text: str) -> Decoder | Unreadable:
    """The decoder of a schema's JSON."""
    try:
        return Decoder(orjson.loads(text))
    except Exception:  # a stranger's schema: the events are told all the same
        return Unreadable()
