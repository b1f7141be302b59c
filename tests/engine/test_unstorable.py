"""A text that PostgreSQL cannot hold is listed, and holds up nothing else (F49, I9)."""

from __future__ import annotations

from pathlib import Path

import pytest

from syncd.store.store import Store
from tests.support.twofold import twofold

ODD = ["a\0b", "half \ud83d"]


@pytest.mark.parametrize("odd", ODD)
@pytest.mark.parametrize("new", [True, False])
async def test_it_is_listed_and_all_else_flows(store: Store, tmp_path: Path, odd: str, new: bool) -> None:
    async with twofold(store, tmp_path) as crms:
        ann = crms.crm.create("contacts", {"email": "ann@x.org", "name": odd if new else "Ann", "phone": "1"})
        await crms.rig.settle()
        crms.crm.update("contacts", ann, {"name": odd, "phone": "2"})
        crms.crm.create("contacts", {"email": "bob@x.org", "name": "Bob", "phone": "3"})
        await crms.rig.settle()
        kept = None if new else "Ann"
        assert crms.people() == [("ann@x.org", kept, "2"), ("bob@x.org", "Bob", "3")]
        assert await crms.notes() == [("unreadable", ann)]
        await crms.rig.sweep()
        assert await crms.rig.settle() == 0
        there = next(i for i, row in crms.erp.rows("people").items() if row["email"] == "ann@x.org")
        crms.erp.update("people", there, {"phone": "4"})
        await crms.rig.settle()
        assert crms.crm.rows("contacts")[ann]["phone"] == "4", "other fields go there as well"
        assert crms.crm.rows("contacts")[ann]["name"] == odd
        crms.crm.update("contacts", ann, {"name": "Anna"})
        await crms.rig.settle()
        assert ("ann@x.org", "Anna", "4") in crms.people()
        assert await crms.notes() == []


@pytest.mark.parametrize("odd", ODD)
async def test_so_it_is_with_what_a_system_makes_of_our_value(
    store: Store, tmp_path: Path, odd: str, monkeypatch: pytest.MonkeyPatch
) -> None:
    async with twofold(store, tmp_path) as crms:
        crms.crm.create("contacts", {"email": "ann@x.org", "name": "Ann", "title": "Dr"})
        monkeypatch.setattr("connectors.memory.table.normalised", lambda v, _: odd if v == "Dr" else v)
        await crms.rig.settle()
        assert [row["title"] for row in crms.erp.rows("people").values()] == [odd]
        assert await crms.rig.settle() == 0
