"""Records that nobody knows yet: no copy is made of what may be waiting to be looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from syncd.engine.batch import Hold
from syncd.engine.save import hold
from tests.engine.crash import at_rest
from tests.engine.labs import MemoryLab
from tests.support.rig import Rig

ANN = {"email": "ann@x.org", "name": "Ann"}


@pytest.fixture
async def lab(store_url: str, tmp_path: Path) -> AsyncIterator[MemoryLab]:
    async with MemoryLab.opened(store_url, tmp_path, "upsert") as made:
        yield made


@pytest.fixture
async def rig(lab: MemoryLab) -> AsyncIterator[Rig]:
    async with at_rest(lab) as made:
        yield made


async def test_who_waits_behind_an_open_create_is_not_made_again(lab: MemoryLab, rig: Rig) -> None:
    crm, erp = rig.stream("crm", "contact"), rig.stream("erp", "contact")
    rig.world.creating[erp.id] = {0}  # the answer to a create is on its way
    lab.sides["erp"].create("people", ANN)
    await rig.intakes[erp.id].read()
    lab.sides["crm"].create("people", ANN)
    await rig.intakes[crm.id].read()
    rig.world.creating[erp.id].clear()
    assert await rig.pushers[erp.id].push() == 0, "she may be the one who waits"
    assert await rig.inboxes[erp.id].work() == 1
    assert rig.world.bells.push[erp.id].is_set()
    await rig.settle()
    assert [len(lab.sides[name].rows("people")) for name in ("crm", "erp")] == [1, 1]


async def test_who_was_named_by_a_refused_create_is_listed_though_told_of_before(
    lab: MemoryLab, rig: Rig
) -> None:
    """A create is refused for somebody who waits to be looked at: the question outlives the wait."""
    crm, erp = rig.stream("crm", "contact"), rig.stream("erp", "contact")
    lab.sides["crm"].create("people", ANN)
    await rig.intakes[crm.id].read()
    rig.world.creating[erp.id] = {0}
    bob = lab.sides["erp"].create("people", {"email": "bob@x.org", "name": "Bob"})
    await rig.intakes[erp.id].read()
    async with rig.world.store.write(numbers=10) as tx:
        (ann,) = await tx.fetch("select record_id from links where stream = $1", crm.id)
        refused = Hold(bob, "exists", None, {"record": ann["record_id"]})
        await hold(tx, rig.world, erp.id, 0, [refused])
    before = lab.sides["erp"].calls["read"]
    assert await rig.inboxes[erp.id].work() == 0
    assert lab.sides["erp"].calls["read"] == before, "nothing is asked while it could not be applied"
    rig.world.creating[erp.id].clear()
    assert await rig.inboxes[erp.id].work() == 2
    async with rig.world.store.read() as con:
        parked = await con.fetch("select code, remote_id, record_id from parked")
    assert [tuple(row) for row in parked] == [("merge_candidate", bob, ann["record_id"])]


async def test_who_waits_and_is_deleted_meanwhile_is_not_made_anywhere(lab: MemoryLab, rig: Rig) -> None:
    erp = rig.stream("erp", "contact")
    rig.world.creating[erp.id] = {0}
    ann = lab.sides["erp"].create("people", ANN)
    await rig.intakes[erp.id].read()
    lab.sides["erp"].delete("people", ann)
    await rig.intakes[erp.id].read()
    assert await rig.inboxes[erp.id].work() == 0, "her delete waits behind herself"
    rig.world.creating[erp.id].clear()
    await rig.settle()
    assert [len(lab.sides[name].rows("people")) for name in ("crm", "erp")] == [0, 0]
    async with rig.world.store.read() as con:
        assert await con.fetchval("select count(*) from inbox") == 0
        assert await con.fetchval("select bool_and(deleted) from records")
