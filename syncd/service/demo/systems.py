"""The three systems behind one face: what each kind is called where, and how a row is read and changed."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Mapping, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass
from typing import Any

from syncd.service.demo.databases import IDS, Databases
from syncd.service.demo.marketing import Marketing

KINDS: Mapping[str, Mapping[str, str]] = {
    "company": {"crm": "companies", "erp": "firms", "marketing": "organisations"},
    "contact": {"crm": "contacts", "erp": "people", "marketing": "members"},
    "deal": {"crm": "deals", "erp": "orders"},
}
"""Each kind's table or object in the systems that have it."""
SYSTEMS = ("crm", "erp", "marketing")
STREAMS = sum(len(places) for places in KINDS.values())
Copies = Mapping[str, Any]
"""A record's id by system: a number in the databases, a text in marketing."""


@dataclass(frozen=True, slots=True)
class Systems:
    """Two databases and a service."""

    databases: Databases
    marketing: Marketing

    async def update(self, system: str, table: str, id: Any, values: Mapping[str, Any]) -> None:
        """Set columns of one row."""
        if system == "marketing":
            await self.marketing.update(table, id, values)
            return
        await self.databases.side(system).execute(*_update(table, id, values))

    async def at_once(self, edits: Sequence[tuple[str, str, Any, Mapping[str, Any]]]) -> None:
        """Edits, as `update` takes them, that are committed at the same moment."""
        async with AsyncExitStack() as stack:
            commits: list[Awaitable[Any]] = []
            for system, table, id, values in edits:
                if system == "marketing":
                    commits.append(self.marketing.update(table, id, values))
                    continue
                con = await stack.enter_async_context(self.databases.side(system).acquire())
                await con.execute("begin")
                await con.execute(*_update(table, id, values))
                commits.append(con.execute("commit"))
            await asyncio.gather(*commits)

    async def insert(self, system: str, table: str, values: Mapping[str, Any]) -> None:
        """A new row."""
        if system == "marketing":
            await self.marketing.insert(table, values)
            return
        marks = ", ".join(f"${n}" for n in range(1, len(values) + 1))
        sql = f"insert into {table} ({', '.join(values)}) values ({marks})"
        await self.databases.side(system).execute(sql, *values.values())

    async def delete(self, system: str, table: str, id: Any) -> None:
        """A row goes."""
        if system == "marketing":
            await self.marketing.delete(table, id)
            return
        await self.databases.side(system).execute(f"delete from {table} where {IDS[table]} = $1", id)

    async def rows(self, system: str, table: str, key: str, values: Sequence[Any]) -> list[Mapping[str, Any]]:
        """The rows that have one of some values in a column."""
        if system == "marketing":
            return list(await self.marketing.rows(table, key, values))
        sql = f"select * from {table} where {key} = any($1)"
        return list(await self.databases.side(system).fetch(sql, values))

    async def value(self, system: str, table: str, id: Any, column: str) -> Any:
        """One value of one row; null where there is no such row."""
        found = await self.rows(system, table, id_of(table), [id])
        return found[0][column] if found else None

    async def column(self, system: str, table: str, column: str) -> list[Any]:
        """One value of each row."""
        if system == "marketing":
            return [row[column] for row in await self.marketing.all(table)]
        return [row[0] for row in await self.databases.side(system).fetch(f"select {column} from {table}")]

    async def count(self) -> dict[str, dict[str, int]]:
        """Rows by kind and system."""
        return {
            kind: {
                system: len(await self.column(system, table, id_of(table)))
                for system, table in places.items()
            }
            for kind, places in KINDS.items()
        }


def id_of(table: str) -> str:
    """The column of the id."""
    return IDS.get(table, "id")


def _update(table: str, id: Any, values: Mapping[str, Any]) -> tuple[Any, ...]:
    """The statement and its arguments."""
    sets = ", ".join(f"{name} = ${n}" for n, name in enumerate(values, 2))
    return (f"update {table} set {sets} where {IDS[table]} = $1", id, *values.values())
