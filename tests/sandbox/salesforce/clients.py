"""Clients of the sandbox: a bare one, and the vendors' community's, with the log-in hosts mapped to it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from typing import Any
from urllib.parse import urlsplit, urlunsplit

import aiohttp
import httpx
import orjson
import requests
from requests.adapters import HTTPAdapter
from simple_salesforce import Salesforce

from connectors.salesforce.sandbox import SalesforceSandbox

VERSION = "62.0"
DOMAIN = "acme.my"
LIFE = aiohttp.ClientTimeout(total=20)


@dataclass
class Answer:
    """What came back."""

    status: int
    body: Any
    headers: Mapping[str, str]

    @property
    def code(self) -> str:
        """The first error's code."""
        return str(self.body[0]["errorCode"])

    @property
    def said(self) -> str:
        """Its text."""
        return str(self.body[0]["message"])


@dataclass
class Org:
    """A sandbox that is served, and a session of its API user."""

    sandbox: SalesforceSandbox
    http: aiohttp.ClientSession

    async def call(self, method: str, path: str, body: Any = None, **more: Any) -> Answer:
        """One call; a path without a slash before it is below the version."""
        if not path.startswith("/"):
            path = f"/services/data/v{VERSION}/{path}"
        if body is not None:
            more["data"] = body if isinstance(body, str | bytes) else orjson.dumps(body)
        async with self.http.request(method, path, allow_redirects=False, **more) as got:
            text = await got.read()
            json = text and got.headers.get("Content-Type", "").startswith("application/json")
            return Answer(got.status, orjson.loads(text) if json else text.decode(), got.headers)

    async def get(self, path: str, **params: str) -> Answer:
        """A read."""
        return await self.call("GET", path, params=params)

    async def query(self, soql: str, word: str = "query", **more: Any) -> Answer:
        """A query's first page."""
        return await self.call("GET", word, params={"q": soql}, **more)

    async def rows(self, soql: str, word: str = "query") -> list[dict[str, Any]]:
        """All records of a query, without their attributes."""
        found: list[dict[str, Any]] = []
        got = await self.query(soql, word)
        while True:
            assert got.status == 200, got.body
            found += got.body["records"]
            if got.body["done"]:
                return [{n: v for n, v in one.items() if n != "attributes"} for one in found]
            got = await self.call("GET", got.body["nextRecordsUrl"])

    async def control(self, name: str, **body: Any) -> Any:
        """A control call that must succeed."""
        got = await self.call("POST", f"/_sandbox/{name}", body)
        assert got.status == 200, got.body
        return got.body

    def made(self, object: str, **fields: Any) -> str:
        """A record that a person makes; its id."""
        row = self.sandbox.people.edit(object, "create", fields=fields)
        assert row is not None
        return row.id

    def edit(self, object: str, id: str, op: str = "update", **more: Any) -> None:
        """An edit by a person."""
        self.sandbox.people.edit(object, op, id=id, **more)


@asynccontextmanager
async def org(profile: Any = "plain", **made: Any) -> AsyncIterator[Org]:
    """A sandbox that is served for the time of the block, without Pub/Sub."""
    words = {"extends": profile} if isinstance(profile, str) else dict(profile)
    sandbox = SalesforceSandbox({"pubsub": {"enabled": False}, **words}, **made)
    async with sandbox.serving():
        token = sandbox.ready()["auth"]["access_token"]
        headers = {"Authorization": f"Bearer {token}"}
        async with aiohttp.ClientSession(sandbox.url, headers=headers, timeout=LIFE) as http:
            yield Org(sandbox, http)


class Mapped(HTTPAdapter):
    """Sends what is meant for a host of the vendor's to the sandbox; `hosts` are those that were called."""

    def __init__(self, url: str) -> None:
        super().__init__()
        self.url, self.hosts = url, list[str]()

    def send(self, request: requests.PreparedRequest, *args: Any, **more: Any) -> requests.Response:
        """One request."""
        given = urlsplit(str(request.url))
        if given.netloc.endswith("salesforce.com"):
            self.hosts.append(given.netloc)
            request.headers["Host"] = given.netloc
            there = urlsplit(self.url)
            request.url = urlunsplit((there.scheme, there.netloc, given.path, given.query, ""))
        return super().send(request, *args, **more)


@dataclass
class Simple:
    """A sandbox over https, and what `simple_salesforce.Salesforce` needs to log in there."""

    sandbox: SalesforceSandbox
    session: requests.Session
    adapter: Mapped

    @property
    def told(self) -> dict[str, Any]:
        """The ready line's `auth`."""
        found: dict[str, Any] = self.sandbox.ready()["auth"]
        return found

    def connected(self) -> Salesforce:
        """With a session that is open."""
        return Salesforce(
            instance_url=self.told["instance_url"],
            session_id=self.told["access_token"],
            session=self.session,
            version=VERSION,
        )


@asynccontextmanager
async def simple(profile: Any = "plain") -> AsyncIterator[Simple]:
    """For the time of the block."""
    words = {"extends": profile} if isinstance(profile, str) else dict(profile)
    sandbox = SalesforceSandbox({"pubsub": {"enabled": False}, **words})
    async with sandbox.serving(tls=True):
        with requests.Session() as session:
            adapter = Mapped(sandbox.url)
            session.mount("https://", adapter)
            session.verify, session.trust_env = str(sandbox.ca), False
            yield Simple(sandbox, session, adapter)


class MappedTransport(httpx.AsyncHTTPTransport):
    """The same for httpx."""

    def __init__(self, url: str, **more: Any) -> None:
        super().__init__(**more)
        self.url = httpx.URL(url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        request.url = request.url.copy_with(host=self.url.host, port=self.url.port)
        return await super().handle_async_request(request)


Work = Callable[[Salesforce], Any]
