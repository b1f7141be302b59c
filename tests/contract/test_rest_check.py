"""What a look at an API finds out with reads: words that point nowhere, calls that do something else."""

from __future__ import annotations

import copy
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from aiohttp import web

from connectors.rest import RestConnector
from connectors.rest.lookup import Lookup
from syncd.core.errors import Misconfigured, RetryLater
from syncd.core.nouns import Accepted, Op, Uncertain
from tests.contract.suite import update, write
from tests.contract.test_rest_words import connected, serving

WORDS: dict[str, Any] = {
    "calls": {
        "list": {"path": "/people", "query": {"page": "{page}", "size": "{limit}"}, "at": "items"},
        "get": {"path": "/people/{id}", "at": "person"},
        "get_many": {"path": "/people", "query": {"ids": "{ids}"}, "at": "items"},
    },
    "paging": {"by": "page", "limit": 10},
    "record": {"version": "rev", "modified": "at", "deleted": "gone"},
}


class Server:
    """People by pages, by id and by ids; an answer to everything else is 404."""

    def __init__(self, rows: int = 5) -> None:
        self.rows = [
            {"id": n, "name": f"n{n}", "rev": 1, "at": "2026-01-01T00:00:00Z", "gone": False}
            for n in range(1, rows + 1)
        ]
        self.first = 1
        self.paged = True

    async def handle(self, request: web.Request) -> web.StreamResponse:
        head, _, id = request.path.rpartition("/")
        if head == "/people":
            row = next((r for r in self.rows if str(r["id"]) == id), None)
            return web.Response(status=404) if row is None else web.json_response({"person": row})
        if request.path != "/people":
            return web.Response(status=404, text="<html>", content_type="text/html")
        query, rows = request.query, self.rows
        if "ids" in query:
            rows = [r for r in rows if str(r["id"]) in query["ids"].split(",")]
        elif self.paged and "page" in query:
            size, page = int(query.get("size", 10)), int(query["page"]) - self.first
            rows = rows[page * size : (page + 1) * size] if page >= 0 else []
        return web.json_response({"items": rows, "more": len(rows)})


@asynccontextmanager
async def api(server: Server, **words: dict[str, Any]) -> AsyncIterator[RestConnector]:
    """A connector on it; sections of `words` stand over the plain ones, calls one by one."""
    said = copy.deepcopy(WORDS)
    for section, own in words.items():
        said[section] = {**said.get(section, {}), **own}
    async with serving(server.handle) as url, connected(url, said, "name") as connector:
        yield connector


async def told(server: Server, **words: dict[str, Any]) -> tuple[str, ...]:
    """The notes."""
    async with api(server, **words) as connector:
        return (await connector.describe()).objects["people"].notes


LIST = WORDS["calls"]["list"]


@pytest.mark.parametrize(
    ("words", "key", "said"),
    [
        (
            {"record": {"id": "uid"}},
            "record.id",
            "`record.id` (uid) points to nothing of its kind in 5 of 5 records",
        ),
        ({"record": {"id": "uid"}}, "record.id", "there are the keys id, name, rev, at, gone"),
        ({"record": {"unwrap": "data"}}, "record.unwrap", "`record.unwrap` (data)"),
        ({"record": {"fields": "attributes"}}, "record.fields", "`record.fields` (attributes)"),
        ({"record": {"modified": "att"}}, "record.modified", "`record.modified` (att)"),
        (
            {"record": {"version": "vers"}},
            "record.version",
            "neither the list nor the record read by id has a version",
        ),
        (
            {"feed": {"modified_form": "unix"}},
            "feed.modified_form",
            "is written as unix: there is a text like 9999-",
        ),
        (
            {"calls": {"list": {**LIST, "at": "itms"}}},
            "calls.list.at",
            "no list at `at` (itms); there are the keys items, more",
        ),
        (
            {"calls": {"list": {**LIST, "at": "more"}}},
            "calls.list.at",
            "no list at `at` (more); there is a plain value",
        ),
        (
            {"calls": {"list": {**LIST, "path": "/nobody"}}},
            "",
            "(GET /nobody): the server answered 404",
        ),
        (
            {"calls": {"get": "/person/{id}"}},
            "calls.get",
            "(GET /person/{id}): the server answered 404 for a record that",
        ),
        (
            {"calls": {"get": "/people/{id}"}},
            "calls.get.at",
            "no record with an id (`record.id`) at `at` (); there are the keys person",
        ),
        (
            {"calls": {"get_many": {"path": "/people", "query": {"id": "{ids}"}, "at": "items"}}},
            "calls.get_many",
            "it gave 5: the server seems to ignore the ids",
        ),
        (
            {"calls": {"list": {**LIST, "query": {"p": "{page}", "size": "{limit}"}}}},
            "calls.list.query.p",
            "show the same 5 records: the server seems to ignore the query parameter `p`",
        ),
    ],
)
async def test_a_word_that_cannot_be_right_is_refused(words: dict[str, Any], key: str, said: str) -> None:
    if "calls" in words:
        words = {"calls": {**WORDS["calls"], **words["calls"]}}
    async with api(Server(), **words) as connector:
        with pytest.raises(Misconfigured) as caught:
            await connector.describe()
    assert caught.value.key == key
    assert said in str(caught.value)
    assert "2026" not in str(caught.value), "a value is never shown"


@pytest.mark.parametrize("rows", [5, 25])
async def test_pages_that_count_from_zero_are_found_out(rows: int) -> None:
    server = Server(rows)
    server.first = 0
    async with api(server) as connector:
        with pytest.raises(Misconfigured, match="counts from 0") as caught:
            await connector.describe()
    assert caught.value.key == "paging.first"
    assert any(
        "answers" not in note for note in await told(server, paging={"by": "page", "limit": 10, "first": 0})
    )


async def test_a_page_that_is_short_because_pages_are_is_no_end() -> None:
    server = Server(25)
    words: dict[str, Any] = {"by": "page", "limit": 100, "ends": "short"}
    said = {**WORDS["calls"], "list": {**LIST, "query": {"page": "{page}"}}}
    async with api(server, paging=words, calls=said) as connector:
        with pytest.raises(Misconfigured, match="at most, and the next one has more") as caught:
            await connector.describe()
    assert caught.value.key == "paging.limit"


async def test_what_some_records_lack_is_told_by_the_number() -> None:
    server = Server()
    del server.rows[0]["rev"], server.rows[1]["rev"], server.rows[0]["at"]
    notes = await told(server)
    assert any(
        "`record.version` (rev) points to nothing of its kind in 2 of 5 records" in note for note in notes
    )
    assert any(
        "1 of 5 records have no readable time of change at `record.modified` (at)" in note for note in notes
    )
    notes = await told(server, record={"deleted": "deleted"})
    assert any("`record.deleted` (deleted) stands in none of 5 records" in note for note in notes)


async def test_an_empty_list_is_told_as_one() -> None:
    async with api(Server(0), record={"id": "uid"}) as connector:
        found = (await connector.describe()).objects["people"]
    assert found.records == 0
    assert any("read, 0 records" in note for note in found.notes)


async def test_a_sound_api_is_asked_once_and_has_nothing_told_against_its_words() -> None:
    async with api(Server()) as connector:
        first = (await connector.describe()).objects["people"]
        assert first.records == 5
        assert first == (await connector.describe()).objects["people"]
    assert not [note for note in first.notes if "record." in note or "page" in note]


async def test_a_page_in_html_is_told_as_one() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(text="<html>Log in</html>", content_type="text/html")

    async with serving(handle) as url, connected(url, WORDS, "name") as connector:
        with pytest.raises(Misconfigured, match="200 with text/html, where JSON should be") as caught:
            await connector.describe()
    assert caught.value.key == "url"


class Polite(Server):
    """Answers errors with 200, in its own words."""

    async def handle(self, request: web.Request) -> web.StreamResponse:
        answer = await super().handle(request)
        return answer if answer.status == 200 else web.json_response({"status": "fail", "why": "none such"})


async def test_an_error_that_comes_as_a_success_is_no_delete() -> None:
    async with api(Polite()) as connector:
        with pytest.raises(Misconfigured, match="asked for an id that is not there") as caught:
            await connector.describe()
        assert caught.value.key == "calls.get"
        assert "without a record at `at` (person); there are the keys status, why" in str(caught.value)
        with pytest.raises(RetryLater, match="without a record"):
            await Lookup(connector.client, connector.shapes["people"], 1).fetch_singly(["99"])
    errors = {"where": "why", "rules": [{"at": "why", "matches": "none", "means": "gone"}]}
    async with api(Polite(), errors=errors) as connector:
        await connector.describe()
        (change,) = await Lookup(connector.client, connector.shapes["people"], 1).fetch_singly(["99"])
        assert change.op is Op.DELETE


@pytest.mark.parametrize("answer", ['{"person": null}', '{"person": []}', ""])
async def test_nothing_where_it_would_be_says_that_a_record_is_gone(answer: str) -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(text=answer, content_type="application/json", status=200 if answer else 204)

    async with serving(handle) as url, connected(url, WORDS, "name") as connector:
        (change,) = await Lookup(connector.client, connector.shapes["people"], 1).fetch_singly(["99"])
    assert change.op is Op.DELETE


async def test_a_write_that_is_answered_in_another_form_is_uncertain() -> None:
    said = {**WORDS["calls"], "update": {"path": "/people/{id}", "body": "{values}", "at": "person"}}
    async with api(Polite(), calls=said) as connector:
        got = await write(connector, update(1, "1", None, name="x"), update(2, "99", None, name="x"))
    assert isinstance(got[1], Accepted)
    assert isinstance(got[2], Uncertain)
    assert "nothing at `at` (person); there are the keys status, why" in got[2].message


async def test_a_filter_that_is_ignored_is_named() -> None:
    said = {**WORDS["calls"], "list": {**LIST, "query": {**LIST["query"], "from": "{since}"}}}
    assert any(
        "ignored by the server (`calls.list.query.from`)" in note for note in await told(Server(), calls=said)
    )


async def test_a_record_in_a_wrapping_is_told_of() -> None:
    server = Server()
    server.rows = [{"person": row} for row in server.rows]
    async with api(server) as connector:
        with pytest.raises(Misconfigured, match="where the record itself is"):
            await connector.describe()
