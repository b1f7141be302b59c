"""Reads by id: what one id's trouble is, answers that a server caps, and no more time than a call has."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import Any

import pytest
from aiohttp import web

from connectors.rest import lookup as lookup_module
from syncd.core.errors import NeedsOperator, RetryLater
from syncd.core.nouns import Op
from tests.contract.mirror import Mirror
from tests.contract.test_rest_words import Handler, connected, serving

GET = {"calls": {"list": "/people", "get": "/people/{id}"}}
MANY = {"calls": {"list": "/people", "get_many": {"path": "/people", "query": {"ids": "{ids}"}}}}


def people(status: Callable[[str], int]) -> Handler:
    """A server of single records."""

    async def handle(request: web.Request) -> web.StreamResponse:
        remote_id = request.path.rpartition("/")[2]
        return web.json_response({"id": remote_id, "name": "x"}, status=status(remote_id))

    return handle


class Capped:
    """A server that gives no more than `cap` records in an answer."""

    def __init__(self, there: int, cap: int, *, thin: bool = False) -> None:
        self.there, self.cap, self.thin, self.calls = there, cap, thin, 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        rows = [{"id": str(n), "name": f"n{n}"} for n in range(self.there)]
        if "ids" not in request.query:
            return web.json_response([r["id"] for r in rows] if self.thin else rows)
        self.calls += 1
        wanted = request.query["ids"].split(",")
        return web.json_response([r for r in rows if r["id"] in wanted][: self.cap])


@pytest.mark.parametrize("status", [400, 403, 500, 503])
async def test_one_id_that_cannot_be_read_leaves_the_others_their_answers(status: int) -> None:
    async def of(handler: Handler) -> Any:
        async with serving(handler) as url, connected(url, GET, "name") as connector:
            return await connector.fetch_each("people", [str(n) for n in range(12)])

    looked = await of(people(lambda i: status if i == "3" else 404 if i == "4" else 200))
    assert [c.op for c in looked.changes] == [Op.DELETE if n == 4 else Op.UPSERT for n in range(12) if n != 3]
    assert list(looked.failed) == ["3"]
    assert f"answered {status}" in looked.failed["3"]
    assert not looked.unasked
    with pytest.raises((NeedsOperator, RetryLater)):
        await of(people(lambda i: status))


async def test_too_many_calls_are_the_fault_of_none() -> None:
    def status(remote_id: str) -> int:
        return 200 if int(remote_id) < 4 else 429

    async with serving(people(status)) as url, connected(url, GET | {"concurrency": 1}, "name") as connector:
        looked = await connector.fetch_each("people", [str(n) for n in range(12)])
    assert len(looked.changes) == 4
    assert looked.failed == {}
    assert looked.unasked == {str(n) for n in range(4, 12)}


async def test_what_there_is_no_time_for_is_told(monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(lookup_module, "SECONDS", 0.5)
    never = asyncio.Event()

    async def handle(request: web.Request) -> web.StreamResponse:
        if request.path.endswith("/9"):
            await never.wait()
        return web.json_response({"id": request.path.rpartition("/")[2], "name": "x"})

    async with serving(handle) as url, connected(url, GET | {"concurrency": 1}, "name") as connector:
        looked = await connector.fetch_each("people", ["1", "2", "9", "4"])
        assert [c.remote_id for c in looked.changes] == ["1", "2"]
        assert looked.unasked == {"9", "4"}
        with pytest.raises(RetryLater):
            await connector.fetch_each("people", ["9"])
        never.set()


@pytest.mark.parametrize("status", [400, 403, 500])
async def test_a_call_for_many_that_fails_for_one_is_made_singly(status: int) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        asked = request.query.get("ids", "").split(",")
        return (
            web.Response(status=status)
            if "3" in asked
            else await people(lambda i: status if i == "3" else 200)(request)
        )

    words = {"calls": MANY["calls"] | GET["calls"]}
    async with serving(handle) as url, connected(url, words, "name") as connector:
        looked = await connector.fetch_each("people", ["1", "2", "3"])
    assert [c.remote_id for c in looked.changes] == ["1", "2"]
    assert list(looked.failed) == ["3"]


@pytest.mark.parametrize(("there", "calls"), [(100, 4), (97, 8), (3, 99)])
async def test_an_answer_that_is_capped_is_no_delete(there: int, calls: int) -> None:
    server = Capped(there, 25)
    async with serving(server.handle) as url, connected(url, MANY, "name") as connector:
        came = await connector.fetch("people", [str(n) for n in range(100)])
    assert [c.op for c in came] == [Op.UPSERT if n < there else Op.DELETE for n in range(100)]
    assert server.calls == calls


async def test_an_answer_that_is_not_capped_is_asked_for_once() -> None:
    server = Capped(100, 100)
    async with serving(server.handle) as url, connected(url, MANY, "name") as connector:
        assert len(await connector.fetch("people", [str(n) for n in range(100)])) == 100
    assert server.calls == 1


async def test_a_list_of_ids_loses_none_where_answers_are_capped() -> None:
    server = Capped(100, 25, thin=True)
    words = {"calls": {**MANY["calls"], "list": {"path": "/people", "ids": True}}, "paging": {"by": "none"}}
    async with serving(server.handle) as url, connected(url, words, "name") as connector:
        assert len(await Mirror(connector, "people").sweep()) == 100
