"""A second copy of a record speaks while a write to the first one is on its way."""

from __future__ import annotations

import asyncio
from pathlib import Path

import pytest

from syncd.store.store import Store
from tests.support.twofold import twofold


@pytest.mark.parametrize("gone", [False, True])
async def test_it_waits_without_asking_again_and_again(store: Store, tmp_path: Path, gone: bool) -> None:
    async with twofold(store, tmp_path) as crms:
        one, two = (
            crms.crm.create("contacts", {"email": f"{name}@x.org", "name": name}) for name in ("ann", "anna")
        )
        await crms.rig.settle()
        key = crms.rig.world.key_of((await crms.links())[f"crm:{one}"][1])
        crms.crm.merge("contacts", one, two)
        await crms.rig.settle()
        second = crms.crm.create("contacts", {"email": "y@x.org", "name": "y", "syncd_key": key})
        await crms.rig.settle()
        there = next(i for i, row in crms.erp.rows("people").items() if row["name"] == "anna")
        crms.erp.update("people", there, {"phone": "1"})
        stream = next(s for s in crms.rig.streams if s.object == "contacts")
        slow = crms.crm.faults.arm("write.answer", hold=True)
        await crms.rig.read()
        push = asyncio.create_task(crms.rig.pushers[stream.id].push())
        await slow.reached.wait()
        if gone:
            crms.crm.delete("contacts", second)
        else:
            crms.crm.update("contacts", second, {"phone": "2"})
        await crms.rig.intakes[stream.id].read()
        async with asyncio.timeout(60):
            assert await crms.rig.inboxes[stream.id].work() == 0
        slow.release()
        await push
        await crms.rig.settle()
        assert slow.fired == 1
        assert crms.crm.rows("contacts")[two]["phone"] == "1"
