"""The client: one session, one request at a time or several, nothing of aiohttp in what gets out."""

from __future__ import annotations

import asyncio
import ssl
from collections.abc import Collection, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import quote, urljoin, urlsplit

import aiohttp
from aiohttp.abc import AbstractStreamWriter
from yarl import URL

from connectors.http.answer import Answer
from connectors.http.auth import Auth, HeaderAuth, Pairs
from connectors.http.rates import Counted, RateHeaders
from connectors.http.reasons import because, origin_of
from connectors.http.tls import tls_context
from syncd.core.errors import NeedsOperator, RetryLater, SyncdError
from syncd.core.turn import check_turn

MAX_BODY = 64 * 1024 * 1024
"""Bytes of an answer, at most: one page must not take the memory of the daemon."""
DROPPED = "the connection was lost before the answer was whole"


@dataclass(frozen=True, slots=True)
class Request:
    """`path` is added to the client's base address; it and `query` are percent-encoded already.

    `writes` says that the server may change something, so that a lost answer is uncertain.
    """

    method: str
    path: str
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes | None = None
    query: str = ""
    writes: bool = False


class HttpClient:
    """Sends requests to one system. `timeout` in seconds holds for one request, or one log-in.

    `name` stands in every message. Raises `RetryLater` (uncertain for a write that may have been done) and
    `NeedsOperator`; a status is left to the caller, but for one new log-in after 401 or 403.
    """

    def __init__(
        self,
        name: str,
        url: str,
        *,
        auth: Auth | None = None,
        headers: Pairs | None = None,
        timeout: float = 15.0,
        concurrency: int = 4,
        tls: Mapping[str, str | None] | None = None,
        rate: RateHeaders | None = None,
    ) -> None:
        self.name, self.url, self.auth = name, url.rstrip("/"), auth or HeaderAuth()
        self.headers = {"Accept": "application/json", "User-Agent": "syncd", **(headers or {})}
        self.timeout, self.concurrency, self.tls = timeout, concurrency, tls
        self.origin = "{0.scheme}://{0.netloc}".format(urlsplit(self.url))
        self.counted = Counted(rate)
        self.renewing: Collection[int] = (401, 403)
        """Statuses that a new log-in may mend."""
        self._session: aiohttp.ClientSession | None = None

    async def send(self, request: Request) -> Answer:
        """One request under the log-in; after a status that this may mend once more under a new one."""
        async with _Within(self, writes=False):
            headers, query = await self.auth.apply(self)
        answer = await self._sent(request, headers, query)
        if answer.status not in self.renewing:
            return answer
        async with _Within(self, writes=False):
            if not await self.auth.renew(self, {**headers, **query}):
                return answer
            headers, query = await self.auth.apply(self)
        return await self._sent(request, headers, query)

    async def bare(self, request: Request, url: str) -> Answer:
        """One request to a full address, without log-in: for the log-in itself."""
        return await self._ask(request, url, {})

    async def aclose(self) -> None:
        """Close the connections. Safe to call twice."""
        await self.auth.aclose()
        session, self._session = self._session, None
        if session is not None:
            await session.close()

    def clean(self, text: str) -> str:
        """A text without our secrets."""
        for secret in sorted(filter(None, self.auth.secrets()), key=len, reverse=True):
            text = text.replace(secret, "***") if len(secret) > 2 else text
        return text

    async def _sent(self, request: Request, headers: Pairs, query: Pairs) -> Answer:
        pairs = [request.query] if request.query else []
        pairs += [f"{quote(n, safe='')}={quote(v, safe='')}" for n, v in query.items()]
        async with _Within(self, writes=request.writes):
            return await self._ask(request, self.address(request.path), headers, "&".join(pairs))

    def address(self, path: str) -> str:
        """A path added to the base address; one that begins `//` counts from the host's root."""
        return self.origin + path[1:] if path.startswith("//") else self.url + path

    def own_path(self, address: str, *, after: str) -> str:
        """An address that the server gave, relative to the request path `after`, as a path for `Request`.

        Only its path and query are kept, without our log-in: behind a proxy, scheme and port may be
        wrong. Raises `NeedsOperator` for another host.
        """
        parts = urlsplit(urljoin(self.address(after), address))
        if parts.hostname != urlsplit(self.url).hostname:
            todo = "Its pages cannot be followed: log-ins are sent to the host of `url` only"
            raise NeedsOperator(f"{self.name}: the server points to another host for its next page", todo)
        kept = [
            pair for pair in parts.query.split("&") if pair.partition("=")[0] not in self.auth.query_names
        ]
        query = "&".join(filter(None, kept))
        return "/" + (parts.path or "/") + (f"?{query}" if query else "")

    async def _ask(self, request: Request, url: str, headers: Pairs, query: str = "") -> Answer:
        if query:
            url += ("&" if "?" in url else "?") + query
        self.counted.sent()
        try:
            answer = await self._exchange(request, url, {**request.headers, **headers})
        except (aiohttp.ClientError, TimeoutError, OSError, ValueError) as error:
            raise self._failure(error, url, uncertain=request.writes) from None
        self.counted.heard(answer)
        return answer

    async def _exchange(self, request: Request, url: str, headers: Mapping[str, str]) -> Answer:
        body: bytes | _LateLook | None = request.body
        if request.writes:
            check_turn(self.name)
            body = _LateLook(request.body) if request.body else request.body
        async with self._open().request(
            request.method,
            URL(url, encoded=True),
            data=body,
            headers=headers,
            allow_redirects=False,
        ) as response:
            length = response.content_length
            if length is not None and length > MAX_BODY:
                raise aiohttp.ClientPayloadError("too long")
            return Answer(response.status, response.headers, await response.read())

    def _open(self) -> aiohttp.ClientSession:
        if self._session is None:
            context = tls_context(**self.tls) if self.tls else True
            self._session = aiohttp.ClientSession(
                connector=aiohttp.TCPConnector(limit=self.concurrency, ssl=context),
                cookie_jar=aiohttp.DummyCookieJar(),
                timeout=aiohttp.ClientTimeout(total=None, sock_connect=self.timeout),
                headers=self.headers,
                auto_decompress=True,
            )
        return self._session

    def _failure(self, error: Exception, url: str, *, uncertain: bool) -> SyncdError:
        """The next step after an exchange without an answer; a write that never left is not uncertain."""
        where = f"{self.name}: the server at {origin_of(url)}"
        if isinstance(error, aiohttp.ClientConnectorCertificateError | ssl.SSLCertVerificationError):
            todo = "Set `tls: {ca: FILE}` to the certificate of who signed it"
            return NeedsOperator(f"{where} shows a certificate that is not trusted{because(error)}", todo)
        if isinstance(error, aiohttp.InvalidURL | ValueError):
            return NeedsOperator(f"{self.name}: an address cannot be used", "Check `url` and the paths")
        if isinstance(error, aiohttp.ClientConnectorError | aiohttp.ConnectionTimeoutError):
            return RetryLater(f"{where} cannot be reached{because(error)}")
        message = "no answer in time" if isinstance(error, TimeoutError) else DROPPED
        return RetryLater(f"{self.name}: {message}", uncertain=uncertain)


class _LateLook(aiohttp.BytesPayload):
    """The body of a write. Its head waits for it, so that nothing leaves when it is too late by now."""

    async def write_with_length(self, writer: AbstractStreamWriter, content_length: int | None) -> None:
        check_turn("a request")
        await super().write_with_length(writer, content_length)


class _Within:
    """The client's time limit, whose end is `RetryLater`; cheaper than a generator on every request."""

    __slots__ = ("client", "limit", "writes")

    def __init__(self, client: HttpClient, *, writes: bool) -> None:
        self.limit, self.client, self.writes = asyncio.timeout(client.timeout), client, writes

    async def __aenter__(self) -> None:
        await self.limit.__aenter__()

    async def __aexit__(self, *ended: Any) -> None:
        try:
            await self.limit.__aexit__(*ended)
        except TimeoutError:
            message = f"{self.client.name}: no answer within {self.client.timeout:.0f} s"
            raise RetryLater(message, uncertain=self.writes) from None
