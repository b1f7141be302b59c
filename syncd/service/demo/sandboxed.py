"""A CRM of the demo that is a sandbox in this process, as the people who work in it see it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any

from connectors.sandboxes.server import Sandbox
from syncd.service.demo.systems import Commit


class Sandboxed:
    """A `Remote`: edits as a person makes them, and what is really there."""

    def __init__(self, sandbox: Sandbox) -> None:
        self.sandbox = sandbox

    def key(self, table: str) -> str:
        return "id"

    def id(self, text: str) -> Any:
        return text

    @asynccontextmanager
    async def prepared(self, table: str, id: Any, values: Mapping[str, Any]) -> AsyncIterator[Commit]:
        async def commit() -> None:
            self.sandbox.people.edit(table, id=id, fields=values)

        yield commit

    async def insert(self, table: str, values: Mapping[str, Any]) -> None:
        self.sandbox.people.edit(table, "create", fields=values)

    async def delete(self, table: str, id: Any) -> None:
        self.sandbox.people.edit(table, "delete", id=id)

    async def rows(self, table: str, key: str, values: Sequence[Any]) -> list[Mapping[str, Any]]:
        wanted, rows = set(values), self.sandbox.people.rows(table)
        if key == "id":
            return [{"id": id, **rows[id].fields} for id in wanted if id in rows]
        return [{"id": id, **row.fields} for id, row in rows.items() if row.fields[key] in wanted]

    async def column(self, table: str, column: str) -> list[Any]:
        rows = self.sandbox.people.rows(table)
        return list(rows) if column == "id" else [row.fields[column] for row in rows.values()]
