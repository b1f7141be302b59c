"""The client of one portal: its paths by version, its log-in, and calls that must succeed."""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import UTC, datetime
from typing import Any
from urllib.parse import quote, urlencode

import orjson
from aiolimiter import AsyncLimiter

from connectors.http import Answer, HttpClient, OAuth, Request
from connectors.hubspot.budgets import Budgets
from connectors.hubspot.login import INFO_PATH, auth_of
from connectors.hubspot.options import HubSpotOptions
from connectors.hubspot.verdict import failure
from syncd.core.errors import RetryLater, SyncdError

JSON = {"Content-Type": "application/json"}
SHAPES: Mapping[str, tuple[str, str]] = {
    "objects": ("/crm/v3/objects", "/crm/objects/{version}"),
    "properties": ("/crm/v3/properties", "/crm/properties/{version}"),
    "associations": ("/crm/v4/associations", "/crm/associations/{version}"),
    "links": ("/crm/v4/objects", "/crm/objects/{version}"),
    "schemas": ("/crm/v3/schemas", "/crm-object-schemas/{version}/schemas"),
    "owners": ("/crm/v3/owners", "/crm/owners/{version}"),
    "pipelines": ("/crm/v3/pipelines", "/crm/pipelines/{version}"),
    "account": ("/account-info/v3", "/account-info/{version}"),
}
"""By API: the path of v3, and that of dated versions, whose shapes are not regular."""


class HubSpotClient(HttpClient):
    """Sends requests to one portal."""

    def __init__(self, name: str, options: HubSpotOptions) -> None:
        ca = options.tls.ca if options.tls is not None else None
        super().__init__(
            f"system {name}",
            options.url,
            auth=auth_of(options),
            timeout=options.timeout,
            concurrency=options.concurrency,
            tls={"ca": ca, "certificate": None, "key": None} if ca is not None else None,
        )
        self.counted: Budgets = Budgets()
        self.renewing = (401,)  # a 403 is about scopes
        self.version = options.api_version
        self.app = ""
        """The app's id, once its log-in told it."""
        self.now: Callable[[], datetime] = lambda: datetime.now(UTC)
        self._searches = AsyncLimiter(1, 1 / options.searches)  # one by one: a burst would break the limit

    def path(self, api: str, *parts: str) -> str:
        """The path of an API's call; the parts are escaped here."""
        old, dated = SHAPES[api]
        base = old if self.version == "v3" else dated.replace("{version}", self.version)
        return "/".join((base, *(quote(part, safe="") for part in parts)))

    async def get(self, path: str, what: str, query: Mapping[str, str] | None = None) -> tuple[Answer, Any]:
        """A read that must succeed."""
        return await self._must(Request("GET", path, query=urlencode(query or {})), what)

    async def find(self, path: str, what: str, query: Mapping[str, str]) -> Any:
        """A read of one thing; None where there is none."""
        answer = await self.send(Request("GET", path, query=urlencode(query)))
        body = answer.json(f"{self.name}: {what}")
        if answer.status == 404:
            return None
        return self._good(answer, body, what, writes=False)

    async def post(self, path: str, what: str, body: Any) -> tuple[Answer, Any]:
        """A read by POST that must succeed."""
        return await self._must(Request("POST", path, JSON, orjson.dumps(body)), what)

    async def search(self, path: str, what: str, body: Any) -> tuple[Answer, Any]:
        """A search that must succeed; waits for its turn, for searches have a limit of their own."""
        async with self._searches:
            return await self.post(path, what, body)

    async def _must(self, request: Request, what: str) -> tuple[Answer, Any]:
        answer = await self.send(request)
        body = answer.json(f"{self.name}: {what}", writes=request.writes)
        return answer, self._good(answer, body, what, writes=request.writes)

    def _good(self, answer: Answer, body: Any, what: str, *, writes: bool) -> Any:
        if not answer.ok:
            raise self.failed(what, answer, body, writes=writes)
        return body

    def failed(self, what: str, answer: Answer, body: Any, *, writes: bool) -> SyncdError:
        """The error of an answer that had to succeed."""
        midnight = self.counted.until_midnight(answer.date() or datetime.now(UTC))
        return failure(f"{self.name}: {what}", answer, body, writes=writes, midnight=midnight)

    async def scopes(self) -> list[str]:
        """What this log-in may do; none where that cannot be learnt: service keys may not tell."""
        if isinstance(self.auth, OAuth):
            told: Any = self.auth.answer
        else:
            token = (await self.auth.apply(self))[0]["Authorization"].removeprefix("Bearer ")
            body = orjson.dumps({"tokenKey": token})
            answer = await self.send(Request("POST", INFO_PATH, JSON, body))
            told = answer.json(f"{self.name}: scopes", writes=True) if answer.ok else None
        if isinstance(told, Mapping):
            self.app = str(told.get("appId") or told.get("app_id") or "")
        scopes = told.get("scopes") if isinstance(told, Mapping) else None
        return [str(scope) for scope in scopes] if isinstance(scopes, list) else []

    def results(self, body: Any, what: str) -> Sequence[Mapping[str, Any]]:
        """The records of an answer. One without them must not look like the end of a list."""
        found = body.get("results") if isinstance(body, Mapping) else None
        if not isinstance(found, list) or not all(isinstance(one, Mapping) for one in found):
            raise RetryLater(f"{self.name}: {what}: the answer holds no results")
        return found


def after(body: Mapping[str, Any]) -> str | None:
    """Where a list goes on; None at its end."""
    following = (body.get("paging") or {}).get("next") or {}
    return str(following["after"]) if following.get("after") else None
