"""Webhooks of a web API to the real daemon: handshakes, and deliveries by a slip of the words."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest
from aiohttp import ClientSession

from tests.contract.test_rest_check import Server
from tests.contract.test_rest_words import serving
from tests.support.commands import Running

FreshDatabase = Callable[[], Awaitable[str]]
CONFIG = """\
store: "${env:STORE}"
systems:
  crm: &api
    connector: rest
    url: "${env:CRM}"
    calls:
      list: {path: /people, query: {page: "{page}", size: "{limit}"}, at: items}
      get: {path: "/people/{id}", at: person}
    paging: {by: page, limit: 10}
    record: {modified: at}
    webhooks:
      verify: {by: token, secret: "${env:SECRET}", header: X-Token}
      handshake: {query: hub.challenge}
      events: events
      object: object
  erp: {<<: *api, webhooks: {verify: {by: none}, handshake: {body: challenge, answer: json}}}
kinds:
  contact:
    fields: {name: text}
    systems:
      crm: {object: people, direction: in, fields: {name: name}}
      erp: {object: contacts, direction: in, fields: {name: name}}
service: {listen: "127.0.0.1:0", webhooks: "127.0.0.1:0"}
"""
SECRET = "hook-secret-canary"
EVENT = b'{"events": [{"object": "people", "id": 1}]}'


@pytest.fixture
async def server() -> AsyncIterator[str]:
    async with serving(Server().handle) as url:
        yield url


@asynccontextmanager
async def running(
    folder: Path, store: str, crm: str, config: str = CONFIG
) -> AsyncIterator[tuple[Running, str, ClientSession]]:
    """The daemon, the address of its hooks, and a session to send by."""
    (folder / "syncd.yaml").write_text(config)
    env = {"STORE": store, "CRM": crm, "SECRET": SECRET}
    async with Running.in_folder(folder, env=env) as daemon, ClientSession() as session:
        line = await daemon.said("webhooks are taken on ")
        url = line.split("webhooks are taken on ")[1].strip().replace("SYSTEM", "crm")
        await daemon.said("crm (rest): contact")
        yield daemon, url, session


async def counts(daemon: Running, system: str) -> dict[str, int]:
    found: dict[str, dict[str, int]] = json.loads((await daemon.get("/readyz"))[1])["webhooks"]
    return found.get(system, {})


async def test_a_vendor_that_asks_first_is_answered(
    tmp_path: Path, fresh_database: FreshDatabase, server: str
) -> None:
    async with running(tmp_path, await fresh_database(), server) as (daemon, url, session):
        async with session.get(url, params={"hub.mode": "subscribe", "hub.challenge": "<b>17"}) as answer:
            assert (answer.status, await answer.read()) == (200, b"<b>17")
            assert answer.headers["Content-Type"].startswith("text/plain")
            assert answer.headers["X-Content-Type-Options"] == "nosniff"
        async with session.get(url) as answer:
            assert (answer.status, await answer.read()) == (405, b"")
        async with session.post(url.replace("crm", "erp"), data=b'{"challenge": "a7"}') as answer:
            assert (answer.status, await answer.read()) == (200, b'{"challenge":"a7"}')
        async with session.post(url, data=EVENT, headers={"X-Token": SECRET}) as answer:
            assert answer.status == 202
        assert await counts(daemon, "crm") == {"greeted": 1, "method": 1, "accepted": 1}
        assert await counts(daemon, "erp") == {"greeted": 1}


async def test_a_slip_in_the_words_is_counted_and_said_once(
    tmp_path: Path, fresh_database: FreshDatabase, server: str
) -> None:
    config = CONFIG.replace("object: object", "object: objct")
    async with running(tmp_path, await fresh_database(), server, config) as (daemon, url, session):
        for _ in range(3):
            async with session.post(url, data=EVENT, headers={"X-Token": SECRET}) as answer:
                assert (answer.status, await answer.read()) == (400, b"")
        assert await counts(daemon, "crm") == {"malformed": 3}
        said = "no event names an object at `webhooks.object` (objct); there are the keys object, id"
        assert said in await daemon.said("is refused as malformed")
        assert daemon.log.count("is refused as malformed") == 1
