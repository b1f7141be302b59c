"""A portal, a bare client of it, the vendor's own client, and somebody who listens to its webhooks."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any, TypeVar

import orjson
from aiohttp import web
from hubspot import HubSpot

from connectors.hubspot.sandbox import HubSpotSandbox
from tests.sandbox.client import Answer, Client, session
from tests.sandbox.listener import Listener

T = TypeVar("T")
V3 = "/crm/v3/objects"


@dataclass
class Portal:
    """A sandbox and a client with the private app's token."""

    sandbox: HubSpotSandbox
    client: Client

    async def call(self, method: str, path: str, body: Any = None, **params: str) -> Answer:
        """One call."""
        return await self.client.call(method, path, body, params=params)

    async def good(self, method: str, path: str, body: Any = None, **params: str) -> Any:
        """The body of a call that must succeed."""
        got = await self.call(method, path, body, **params)
        assert got.status < 300, got.body
        return got.body

    async def contact(self, **properties: Any) -> Any:
        """A new contact by the API."""
        return await self.good("POST", f"{V3}/contacts", {"properties": {"lastname": "Bloggs", **properties}})

    async def read(self, object: str, id: str, *properties: str) -> dict[str, Any]:
        """Some properties of a record."""
        got = await self.good("GET", f"{V3}/{object}/{id}", properties=",".join(properties))
        found: dict[str, Any] = got["properties"]
        return found

    async def search(self, object: str = "contacts", **words: Any) -> Any:
        """What a search answers."""
        return await self.good("POST", f"{V3}/{object}/search", words)

    def person(self, object: str = "contacts", **properties: Any) -> str:
        """A new record by hand; its id."""
        row = self.sandbox.people.edit(object, "create", fields=properties)
        assert row is not None
        return row.id

    async def vendors(self, work: Callable[[HubSpot], T], **words: Any) -> T:
        """Let the vendor's client work; it waits for each answer, so it gets a thread."""
        ready = self.sandbox.ready()
        made = HubSpot(**{"access_token": ready["auth"]["token"], "host": ready["url"], **words})
        return await asyncio.to_thread(work, made)


@asynccontextmanager
async def portal(
    profile: str | Mapping[str, Any] = "plain", *, token: str | None = None, seed: Path | None = None
) -> AsyncIterator[Portal]:
    """One that is served for the time of the block."""
    sandbox = HubSpotSandbox(profile, seed=seed)
    shown = sandbox.profile.auth.token if token is None else token
    async with sandbox.serving(), session(sandbox.url, {"Authorization": f"Bearer {shown}"}) as client:
        yield Portal(sandbox, client)


class Ear(Listener):
    """It takes HubSpot's deliveries, which are lists of events."""

    @property
    def events(self) -> list[dict[str, Any]]:
        """All events, delivery by delivery."""
        return [event for _, body in self.deliveries for event in orjson.loads(body)]

    def of(self, type: str) -> list[dict[str, Any]]:
        """Those of a type."""
        return [event for event in self.events if event["subscriptionType"] == type]


@asynccontextmanager
async def listening(made: Portal, path: str = "/hook", **wanted: Any) -> AsyncIterator[Ear]:
    """Somebody who is told, for the time of the block; `wanted` are the words of a target."""
    ear = Ear()
    runner = web.ServerRunner(web.Server(ear.take))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    ear.url = f"http://127.0.0.1:{runner.addresses[0][1]}{path}"
    if wanted.pop("subscribe", True):
        await made.client.control("webhooks", url=ear.url, **wanted)
    try:
        yield ear
    finally:
        made.sandbox.webhooks.unsubscribe()
        await runner.cleanup()
