"""A record that is kept after all, where our delete has reached one of the other systems already."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.memory import FieldDef, MemoryRemote, ObjectDef
from syncd.store import intents
from syncd.store.store import Store
from tests.engine.labs import settings_of
from tests.support.rig import Rig

CONFIG = """
systems:
  a: {{connector: memory, remote: kept-a}}
  b: {{connector: memory, remote: kept-b}}
  c: {{connector: memory, remote: kept-c}}
kinds:
  person:
    fields: {{email: email, name: text}}
    match: [email]
    systems:
      a: {{object: people, key_field: syncd_key, fields: {{email: email, name: name}}}}
      b: {{object: people, key_field: syncd_key, fields: {{email: email, name: name}}}}
      c: {{object: people, key_field: syncd_key, fields: {{email: email, name: name}}}}
    deletes: {{policy: propagate, against_edit: {against}}}
    brakes: {{delete: {{count: {count}}}}}
"""
PEOPLE = {"email": FieldDef(type="email"), "name": FieldDef()}


@dataclass
class Kept:
    """Three CRMs, and a rig on them."""

    rig: Rig
    remotes: dict[str, MemoryRemote]

    async def typed(self, *names: str) -> None:
        for name in names:
            self.remotes["a"].create("people", {"email": f"{name}@x.org", "name": name.title()})
        await self.rig.settle()

    def id_of(self, system: str, name: str) -> str:
        rows = self.remotes[system].rows("people").items()
        return next(id for id, row in rows if row["email"] == f"{name}@x.org")

    def names(self, system: str) -> list[str]:
        return sorted(str(row["name"]) for row in self.remotes[system].rows("people").values())

    async def deleted_in_b_and_edited_in_c(self) -> None:
        """A person deletes Ann in a; we delete her in b, and meanwhile she is edited in c."""
        self.remotes["a"].delete("people", self.id_of("a", "ann"))
        await self.rig.intakes[self.rig.stream("a", "person").id].read()
        await self.rig.pushers[self.rig.stream("b", "person").id].push()
        assert self.names("b") == []
        self.remotes["c"].update("people", self.id_of("c", "ann"), {"name": "Anna"})
        await self.rig.settle()

    async def said(self, name: str, words: dict[str, Any]) -> None:
        await intents.ask(self.rig.world.store, name, words)
        await self.rig.settle()

    async def number(self, sql: str) -> int:
        async with self.rig.world.store.plain() as con:
            return int(await con.fetchval(sql))


MakeKept = Callable[..., Awaitable[Kept]]


@pytest.fixture
async def kept(store: Store, tmp_path: Path) -> AsyncIterator[MakeKept]:
    """`await kept(against=…, count=…)` answers a Kept."""
    rigs: list[Rig] = []

    async def make(against: str = "ask", count: int = 1000) -> Kept:
        people = [ObjectDef("people", PEOPLE, "syncd_key")]
        remotes = {name: MemoryRemote(people).register(f"kept-{name}") for name in "abc"}
        settings = settings_of(tmp_path / "syncd.yaml", CONFIG.format(against=against, count=count))
        rigs.append(await Rig.start(store, settings))
        return Kept(rigs[0], remotes)

    yield make
    for rig in rigs:
        await rig.aclose()
    for name in "abc":
        MemoryRemote.forget(f"kept-{name}")


async def test_an_edit_that_wins_makes_again_what_we_deleted(kept: MakeKept) -> None:
    k = await kept(against="edit-wins")
    await k.typed("ann")
    await k.deleted_in_b_and_edited_in_c()
    assert {name: k.names(name) for name in "abc"} == {"a": [], "b": ["Anna"], "c": ["Anna"]}


@pytest.mark.parametrize(("word", "there"), [("keep", ["Anna"]), ("delete", [])])
async def test_a_person_decides_about_what_we_deleted(kept: MakeKept, word: str, there: list[str]) -> None:
    k = await kept(against="ask")
    await k.typed("ann")
    await k.deleted_in_b_and_edited_in_c()
    assert {name: k.names(name) for name in "abc"} == {"a": [], "b": [], "c": ["Anna"]}
    conflict = await k.number("select conflict from conflicts where state = 'open'")
    await k.said("decide", {"conflict": conflict, "value": word})
    assert {name: k.names(name) for name in "abc"} == {"a": [], "b": there, "c": there}


async def test_a_discarded_delete_makes_again_what_we_deleted(kept: MakeKept) -> None:
    k = await kept(count=1)
    await k.typed("ann", "ben")
    k.remotes["b"].delete("people", k.id_of("b", "ben"))
    await k.rig.settle()  # which c has counted, and b has not
    k.remotes["a"].delete("people", k.id_of("a", "ann"))
    await k.rig.settle()
    assert {name: k.names(name) for name in "abc"} == {"a": [], "b": [], "c": ["Ann"]}
    brake = await k.number("select brake from brakes where ended is null")
    await k.said("discard", {"brake": brake, "how": "take_theirs"})
    assert {name: k.names(name) for name in "abc"} == {"a": [], "b": ["Ann"], "c": ["Ann"]}
