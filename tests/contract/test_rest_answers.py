"""Answers that say less than they seem to: what is no list, no delete and no write is not taken for one."""

from __future__ import annotations

from dataclasses import replace
from typing import Any

import orjson
import pytest
from aiohttp import web

from connectors.rest.listing import NoList
from connectors.rest.lookup import NotSaid
from syncd.core.errors import RetryLater
from syncd.core.nouns import Accepted, Op, Rejected, Uncertain
from tests.contract.mirror import Mirror
from tests.contract.suite import create, delete, update, write
from tests.contract.test_rest_words import Handler, connected, serving

LIST = {"calls": {"list": "/people"}}


def always(body: Any, status: int = 200, **headers: str) -> Handler:
    """A server with one answer."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.json_response(body, status=status, headers=headers)

    return handle


def text(body: str) -> Handler:
    """A server with one answer, to the letter."""

    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(text=body, content_type="application/json")

    return handle


async def rows(body: Any, words: dict[str, Any]) -> dict[str, dict[str, Any]]:
    """What a poll comes to."""
    async with serving(always(body)) as url, connected(url, words, "name") as connector:
        mirror = Mirror(connector, "people")
        await mirror.poll()
        return mirror.rows


async def test_a_read_of_an_unchanged_list_lets_the_reader_in_after_each_request() -> None:
    asked = [0]

    async def handle(request: web.Request) -> web.StreamResponse:
        asked[0] += 1
        first = int(request.query["page"]) * 2
        return web.json_response([{"id": n, "name": "x"} for n in range(first, first + 2) if n < 20])

    query = {"page": "{page}", "limit": "{limit}"}
    words = {
        "calls": {"list": {"path": "/people", "query": query}},
        "paging": {"by": "page", "limit": 2, "first": 0},
    }
    async with serving(handle) as url, connected(url, words, "name") as connector:
        mirror = Mirror(connector, "people")
        assert len(await mirror.poll()) == 20
        since, pages = mirror.cursor, 0
        asked[0] = 0
        async for page in connector.read_changes("people", since):
            pages += 1
            assert asked[0] == pages
            assert (page.changes, page.cursor) == ([], since), "nothing is written for it"
        assert asked[0] == 11


async def test_an_error_that_is_sent_as_a_success_is_no_record() -> None:
    error = {"error": {"code": "overloaded", "message": "come back"}}
    for body in (error, {}):
        with pytest.raises(NoList, match="for records by their ids, say `keyed: true`"):
            await rows(body, LIST)


async def test_a_mapping_of_records_is_one_where_the_words_say_so() -> None:
    keyed = {"calls": {"list": {"path": "/people", "keyed": True}}}
    assert await rows({"7": {"name": "Ann"}, "8": {"name": "Bo"}}, keyed) == {
        "7": {"name": "Ann"},
        "8": {"name": "Bo"},
    }
    assert await rows({}, keyed) == {}
    with pytest.raises(NoList):
        await rows({"7": {"name": "Ann"}, "total": 1}, keyed)


@pytest.mark.parametrize("mark", ["", "false", "False", "0", "no", "N", 0, None, False])
async def test_a_mark_that_says_no_is_no_mark_of_deletion(mark: Any) -> None:
    words = {**LIST, "record": {"deleted": "gone"}}
    assert await rows([{"id": 1, "name": "Ann", "gone": mark}], words) == {"1": {"name": "Ann"}}


@pytest.mark.parametrize("mark", ["2026-01-01T00:00:00Z", "true", 1, True, {"by": "Bo"}])
async def test_any_other_mark_is_one(mark: Any) -> None:
    words = {**LIST, "record": {"deleted": "gone"}}
    assert await rows([{"id": 1, "name": "Ann", "gone": mark}], words) == {}


async def test_what_means_empty_elsewhere_is_no_mark_of_deletion_either() -> None:
    words = {**LIST, "record": {"deleted": "gone"}, "values": {"empty": ["0000-00-00"]}}
    assert await rows([{"id": 1, "name": "Ann", "gone": "0000-00-00"}], words) == {"1": {"name": "Ann"}}


async def test_a_page_of_deleted_records_alone_is_told() -> None:
    body = [{"id": n, "name": "x", "gone": "no date"} for n in range(3)]
    words = {**LIST, "record": {"deleted": "gone"}}
    async with serving(always(body)) as url, connected(url, words, "name") as connector:
        notes = (await connector.describe()).objects["people"].notes
    assert any("by `record.deleted` (gone) all 3 records" in note for note in notes)


async def test_the_place_of_a_page_may_be_0() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        place = int(request.query.get("at", 1))
        return web.json_response({"people": [{"id": place}], "next": {1: 0, 0: 5}.get(place)})

    words = {
        "calls": {"list": {"path": "/people", "query": {"at": "{cursor}"}, "at": "people"}},
        "paging": {"by": "cursor", "next": "next"},
    }
    async with serving(handle) as url, connected(url, words, "name") as connector:
        mirror = Mirror(connector, "people")
        await mirror.poll()
    assert mirror.rows.keys() == {"1", "0", "5"}


async def test_the_id_in_a_location_is_as_it_was_before_it_was_in_an_address() -> None:
    words = {"calls": {"create": {"path": "/people", "body": "{values}"}}}
    server = always(None, 201, Location="/people/a%20b/?v=1#top")
    async with serving(server) as url, connected(url, words, "name") as connector:
        got = await write(connector, create(1, name="Ann"))
    assert got[1] == Accepted(1, "a b")


async def test_an_id_that_would_lead_elsewhere_is_not_asked_for() -> None:
    asked = []

    async def handle(request: web.Request) -> web.StreamResponse:
        asked.append(request.path)
        return web.json_response({"id": "1", "name": "Ann"})

    calls = {"get": "/people/{id}", "update": {"path": "/people/{id}", "body": "{values}"}}
    async with serving(handle) as url, connected(url, {"calls": calls}, "name") as connector:
        with pytest.raises(RetryLater, match="cannot hold"):
            await connector.fetch("people", [".."])
        got = await write(connector, update(1, "..", None, name="x"), update(2, "1", None, name="x"))
    assert isinstance(got[1], Rejected)
    assert isinstance(got[2], Accepted)
    assert asked == ["/people/1"]


CALLS = {"update": {"path": "/people/{id}", "body": "{values}"}, "delete": "/people/{id}"}


async def written(body: Any, **words: Any) -> list[Any]:
    """The results of an update and a delete that are answered so."""
    async with serving(always(body)) as url, connected(url, {"calls": CALLS, **words}, "name") as connector:
        got = await write(connector, update(1, "1", None, name="x"), delete(2, "2"))
        return [got[1], got[2]]


@pytest.mark.parametrize("body", [{"error": {"code": 7}}, {"success": False}, {"ok": True}, False, []])
async def test_a_success_that_does_not_say_what_was_done_is_read_back(body: Any) -> None:
    assert [type(result) for result in await written(body)] == [Uncertain, Uncertain]


@pytest.mark.parametrize("body", [{}, None, True, {"id": 1, "name": "x"}])
async def test_a_success_that_says_nothing_else_is_one(body: Any) -> None:
    assert [type(result) for result in await written(body)] == [Accepted, Accepted]


@pytest.mark.parametrize(
    "errors", [{"where": "error"}, {"rules": [{"at": "status", "is": "bad", "means": "rejected"}]}]
)
async def test_where_the_words_tell_an_error_what_is_none_is_a_success(errors: dict[str, Any]) -> None:
    assert [type(result) for result in await written({"status": "ok"}, errors=errors)] == [Accepted, Accepted]
    wrong = {"error": "no", "status": "bad"}
    assert [type(result) for result in await written(wrong, errors=errors)] == [Rejected, Rejected]


async def test_a_write_that_is_never_there_is_not_tried_for_ever() -> None:
    words = {"calls": CALLS}
    async with serving(always({"success": False})) as url, connected(url, words, "name") as connector:
        tries = [(await write(connector, update(1, "1", None, name="x")))[1] for _ in range(5)]
        assert [type(result) for result in tries] == [Uncertain] * 4 + [Rejected]
        assert "errors.where" in tries[4].message
        newer = replace(update(1, "1", None, name="x"), record_version=3)
        assert isinstance((await write(connector, newer))[1], Uncertain), "another write"


async def test_check_tells_where_errors_in_a_success_are_not_known() -> None:
    for errors, there in (({}, True), ({"where": "error"}, False)):
        words = {"calls": {**LIST["calls"], **CALLS}, "errors": errors}
        async with (
            serving(always([{"id": 1, "name": "x"}])) as url,
            connected(url, words, "name") as connector,
        ):
            notes = (await connector.describe()).objects["people"].notes
        assert any("neither `errors.where` nor a rule" in note for note in notes) is there


PERSON = {"path": "/people/{id}", "at": "person"}


@pytest.mark.parametrize("get", ["/people/{id}", PERSON])
@pytest.mark.parametrize("body", ["{}", "[]", "false", '{"person": {}}', '{"person": {"error": "busy"}}'])
async def test_a_success_without_a_record_says_of_none_that_it_is_gone(body: str, get: Any) -> None:
    server = text(body)
    async with serving(server) as url, connected(url, {"calls": {"get": get}}, "name") as connector:
        with pytest.raises(NotSaid, match="without a record"):
            await connector.fetch("people", ["1"])


@pytest.mark.parametrize(("get", "body"), [("/people/{id}", "null"), (PERSON, '{"person": null}')])
async def test_null_in_its_place_says_that_a_record_is_gone(body: str, get: Any) -> None:
    server = text(body)
    async with serving(server) as url, connected(url, {"calls": {"get": get}}, "name") as connector:
        assert [change.op for change in await connector.fetch("people", ["1"])] == [Op.DELETE]


@pytest.mark.parametrize("body", ["{}", "[]"])
async def test_a_rule_may_say_that_nothing_means_gone(body: str) -> None:
    rule = {"at": "", "is": orjson.loads(body), "on": "get", "means": "gone"}
    words = {"calls": {"get": "/people/{id}"}, "errors": {"rules": [rule]}}
    async with serving(text(body)) as url, connected(url, words, "name") as connector:
        assert [change.op for change in await connector.fetch("people", ["1"])] == [Op.DELETE]
