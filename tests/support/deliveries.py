"""A sender of webhooks: sound ones, and every kind that must not be believed."""

from __future__ import annotations

import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
from aiohttp import ClientSession

from connectors.signatures import signed

SECRET = "webhook-secret-canary"


def event(remote_id: str, op: str = "updated", version: str | None = None, object: str = "people") -> Any:
    """One event of a delivery."""
    told = {"object": object, "id": remote_id, "op": op}
    return told if version is None else {**told, "version": version}


def body_of(*events: Any, number: int = 0) -> bytes:
    """A delivery's body; `number` tells it from others with the same events."""
    return orjson.dumps({"events": events, "delivery": number})


class Sender:
    """Sends to one system's path."""

    def __init__(self, session: ClientSession, url: str) -> None:
        self.session, self.url = session, url
        self._number = 0

    @classmethod
    @asynccontextmanager
    async def to(cls, url: str) -> AsyncIterator[Sender]:
        async with ClientSession() as session:
            yield cls(session, url)

    async def tell(self, *events: Any) -> int:
        """A sound delivery of its own; the status of the answer."""
        self._number += 1
        return await self.send(body_of(*events, number=self._number))

    async def send(self, body: Any, headers: Mapping[str, str] | None = None, at: float | None = None) -> int:
        """A body, signed at a time (now) unless headers are given."""
        if headers is None:
            headers = signed(SECRET, body, time.time() if at is None else at)
        async with self.session.post(self.url, data=body, headers=dict(headers)) as answer:
            assert await answer.read() == b"", "a sender is told nothing but the status"
            return answer.status
