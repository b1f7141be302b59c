"""`/services/data/…`: which code answers which path; composite calls come back in here for their parts."""

from __future__ import annotations

import re
from collections import Counter
from collections.abc import Callable
from typing import Any

import orjson
from aiohttp import web

from connectors.salesforce.sandbox.ask import NEWEST, OLDEST, Ask, Task, label, parts
from connectors.salesforce.sandbox.bulk.routes import Bulk
from connectors.salesforce.sandbox.collections import Collections
from connectors.salesforce.sandbox.describe import Describe
from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.query import Queries
from connectors.salesforce.sandbox.refusals import Refused, missing
from connectors.salesforce.sandbox.replication import Replication
from connectors.salesforce.sandbox.rows import RowRoutes, Rows
from connectors.salesforce.sandbox.subrequests import Subrequests
from connectors.salesforce.sandbox.tokens import Tokens
from connectors.salesforce.sandbox.transaction import Caller
from connectors.sandboxes.door import Answer, Door
from connectors.sandboxes.faults import Call
from connectors.sandboxes.limits import Limits
from connectors.sandboxes.shape import Refusal

Handler = Callable[..., Task]
Route = tuple[frozenset[str], tuple[str, ...], Handler]
LONGEST = 16_384
"""Bytes of a path with its query, and of those with the headers."""


class Api:
    """The REST API of one org. `add` gives a pattern such as `sobjects/{object}/{id}` its code."""

    def __init__(self, org: Org, door: Door, tokens: Tokens, limits: Limits) -> None:
        self.org, self.door, self.tokens, self.limits = org, door, tokens, limits
        self.table: list[Route] = []
        self.under_way = 0
        self.rows = Rows(org)
        self.describe = Describe(org, self.rows)
        self.queries = Queries(org)
        self.bulk = Bulk(self.rows, self.queries, door.spawn, origin)
        self._routes()
        self._bulk_routes()

    def _routes(self) -> None:
        rows, describe, org = RowRoutes(self.rows), self.describe, self.org
        self.add("GET", "", self._resources)
        self.add("GET", "limits", self._limits)
        self.add("GET", "tooling/query", self.queries.tools)
        for word in ("query", "queryAll"):
            self.add("GET", word, self.queries.first)
            self.add("GET", word + "/{locator}", self.queries.more)
        many, parts = Collections(self.rows), Subrequests(self.resolve, org.transaction)
        self.add("POST", "composite", parts.composite)
        self.add("POST", "composite/batch", parts.batch)
        self.add("POST", "composite/sobjects", many.create)
        self.add("PATCH", "composite/sobjects", many.update)
        self.add("DELETE", "composite/sobjects", many.delete)
        self.add("GET POST", "composite/sobjects/{object}", many.read)
        self.add("PATCH", "composite/sobjects/{object}/{key}", many.upsert)
        self.add("GET", "sobjects", describe.everything)
        self.add("GET", "sobjects/{object}", describe.basic)
        self.add("POST", "sobjects/{object}", rows.create)
        self.add("GET", "sobjects/{object}/describe", describe.one)
        moved = Replication(self.rows)
        self.add("GET", "sobjects/{object}/updated", moved.updated)
        self.add("GET", "sobjects/{object}/deleted", moved.deleted)
        self.add("GET", "sobjects/{object}/{id}", rows.get)
        self.add("PATCH", "sobjects/{object}/{id}", rows.update)
        self.add("DELETE", "sobjects/{object}/{id}", rows.delete)
        self.add("GET PATCH DELETE", "sobjects/{object}/{key}/{value}", rows.by_key)

    def _bulk_routes(self) -> None:
        bulk = self.bulk
        self.add("POST", "jobs/query", bulk.create_query)
        self.add("POST", "jobs/ingest", bulk.create_ingest)
        self.add("PUT", "jobs/ingest/{id}/batches", bulk.upload)
        self.add("GET", "jobs/query/{id}/results", bulk.results)
        self.add("GET", "jobs/ingest/{id}/{which}", bulk.ingested)
        for kind in ("query", "ingest"):
            self.add("GET", f"jobs/{kind}", bulk.listed)
            self.add("GET", f"jobs/{kind}/{{id}}", bulk.get)
            self.add("PATCH", f"jobs/{kind}/{{id}}", bulk.change)
            self.add("DELETE", f"jobs/{kind}/{{id}}", bulk.delete)

    def add(self, methods: str, pattern: str, handler: Handler) -> None:
        """The code of a path; the first that fits counts."""
        words = tuple(part for part in pattern.split("/") if part)
        self.table.append((frozenset(methods.split()), words, handler))

    def resolve(self, ask: Ask) -> Task:
        """What a request is; `Refused` 404 or 405."""
        allowed: set[str] = set()
        for methods, words, handler in self.table:
            found = _matched(words, ask.path)
            if found is None:
                continue
            if ask.method in methods:
                return handler(ask, **found)
            allowed |= methods
        if not allowed:
            raise missing()
        named = ",".join(sorted(allowed))
        text = f"HTTP Method '{ask.method}' not allowed. Allowed are {named}"
        raise Refused("METHOD_NOT_ALLOWED", text, status=405)

    # over the wire -----------------------------------------------------------------------------------------

    def routes(self, app: web.Application) -> None:
        """Add the paths to the server."""
        for path in ("/services/data", "/services/data/"):
            app.router.add_get(path, self._versions)
        app.router.add_route("*", "/services/data/{rest:.+}", self.serve)

    async def serve(self, request: web.Request) -> web.StreamResponse:
        """Answer one request."""
        body = await request.read()
        try:
            check_size(request)
            ask = self.ask(request, body)
            call, work = self.resolve(ask)
        except Refusal as refusal:
            call, work = Call("unknown"), _refuses(refusal)
            ask = Ask(request.method, (), NEWEST)
        self.under_way += 1
        try:
            with self.org.locks.holding(_records(ask) if call.writes else ()) as mine:
                return await self.door.run(request, call, lambda: self._worked(ask, work, mine))
        finally:
            self.under_way -= 1

    def ask(self, request: web.Request, body: bytes) -> Ask:
        """The request as the API's code sees it."""
        version, path, query = parts(request.raw_path)
        headers = {name.lower(): value for name, value in request.headers.items()}
        method = query.get("_HttpMethod", request.method) if request.method == "POST" else request.method
        user = self.tokens.user_of(request) or ""
        return Ask("GET" if method == "HEAD" else method, path, version, query, headers, body, user)

    def _worked(self, ask: Ask, work: Callable[[], Answer], mine: Counter[str]) -> Answer:
        self.org.locks.mine = mine
        most = self.org.quirks.concurrent
        if most is not None and self.under_way > most:
            self.org.fired("concurrent")
            raise Refusal(403, "rate_limited", "")
        with self.org.calling(self.caller(ask)), self.org.transaction():
            return work()

    def caller(self, ask: Ask) -> Caller:
        """Who calls, as the change journal names it."""
        rule = dict(
            [*word.strip().lower().split("="), ""][:2]
            for word in ask.headers.get("sforce-duplicate-rule-header", "").replace(";", ",").split(",")
        )
        return Caller(
            ask.user, origin(ask), rule.get("allowsave") == "true", rule.get("includerecorddetails") == "true"
        )

    # what there is -----------------------------------------------------------------------------------------

    async def _versions(self, _: web.Request) -> web.StreamResponse:
        told = [
            {"label": label(n), "url": f"/services/data/v{n}.0", "version": f"{n}.0"}
            for n in range(OLDEST, NEWEST + 1)
        ]
        return web.json_response(told)

    def _resources(self, ask: Ask) -> Task:
        words = ("sobjects", "query", "queryAll", "limits", "composite", "jobs", "search", "recent")
        told: dict[str, Any] = {word: f"{ask.base}/{word}" for word in words}
        told["identity"] = self.tokens.identity_url(ask.user)
        return Call("me"), lambda: Answer.json(told)

    def _limits(self, ask: Ask) -> Task:
        def work() -> Answer:
            day = {"Max": self.limits.options.quota, "Remaining": self.limits.left}
            same = {"Max": 10_000, "Remaining": 10_000}
            told = {"DailyApiRequests": day, "DailyBulkV2QueryJobs": same, "DailyBulkApiBatches": same}
            return Answer.json(told)

        return Call("me"), work


def check_size(request: web.BaseRequest) -> None:
    """`Refused` 414 or 431 for a path, or one with its headers, that is longer than the service takes."""
    path = len(request.raw_path)
    if path > LONGEST:
        raise Refused("URI_TOO_LONG", "URI Too Long", status=414)
    if path + sum(len(name) + len(value) for name, value in request.raw_headers) > LONGEST:
        raise Refused("HEADERS_TOO_LONG", "Request Header Fields Too Large", status=431)


def origin(ask: Ask, api: str = "rest") -> str:
    """By what a request comes, as the change journal names it."""
    client = re.search(r"client=([^,;\s]+)", ask.headers.get("sforce-call-options", ""))
    return f"com/salesforce/api/{api}/{ask.version}.0" + (f";client={client[1]}" if client else "")


def _matched(words: tuple[str, ...], path: tuple[str, ...]) -> dict[str, str] | None:
    if len(words) != len(path):
        return None
    found = {}
    for word, part in zip(words, path, strict=True):
        if word[0] == "{":
            found[word[1:-1]] = part
        elif word.lower() != part.lower():
            return None
    return found


def _records(ask: Ask) -> list[dict[str, Any]]:
    """The records that a call writes, as far as its locks are concerned."""
    try:
        body = orjson.loads(ask.body) if ask.body else {}
    except orjson.JSONDecodeError:
        return []
    listed = body.get("records") if isinstance(body, dict) else None
    if isinstance(listed, list):
        return [record for record in listed if isinstance(record, dict)]
    if ask.path[:1] == ("sobjects",) and isinstance(body, dict):
        return [{**body, "id": ask.path[-1]}]
    return []


def _refuses(refusal: Refusal) -> Callable[[], Answer]:
    def work() -> Answer:
        raise refusal

    return work
