"""A receiver of webhooks, for tests."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping
from typing import Any

import orjson
from aiohttp import web


class Listener:
    """A receiver that notes all that comes; `refuse` next deliveries get a 503."""

    def __init__(self) -> None:
        self.url = ""
        self.deliveries: list[tuple[Mapping[str, str], bytes]] = []
        self.refuse = 0
        self.came = asyncio.Event()

    async def take(self, request: web.BaseRequest) -> web.Response:
        self.deliveries.append((request.headers, await request.read()))
        self.came.set()
        self.refuse -= 1
        return web.Response(status=503 if self.refuse >= 0 else 204)

    async def until(self, count: int) -> None:
        """Wait for so many deliveries."""
        async with asyncio.timeout(10):
            while len(self.deliveries) < count:
                self.came.clear()
                await self.came.wait()

    @property
    def events(self) -> list[dict[str, Any]]:
        return [event for _, body in self.deliveries for event in orjson.loads(body)["events"]]
