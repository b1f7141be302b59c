"""Open the store that the configuration names: the embedded one or yours, with tables of this version."""

from __future__ import annotations

import asyncio
import os
import socket
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from dataclasses import dataclass

from syncd.config import Settings
from syncd.core.clock import Clock
from syncd.core.errors import StoreUnavailable
from syncd.store.embedded import EmbeddedPostgres
from syncd.store.pool import place
from syncd.store.revision import is_current
from syncd.store.store import Store


@dataclass(frozen=True, slots=True)
class OpenStore:
    """An open store; `server` is None where the database is yours."""

    store: Store
    server: EmbeddedPostgres | None


@asynccontextmanager
async def open_store(settings: Settings, clock: Clock, *, daemon: bool) -> AsyncIterator[OpenStore]:
    """The store of `settings`. A `daemon` takes its lease; a command uses the server of a daemon beside it.

    The embedded store is upgraded by whoever starts it, an empty database of yours too; else
    `StoreUnavailable` says to run `syncd db upgrade`. Raises `Fenced` when another daemon has the lease.
    """
    async with open_url(settings, daemon=daemon) as (url, server):
        if not await is_current(url):
            await asyncio.to_thread(_prepare, url, server)
        lease = settings.service.lease
        async with await Store.open(url, holder=holder(), clock=clock, lease_seconds=lease) as store:
            if daemon:
                await store.acquire_lease()
            yield OpenStore(store, server)


@asynccontextmanager
async def open_url(
    settings: Settings, *, daemon: bool = False
) -> AsyncIterator[tuple[str, EmbeddedPostgres | None]]:
    """The store's URL, with the embedded server running for the length of the block; looks at no table."""
    if settings.store.url is not None:
        yield settings.store.url.get_secret_value(), None
        return
    server = EmbeddedPostgres(settings.state_dir, share=not daemon)
    async with server as url:
        yield url, server


def holder() -> str:
    """This process, for people."""
    return f"{socket.gethostname()}, process {os.getpid()}"


def _prepare(url: str, server: EmbeddedPostgres | None) -> None:
    from syncd.store import migrate  # sqlalchemy and alembic, half a second that most starts do without

    pending = migrate.pending(url)
    if not pending:
        return
    if server is not None and server.pid is None:
        raise StoreUnavailable(
            "the embedded store is in use by a daemon of an older version. Stop that daemon first."
        )
    if server is None and not migrate.empty(url):
        raise StoreUnavailable(
            f"the store at {place(url)} lacks tables of this version (next: {pending[0]}). "
            "Back it up, then run `syncd db upgrade`."
        )
    migrate.upgrade(url)
