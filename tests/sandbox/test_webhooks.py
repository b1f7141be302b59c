"""Webhooks out: signed, tried again, doubled, out of order, late, or never."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from connectors.sandboxes.webhooks import TRIES
from tests.sandbox.client import Crm, crm
from tests.sandbox.listener import Listener

SECRET = "a secret of this test"


@asynccontextmanager
async def listening(made: Crm, **wanted: Any) -> AsyncIterator[Listener]:
    listener = Listener()
    runner = web.ServerRunner(web.Server(listener.take))
    await runner.setup()
    await web.TCPSite(runner, "127.0.0.1", 0).start()
    listener.url = f"http://127.0.0.1:{runner.addresses[0][1]}/hook"
    await made.client.control("webhooks", url=listener.url, secret=SECRET, **wanted)
    try:
        yield listener
    finally:
        await made.client.call("DELETE", "/_sandbox/webhooks")
        await runner.cleanup()


async def out(made: Crm) -> None:
    """Wait until nothing is left to be told."""
    assert (await made.client.get("/_sandbox/wait", webhooks=1)).status == 200


async def edits(made: Crm, listener: Listener, count: int) -> str:
    """So many edits of one record, each told before the next."""
    (one,) = await made.contacts(1)
    await out(made)
    for n in range(count - 1):
        made.sandbox.people.edit("contacts", id=one, fields={"score": n})
        await out(made)
    return one


async def test_deliveries_are_signed_and_say_what_happened() -> None:
    async with crm() as made, listening(made, body="values") as listener:
        one = await edits(made, listener, 2)
        made.sandbox.people.edit("contacts", "delete", id=one)
        await listener.until(3)
        for headers, body in listener.deliveries:
            text = headers["X-Timestamp"].encode() + b"." + body
            good = hmac.new(SECRET.encode(), text, hashlib.sha256).hexdigest()
            assert headers["X-Signature"] == f"sha256={good}"
        assert [(e["op"], e["version"]) for e in listener.events] == [
            ("created", 1),
            ("updated", 2),
            ("deleted", 3),
        ]
        assert listener.events[1]["record"]["score"] == 0
        assert len({e["event_id"] for e in listener.events}) == 3


async def test_only_what_was_asked_for_is_told() -> None:
    async with crm() as made, listening(made, objects=["companies"], skip=["api"]) as listener:
        await made.contacts(1)
        await made.client.call("POST", "/api/companies", {"name": "by the api"})
        firm = made.sandbox.people.edit("companies", "create", fields={"name": "by a person"})
        await out(made)
        assert firm is not None
        assert [(e["object"], e["id"]) for e in listener.events] == [("companies", firm.id)]
        assert "record" not in listener.events[0]


async def test_a_refused_delivery_is_tried_again_by_the_clock() -> None:
    async with crm() as made, listening(made) as listener:
        made.sandbox.clock.stop()
        listener.refuse = 2
        await made.contacts(1)
        for count, wait in ((1, 1), (2, 2), (3, 0)):
            await listener.until(count)
            await asyncio.sleep(0)
            while wait and not made.sandbox.webhooks.waiting:
                await asyncio.sleep(0)
            made.sandbox.clock.advance(wait)
        await out(made)
        assert [e["event_id"] for e in listener.events] == ["e1"] * 3
        log = (await made.client.get("/_sandbox/webhooks")).body["deliveries"]
        assert [d["status"] for d in log] == [503, 503, 204]


async def test_it_gives_up_in_the_end() -> None:
    async with crm() as made, listening(made) as listener:
        listener.refuse = 1000
        await made.contacts(1)
        while not made.sandbox.webhooks.idle.is_set():
            made.sandbox.clock.advance(64)
            await asyncio.sleep(0)
        assert len(listener.deliveries) == TRIES


async def test_dropped_doubled_reordered_and_delayed() -> None:
    async with crm({"webhooks": {"drop": 2}}) as made, listening(made) as listener:
        await edits(made, listener, 4)
        assert [e["version"] for e in listener.events] == [1, 3]
        assert made.sandbox.fired.counts["webhook_drop"] == 2
    async with crm({"webhooks": {"duplicate": 2}}) as made, listening(made) as listener:
        await edits(made, listener, 2)
        await listener.until(3)
        assert [(e["version"], e["event_id"]) for e in listener.events] == [(1, "e1"), (2, "e2"), (2, "e2")]
    async with crm({"webhooks": {"duplicate": 1, "replay_id": True}}) as made, listening(made) as listener:
        await edits(made, listener, 1)
        await listener.until(2)
        assert [e["event_id"] for e in listener.events] == ["e1", "e2"]
    async with crm({"webhooks": {"delay": 1, "seconds": 600}}) as made, listening(made) as listener:
        await made.contacts(1)
        while not made.sandbox.webhooks.waiting:
            await asyncio.sleep(0)
        assert listener.deliveries == []
        made.sandbox.clock.advance(600)
        await listener.until(1)


async def test_one_that_comes_after_its_successor() -> None:
    async with crm({"webhooks": {"reorder": 2}}) as made, listening(made) as listener:
        (one,) = await made.contacts(1)
        await listener.until(1)
        for n in (2, 3):
            made.sandbox.people.edit("contacts", id=one, fields={"score": n})
            await asyncio.sleep(0)
        while made.sandbox.webhooks.subscriptions[0].queue:
            await asyncio.sleep(0)
        made.sandbox.people.edit("contacts", id=one, fields={"score": 4})
        await out(made)
        versions = [e["version"] for e in listener.events]
        assert sorted(versions) == [1, 2, 3, 4]
        assert versions != [1, 2, 3, 4]
