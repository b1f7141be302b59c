"""A sandbox with its Pub/Sub API, and our client of it."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from connectors.salesforce.events import ChangeEvent, Session, subscribe
from connectors.salesforce.events.events import Events
from connectors.salesforce.sandbox import SalesforceSandbox
from connectors.salesforce.sandbox.pubsub.server import PubSub
from syncd.core.clock import Clock

CONTACTS = "/data/ContactChangeEvent"
KEEPALIVE = 0.1
"""Seconds: what ends a read for which nothing comes."""
LONG = 20.0
"""Seconds that a read may wait at most; no test should need them."""


@dataclass
class Ear:
    """`after` is the cursor of one topic; `refused` are the sessions that the client asked to replace."""

    sandbox: SalesforceSandbox
    service: PubSub
    events: Events
    topic: str
    after: bytes
    refused: list[Session] = field(default_factory=list)

    async def hear(self, count: int = 0) -> list[ChangeEvent]:
        """What came since, at least so many events; the cursor is moved."""
        found = await self._read()
        while len(found) < count:  # a keepalive may have overtaken them
            await asyncio.wait_for(self.events.bell(), LONG)
            found += await self._read()
        return found

    async def _read(self) -> list[ChangeEvent]:
        found: list[ChangeEvent] = []
        async for batch in self.events.read(self.topic, self.after):
            found += batch.events
            self.after = batch.replay_id
        return found

    def contact(self, **values: Any) -> str:
        """A new contact, made by a person; its id."""
        return self.made("Contact", **{"LastName": "Bloggs", **values})

    def made(self, object: str, **values: Any) -> str:
        """A new record; its id."""
        row = self.sandbox.people.edit(object, "create", fields=values)
        assert row is not None
        return row.id

    def edit(self, id: str, op: str = "update", object: str = "Contact", **values: Any) -> None:
        """An edit by a person."""
        self.sandbox.people.edit(object, op, id=id, fields=values)

    def listen(self, topic: str) -> None:
        """Another topic, from now on."""
        self.topic, self.after = topic, now(self.service)


def now(service: PubSub) -> bytes:
    """A replay id past all that was published."""
    return service.bus.advance().to_bytes(8, "big")


@asynccontextmanager
async def listening(
    profile: dict[str, Any] | None = None,
    *,
    tls: bool = False,
    clock: Clock | None = None,
    settle: float = LONG,
    readers: int = 1,
    renew: bool = True,
    **pubsub: Any,
) -> AsyncIterator[Ear]:
    """`pubsub` are words of the profile's section; not `renew`: the client gets the refused session again."""
    words = {"keepalive": KEEPALIVE, **pubsub}
    sandbox = SalesforceSandbox({**(profile or {}), "pubsub": words})
    async with sandbox.serving(tls=tls):
        told, service = sandbox.ready(), sandbox.pubsub
        assert service is not None
        opened = [sandbox.auth.open(sandbox.world.users["api"])]

        async def sessions(stale: Session | None) -> Session:
            if stale is not None:
                ear.refused.append(stale)
                if renew:
                    opened.append(sandbox.auth.open(sandbox.world.users["api"]))
            return Session(opened[-1], sandbox.url, told["org_id"])

        scheme = "https" if tls else "http"
        events = subscribe(
            sessions,
            endpoint=f"{scheme}://{told['pubsub']}",
            ca=sandbox.ca,
            clock=clock,
            settle=settle,
            grace=LONG,
            readers={CONTACTS: readers},
        )
        ear = Ear(sandbox, service, events, CONTACTS, now(service))
        try:
            yield ear
        finally:
            await events.aclose()
