"""Where the browser comes back to: a page on this machine, for one log-in and no longer."""

from __future__ import annotations

import asyncio
import hmac
from collections.abc import AsyncIterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, asynccontextmanager, suppress
from html import escape
from urllib.parse import SplitResult, urlsplit

from aiohttp import web

from syncd.core.errors import NeedsOperator
from syncd.service.listen import bracketed, serving

LOOPBACK = ("127.0.0.1", "localhost", "::1")
POLICY = "default-src 'none'; img-src data:; style-src 'unsafe-inline'; frame-ancestors 'none'"
HEADERS = {
    "Cache-Control": "no-store",
    "Content-Security-Policy": POLICY,
    "Referrer-Policy": "no-referrer",  # the address holds the code
    "X-Content-Type-Options": "nosniff",
}
PAGE = """<!doctype html><html lang="en"><meta charset="utf-8"><title>syncd</title>
<link rel="icon" href="data:,">
<style>body{{font:16px/1.5 system-ui,sans-serif;max-width:36em;margin:15vh auto;padding:0 1em}}</style>
<h1>{title}</h1><p>{text}</p></html>
"""
STRANGE = "This is not the answer that syncd waits for. Begin again with the address that it printed."


class Callback:
    """One log-in's way back. `state` is the secret that only its browser brings."""

    def __init__(self, state: str) -> None:
        loop = asyncio.get_running_loop()
        self._state = state
        self._came: asyncio.Future[Mapping[str, str]] = loop.create_future()
        self._told: asyncio.Future[tuple[bool, str]] = loop.create_future()
        self._host = ""

    @asynccontextmanager
    async def listening(self, redirect: str) -> AsyncIterator[str]:
        """Serve the redirect's path for the block; yields its address, with the port that was taken.

        Raises `NeedsOperator` where the port is taken by another.
        """
        parts = urlsplit(redirect)
        host = parts.hostname or ""
        async with AsyncExitStack() as stack:
            first = "127.0.0.1" if host == "localhost" else host
            _, url = await stack.enter_async_context(self._serving(parts, first, parts.port))
            port = urlsplit(url).port
            if host == "localhost":  # which browsers take for ::1, where there is one
                with suppress(NeedsOperator):
                    await stack.enter_async_context(self._serving(parts, "::1", port))
            self._host = f"{bracketed(host)}:{port}"
            try:
                yield parts._replace(netloc=self._host).geturl()
            finally:
                self.tell(False, "syncd has ended. Run it again.")

    def _serving(
        self, parts: SplitResult, host: str, port: int | None
    ) -> AbstractAsyncContextManager[tuple[web.TCPSite, str]]:
        app = web.Application()
        app.router.add_get(parts.path or "/", self.answer)
        return serving(app, host, 80 if port is None else port, "`redirect` (here, and at the vendor)")

    async def wait(self) -> Mapping[str, str]:
        """What the browser brought."""
        return await asyncio.shield(self._came)

    def tell(self, good: bool, text: str) -> None:
        """Say on the page what came of it. The first word counts."""
        if not self._told.done():
            self._told.set_result((good, text))

    async def answer(self, request: web.Request) -> web.Response:
        """The page that the browser gets, once it is known what came of it."""
        if request.host.lower() not in (self._host, self._host.removesuffix(":80")):
            return _page(400, "Not here", STRANGE)  # a name that somebody bent to this machine
        if not same(request.query.get("state", ""), self._state):
            return _page(400, "Not this one", STRANGE)
        if not self._came.done():
            self._came.set_result(dict(request.query))
        good, text = await asyncio.shield(self._told)
        return _page(200, "Connected" if good else "Not connected", text)


def is_loopback(redirect: str) -> bool:
    """Whether syncd can listen there itself."""
    parts = urlsplit(redirect)
    return parts.scheme == "http" and parts.hostname in LOOPBACK


def same(given: str, wanted: str) -> bool:
    """Compare without telling by the time how much was right."""
    return hmac.compare_digest(given.encode(), wanted.encode())


def _page(status: int, title: str, text: str) -> web.Response:
    body = PAGE.format(title=escape(title), text=escape(text))
    return web.Response(text=body, status=status, content_type="text/html", headers=HEADERS)
