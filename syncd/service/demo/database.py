"""PostgreSQL databases that play somebody else's systems, on a server of their own beside syncd's store."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd.service.demo.systems import Commit
from syncd.store.embedded import EmbeddedPostgres
from syncd.store.pool import open_plain

Row = dict[str, Any]
Tables = dict[str, list[Row]]


@dataclass(frozen=True, slots=True)
class Database:
    """One database; `ids` names the column of the id by table."""

    url: str
    pool: Any
    ids: Mapping[str, str]

    def key(self, table: str) -> str:
        return self.ids[table]

    def id(self, text: str) -> Any:
        return int(text)

    @asynccontextmanager
    async def prepared(self, table: str, id: Any, values: Mapping[str, Any]) -> AsyncIterator[Commit]:
        sets = ", ".join(f"{name} = ${n}" for n, name in enumerate(values, 2))
        async with self.pool.acquire() as con:
            await con.execute("begin")
            await con.execute(f"update {table} set {sets} where {self.ids[table]} = $1", id, *values.values())
            yield lambda: con.execute("commit")

    async def insert(self, table: str, values: Mapping[str, Any]) -> None:
        marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        sql = f"insert into {table} ({', '.join(values)}) values ({marks})"
        await self.pool.execute(sql, *values.values())

    async def delete(self, table: str, id: Any) -> None:
        await self.pool.execute(f"delete from {table} where {self.ids[table]} = $1", id)

    async def rows(self, table: str, key: str, values: Sequence[Any]) -> list[Mapping[str, Any]]:
        return list(await self.pool.fetch(f"select * from {table} where {key} = any($1)", values))

    async def column(self, table: str, column: str) -> list[Any]:
        return [row[0] for row in await self.pool.fetch(f"select {column} from {table}")]

    async def fill(self, ddl: str, tables: Tables) -> None:
        """Make the tables and their rows."""
        await self.pool.execute(ddl)
        async with self.pool.acquire() as con:
            for table, rows in tables.items():
                columns = list(rows[0])
                values = [tuple(row[column] for column in columns) for row in rows]
                marks = ", ".join(f"${i}" for i in range(1, len(columns) + 1))
                kept, number = ", ".join(columns), self.ids[table]
                await con.executemany(f"insert into {table} ({kept}) values ({marks})", values)
                counter = f"pg_get_serial_sequence('{table}', '{number}')"
                await con.execute(f"select setval({counter}, (select max({number}) from {table}))")
            await con.execute("analyze")


@asynccontextmanager
async def databases(folder: Path, ids: Mapping[str, Mapping[str, str]]) -> AsyncIterator[dict[str, Database]]:
    """A server in `folder` with an empty database for each name of `ids`, for the length of the block."""
    # these play somebody else's servers: nobody kills them here, so they need not wait for the disk
    settings = {"fsync": "off", "full_page_writes": "off", "synchronous_commit": "off"}
    async with EmbeddedPostgres(folder, settings=settings) as url:
        made: dict[str, Database] = {}
        try:
            await _create(url, list(ids))
            for name, keys in ids.items():
                own = url.replace("/syncd?", f"/{name}?", 1)
                made[name] = Database(own, await open_plain(own, size=4), keys)
            yield made
        finally:
            for one in made.values():
                one.pool.terminate()
            await asyncio.sleep(0)


async def _create(url: str, names: Sequence[str]) -> None:
    pool = await open_plain(url, size=1)
    try:
        for name in names:
            await pool.execute(f"create database {name}")
    finally:
        pool.terminate()
