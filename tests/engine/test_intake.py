"""Pages that follow each other are applied together, and none is lost when reading fails."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.memory import FieldDef, MemoryRemote, ObjectDef
from syncd.config import load as load_settings
from syncd.core.errors import RetryLater
from syncd.engine.intake import Intake
from syncd.store.store import Store
from tests.support.rig import Rig, options

CONFIG = """
systems:
  a: {connector: memory, remote: intake-a, page: 60}
  b: {connector: memory, remote: intake-b}
kinds:
  firm:
    fields: {name: text}
    match: [name]
    systems: {a: {object: firms, fields: {name: name}}, b: {object: firms, fields: {name: name}}}
"""


class Feed:
    """A feed of 300 records in pages of 60, and what of it was taken in."""

    def __init__(self, rig: Rig, remote: MemoryRemote) -> None:
        self.remote, self.world = remote, rig.world
        stream = next(s for s in rig.world.streams.values() if s.system == "a")
        self.intake = Intake(rig.world, stream, rig.keepers["a"])

    async def taken(self) -> tuple[int, int]:
        """Journal entries, and records."""
        async with self.world.store.plain() as con:
            sql = "select (select count(*) from pages), (select count(*) from records)"
            entries, records = await con.fetchrow(sql)
        return entries, records


@pytest.fixture
async def feed(store: Store, tmp_path: Path) -> AsyncIterator[Feed]:
    names = ("intake-a", "intake-b")
    remotes = [MemoryRemote([ObjectDef("firms", {"name": FieldDef()})]).register(name) for name in names]
    file = tmp_path / "syncd.yaml"
    file.write_text(CONFIG)
    rig = await Rig.start(store, load_settings(file, options(), {}))
    for n in range(300):
        remotes[0].create("firms", {"name": f"Firm {n}"})
    yield Feed(rig, remotes[0])
    await rig.aclose()
    for name in names:
        MemoryRemote.forget(name)


async def test_full_pages_are_applied_in_one_transaction(feed: Feed) -> None:
    assert await feed.intake.read() == 300
    assert await feed.taken() == (1, 300)


async def test_what_was_read_before_a_failure_is_applied(feed: Feed) -> None:
    fault = feed.remote.faults.arm("read.page", skip=2, error=RetryLater("the feed broke off"))
    with pytest.raises(RetryLater):
        await feed.intake.read()
    assert fault.fired == 1
    assert await feed.taken() == (1, 180)
    assert await feed.intake.read() == 120
    assert await feed.taken() == (2, 300)
