"""The two systems of the crash tests: tables in PostgreSQL, or CRMs in memory with and without keys."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import replace
from pathlib import Path
from typing import Any

import asyncpg

from connectors.memory import Features, FieldDef, MemoryRemote, ObjectDef
from syncd.config import Settings
from syncd.config import load as load_settings
from tests.engine.conftest import CASES, filled
from tests.support.points import Points
from tests.support.rig import options

STEPS = ("create", "edit")
CRASH = CASES.parent / "crash"


def settings_of(file: Path, text: str) -> Settings:
    """The settings of a text written to a file."""
    file.write_text(text)
    return load_settings(file, options(), {})


class SqlLab:
    """Two databases of different shape, both with a column for our key."""

    steps: Sequence[str] = STEPS

    def __init__(self, store_url: str, settings: Settings, crm: Any, erp: Any) -> None:
        self.store_url, self.settings = store_url, settings
        self.sides = {"crm": crm, "erp": erp}
        triggers = settings.systems["crm"].connector_settings()["capture"] == "triggers"
        self.silent: Sequence[str] = ("erp",) if triggers else ("crm", "erp")

    @classmethod
    async def make(cls, store_url: str, crm_url: str, erp_url: str, folder: Path, capture: str) -> SqlLab:
        """Create the tables. `capture` is that of `crm`; `erp` is scanned."""
        crm, erp = await asyncpg.connect(crm_url), await asyncpg.connect(erp_url)
        await crm.execute((CASES / "crm.sql").read_text())
        await erp.execute((CASES / "erp.sql").read_text())
        for table in ("company", "contact"):
            await crm.execute(f"alter table {table} add syncd_id text unique")
        stamp = ", updated_at: updated" if capture == "updated_at" else ""
        words = {
            "crm": crm_url,
            "erp": erp_url,
            "capture": capture,
            "erp_capture": "scan",
            "rules": "[{strategy: prefer, systems: [crm, erp]}]",
            "deletes": "{policy: propagate, against_edit: delete-wins}",
            "option": f"{stamp}, key_field: syncd_id",
        }
        text = filled((CASES / "syncd.yaml").read_text(), words)
        return cls(store_url, settings_of(folder / "sql.yaml", text), crm, erp)

    async def reset(self) -> None:
        await self.sides["crm"].execute("truncate company, contact restart identity")
        await self.sides["erp"].execute("truncate firms, people restart identity")
        if await self.sides["crm"].fetchval("select to_regclass('syncd_capture.log') is not null"):
            await self.sides["crm"].execute("truncate syncd_capture.log, syncd_capture.pruned")

    async def person(self, step: str) -> None:
        for side, con in self.sides.items():
            await con.execute((CRASH / f"{step}.{side}.sql").read_text())

    async def state(self) -> Any:
        found = {}
        for side, con in self.sides.items():
            rows = await con.fetch((CRASH / f"state.{side}.sql").read_text())
            found[side] = sorted(tuple(map(str, row)) for row in rows)
        assert found["crm"] == found["erp"], found
        return found["crm"]

    async def writes(self) -> Any:
        tables = {"crm": ("company", "contact"), "erp": ("firms", "people")}
        return [
            sorted(map(tuple, await self.sides[side].fetch(f"select ctid::text, xmin::text from {table}")))
            for side, names in tables.items()
            for table in names
        ]

    def watch(self, points: Points | None) -> None:
        """Tables have no points of their own: a transaction happened or it did not."""

    async def aclose(self) -> None:
        for con in self.sides.values():
            await con.close()


FIRMS = {"name": FieldDef(required=True), "city": FieldDef()}
PEOPLE = {
    "email": FieldDef(type="email"),
    "name": FieldDef(),
    "phone": FieldDef(),
    "firm": FieldDef(type="ref", references="firms"),
}
VARIANTS: Mapping[str, tuple[Features, str | None]] = {
    "upsert": (Features(), "syncd_key"),
    "findable": (Features(upsert_key=False), "syncd_key"),
    "client_ids": (Features(client_ids=True, upsert_key=False), None),
    "keyless": (Features(upsert_key=False), None),
    "blind": (Features(upsert_key=False, compare_and_set=False, stored_in_answer=False), None),
}
"""What both CRMs offer, and the field that takes our key."""


class MemoryLab:
    """Two CRMs in memory, with points inside each write: between two rows, before and after the answer."""

    steps: Sequence[str] = STEPS
    silent: Sequence[str] = ()

    def __init__(self, store_url: str, folder: Path, variant: str) -> None:
        self.store_url = store_url
        features, self.key = VARIANTS[variant]
        self.features = replace(features)
        self.names = {side: f"crash-{variant}-{side}" for side in ("crm", "erp")}
        text = (CRASH / "memory.yaml").read_text()
        words = {**self.names, "key": f", key_field: {self.key}" if self.key else ""}
        for name in ("name", "email"):  # with ids of our choice nothing needs to match
            words[name] = "" if self.features.client_ids else f"match: [{name}]"
        self.settings = settings_of(folder / f"{variant}.yaml", filled(text, words))
        self.sides: dict[str, MemoryRemote] = {}

    @classmethod
    @asynccontextmanager
    async def opened(cls, store_url: str, folder: Path, variant: str) -> AsyncIterator[MemoryLab]:
        """Both CRMs, empty."""
        lab = cls(store_url, folder, variant)
        await lab.reset()
        try:
            yield lab
        finally:
            await lab.aclose()

    @property
    def keyless(self) -> bool:
        """Whether nobody can know what became of a create whose answer was lost."""
        return self.key is None and not self.features.client_ids

    async def reset(self) -> None:
        shapes = [ObjectDef("firms", FIRMS, self.key, "F"), ObjectDef("people", PEOPLE, self.key, "P")]
        for side, name in self.names.items():
            remote = MemoryRemote(shapes, features=self.features, seed=1)
            self.sides[side] = remote.register(name)

    async def person(self, step: str) -> None:
        getattr(self, f"_{step}")(self.sides["crm"], self.sides["erp"])

    def _create(self, crm: MemoryRemote, erp: MemoryRemote) -> None:
        acme = crm.create("firms", {"name": "Acme", "city": "Rome"})
        bolt = crm.create("firms", {"name": "Bolt", "city": "Bonn"})
        cord = erp.create("firms", {"name": "Cord", "city": "Cork"})
        crm.create("people", {"email": "ann@x.org", "name": "Ann Lee", "firm": acme})
        crm.create("people", {"email": "bob@x.org", "name": "Bob Ray", "firm": bolt})
        crm.create("people", {"email": "dee@x.org", "name": "Dee Poe"})
        erp.create("people", {"email": "cy@x.org", "name": "Cy Fox", "phone": "1", "firm": cord})
        erp.create("people", {"email": "DEE@x.org", "name": "Dee Poe", "phone": "2", "firm": cord})

    def _edit(self, crm: MemoryRemote, erp: MemoryRemote) -> None:
        crm.update("firms", _id(crm, "name", "Acme"), {"city": "Bern"})
        crm.update("people", _id(crm, "email", "ann@x.org"), {"firm": _id(crm, "name", "Bolt")})
        crm.update("people", _id(crm, "email", "bob@x.org"), {"name": "Bob Roy"})
        erp.update("firms", _id(erp, "name", "Acme"), {"city": "Oslo"})
        erp.update("firms", _id(erp, "name", "Bolt"), {"city": "Paris"})
        erp.update("people", _id(erp, "email", "bob@x.org"), {"phone": "3"})
        erp.create("people", {"email": "eve@x.org", "name": "Eve Orr", "firm": _id(erp, "name", "Acme")})

        crm.delete("people", _id(crm, "email", "cy@x.org"))
        crm.update("firms", _id(crm, "name", "Bolt"), {"name": "Bolts"})
        erp.delete("people", _id(erp, "email", "dee@x.org"))
        erp.update("people", _id(erp, "email", "ann@x.org"), {"firm": None})

    async def state(self) -> Any:
        found = {side: sorted(_said(remote)) for side, remote in self.sides.items()}
        assert found["crm"] == found["erp"], found
        return found["crm"]

    async def writes(self) -> Any:
        return [remote.calls.get("write", 0) for remote in self.sides.values()]

    def watch(self, points: Points | None) -> None:
        for side, remote in self.sides.items():
            remote.faults.hook = None if points is None else _hook(points, side)

    async def aclose(self) -> None:
        for name in self.names.values():
            MemoryRemote.forget(name)


def _hook(points: Points, side: str) -> Callable[[str, str, str | None], Any]:
    async def passed(point: str, object: str, remote_id: str | None) -> None:
        if point.startswith("write."):
            points.reach(f"{point} of {object} in {side}", tells=point in ("write.commit", "write.answer"))

    return passed


def _id(remote: MemoryRemote, field: str, value: str) -> str:
    tables: Iterable[dict[str, dict[str, Any]]] = (remote.rows("firms"), remote.rows("people"))
    return next(
        i for rows in tables for i, row in rows.items() if str(row.get(field)).lower() == value.lower()
    )


def _said(remote: MemoryRemote) -> list[tuple[str, ...]]:
    firms = remote.rows("firms")
    people = remote.rows("people").values()
    return [(str(f["name"]), str(f["city"])) for f in firms.values()] + [
        (str(p["email"]).lower(), str(p["name"]), str(p["phone"]), str(firms.get(p["firm"], {}).get("name")))
        for p in people
    ]
