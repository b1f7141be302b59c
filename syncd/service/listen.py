"""A web server for the length of a block."""

from __future__ import annotations

import os
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

from aiohttp import web

from syncd.core.errors import NeedsOperator


@asynccontextmanager
async def serving(
    app: web.Application, host: str, port: int, word: str, **server: Any
) -> AsyncIterator[tuple[web.TCPSite, str]]:
    """Serve `app`; yields the site, to stop it sooner, and its URL. `server` are aiohttp's own settings.

    Raises `NeedsOperator`, naming the configuration's `word`, where the port is taken.
    """
    runner = web.AppRunner(app, access_log=None, handle_signals=False, shutdown_timeout=1, **server)
    await runner.setup()
    try:
        site = web.TCPSite(runner, host, port)
        try:
            await site.start()
        except OSError as error:
            todo = f"Set {word} to another port, or to port 0 for any"
            why = os.strerror(error.errno) if error.errno else type(error).__name__
            raise NeedsOperator(f"cannot listen on {host}:{port} ({why})", todo) from None
        yield site, f"http://{bracketed(host)}:{runner.addresses[0][1]}"
    finally:
        await runner.cleanup()


def bracketed(host: str) -> str:
    """A host as it stands in a URL."""
    return f"[{host}]" if ":" in host else host
