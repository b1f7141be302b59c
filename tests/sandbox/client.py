"""A bare client: what a stranger sees of a sandbox."""

from __future__ import annotations

import ssl
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any

import aiohttp
import orjson

from connectors.rest.sandbox import RestSandbox

LIFE = aiohttp.ClientTimeout(total=20)


@dataclass
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """The error's code."""
        return str(self.body["error"]["code"])


class Client:
    """One HTTP session; a plain bearer token unless told otherwise."""

    def __init__(self, http: aiohttp.ClientSession) -> None:
        self.http = http

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        """One call; the body is JSON where there is one."""
        if body is not None:
            more["data"] = orjson.dumps(body)
        async with self.http.request(method, path, **more) as got:
            text = await got.read()
            kind = got.headers.get("Content-Type", "")
            read = orjson.loads(text) if text and kind.startswith("application/json") else text
            return Answer(got.status, read, got.headers)

    async def get(self, path: str, **params: Any) -> Answer:
        """A read."""
        return await self.call("GET", path, params={name: str(value) for name, value in params.items()})

    async def batch(self, object: str, *operations: dict[str, Any]) -> Answer:
        """A batch."""
        return await self.call("POST", f"/api/{object}/batch", {"operations": list(operations)})

    async def control(self, name: str, **body: Any) -> Any:
        """A control call that must succeed."""
        got = await self.call("POST", f"/_sandbox/{name}", body)
        assert got.status == 200, got.body
        return got.body

    async def walk(self, object: str, **params: Any) -> list[dict[str, Any]]:
        """All records, by cursor."""
        found: list[dict[str, Any]] = []
        while True:
            got = await self.get(f"/api/{object}", **params)
            assert got.status == 200, got.body
            found += got.body["items"]
            if got.body["next"] is None:
                return found
            params["cursor"] = got.body["next"]


@dataclass
class Crm:
    """A sandbox and a client of it."""

    sandbox: RestSandbox
    client: Client

    async def contacts(self, count: int) -> list[str]:
        """So many contacts, made by people; their ids."""
        rows = [
            self.sandbox.people.edit("contacts", "create", fields={"last_name": f"n{n}"})
            for n in range(count)
        ]
        return [row.id for row in rows if row is not None]


@asynccontextmanager
async def crm(profile: str | Mapping[str, Any] = "plain", **made: Any) -> AsyncIterator[Crm]:
    """A sandbox that is served for the time of the block."""
    sandbox = RestSandbox(profile, **made)
    headers = {"Authorization": f"Bearer {sandbox.profile.auth.token}"}
    async with sandbox.serving(), session(sandbox.url, headers) as client:
        yield Crm(sandbox, client)


@asynccontextmanager
async def session(
    url: str, headers: Mapping[str, str] | None = None, tls: ssl.SSLContext | None = None
) -> AsyncIterator[Client]:
    """A client."""
    connector = aiohttp.TCPConnector(ssl=tls) if tls is not None else None
    async with aiohttp.ClientSession(url, headers=headers, timeout=LIFE, connector=connector) as http:
        yield Client(http)
