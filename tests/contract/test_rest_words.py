"""Shapes of API that the words must be able to say: JSON-RPC, GraphQL, calls in a batch, whole records."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable, Mapping
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest
from aiohttp import web

from connectors.base import ObjectSpec
from connectors.rest import RestConnector
from syncd.core.errors import NeedsOperator
from syncd.core.nouns import Accepted, Exists, Missing, Op, Rejected, Stale
from tests.contract.mirror import Mirror
from tests.contract.rest_subject import RestSubject
from tests.contract.suite import agrees, create, delete, person, update, write

Handler = Callable[[web.Request], Awaitable[web.StreamResponse]]


@asynccontextmanager
async def serving(handler: Handler) -> AsyncIterator[str]:
    """A server of one handler for all paths."""
    app = web.Application()
    app.router.add_route("*", "/{path:.*}", handler)
    runner = web.AppRunner(app, access_log=None)
    await runner.setup()
    try:
        await web.TCPSite(runner, "127.0.0.1", 0).start()
        yield f"http://127.0.0.1:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


@asynccontextmanager
async def connected(
    url: str, words: Mapping[str, Any], *fields: str, **more: Any
) -> AsyncIterator[RestConnector]:
    """A connector for one object, `people`."""
    spec = ObjectSpec("people", fields, **more)
    made = RestConnector("crm", {**words, "url": url}, [spec])
    try:
        yield made
    finally:
        await made.aclose()


GRAPHQL = {
    "calls": {
        "list": {
            "method": "POST",
            "path": "/graphql",
            "body": {
                "query": "query($n: Int, $after: String, $since: String) { {object}(first: $n, "
                "after: $after, changedSince: $since, includeDeleted: true) "
                "{ nodes { {fields} } pageInfo { endCursor } } }",
                "variables": {"n": "{limit}", "after": "{cursor}", "since": "{since}"},
            },
            "at": "data.people.nodes",
        },
        "get_many": {
            "method": "POST",
            "path": "/graphql",
            "body": {
                "query": "query($ids: [ID]) { {object}ByIds(ids: $ids) { {fields} } }",
                "variables": {"ids": "{ids}"},
            },
            "at": "data.peopleByIds",
        },
        "find": {
            "method": "POST",
            "path": "/graphql",
            "body": {
                "query": "query($f: String, $v: [String]) { {object}By(field: $f, values: $v) { {fields} } }",
                "variables": {"f": "{field}", "v": "{keys}"},
            },
            "at": "data.peopleBy",
        },
        "create": {
            "path": "/graphql",
            "body": {
                "query": "mutation($input: In) { createPeople(input: $input) { {fields} } }",
                "variables": {"input": "{values}"},
            },
            "at": "data.createPeople",
        },
        "update": {
            "method": "POST",
            "path": "/graphql",
            "body": {
                "query": "mutation($id: ID, $version: Int, $input: In) "
                "{ updatePeople(id: $id, version: $version, input: $input) { {fields} } }",
                "variables": {"id": "{id}", "version": "{version}", "input": "{values}"},
            },
            "at": "data.updatePeople",
        },
        "delete": {
            "method": "POST",
            "path": "/graphql",
            "body": {
                "query": "mutation($id: ID) { deletePeople(id: $id) { id } }",
                "variables": {"id": "{id}"},
            },
        },
    },
    "paging": {"by": "cursor", "next": "data.people.pageInfo.endCursor", "limit": 5},
    "record": {"version": "version", "modified": "updated_at", "deleted": "deleted"},
    "feed": {"form": "iso_ms", "resolution": 0.001},
    "schema": {"fields": {"syncd_key": {"unique": True}, "score": "integer"}},
    "errors": {
        "where": "errors",
        "code": "errors.0.extensions.code",
        "field": "errors.0.extensions.field",
        "id": "errors.0.extensions.id",
        "rules": [
            {"code": ["not_found", "gone"], "means": "gone"},
            {"code": "duplicate", "means": "exists"},
            {"code": "version_mismatch", "means": "stale"},
        ],
    },
}


async def test_graphql() -> None:
    async with RestSubject.running("plain") as subject:
        words = {**GRAPHQL, "auth": {"by": "bearer", "token": subject.sandbox.auth.options.token}}
        fields = ("name", "email", "code", "score", "firm")
        async with connected(subject.sandbox.url, words, *fields, key_field="syncd_key") as connector:
            await _lives(connector, subject)


async def _lives(connector: RestConnector, subject: RestSubject) -> None:
    """Both ways, one after the other, with what can go wrong for one record."""
    await connector.describe()
    mirror = Mirror(connector, "people")
    ids = [await subject.create(person(n)) for n in range(12)]
    assert len(await mirror.poll()) == 12
    made = (await write(connector, create(20, **person(20))))[20]
    assert isinstance(made, Accepted)
    version = (await connector.fetch("people", [ids[0]]))[0].remote_version
    await subject.update(ids[0], {"score": 70})
    got = await write(
        connector,
        update(1, ids[0], version, name="late"),
        update(2, ids[1], None, name="ours"),
        delete(3, ids[2]),
        update(4, "p999", None, name="?"),
        create(5, **person(5)),
        create(6, **person(60, code="x" * 11)),
    )
    assert got[1] == Stale(1)
    assert got[4] == Missing(4)
    assert got[5] == Exists(5, ids[5])
    assert isinstance(got[6], Rejected)
    assert [c.op for c in await connector.fetch("people", [ids[2], ids[1]])] == [Op.DELETE, Op.UPSERT]
    assert (await connector.find("people", ["20"]))["20"].remote_id == made.remote_id
    await mirror.poll()
    await mirror.sweep()
    await agrees(mirror, subject)


class Kinto:
    """A store that speaks Kinto's protocol (docs.kinto-storage.org), as far as its words are needed here."""

    def __init__(self) -> None:
        self.rows: dict[str, dict[str, Any]] = {}
        self.clock = 1000

    def put(self, id: str, data: dict[str, Any]) -> dict[str, Any]:
        self.clock += 1
        self.rows[id] = {"id": id, "last_modified": self.clock, **data}
        return self.rows[id]

    async def handle(self, request: web.Request) -> web.StreamResponse:
        if request.path == "/v1/batch":
            told = orjson.loads(await request.read())["requests"]
            parts = [
                (one, self.one(one["method"], one["path"], one.get("headers") or {}, one.get("body")))
                for one in told
            ]
            answers = [{"status": s, "path": one["path"], "headers": {}, "body": b} for one, (s, b) in parts]
            return web.json_response({"responses": answers})
        if request.path == "/v1/records" and request.method == "GET":
            return self.listed(request)
        body = orjson.loads(await request.read() or b"null")
        status, told = self.one(request.method, request.path[3:], dict(request.headers), body)
        return web.json_response(told, status=status)

    def listed(self, request: web.Request) -> web.StreamResponse:
        since, after = int(request.query.get("_since", "0").strip('"')), int(request.query.get("_token", 0))
        rows = sorted(self.rows.values(), key=lambda r: r["last_modified"])
        rows = [r for r in rows if r["last_modified"] > max(since, after) and (since or not r.get("deleted"))]
        headers = {"ETag": f'"{self.clock}"'}
        if len(rows) > 3:
            headers["Next-Page"] = (
                f"https://other.port:1/v1/records?_since={since}&_token={rows[2]['last_modified']}"
            )
            headers["Next-Page"] = headers["Next-Page"].replace("other.port:1", f"{request.url.host}:1")
        return web.json_response({"data": rows[:3]}, headers=headers)

    def one(self, method: str, path: str, headers: Mapping[str, str], body: Any) -> tuple[int, Any]:
        id = path.rpartition("/")[2]
        old = self.rows.get(id)
        there = old is not None and not old.get("deleted")
        wanted = headers.get("If-Match")
        if there and headers.get("If-None-Match") == "*":
            return 412, {"errno": 114}
        if wanted is not None and (old is None or wanted != f'"{old["last_modified"]}"'):
            return (412, {"errno": 114}) if there else (404, {"errno": 110})
        if method != "PUT" and not there:
            return 404, {"errno": 110}
        if method == "DELETE":
            return 200, {"data": self.put(id, {"deleted": True})}
        if method in ("PUT", "PATCH"):
            kept = {k: v for k, v in (old or {}).items() if k not in ("id", "last_modified")}
            data = body["data"] if method == "PUT" else {**kept, **body["data"]}
            return 200 if there else 201, {"data": self.put(id, data)}
        return 200, {"data": old}


KINTO = {
    "calls": {
        "list": {"path": "/records", "query": {"_since": "{since}", "_limit": "{limit}"}, "at": "data"},
        "get": {"path": "/records/{id}", "at": "data"},
        "create": {
            "method": "PUT",
            "path": "/records/{key}",
            "headers": {"If-None-Match": "*"},
            "body": {"data": "{values}"},
            "at": "data",
        },
        "update": {
            "path": "/records/{id}",
            "headers": {"If-Match": '"{version}"'},
            "body": {"data": "{values}"},
            "at": "data",
        },
        "delete": {"path": "/records/{id}", "headers": {"If-Match": '"{version}"'}},
        "batch": {
            "path": "/batch",
            "size": 4,
            "each": {
                "requests": {"method": "{method}", "path": "{path}", "headers": "{headers}", "body": "{body}"}
            },
            "body": {"requests": "{requests}"},
            "at": "responses",
            "status": "status",
            "result": "body",
            "result_headers": "headers",
        },
    },
    "paging": {"by": "next_url", "next": "header:Next-Page"},
    "feed": {"next": "header:ETag"},
    "record": {"version": "last_modified", "deleted": "deleted", "absent": "null", "client_ids": True},
    "errors": {"code": "errno"},
}


async def test_a_server_with_its_own_clock_tombstones_and_ids_of_ours() -> None:
    kinto = Kinto()
    async with serving(kinto.handle) as url, connected(f"{url}/v1", KINTO, "name", "code") as connector:
        can = connector.capabilities
        assert (can.client_ids, can.compare_and_set, can.deletes_reported, can.write_batch) == (True,) * 3 + (
            4,
        )
        for n in range(8):
            kinto.put(f"r{n}", {"name": f"n{n}"})
        mirror = Mirror(connector, "people")
        assert len(await mirror.poll()) == 8
        assert mirror.rows["r1"] == {"name": "n1", "code": None}
        made = await write(connector, *(create(n, name=f"made {n}") for n in range(9)))
        assert all(isinstance(r, Accepted) and r.remote_id == str(n) for n, r in made.items())
        assert isinstance((await write(connector, create(1, name="made 1")))[1], Accepted)
        assert (await write(connector, create(1, name="another")))[1] == Exists(1, "1")
        assert {c.remote_id for c in await mirror.poll()} == {str(n) for n in range(9)}
        old = mirror.versions["r2"]
        kinto.put("r2", {"name": "moved"})
        kinto.put("r3", {"deleted": True})
        got = await write(
            connector,
            update(1, "r2", old, name="x"),
            update(2, "r4", mirror.versions["r4"], code="c"),
            delete(3, "r5"),
        )
        assert got[1] == Stale(1)
        assert isinstance(got[2], Accepted)
        assert kinto.rows["r4"]["name"] == "n4"
        await mirror.poll()
        assert mirror.rows.keys() == {i for i, row in kinto.rows.items() if not row.get("deleted")}
        assert await mirror.poll() == []
        assert set(await connector.find("people", ["1", "nobody"])) == {"1"}


async def test_a_server_that_replaces_whole_records_gets_them_whole() -> None:
    rows = {"7": {"id": 7, "name": "a", "code": "c", "other": {"deep": [1]}}}

    async def handle(request: web.Request) -> web.StreamResponse:
        id = request.path.rpartition("/")[2]
        if id not in rows:
            return web.Response(status=404)
        if request.method == "PUT":
            rows[id] = {"id": int(id), **orjson.loads(await request.read())}
        return web.json_response(rows[id])

    calls = {
        "list": "/people",
        "get": "/people/{id}",
        "update": {
            "method": "PUT",
            "path": "/people/{id}",
            "body": "{values}",
            "whole": True,
            "without": ["id"],
        },
    }
    async with serving(handle) as url, connected(url, {"calls": calls}, "name", "code") as connector:
        got = await write(connector, update(1, "7", None, name="b"), update(2, "8", None, name="b"))
        assert isinstance(got[1], Accepted)
        assert got[2] == Missing(2)
        assert rows["7"] == {"id": 7, "name": "b", "code": "c", "other": {"deep": [1]}}


TRYTON = {
    "calls": {
        "list": {
            "method": "POST",
            "path": "/rpc/",
            "body": {
                "id": 1,
                "method": "model.{object}.search_read",
                "params": [
                    [["stamp", ">=", "{since}"], ["id", ">", "{after}"]],
                    0,
                    "{limit}",
                    [["id", "ASC"]],
                    "{fields}",
                    "{context}",
                ],
            },
            "at": "result",
        },
        "create_many": {
            "path": "/rpc/",
            "each": {"all": "{values}"},
            "body": {"id": 1, "method": "model.{object}.create", "params": ["{all}", "{context}"]},
            "at": "result",
        },
        "update_many": {
            "path": "/rpc/",
            "each": {"pairs": [["{id}"], "{values}"], "stamps": {"{object},{id}": "{version}"}},
            "body": {
                "id": 1,
                "method": "model.{object}.write",
                "params": ["{pairs**}", {"*": "{context}", "_timestamp": {"*": "{stamps}"}}],
            },
            "at": "result",
        },
    },
    "constants": {"context": {"active_test": False}},
    "paging": {"by": "keyset", "first": 0, "limit": 2, "ends": "short"},
    "record": {"id_form": "integer", "version": "_timestamp"},
    "feed": {"first": {"__class__": "datetime", "year": 1, "month": 1, "day": 1}},
    "values": {
        "datetime": {
            "__class__": "datetime",
            **{
                part: f"{{{part}}}"
                for part in ("year", "month", "day", "hour", "minute", "second", "microsecond")
            },
        },
        "decimal": {"__class__": "Decimal", "decimal": "{text}"},
        "date": {"__class__": "date", "year": "{year}", "month": "{month}", "day": "{day}"},
    },
    "schema": {"fields": {"at": "datetime", "amount": "decimal", "born": "date", "name": "text"}},
    "errors": {
        "where": "error",
        "code": "error.0",
        "rules": [
            {"code": "ConcurrencyException", "means": "stale"},
            {"code": "UserError", "means": "rejected"},
        ],
    },
}


async def test_json_rpc_with_objects_for_dates_and_decimals() -> None:
    at = {"__class__": "datetime", "year": 2026, "month": 1, "day": 2, "hour": 3, "minute": 4, "second": 5}
    amount, born = (
        {"__class__": "Decimal", "decimal": "1.50"},
        {"__class__": "date", "year": 1999, "month": 2, "day": 3},
    )
    row = {"at": {**at, "microsecond": 6}, "amount": amount, "born": born, "name": "n"}
    calls: list[dict[str, Any]] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        call = orjson.loads(await request.read())
        calls.append(call)
        params = call["params"]
        if call["method"].endswith("search_read"):
            after = params[0][1][2]
            return web.json_response(
                {"id": 1, "result": [{"id": n, **row} for n in range(after + 1, 6)][: params[2]]}
            )
        if call["method"].endswith("create"):
            return web.json_response({"id": 1, "result": [100 + n for n in range(len(params[0]))]})
        stale = "5" in str(params[-1]["_timestamp"])
        error = {"error": ["ConcurrencyException", ["text", ""]]}
        return web.json_response({"id": 1, **(error if stale else {"result": None})})

    async with serving(handle) as url, connected(url, TRYTON, "at", "amount", "born", "name") as connector:
        changes = [c async for page in connector.scan("people") for c in page.changes]
        assert [c.remote_id for c in changes] == ["1", "2", "3", "4", "5"]
        plain = {"at": "2026-01-02T03:04:05.000006Z", "amount": "1.50", "born": "1999-02-03", "name": "n"}
        assert changes[0].fields == plain
        got = await write(connector, create(1, **plain), create(2, name="x"))
        assert [r.remote_id for r in got.values() if isinstance(r, Accepted)] == ["100", "101"]
        assert calls[-1]["params"] == [[row, {"name": "x"}], {"active_test": False}]
        done = await write(connector, update(3, "3", "t3", name="a"), update(4, "4", None, amount="2.25"))
        assert all(isinstance(r, Accepted) for r in done.values())
        two = {"amount": {"__class__": "Decimal", "decimal": "2.25"}}
        context = {"active_test": False, "_timestamp": {"people,3": "t3"}}
        assert calls[-1]["params"] == [[3], {"name": "a"}, [4], two, context]
        assert (await write(connector, update(6, "6", "t5", name="a")))[6] == Stale(6)


async def test_a_next_page_on_another_host_is_not_followed() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.json_response({"items": [{"id": 1}], "next": "https://evil.example/people?page=2"})

    words = {
        "calls": {"list": {"path": "/people", "at": "items"}},
        "paging": {"by": "next_url", "next": "next"},
    }
    async with serving(handle) as url, connected(url, words, "name") as connector:
        with pytest.raises(NeedsOperator, match="another host"):
            await Mirror(connector, "people").sweep()


async def test_a_redirect_is_not_followed_with_the_log_in() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.Response(status=307, headers={"Location": "https://evil.example/"})

    words = {"calls": {"list": "/people"}, "auth": {"by": "bearer", "token": "secret-token"}}
    async with serving(handle) as url, connected(url, words, "name") as connector:
        with pytest.raises(NeedsOperator, match="moved"):
            await Mirror(connector, "people").sweep()


async def test_the_version_may_stand_in_a_header() -> None:
    seen: list[str | None] = []

    async def handle(request: web.Request) -> web.StreamResponse:
        seen.append(request.headers.get("If-Match"))
        return web.json_response({"id": 1, "name": "n"}, headers={"ETag": 'W/"abc"'})

    calls = {
        "list": "/people",
        "get": "/people/{id}",
        "update": {"path": "/people/{id}", "headers": {"If-Match": "{version}"}, "body": "{values}"},
    }
    words = {"calls": calls, "record": {"version": "header:ETag"}}
    async with serving(handle) as url, connected(url, words, "name") as connector:
        (change,) = await connector.fetch("people", ["1"])
        assert change.remote_version == 'W/"abc"'
        await write(
            connector, update(1, "1", change.remote_version, name="x"), update(2, "1", None, name="x")
        )
        assert seen == [None, 'W/"abc"', None]


async def test_a_secret_that_the_server_says_back_is_not_shown() -> None:
    async def handle(request: web.Request) -> web.StreamResponse:
        return web.json_response({"error": "bad_token_hunter2secret"}, status=403)

    auth = {"by": "bearer", "token": "hunter2secret"}
    words = {"calls": {"list": "/people"}, "auth": auth, "errors": {"code": "error"}}
    async with serving(handle) as url, connected(url, words, "name") as connector:
        with pytest.raises(NeedsOperator, match=r"bad_token_\*\*\*") as caught:
            await Mirror(connector, "people").sweep()
        assert "hunter2" not in str(caught.value)
