"""A feed that tells of an edit late: nobody may take it for one that was made after what the feed showed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import pytest

from connectors.memory import FieldDef, MemoryRemote, ObjectDef
from connectors.rest.sandbox import RestSandbox
from syncd.core.clock import SystemClock
from syncd.engine.past import STEPS, Past
from syncd.store.store import Store
from tests.engine.labs import settings_of
from tests.support.rig import Rig

CONFIG = """
systems:
  web:
    connector: rest
    url: "@url@/api"
    auth: {by: bearer, token: "${file:token}"}
    calls:
      list:
        path: "/{object}"
        query: {limit: "{limit}", cursor: "{cursor}", changed_since: "{since}", include_deleted: true}
        at: items
      get: "/{object}/{id}"
      create: {path: "/{object}", body: "{values}"}
      update: {path: "/{object}/{id}", body: "{values}"}
    paging: {by: cursor, next: next, limit: 50}
    record: {version: version, modified: updated_at, deleted: deleted}
    feed: {form: iso_ms, resolution: 0.001, overlap: 10}
  own: {connector: memory, remote: late-changes}
kinds:
  firm:
    fields: {name: text}
    systems:
      web: {object: firms, fields: {name: {to: name, max_length: 4}}}
      own: {object: firms, fields: {name: name}}
    conflicts: [{strategy: prefer, systems: [own, web]}]
"""


class Movable(SystemClock):
    """A clock that a test may move on."""

    ahead = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.ahead


@dataclass
class Late:
    """A web service that knows the first four letters, and a CRM that knows all."""

    rig: Rig
    web: RestSandbox
    own: MemoryRemote
    clock: Movable

    async def edited_elsewhere(self) -> None:
        """An edit in the CRM that shows no difference in the web service, and is read there."""
        self.own.update("firms", next(iter(self.own.rows("firms"))), {"name": "Acme Inc"})
        await self.rig.settle()

    async def clashes(self) -> list[Any]:
        async with self.rig.world.store.plain() as con:
            rows = await con.fetch("select candidates from conflicts order by conflict")
        return [sorted(c["value"] for c in row["candidates"]) for row in rows]

    def names(self) -> tuple[Any, Any]:
        web = next(iter(self.web.people.rows("firms").values()))
        return web.fields["name"], next(iter(self.own.rows("firms").values()))["name"]

    @property
    def id(self) -> str:
        return next(iter(self.web.people.rows("firms")))


@pytest.fixture
async def late(store: Store, tmp_path: Path) -> AsyncIterator[Late]:
    (tmp_path / "token").write_text("sandbox-token")
    own = MemoryRemote([ObjectDef("firms", {"name": FieldDef()})]).register("late-changes")
    words = {"extends": "plain", "objects": {"firms": {"prefix": "f", "fields": {"name": {}}}}}
    async with RestSandbox(words).serving() as web:
        assert isinstance(web, RestSandbox)
        clock = Movable()
        settings = settings_of(tmp_path / "syncd.yaml", CONFIG.replace("@url@", web.url))
        rig = await Rig.start(store, settings, clock)
        own.create("firms", {"name": "Acme Ltd"})
        await rig.settle()
        yield Late(rig, web, own, clock)
        await rig.aclose()
        MemoryRemote.forget("late-changes")


async def test_an_edit_that_shows_up_late_was_made_beside_the_other(late: Late) -> None:
    """Begun before the edit elsewhere and shown after it: it had nothing of that one before it."""
    begun = late.web.people.begin("firms", "update", id=late.id, fields={"name": "Bolt"})
    await late.edited_elsewhere()
    late.web.people.commit(begun)
    await late.rig.settle()
    assert await late.clashes() == [["Acme Inc", "Bolt"]]
    assert late.names() == ("Acme", "Acme Inc")


async def test_an_edit_long_after_the_other_was_made_on_top_of_it(late: Late) -> None:
    await late.edited_elsewhere()
    late.clock.ahead = 11.0
    await late.rig.settle()
    late.clock.ahead = 22.0
    await late.rig.settle()
    late.web.people.edit("firms", "update", id=late.id, fields={"name": "Bolt"})
    await late.rig.settle()
    assert await late.clashes() == []
    assert late.names() == ("Bolt", "Bolt")


def test_the_past_is_never_younger_than_it_should_be() -> None:
    past = Past(10.0)
    assert past.note(0.0, 100) == 0
    assert past.note(5.0, 105) == 0
    assert past.note(10.0, 110) == 100
    assert past.note(14.9, 115) == 100
    assert past.note(15.0, 116) == 105
    assert past.note(100.0, 200) == 116
    assert Past(0.0).note(1.0, 7) == 7


def test_the_past_takes_no_room_under_load() -> None:
    past = Past(10.0)
    for n in range(100_000):
        assert past.note(n / 1000, n) <= max(0, n - 10_000)
    assert len(past._marks) <= STEPS + 2
