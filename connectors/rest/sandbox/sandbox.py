"""The plain CRM's routes: each call is named, then taken through the door."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path
from typing import Any

from aiohttp import web

from connectors.rest.sandbox import graphql, rpc
from connectors.rest.sandbox.bodies import if_match, operations_of, parsed
from connectors.rest.sandbox.face import Face
from connectors.rest.sandbox.oauth import OAuth
from connectors.rest.sandbox.objects import standard
from connectors.rest.sandbox.profile import NAMED, RestProfile
from connectors.rest.sandbox.reading import Reader
from connectors.rest.sandbox.writing import Writer
from connectors.sandboxes.door import Answer, plain_error
from connectors.sandboxes.faults import Call
from connectors.sandboxes.server import Sandbox
from connectors.sandboxes.shape import ObjectShape, Refusal
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.world import Fields
from syncd.core.clock import Clock


def error(call: Call, refusal: Refusal) -> Answer:
    """An error in the words of the face that was spoken to."""
    if call.route.startswith("rpc"):
        return rpc.error(call, refusal)
    if call.route.startswith("graphql"):
        return graphql.error(call, refusal)
    if call.route in ("token", "authorize", "revoke"):
        body = {"error": refusal.code, "error_description": refusal.message}
        return Answer.json(body, refusal.status, refusal.headers)
    return plain_error(call, refusal)


class RestSandbox(Sandbox):
    """See docs/sandbox-rest.md for its wire, docs/sandbox.md for its control."""

    PROFILE = RestProfile
    NAMED = NAMED
    profile: RestProfile

    def __init__(
        self,
        profile: str | Mapping[str, Any] = "plain",
        *,
        seed: Path | None = None,
        clock: Clock | None = None,
    ) -> None:
        self._face: Face | None = None
        super().__init__(profile, seed=seed, clock=clock)
        self.face = self._face = Face(self.world, self.profile)
        auth = self.profile.auth
        extra = [auth.name or "api_key"] if auth.way == "query" else []
        self.reader = Reader(self.world, self.face, self.profile, extra)
        self.writer = Writer(self.world, self.face, self.profile, self.reader)
        self.rpc = rpc.Rpc(self.door, self.face, self.reader, self.writer)
        self.graphql = graphql.GraphQL(self.door, self.face, self.reader, self.writer)
        self.oauth = OAuth(self.door, self.auth)
        self.door.error = error

    def objects(self) -> dict[str, ObjectShape]:
        """Contacts, companies and deals."""
        return standard(prefixes=self.profile.prefixes, single_name=self.profile.single_name)

    def record(self, table: Table, row: Row) -> Any:
        """A record without bends."""
        return self.face.whole(table, row)

    def quirks_changed(self) -> None:
        """Records may look different now."""
        if self._face is not None:
            self._face.bends()

    def routes(self, app: web.Application) -> None:
        """The wire."""
        add = app.router.add_route
        add("GET", "/api/_schema", self._schema)
        add("GET", "/api/_me", self._me)
        add("POST", "/auth/login", self._log_in)
        self.oauth.routes(app)
        add("POST", "/rpc", self.rpc.serve)
        add("POST", "/graphql", self.graphql.serve)
        add("GET", "/api/{object}", self._list)
        add("POST", "/api/{object}", self._create)
        add("POST", "/api/{object}/batch", self._batch)
        add("PUT", "/api/{object}/by/{field}/{value}", self._upsert)
        add("GET", "/api/{object}/{id}", self._get)
        add("PATCH", "/api/{object}/{id}", self._update)
        add("DELETE", "/api/{object}/{id}", self._delete)

    # who and what ------------------------------------------------------------------------------------------

    async def _schema(self, request: web.Request) -> web.StreamResponse:
        def work() -> Answer:
            tables = self.world.tables.items()
            return Answer.json(
                {
                    "objects": {
                        name: {"fields": {n: f.told() for n, f in table.shape.fields.items()}}
                        for name, table in tables
                    }
                }
            )

        return await self.door.run(request, Call("schema"), work)

    async def _me(self, request: web.Request) -> web.StreamResponse:
        def work() -> Answer:
            return Answer.json(
                {"account": self.account, "user": "api", "restricted": bool(self.quirks.hidden)}
            )

        return await self.door.run(request, Call("me"), work)

    async def _log_in(self, request: web.Request) -> web.StreamResponse:
        text = await request.read()

        def work() -> Answer:
            body = parsed(text)
            session = self.auth.log_in(body.get("user"), body.get("password"))
            told = {"session": session, "expires_in": int(self.auth.options.expires_in)}
            return Answer.json(told, 200, {"Set-Cookie": f"session={session}; HttpOnly; Path=/"})

        return await self.door.run(request, Call("login"), work, guarded=False)

    # reads -------------------------------------------------------------------------------------------------

    async def _list(self, request: web.Request) -> web.StreamResponse:
        name, query = request.match_info["object"], request.query
        if "ids" in query:
            ids = tuple(query["ids"].split(","))
            call = Call("ids", name, ids)
            return await self.door.run(
                request, call, lambda: self.reader.ids(self.world.table(name), call, query)
            )
        table = self.world.tables.get(name)
        field = next((word for word in query if table and word in table.shape.fields), None)
        if field is not None:
            call = Call("find", name)
            return await self.door.run(
                request, call, lambda: self.reader.find(self.world.table(name), call, field, query)
            )
        call = Call("list", name)
        return await self.door.run(
            request, call, lambda: self.reader.listed(self.world.table(name), call, request.url)
        )

    async def _get(self, request: web.Request) -> web.StreamResponse:
        name, id = request.match_info["object"], request.match_info["id"]
        call = Call("get", name, (id,))
        return await self.door.run(request, call, lambda: self.reader.one(self.world.table(name), id))

    # writes ------------------------------------------------------------------------------------------------

    async def _create(self, request: web.Request) -> web.StreamResponse:
        name, text = request.match_info["object"], await request.read()

        def work() -> Answer:
            table = self.world.table(name)
            row = self.writer.create(table, parsed(text), self.world.moment())
            return self.writer.told(table, row, 201, Location=f"/api/{name}/{row.id}")

        return await self.door.run(request, Call("create", name, writes=True), work)

    async def _update(self, request: web.Request) -> web.StreamResponse:
        text = await request.read()

        def do(table: Table, row: Row, bases: Mapping[str, Fields]) -> Answer:
            fields, version = parsed(text), if_match(request)
            self.writer.update(table, row, fields, self.world.moment(), version, bases)
            return self.writer.told(table, row, 200)

        return await self._on_one(request, "update", do)

    async def _delete(self, request: web.Request) -> web.StreamResponse:
        def do(table: Table, row: Row, bases: Mapping[str, Fields]) -> Answer:
            self.writer.delete(table, row, self.world.moment(), if_match(request))
            return Answer(204)

        return await self._on_one(request, "delete", do)

    async def _on_one(
        self, request: web.Request, route: str, do: Callable[[Table, Row, Mapping[str, Fields]], Answer]
    ) -> web.StreamResponse:
        name, id = request.match_info["object"], request.match_info["id"]
        there = self.world.tables.get(name)
        bases = self.writer.bases(there, [id]) if there is not None else {}

        def work() -> Answer:
            table = self.world.table(name)
            return do(table, self.reader.existing(table, id), bases)

        return await self.door.run(request, Call(route, name, (id,), writes=True), work)

    async def _upsert(self, request: web.Request) -> web.StreamResponse:
        info, text = request.match_info, await request.read()
        name = info["object"]

        def work() -> Answer:
            table = self.world.table(name)
            row, made = self.writer.upsert(
                table, info["field"], info["value"], parsed(text), self.world.moment(), if_match(request)
            )
            return self.writer.told(table, row, 201 if made else 200)

        return await self.door.run(request, Call("upsert", name, writes=True), work)

    async def _batch(self, request: web.Request) -> web.StreamResponse:
        name, text = request.match_info["object"], await request.read()
        call = Call("batch", name, writes=True)
        operations = operations_of(text)
        if operations is not None and (self.faults.armed or self.quirks.rewrite_rows):
            call.ids = tuple(str(one["id"]) for one in operations if one.get("id") is not None)
        there = self.world.tables.get(name)
        bases = self.writer.bases(there, call.ids) if there is not None else {}

        def work() -> Answer:
            table = self.world.table(name)
            if not self.profile.batch:
                raise Refusal(404, "not_found", "there is no batch here")
            if operations is None:
                raise Refusal(400, "bad_request", "a batch is {operations: [{…}, …]}")
            if len(operations) > self.profile.batch:
                raise Refusal(400, "too_many", f"at most {self.profile.batch} operations in one call")
            return self.writer.batch(table, call, operations, bases)

        return await self.door.run(request, call, work)
