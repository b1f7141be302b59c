"""Policy `unlink`: whoever is deleted in one system while being made in another is synced nowhere."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from tests.engine.crash import at_rest
from tests.engine.labs import VARIANTS, MemoryLab, settings_of


@pytest.fixture(params=sorted(VARIANTS))
async def lab(request: pytest.FixtureRequest, store_url: str, tmp_path: Path) -> AsyncIterator[MemoryLab]:
    async with MemoryLab.opened(store_url, tmp_path, request.param) as made:
        text = (tmp_path / f"{request.param}.yaml").read_text()
        assert "policy: propagate" in text
        made.settings = settings_of(tmp_path / "unlink.yaml", text.replace("propagate", "unlink"))
        yield made


@pytest.mark.parametrize("lost", [False, True], ids=["answered", "unanswered"])
async def test_the_copy_that_is_on_its_way_is_left_alone(lab: MemoryLab, lost: bool) -> None:
    crm, erp = lab.sides["crm"], lab.sides["erp"]
    async with at_rest(lab) as rig:
        ann = crm.create("people", {"email": "ann@x.org", "name": "Ann Lee"})

        async def meanwhile(point: str, object: str, _: str | None) -> None:
            if point == "write.commit" and ann in crm.rows("people"):
                crm.delete("people", ann)
                await rig.intakes[rig.stream("crm", "contact").id].read()

        erp.faults.hook = meanwhile
        armed = erp.faults.arm("write.after_commit") if lost else None
        await rig.settle()
        await rig.sweep()
        await rig.settle()
        assert armed is None or armed.fired
        (copy,) = erp.rows("people")
        if not (lost and lab.keyless):  # where nobody can know, it is somebody else's
            erp.update("people", copy, {"name": "Ann Poe"})
            await rig.settle()
            async with rig.world.store.read() as con:
                links = await con.fetch("select state from links order by state")
                names = await con.fetch("select fields ->> 'name' as name from records")
            assert [row["state"] for row in links] == ["detached", "gone"]
            assert [row["name"] for row in names] == ["Ann Lee"]
        async with rig.world.store.read() as con:
            assert await con.fetchval("select count(*) from outbox") == 0
        assert not rig.world.create_open(rig.stream("erp", "contact").id)
        await rig.settle()
        assert list(erp.rows("people")) == [copy]
