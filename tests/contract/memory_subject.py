"""The CRM in memory as a subject of the suite: its traps are quirks of the remote."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any
from uuid import uuid4

from connectors.base import Connector, Delivery
from connectors.memory import Features, FieldDef, MemoryConnector, MemoryRemote, ObjectDef
from connectors.signatures import signed
from tests.contract.subject import Person, Row, Subject
from tests.support.deliveries import SECRET, body_of, event

PEOPLE = ObjectDef(
    "people",
    {
        "name": FieldDef(),
        "email": FieldDef(type="email", unique=True, normalise=("trim", "lower")),
        "code": FieldDef(length=10),
        "score": FieldDef(type="integer"),
        "firm": FieldDef(type="ref", references="firms"),
        "extra": FieldDef(),
    },
    key_field="syncd_key",
)
FIRMS = ObjectDef("firms", {"name": FieldDef()}, key_field="syncd_key")


class MemorySubject(Subject):
    """`features` vary what the CRM offers; `hostile` turns on all quirks that can be on together."""

    exempt = {  # noqa: RUF012
        16: "a matter of the mapping: the connector passes on the fields that there are",
        21: "there is no HTTP here: a refused log-in is a refused log-in",
    }

    def __init__(self, features: Features | None = None, *, hostile: bool = False) -> None:
        super().__init__()
        self.remote = MemoryRemote([PEOPLE, FIRMS], features=features, seed=7)
        self.name = f"contract-{uuid4()}"
        self.remote.register(self.name)
        self.fired = self.remote.quirks.fired
        if hostile:
            for trap in (1, 4, 5, 12, 13, 14, 17, 22, 23):
                self._turn_on(trap)

    async def make(self) -> Connector:
        hooks = {"secret": SECRET, "tolerance": 300.0}
        settings = {"remote": self.name, "page": self.page, "webhooks": hooks}
        return MemoryConnector("mem", settings, self.specs())

    def deliver(
        self, events: Sequence[tuple[str, str]], at: datetime, version: str | None = None
    ) -> Delivery:
        return self.sign(body_of(*[event(i, op, version) for op, i in events]), at)

    def sign(self, body: bytes, at: datetime) -> Delivery:
        headers = {name.lower(): value for name, value in signed(SECRET, body, at.timestamp()).items()}
        return Delivery("POST", "/hooks/mem", {}, headers, body, at)

    async def aclose(self) -> None:
        await super().aclose()
        MemoryRemote.forget(self.name)

    async def unreachable(self) -> Connector:
        self.remote.online = False
        return await self.make()

    async def bad_login(self) -> Connector | None:
        self.remote.login_valid = False
        return await self.make()

    async def create(self, fields: Row, object: str | None = None) -> str:
        return self.remote.create(object or "people", fields)

    async def update(self, remote_id: str, fields: Row, object: str | None = None) -> None:
        self.remote.update(object or "people", remote_id, fields)

    async def delete(self, remote_id: str) -> None:
        self.remote.delete("people", remote_id)

    async def bulk_edit(self, fields: Row) -> None:
        if len(self.remote.rows("people")) > self.page:
            self.fired.add(3)
        self.remote.bulk_edit("people", fields)

    async def rows(self) -> dict[str, Row]:
        return self.remote.rows("people")

    async def late(self, fields: Row) -> Person:
        edit = self.remote.begin()
        edit.create("people", fields)

        async def commit() -> None:
            self.fired.add(2)
            edit.commit()

        return commit

    @asynccontextmanager
    async def lose_answer(self) -> AsyncIterator[None]:
        fault = self.remote.faults.arm("write.after_commit")
        yield
        assert fault.fired, "the answer was not lost"

    @asynccontextmanager
    async def stall_write(self, remote_id: str) -> AsyncIterator[Person]:
        fault = self.remote.faults.arm("write.before_commit", hold=True)

        async def waiting() -> None:
            await fault.reached.wait()

        yield waiting
        fault.release()

    async def arm(self, trap: int) -> None:
        self._turn_on(trap)

    def _turn_on(self, trap: int) -> None:
        settings: dict[int, dict[str, Any]] = {
            1: {"stamp_resolution": 1.0},
            4: {"noop_bumps": True},
            5: {"bump_children": True},
            7: {"no_stamps": True},
            12: {"missing": "error"},
            13: {"dress_errors": 500},
            14: {"empty_is_404": True},
            17: {"empty_as": False},
            19: {"rewrite_rows": True},
            20: {"ignore_unknown": True},
            22: {"integer_ids": True},
            23: {"page_cap": 3},
        }
        for name, value in settings.get(trap, {}).items():
            setattr(self.remote.quirks, name, value)
        if trap == 8:
            self.fired.add(8)  # the suite's own e-mail field is normalised by every write
        if trap == 9:
            self.remote.features.archives = True
        if trap == 10:
            self.remote.features.deletes_reported = False
        if trap in (6, 18):
            self.remote.quirks.silent_fields = frozenset({"name"})

    async def hide(self, remote_id: str) -> None:
        self.remote.quirks.hidden |= {remote_id}

    async def archive(self, remote_id: str) -> None:
        with self.remote.begin() as edit:
            edit.archive("people", remote_id)

    async def silent_edit(self, remote_id: str, value: str) -> None:
        self.remote.update("people", remote_id, {"name": value})
