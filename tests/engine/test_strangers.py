"""Records that nobody knows yet: no copy is made of what may be waiting to be looked at."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.crash import Daemon
from tests.engine.labs import MemoryLab
from tests.support.rig import Rig

ANN = {"email": "ann@x.org", "name": "Ann"}


@pytest.fixture
async def lab(store_url: str, tmp_path: Path) -> AsyncIterator[MemoryLab]:
    made = MemoryLab(store_url, tmp_path, "upsert")
    await made.reset()
    yield made
    await made.aclose()


@pytest.fixture
async def rig(lab: MemoryLab) -> AsyncIterator[Rig]:
    daemon = Daemon(lab)
    yield await daemon.rest()
    await daemon.end()


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
