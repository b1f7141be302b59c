"""Wait for a database to show something: woken by its own NOTIFY, never by looking again and again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from typing import Any

import asyncpg

_BELL = """
create or replace function test_bell() returns trigger language plpgsql as
$$ begin notify test_bell; return null; end $$"""


async def when_rung(rung: asyncio.Event, true: Callable[[], Awaitable[Any]], within: float) -> None:
    """Return once it is true, asked again whenever the bell rings; `TimeoutError` after `within` seconds."""
    async with asyncio.timeout(within):
        while True:
            rung.clear()
            if await true():
                return
            await rung.wait()


class Watch:
    """A connection to a database whose tables ring when they change."""

    def __init__(self, con: asyncpg.Connection) -> None:
        self.con = con
        self._rung = asyncio.Event()

    @classmethod
    @asynccontextmanager
    async def on(cls, url: str, *tables: str) -> AsyncIterator[Watch]:
        """Watch tables that are there already."""
        con = await asyncpg.connect(url)
        watch = cls(con)
        try:
            await con.execute(_BELL)
            for table in tables:
                await con.execute(
                    "create or replace trigger test_bell after insert or update or delete or truncate "
                    f"on {table} execute function test_bell()"
                )
            await con.add_listener("test_bell", lambda *_: watch._rung.set())
            yield watch
        finally:
            await con.close()

    async def until(self, sql: str, *args: Any, within: float = 120.0) -> Any:
        """The first column of a query once it is true; fails with the query after `within` seconds."""

        async def true() -> bool:
            nonlocal found
            found = await self.con.fetchval(sql, *args)
            return bool(found)

        found = None
        try:
            await self.when(true, within)
        except TimeoutError:
            raise AssertionError(f"not within {within:.0f} s: {sql}") from None
        return found

    async def when(self, true: Callable[[], Awaitable[bool]], within: float = 120.0) -> None:
        """Return once it is true, asked again whenever a table changed; `TimeoutError` after `within`."""
        await when_rung(self._rung, true, within)
