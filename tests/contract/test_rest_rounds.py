"""Lists that do not end, and ends that are none: told by the parameter and the key to look at."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web

from connectors.rest import RestConnector
from syncd.core.errors import Misconfigured
from tests.contract.mirror import Mirror
from tests.contract.test_rest_words import connected, serving

Answer = Callable[[Mapping[str, Any]], Any]
"""Answers a list call's query, or its JSON body."""


class Server:
    """Counts what it is asked for."""

    def __init__(self, answer: Answer) -> None:
        self.answer, self.calls = answer, 0

    async def handle(self, request: web.Request) -> web.StreamResponse:
        self.calls += 1
        told = orjson.loads(await request.read() or b"null") or dict(request.query)
        found = self.answer(told)
        return found if isinstance(found, web.Response) else web.json_response(found)


@asynccontextmanager
async def reading(answer: Answer, words: Mapping[str, Any]) -> Any:
    """A connector on such a server."""
    server = Server(answer)
    async with serving(server.handle) as url, connected(url, words, "name") as connector:
        yield server, connector


def words(query: Mapping[str, Any], *, at: str = "", **paging: Any) -> dict[str, Any]:
    """A list by a query."""
    return {
        "calls": {"list": {"path": "/people", "query": query, "at": at}},
        "paging": {"limit": 2, **paging},
    }


def row(number: int, **more: Any) -> dict[str, Any]:
    return {"id": number, "name": f"n{number}", **more}


async def refused(connector: RestConnector) -> Misconfigured:
    """What a sweep is refused with."""
    with pytest.raises(Misconfigured) as caught:
        await Mirror(connector, "people").sweep()
    return caught.value


@pytest.mark.parametrize("ends", ["empty", "short"])
@pytest.mark.parametrize(("by", "rows"), [("page", 2), ("offset", 2), ("page", 1)])
async def test_a_server_that_ignores_the_page(by: str, rows: int, ends: str) -> None:
    turn = [0]

    def answer(query: Mapping[str, Any]) -> Any:
        turn[0] += 1  # in whatever order
        return [row(n) for n in range(rows)][:: 1 if turn[0] % 2 else -1]

    said = words({"pg": f"{{{by}}}", "size": "{limit}"}, by=by, ends=ends)
    async with reading(answer, said) as (server, connector):
        if rows < 2 and ends == "short":
            assert len(await Mirror(connector, "people").sweep()) == rows
            return
        error = await refused(connector)
        assert server.calls == 3, "the page before is asked for once more"
    assert error.key == "calls.list.query.pg"
    assert "system crm: people: list" in str(error)
    assert "seems to ignore the query parameter `pg`. Look at `calls.list.query.pg`" in str(error)


async def test_a_part_of_the_body_that_is_ignored() -> None:
    said = {
        "calls": {"list": {"method": "POST", "path": "/", "body": {"params": [0, "{offset}"]}}},
        "paging": {"by": "offset"},
    }
    async with reading(lambda body: [row(1), row(2)], said) as (_, connector):
        error = await refused(connector)
    assert error.key == "calls.list.body.params.1"


@pytest.mark.parametrize("before", [1, 100])
async def test_cursors_that_go_round(before: int) -> None:
    """After some honest pages two cursors name each other."""

    def answer(query: Mapping[str, Any]) -> Any:
        at = int(query.get("cursor", 0))
        return {"items": [row(at)], "next": at + 1 if at <= before else before}

    async with reading(answer, words({"cursor": "{cursor}"}, at="items", by="cursor")) as (server, connector):
        error = await refused(connector)
        assert server.calls < 3 * before + 10
    assert error.key == "calls.list.query.cursor"
    assert "does not end: what the server names as the next page was read before" in str(error)
    assert "`paging.next`" in str(error)


async def test_a_link_to_itself() -> None:
    def answer(query: Mapping[str, Any]) -> Any:
        return web.json_response([row(1), row(2)], headers={"Link": '</people?page=2>; rel="next"'})

    async with reading(answer, words({}, by="link")) as (server, connector):
        error = await refused(connector)
        assert server.calls <= 3
    assert error.key == "paging.by"


async def test_a_keyset_that_leaves_the_record_itself_in() -> None:
    def answer(query: Mapping[str, Any]) -> Any:
        after = int(query.get("after", 0))
        return [row(n) for n in range(5) if n >= after][:2]

    async with reading(answer, words({"after": "{after}"}, by="keyset")) as (server, connector):
        error = await refused(connector)
        assert server.calls < 8
    assert error.key == "calls.list.query.after"
    assert "more than, not at least" in str(error)


async def test_the_page_that_ended_a_window_may_begin_the_next() -> None:
    """In an ordered feed the pages are asked for anew from the last time seen: that is no circle."""
    rows = [row(n, at=f"2026-01-01T00:00:0{n // 2}Z") for n in range(6)]

    def answer(query: Mapping[str, Any]) -> Any:
        found = [r for r in rows if r["at"] >= query.get("since", "")]
        start = (int(query["page"]) - 1) * 2
        return found[start : start + 2]

    said = words({"page": "{page}", "since": "{since}"}, by="page")
    said |= {"record": {"modified": "at"}, "feed": {"ordered": True, "form": "iso_s"}}
    async with reading(answer, said) as (_, connector):
        mirror = Mirror(connector, "people")
        assert len(await mirror.poll()) == 6
        assert len(await mirror.sweep()) == 6


async def test_a_call_that_sends_no_page_has_one() -> None:
    def answer(query: Mapping[str, Any]) -> Any:
        if "since" in query:
            return [row(n, at="2026-01-01T00:00:00Z") for n in range(5)]
        return [] if query["page"] != "1" else [row(1, at="2026-01-01T00:00:00Z")]

    said = words({"page": "{page}"}, by="page") | {"record": {"modified": "at"}}
    said["calls"]["changes"] = {"path": "/people", "query": {"since": "{since}"}}
    async with reading(answer, said) as (server, connector):
        mirror = Mirror(connector, "people")
        await mirror.poll()
        before = server.calls
        assert len(await mirror.poll()) == 4
        assert server.calls == before + 1
    said["calls"]["changes"]["query"]["max"] = "{limit}"
    async with reading(answer, said) as (_, connector):
        mirror = Mirror(connector, "people")
        await mirror.poll()
        with pytest.raises(Misconfigured, match=r"does not send \{page\}"):
            await mirror.poll()


def by_cursor(rows: int, name: str = "next", least: int = 1) -> Answer:
    """A list by cursor; the last page leaves the name of the next one out."""

    def answer(query: Mapping[str, Any]) -> Any:
        at, size = int(query.get("cursor", 0)), max(int(query["size"]), least)
        page = {"items": [row(n) for n in range(rows)][at : at + size]}
        return page | ({name: at + size} if at + size < rows else {})

    return answer


CURSOR = words({"cursor": "{cursor}", "size": "{limit}"}, at="items", by="cursor", next="next")


@pytest.mark.parametrize("read", ["poll", "sweep"])
async def test_an_end_that_is_none_is_found_out(read: str) -> None:
    """Nothing stands where `paging.next` points: what is on the other pages would be made anew."""
    async with reading(by_cursor(5, "next_cursor"), CURSOR) as (_, connector):
        with pytest.raises(Misconfigured) as caught:
            await getattr(Mirror(connector, "people"), read)()
    assert caught.value.key == "paging.next"
    assert "has nothing at `paging.next` (next); there are the keys items, next_cursor" in str(caught.value)


async def test_a_list_that_ends_with_a_full_page_is_asked_about_once() -> None:
    async with reading(by_cursor(2), CURSOR) as (server, connector):
        mirror = Mirror(connector, "people")
        assert len(await mirror.poll()) == 2
        assert server.calls == 2
        await mirror.poll()
        assert len(await mirror.sweep()) == 2
        assert server.calls == 4


async def test_where_pages_of_one_are_not_given_nothing_can_be_found_out() -> None:
    async with reading(by_cursor(2, least=2), CURSOR) as (server, connector):
        assert len(await Mirror(connector, "people").sweep()) == 2
        assert server.calls == 2


@pytest.mark.parametrize("read", ["poll", "sweep"])
@pytest.mark.parametrize("by", ["page", "offset"])
async def test_a_page_of_new_records_in_front_is_no_circle(by: str, read: str) -> None:
    """Every record after them moves on by a page while it is walked."""
    rows, turn = [row(n) for n in range(6)], [0]

    def answer(query: Mapping[str, Any]) -> Any:
        turn[0] += 1
        if turn[0] == 3:
            rows[:0] = [row(100), row(101)]
        start = int(query["at"]) if by == "offset" else 2 * (int(query["at"]) - 1)
        return rows[start : start + 2]

    said = words({"at": f"{{{by}}}", "size": "{limit}"}, by=by, ends="empty")
    async with reading(answer, said) as (_, connector):
        came = await getattr(Mirror(connector, "people"), read)()
    assert {getattr(one, "remote_id", one) for one in came} == {str(n) for n in range(6)}


async def test_a_cursor_that_stays_the_same_is_no_circle_while_its_pages_differ() -> None:
    turn = [0]

    def scroll(stops: bool) -> Answer:
        def answer(query: Mapping[str, Any]) -> Any:
            turn[0] += 1
            at = turn[0] if stops else min(turn[0], 4)
            return {"items": [row(at)], "next": "scroll"} if at < 7 else {"items": []}

        return answer

    async with reading(scroll(True), CURSOR) as (_, connector):
        assert len(await Mirror(connector, "people").sweep()) == 6
    turn[0] = 0
    async with reading(scroll(False), CURSOR) as (server, connector):
        assert (await refused(connector)).key == "calls.list.query.cursor"
        assert server.calls <= 6
