"""The systems of a story behind one face: how a row is read and changed, whatever holds it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager, AsyncExitStack
from dataclasses import dataclass
from typing import Any, Protocol

Copies = Mapping[str, Any]
"""A record's id by system, as the rows there show it."""
Commit = Callable[[], Awaitable[Any]]


class Remote(Protocol):
    """One system as the people who work in it see it. A table is what it keeps a kind in, by its own name."""

    def key(self, table: str) -> str:
        """The column of the id."""
        ...

    def id(self, text: str) -> Any:
        """An id as the rows show it."""
        ...

    def prepared(self, table: str, id: Any, values: Mapping[str, Any]) -> AbstractAsyncContextManager[Commit]:
        """Columns of one row to be set when the commit is called, and not before."""
        ...

    async def insert(self, table: str, values: Mapping[str, Any]) -> None:
        """A new row."""
        ...

    async def delete(self, table: str, id: Any) -> None:
        """A row goes."""
        ...

    async def rows(self, table: str, key: str, values: Sequence[Any]) -> Sequence[Mapping[str, Any]]:
        """The rows that have one of some values in a column."""
        ...

    async def column(self, table: str, column: str) -> list[Any]:
        """One value of each row."""
        ...


@dataclass(frozen=True, slots=True)
class Systems:
    """`kinds` has each kind's table in the systems that have it."""

    remotes: Mapping[str, Remote]
    kinds: Mapping[str, Mapping[str, str]]

    @property
    def names(self) -> tuple[str, ...]:
        return tuple(self.remotes)

    @property
    def streams(self) -> int:
        """How many pairs of kind and system there are."""
        return sum(len(places) for places in self.kinds.values())

    def key(self, system: str, table: str) -> str:
        """The column of the id."""
        return self.remotes[system].key(table)

    async def update(self, system: str, table: str, id: Any, values: Mapping[str, Any]) -> None:
        """Set columns of one row."""
        async with self.remotes[system].prepared(table, id, values) as commit:
            await commit()

    async def at_once(self, edits: Sequence[tuple[str, str, Any, Mapping[str, Any]]]) -> None:
        """Edits, as `update` takes them, that are committed at the same moment."""
        async with AsyncExitStack() as stack:
            commits = [
                await stack.enter_async_context(self.remotes[system].prepared(*edit))
                for system, *edit in edits
            ]
            await asyncio.gather(*(commit() for commit in commits))

    async def insert(self, system: str, table: str, values: Mapping[str, Any]) -> None:
        """A new row."""
        await self.remotes[system].insert(table, values)

    async def delete(self, system: str, table: str, id: Any) -> None:
        """A row goes."""
        await self.remotes[system].delete(table, id)

    async def rows(
        self, system: str, table: str, key: str, values: Sequence[Any]
    ) -> Sequence[Mapping[str, Any]]:
        """The rows that have one of some values in a column."""
        return await self.remotes[system].rows(table, key, values)

    async def value(self, system: str, table: str, id: Any, column: str) -> Any:
        """One value of one row; null where there is no such row."""
        found = await self.rows(system, table, self.key(system, table), [id])
        return found[0][column] if found else None

    async def column(self, system: str, table: str, column: str) -> list[Any]:
        """One value of each row."""
        return await self.remotes[system].column(table, column)

    async def count(self) -> dict[str, dict[str, int]]:
        """Rows by kind and system."""
        return {
            kind: {
                system: len(await self.column(system, table, self.key(system, table)))
                for system, table in places.items()
            }
            for kind, places in self.kinds.items()
        }
