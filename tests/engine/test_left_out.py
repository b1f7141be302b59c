"""A field that answers leave out for a while, in systems with compare-and-set: the version moves unseen."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.memory import MemoryRemote
from tests.engine.crash import at_rest
from tests.engine.labs import PEOPLE, MemoryLab
from tests.support.rig import Rig

WITHOUT = {name: field for name, field in PEOPLE.items() if name != "phone"}


@pytest.fixture(params=["findable", "keyless", "blind"])
async def lab(request: Any, store_url: str, tmp_path: Path) -> AsyncIterator[MemoryLab]:
    """Read with our key, one field more than what is mapped, and without; and with no compare-and-set."""
    async with MemoryLab.opened(store_url, tmp_path, request.param) as made:
        yield made


@pytest.fixture
async def rig(lab: MemoryLab) -> AsyncIterator[Rig]:
    async with at_rest(lab) as made:
        yield made


async def ann(lab: MemoryLab, rig: Rig) -> tuple[str, str]:
    """One person in both, whose phone is left out by `erp` from now on; her ids."""
    here = lab.sides["crm"].create("people", {"email": "ann@x.org", "name": "Ann Lee", "phone": "1"})
    await rig.settle()
    (there,) = lab.sides["erp"].rows("people")
    lab.sides["erp"].reshape("people", WITHOUT)
    return here, there


async def parked(rig: Rig) -> list[tuple[str, str]]:
    async with rig.world.store.plain() as con:
        return [tuple(row) for row in await con.fetch("select code, field from parked")]


def phone(remote: MemoryRemote, remote_id: str) -> object:
    return remote.rows("people")[remote_id]["phone"]


async def test_the_others_are_written_and_it_follows_when_it_is_told(lab: MemoryLab, rig: Rig) -> None:
    """Nobody edited it, so nothing but the sweep knows that it is owed."""
    crm, erp = lab.sides["crm"], lab.sides["erp"]
    here, there = await ann(lab, rig)
    erp.update("people", there, {"name": "Ann Poe"})
    await rig.settle()
    crm.update("people", here, {"email": "ann@y.org", "phone": "3"})
    await rig.settle()
    assert erp.rows("people")[there]["email"] == "ann@y.org"
    assert await parked(rig) == [("hidden_field", "phone")]
    await rig.sweep()
    await rig.settle()
    assert await parked(rig) == [("hidden_field", "phone")], "it is left out still"
    erp.reshape("people", PEOPLE)
    await rig.sweep()
    await rig.settle()
    assert (phone(erp, there), await parked(rig)) == ("3", [])


async def test_a_write_of_the_others_tells_no_version_to_write_it_by(lab: MemoryLab, rig: Rig) -> None:
    """The next write would pass over what was typed there while it was left out."""
    crm, erp = lab.sides["crm"], lab.sides["erp"]
    here, there = await ann(lab, rig)
    erp.reshape("people", PEOPLE)
    erp.update("people", there, {"phone": "2"})
    erp.reshape("people", WITHOUT)
    crm.update("people", here, {"name": "Ann Poe"})
    await rig.settle()
    assert erp.rows("people")[there]["name"] == "Ann Poe"
    erp.reshape("people", PEOPLE)
    crm.update("people", here, {"phone": "3"})
    await rig.intakes[rig.stream("crm", "contact").id].read()
    await rig.pushers[rig.stream("erp", "contact").id].push()
    assert phone(erp, there) == "2", "what nobody has read is not written over"
    await rig.settle()
    async with rig.world.store.plain() as con:
        (clash,) = await con.fetch("select field, candidates from conflicts")
    assert (clash["field"], {c["value"] for c in clash["candidates"]}) == ("phone", {"2", "3"})
    assert await parked(rig) == []
