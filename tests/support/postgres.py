"""Servers and databases for tests."""

from __future__ import annotations

import asyncio
import shutil
import tempfile
from collections.abc import AsyncIterator, Callable, Iterator
from contextlib import asynccontextmanager, contextmanager
from itertools import count
from pathlib import Path

import asyncpg

from syncd.store.embedded import EmbeddedPostgres

UNSAFE_AND_QUICK = {"fsync": "off", "synchronous_commit": "off", "full_page_writes": "off"}
IN_MEMORY = Path("/dev/shm")
ROOM = 4 * 1024**3
"""Bytes that must be free in memory for a server to be made there."""


@contextmanager
def reachable_folder(within: Path | None = None) -> Iterator[Path]:
    """A temporary folder that PostgreSQL can reach as `nobody`; pytest's own are closed to others."""
    with tempfile.TemporaryDirectory(prefix="syncd-test-", dir=within) as name:
        folder = Path(name)
        folder.chmod(0o755)
        yield folder


@contextmanager
def started() -> Iterator[str]:
    """A server of our own, in memory where there is room; it ends with the block, or with this process."""
    roomy = IN_MEMORY.is_dir() and shutil.disk_usage(IN_MEMORY).free > ROOM
    with reachable_folder(IN_MEMORY if roomy else None) as folder, asyncio.Runner() as runner:
        server = EmbeddedPostgres(folder, settings={**UNSAFE_AND_QUICK, "max_connections": "100"})
        url = runner.run(server.__aenter__())
        try:
            yield url
        finally:
            runner.run(server.__aexit__(None, None, None))


def with_database(url: str, name: str) -> str:
    """`url` with another database."""
    head, _, query = url.partition("?")
    base = head.rsplit("/", 1)[0]
    return f"{base}/{name}{'?' + query if query else ''}"


class Databases:
    """Names that no other worker uses, and a template made once."""

    def __init__(self, url: str, tag: str) -> None:
        self.url = url
        self._prefix = f"syncd_test_{tag}"
        self._numbers = count(1)
        self._template: str | None = None

    @asynccontextmanager
    async def scope(self) -> AsyncIterator[Scope]:
        """Databases that are dropped, with whoever is still connected, at the end of the block."""
        admin = await asyncpg.connect(self.url)
        scope = Scope(self, admin)
        try:
            yield scope
        finally:
            for name in scope.made:
                await admin.execute(f'drop database if exists "{name}" with (force)')
            await admin.close()

    def next_name(self) -> str:
        return f"{self._prefix}_{next(self._numbers)}"

    async def template(self, admin: asyncpg.Connection, migrate: Callable[[str], object]) -> str:
        """The name of a database that `migrate` has been run on."""
        if self._template is None:
            name = f"{self._prefix}_template"
            await admin.execute(f'create database "{name}" template template0')
            await asyncio.to_thread(migrate, with_database(self.url, name))
            self._template = name
        return self._template

    def drop_all(self) -> None:
        """Drop the template."""
        if self._template is not None:
            asyncio.run(self._drop(self._template))

    async def _drop(self, name: str) -> None:
        admin = await asyncpg.connect(self.url)
        await admin.execute(f'drop database if exists "{name}" with (force)')
        await admin.close()


class Scope:
    """The databases of one test."""

    def __init__(self, databases: Databases, admin: asyncpg.Connection) -> None:
        self.made: list[str] = []
        self._databases = databases
        self._admin = admin

    async def empty(self) -> str:
        return await self._make("template0")

    async def copy_of_template(self, migrate: Callable[[str], object]) -> str:
        return await self._make(await self._databases.template(self._admin, migrate))

    async def _make(self, template: str) -> str:
        name = self._databases.next_name()
        how = "strategy file_copy"  # half the time of the default, for databases as small as these
        await self._admin.execute(f'create database "{name}" template "{template}" {how}')
        self.made.append(name)
        return with_database(self._databases.url, name)
