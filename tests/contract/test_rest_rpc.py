"""JSON-RPC that tells ids alone, and whose answers have an id of their own."""

from __future__ import annotations

from collections.abc import AsyncIterator

import orjson
import pytest
from aiohttp import web

from connectors.rest import RestConnector
from syncd.core.nouns import Accepted, Missing
from tests.contract.mirror import Mirror
from tests.contract.suite import update, write
from tests.contract.test_rest_words import connected, serving

POST = {"method": "POST", "path": "/"}
RPC = {
    "calls": {
        "list": {**POST, "at": "result", "ids": True, "body": {"method": "search"}},
        "get_many": {
            "method": "POST",
            "path": "/",
            "at": "result",
            "body": {"method": "read", "ids": "{ids}"},
        },
        "update": {"method": "POST", "path": "/", "body": {"method": "write", "ids": ["{id}"]}},
    },
    "record": {"id_form": "integer"},
    "errors": {"where": "error", "code": "error", "rules": [{"code": "MissingError", "means": "gone"}]},
}


@pytest.fixture
async def rpc() -> AsyncIterator[RestConnector]:
    """A server whose search tells ids, a gone one among them; its answers have an id of their own."""
    rows = {n: {"id": n, "name": f"n{n}"} for n in (1, 2, 4, 5)}

    async def handle(request: web.Request) -> web.StreamResponse:
        body = orjson.loads(await request.read())
        if body["method"] == "search":
            return web.json_response({"id": 1, "result": [1, 2, 3, 4, 5]})
        if not all(n in rows for n in body["ids"]):
            return web.json_response({"id": 1, "error": "MissingError"})
        found = [rows[n] for n in body["ids"]] if body["method"] == "read" else True
        return web.json_response({"id": 1, "result": found})

    async with serving(handle) as url, connected(url, RPC, "name") as connector:
        yield connector


async def test_a_list_of_ids_is_read_and_what_is_gone_meanwhile_is_left_out(rpc: RestConnector) -> None:
    for _ in range(2):
        mirror = Mirror(rpc, "people")
        await mirror.sweep()
        assert mirror.rows == {str(n): {"name": f"n{n}"} for n in (1, 2, 4, 5)}
    mirror = Mirror(rpc, "people")
    assert len(await mirror.poll()) == 4


async def test_the_id_of_an_answer_is_not_taken_for_the_record_s(rpc: RestConnector) -> None:
    got = await write(rpc, update(1, "4", None, name="x"), update(2, "3", None, name="x"))
    assert got == {1: Accepted(1, "4"), 2: Missing(2)}
