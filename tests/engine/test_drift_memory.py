"""A CRM that says nothing of its schema's changes: a missing key or a refused field is all that shows."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import suppress
from pathlib import Path
from typing import Any

import pytest

from connectors.memory import FieldDef, MemoryRemote, ObjectDef
from syncd.config import load as load_settings
from syncd.core.errors import SchemaMoved
from syncd.store.store import Store
from tests.engine.test_drift import flow
from tests.support.rig import Rig, options

FIELDS = {"name": FieldDef(), "city": FieldDef(), "size": FieldDef(type="integer")}
CONFIG = """
systems:
  a: {connector: memory, remote: drift-a}
  b: {connector: memory, remote: drift-b}
kinds:
  firm:
    fields: {name: text, city: text, size: integer}
    match: [name]
    systems:
      a: {object: firms, fields: {name: name, city: city, size: size}}
      b: {object: firms, fields: {name: name, city: city, size: size}}
    conflicts: [{strategy: prefer, systems: [a, b]}]
"""


class Drift:
    """Two CRMs in memory, and a rig on them."""

    def __init__(self, rig: Rig, a: MemoryRemote, b: MemoryRemote) -> None:
        self.rig, self.a, self.b = rig, a, b

    def said(self, remote: MemoryRemote, field: str) -> dict[str, Any]:
        return {str(row["name"]): row.get(field) for row in remote.rows("firms").values()}

    async def parked(self) -> list[tuple[Any, ...]]:
        async with self.rig.world.store.plain() as con:
            return [tuple(r) for r in await con.fetch("select code, field from parked order by 1, 2")]


@pytest.fixture
async def drift(store: Store, tmp_path: Path) -> AsyncIterator[Drift]:
    remotes = [
        MemoryRemote([ObjectDef("firms", FIELDS)], seed=n).register(f"drift-{x}") for n, x in enumerate("ab")
    ]
    file = tmp_path / "syncd.yaml"
    file.write_text(CONFIG)
    rig = await Rig.start(store, load_settings(file, options(), {}))
    made = Drift(rig, *remotes)
    await rig.look()
    made.a.create("firms", {"name": "Acme", "city": "Rome", "size": 5})
    await flow(rig)
    assert made.said(made.b, "city") == {"Acme": "Rome"}
    yield made
    await rig.aclose()
    for name in "ab":
        MemoryRemote.forget(f"drift-{name}")


def without(name: str) -> dict[str, FieldDef]:
    return {n: f for n, f in FIELDS.items() if n != name}


def the(remote: MemoryRemote) -> str:
    return next(iter(remote.rows("firms")))


async def test_a_create_that_was_refused_before_anybody_looked_is_made_once_nothing_is_asked_for(
    drift: Drift,
) -> None:
    drift.b.reshape("firms", {**FIELDS, "branch": FieldDef(required=True)})
    drift.a.create("firms", {"name": "Bolt", "city": "Bonn", "size": 6})
    await flow(drift.rig)
    assert await drift.parked() == [("required", "branch")]
    drift.rig.keepers["b"].doubt.set()
    await flow(drift.rig)
    assert await drift.parked() == [("required", "branch"), ("schema", None)]
    drift.b.reshape("firms", FIELDS)
    drift.rig.keepers["b"].doubt.set()
    await flow(drift.rig)
    assert drift.said(drift.b, "city") == {"Acme": "Rome", "Bolt": "Bonn"}
    assert await drift.parked() == []


async def test_a_missing_key_is_noticed_by_a_read(drift: Drift) -> None:
    drift.b.reshape("firms", without("city"))
    drift.b.update("firms", the(drift.b), {"size": 6})
    await flow(drift.rig)
    assert await drift.parked() == [("schema", "city")]
    assert drift.said(drift.a, "size") == {"Acme": 6}
    assert drift.said(drift.a, "city") == {"Acme": "Rome"}
    drift.a.update("firms", the(drift.a), {"city": "Bern"})
    drift.b.reshape("firms", FIELDS)
    drift.rig.keepers["b"].doubt.set()  # it comes back without a word: the next look finds it
    await flow(drift.rig)
    assert drift.said(drift.b, "city") == {"Acme": "Bern"}
    assert await drift.parked() == []


async def test_new_records_are_made_without_a_field_that_is_gone(drift: Drift) -> None:
    drift.b.reshape("firms", without("city"))
    drift.b.update("firms", the(drift.b), {"size": 6})
    await flow(drift.rig)
    drift.a.create("firms", {"name": "Newco", "city": "Oslo", "size": 1})
    await flow(drift.rig)
    assert drift.said(drift.b, "size") == {"Acme": 6, "Newco": 1}
    assert await drift.parked() == [("schema", "city")]
    drift.b.reshape("firms", FIELDS)
    drift.rig.keepers["b"].doubt.set()
    await flow(drift.rig)
    assert drift.said(drift.b, "city")["Newco"] == "Oslo"


async def test_a_refused_field_is_noticed_by_a_write(drift: Drift) -> None:
    drift.b.reshape("firms", without("city"))
    drift.a.update("firms", the(drift.a), {"city": "Bern", "size": 7})
    await flow(drift.rig)
    assert await drift.parked() == [("schema", "city")]
    assert drift.said(drift.b, "size") == {"Acme": 7}
    drift.b.reshape("firms", FIELDS)
    drift.rig.keepers["b"].doubt.set()
    await flow(drift.rig)
    assert drift.said(drift.b, "city") == {"Acme": "Bern"}
    assert await drift.parked() == []


async def test_a_retyped_field_is_noticed_by_what_cannot_be_read(drift: Drift) -> None:
    drift.b.reshape("firms", {**FIELDS, "size": FieldDef()})
    drift.b.update("firms", the(drift.b), {"size": "five", "city": "Oslo"})
    await flow(drift.rig)
    assert ("schema", "size") in await drift.parked()
    assert drift.said(drift.a, "size") == {"Acme": 5}
    assert drift.said(drift.a, "city") == {"Acme": "Oslo"}
    drift.a.update("firms", the(drift.a), {"size": 8})
    await flow(drift.rig)
    assert drift.said(drift.b, "size") == {"Acme": "five"}


async def test_a_field_that_writes_may_not_name_though_it_is_described_is_parked(drift: Drift) -> None:
    """Looking again does not help: it is listed per record as ever, and not tried for ever."""
    drift.rig.stream("b", "firm").sound.add("city")
    drift.b.reshape("firms", without("city"))
    drift.a.update("firms", the(drift.a), {"city": "Bern"})
    await drift.rig.settle()
    assert await drift.parked() == [("unknown_field", "city")]
    drift.rig.keepers["b"].doubt.set()
    await flow(drift.rig)
    drift.b.reshape("firms", FIELDS)
    drift.rig.keepers["b"].doubt.set()
    await flow(drift.rig)
    assert drift.said(drift.b, "city") == {"Acme": "Bern"}
    assert await drift.parked() == []


async def test_the_version_of_a_read_that_leaves_out_a_field_is_none_to_compare_with(drift: Drift) -> None:
    """Else a write would pass over an edit of that field, which nobody has seen."""
    drift.b.update("firms", the(drift.b), {"city": "Milan"})
    drift.b.reshape("firms", without("city"))
    with suppress(SchemaMoved):
        await drift.rig.read()
    drift.b.reshape("firms", FIELDS)  # it is back before anybody has looked at the schema
    await drift.rig.look()
    drift.a.update("firms", the(drift.a), {"city": "Turin"})
    await flow(drift.rig)
    assert drift.said(drift.a, "city") == drift.said(drift.b, "city") == {"Acme": "Turin"}
    async with drift.rig.world.store.plain() as con:
        kept = [row["candidates"] for row in await con.fetch("select candidates from conflicts")]
    assert [{c["value"] for c in candidates} for candidates in kept] == [{"Milan", "Turin"}]


async def test_a_create_that_was_refused_for_a_field_is_made_when_the_field_is_back(drift: Drift) -> None:
    drift.rig.keepers["b"].doubt.set()
    await drift.rig.look()  # just now all was well: a refusal is taken for one of that record
    drift.b.reshape("firms", without("city"))
    drift.a.create("firms", {"name": "Newco", "city": "Oslo", "size": 1})
    await flow(drift.rig)
    assert await drift.parked() == [("unknown_field", "city")]
    drift.rig.keepers["b"].doubt.set()
    await flow(drift.rig)
    drift.b.reshape("firms", FIELDS)
    drift.rig.keepers["b"].doubt.set()
    await flow(drift.rig)
    assert drift.said(drift.b, "city") == {"Acme": "Rome", "Newco": "Oslo"}
    assert await drift.parked() == []
