"""A subject that is a sandbox of the kit: what a person does there, and what is done to its wire."""

from __future__ import annotations

from collections import Counter
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from connectors.sandboxes.server import Sandbox
from tests.contract.subject import Person, Row, Subject


class SandboxSubject(Subject):
    """One sandbox in this process. `words` are the connector's settings; a trap may change them."""

    def __init__(self, sandbox: Sandbox) -> None:
        super().__init__()
        self.sandbox: Any = sandbox
        self.words: dict[str, Any] = {}
        sandbox.fired.told = lambda: self.fired.update(sandbox.fired.traps())

    async def create(self, fields: Row, object: str | None = None) -> str:
        row = self.sandbox.people.edit(object or "people", "create", fields=fields)
        assert row is not None
        return str(row.id)

    async def update(self, remote_id: str, fields: Row, object: str | None = None) -> None:
        self.sandbox.people.edit(object or "people", id=remote_id, fields=fields)

    async def delete(self, remote_id: str) -> None:
        self.sandbox.people.edit("people", "delete", id=remote_id)

    async def bulk_edit(self, fields: Row) -> None:
        self.sandbox.people.edit("people", "bulk", fields=fields)
        stamps = Counter(row.stamp for row in self.sandbox.people.rows("people").values())
        if max(stamps.values(), default=0) > self.page:
            self.fired.add(3)

    async def late(self, fields: Row) -> Person:
        number = self.sandbox.people.begin("people", fields=fields)

        async def commit() -> None:
            self.sandbox.people.commit(number)

        return commit

    @asynccontextmanager
    async def lose_answer(self) -> AsyncIterator[None]:
        fault = self.sandbox.arm("lose_answer", route="write")
        yield
        assert fault.fired, "the answer was not lost"

    @asynccontextmanager
    async def stall_write(self, remote_id: str) -> AsyncIterator[Person]:
        fault = self.sandbox.arm("hang", route="write")

        async def waiting() -> None:
            await fault.reached.wait()

        yield waiting
        self.sandbox.faults.disarm()

    async def hide(self, remote_id: str) -> None:
        self.sandbox.set_quirks(hidden=[remote_id])

    async def silent_edit(self, remote_id: str, value: str) -> None:
        await self.update(remote_id, {"name": value})


def with_score(fields: Mapping[str, Any]) -> Row:
    """A record's values as a connector tells them whose vendor keeps a number as text or float."""
    score = fields.get("score")
    return {**fields, "score": int(score) if score is not None else None}
