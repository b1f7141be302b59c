"""The read before an overwrite, in systems that have no compare-and-set."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.crash import at_rest
from tests.engine.labs import PEOPLE, MemoryLab
from tests.support.rig import Rig


@pytest.fixture
async def lab(store_url: str, tmp_path: Path) -> AsyncIterator[MemoryLab]:
    async with MemoryLab.opened(store_url, tmp_path, "blind") as made:
        yield made


@pytest.fixture
async def rig(lab: MemoryLab) -> AsyncIterator[Rig]:
    async with at_rest(lab) as made:
        yield made


async def test_what_cannot_be_taken_in_does_not_make_each_guard_read_news(lab: MemoryLab, rig: Rig) -> None:
    """Else the record would be read and put off for ever, and its other fields never written."""
    crm, erp = lab.sides["crm"], lab.sides["erp"]
    ann = crm.create("people", {"email": "ann@x.org", "name": "Ann Lee"})
    await rig.settle()
    (there,) = erp.rows("people")
    erp.update("people", there, {"email": "nobody knows"})
    await rig.settle()
    crm.update("people", ann, {"name": "Ann Poe"})
    await rig.settle()
    assert erp.rows("people")[there]["name"] == "Ann Poe"
    assert erp.rows("people")[there]["email"] == "nobody knows", "what is not understood is not written over"


async def test_what_a_guard_read_leaves_out_is_not_written(lab: MemoryLab, rig: Rig) -> None:
    """An edit of that field, which nobody has read, would be gone without a word."""
    crm, erp = lab.sides["crm"], lab.sides["erp"]
    ann = crm.create("people", {"email": "ann@x.org", "name": "Ann Lee", "phone": "1"})
    await rig.settle()
    (there,) = erp.rows("people")
    erp.update("people", there, {"phone": "2"})
    erp.reshape("people", {name: field for name, field in PEOPLE.items() if name != "phone"})
    crm.update("people", ann, {"phone": "3", "name": "Ann Poe"})
    to_crm, to_erp = rig.stream("crm", "contact"), rig.stream("erp", "contact")
    await rig.intakes[to_crm.id].read()
    await rig.pushers[to_erp.id].push()
    assert erp.rows("people")[there]["name"] == "Ann Poe", "the others go through"
    async with rig.world.store.read() as con:
        parked = await con.fetch("select code, remote_id, field from parked")
    assert [tuple(row) for row in parked] == [("hidden_field", there, "phone")]
    erp.reshape("people", PEOPLE)
    assert erp.rows("people")[there]["phone"] == "2"
    await rig.sweep()
    await rig.settle()
    assert erp.rows("people")[there]["phone"] == crm.rows("people")[ann]["phone"]
    async with rig.world.store.plain() as con:
        (clash,) = await con.fetch("select field, candidates from conflicts")
        parked = await con.fetch("select code from parked")
    assert (clash["field"], {c["value"] for c in clash["candidates"]}) == ("phone", {"2", "3"})
    assert not parked


async def test_a_value_that_waits_for_a_field_that_was_never_told_is_listed(lab: MemoryLab, rig: Rig) -> None:
    crm, erp = lab.sides["crm"], lab.sides["erp"]
    there = erp.create("people", {"email": "ann@x.org", "name": "Ann Lee", "phone": "2"})
    erp.reshape("people", {name: field for name, field in PEOPLE.items() if name != "phone"})
    await rig.settle()
    crm.update("people", next(iter(crm.rows("people"))), {"phone": "3"})
    await rig.settle()
    listed = "select code, remote_id, field from parked"
    async with rig.world.store.plain() as con:
        assert [tuple(row) for row in await con.fetch(listed)] == [("hidden_field", there, "phone")]
    erp.reshape("people", PEOPLE)
    assert erp.rows("people")[there]["phone"] == "2"
    await rig.sweep()
    await rig.settle()
    async with rig.world.store.plain() as con:
        assert await con.fetch(listed) == []
        (clash,) = await con.fetch("select field, candidates from conflicts")
    assert (clash["field"], {c["value"] for c in clash["candidates"]}) == ("phone", {"2", "3"})


async def test_what_a_guard_read_shows_too_late_is_pushed_again_after_a_new_one(
    lab: MemoryLab, rig: Rig
) -> None:
    """The feed overtook it: the record is read once more, and what it is owed is not forgotten."""
    crm, erp = lab.sides["crm"], lab.sides["erp"]
    ann = crm.create("people", {"email": "ann@x.org", "name": "Ann Lee"})
    await rig.settle()
    (there,) = erp.rows("people")
    for number in range(30):  # of whom one delete, counted again after the read, is not too many
        crm.create("people", {"email": f"p{number}@x.org"})
    await rig.settle()
    to_crm, to_erp = rig.stream("crm", "contact"), rig.stream("erp", "contact")
    crm.delete("people", ann)
    await rig.intakes[to_crm.id].read()
    erp.update("people", there, {"name": "Ann Poe"})
    edits = iter([{"name": "Ann Roe"}])

    async def meanwhile(point: str, object: str, _: str | None) -> None:
        if (point, object) == ("read.answer", "people") and (edit := next(edits, None)) is not None:
            erp.update("people", there, edit)
            await rig.intakes[to_erp.id].read()

    erp.faults.hook = meanwhile
    assert await rig.pushers[to_erp.id].push() == 0, "it moved"
    assert next(edits, None) is None
    await rig.settle()
    assert there not in erp.rows("people")
