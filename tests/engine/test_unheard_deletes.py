"""Deletes of ours that nobody answered: what is gone then may be gone by us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import replace
from pathlib import Path

import pytest

from syncd.core.errors import RetryLater
from tests.engine.crash import at_rest
from tests.engine.labs import VARIANTS, MemoryLab
from tests.support.rig import Rig


@pytest.fixture(params=sorted(VARIANTS))
async def lab(request: pytest.FixtureRequest, store_url: str, tmp_path: Path) -> AsyncIterator[MemoryLab]:
    async with MemoryLab.opened(store_url, tmp_path, request.param) as made:
        yield made


@pytest.fixture
async def rig(lab: MemoryLab) -> AsyncIterator[Rig]:
    async with at_rest(lab) as made:
        yield made


@pytest.mark.parametrize("first", ["crm", "erp"])
async def test_who_was_restored_meanwhile_is_not_deleted_for_it(lab: MemoryLab, rig: Rig, first: str) -> None:
    """Whichever is read first: that she is back in one, or gone in the other."""
    crm, erp = lab.sides["crm"], lab.sides["erp"]
    ann = crm.create("people", {"email": "ann@x.org", "name": "Ann Lee"})
    await rig.settle()
    crm.delete("people", ann)
    here, there = rig.stream("crm", "contact"), rig.stream("erp", "contact")
    await rig.intakes[here.id].read()
    lost = erp.faults.arm("write.after_commit")
    await rig.pushers[there.id].push()
    assert lost.fired == 1
    assert not erp.rows("people")
    crm.restore("people", ann)
    await rig.intakes[rig.stream(first, "contact").id].read()
    await rig.settle()
    await rig.sweep()
    await rig.settle()
    assert list(crm.rows("people")) == [ann]
    (again,) = erp.rows("people").values()
    assert again["email"] == "ann@x.org"


async def test_a_person_who_deletes_later_is_heard(lab: MemoryLab, rig: Rig) -> None:
    """A write that was accepted since says that the delete never came about."""
    crm, erp = lab.sides["crm"], lab.sides["erp"]
    ann = crm.create("people", {"email": "ann@x.org", "name": "Ann Lee"})
    await rig.settle()
    crm.delete("people", ann)
    here, there = rig.stream("crm", "contact"), rig.stream("erp", "contact")
    await rig.intakes[here.id].read()
    lost = erp.faults.arm("write.before_commit", error=RetryLater("the line is cut", uncertain=True))
    await rig.pushers[there.id].push()
    assert lost.fired == 1
    assert erp.rows("people"), "it never came about"
    crm.restore("people", ann)
    crm.update("people", ann, {"name": "Ann Poe"})
    await rig.settle()
    (copy,) = erp.rows("people")
    assert erp.rows("people")[copy]["name"] == "Ann Poe"
    erp.delete("people", copy)
    await rig.settle()
    assert not crm.rows("people")


async def test_children_that_went_with_it_stay_elsewhere(lab: MemoryLab) -> None:
    """They are seen to be gone before anybody has looked whether their firm is."""
    crm, erp = lab.sides["crm"], lab.sides["erp"]
    fields = dict(erp.tables["people"].shape.fields)
    erp.reshape("people", {**fields, "firm": replace(fields["firm"], on_delete="cascade")})
    async with at_rest(lab) as rig:
        acme = crm.create("firms", {"name": "Acme"})
        ann = crm.create("people", {"email": "ann@x.org", "name": "Ann Lee", "firm": acme})
        others = [crm.create("people", {"email": f"{n}@x.org"}) for n in range(20)]  # else a brake is pulled
        await rig.settle()
        assert len(erp.rows("people")) == 21
        crm.delete("firms", acme)
        await rig.intakes[rig.stream("crm", "company").id].read()
        lost = erp.faults.arm("write.after_commit")
        await rig.pushers[rig.stream("erp", "company").id].push()
        assert lost.fired == 1
        assert len(erp.rows("people")) == 20
        await rig.intakes[rig.stream("erp", "contact").id].read()
        await rig.settle()
        await rig.sweep()
        await rig.settle()
        assert sorted(crm.rows("people")) == sorted([ann, *others])
