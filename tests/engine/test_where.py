"""`where`: records that take no part, leave, and come back."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from syncd.store.store import Store
from tests.support.twofold import Twofold, twofold

ANN = {"email": "ann@x.org", "name": "Ann", "phone": "1"}
PRIVATE = {**ANN, "private": True}
PUBLIC = "where: private != true"


@pytest.fixture
async def crms(store: Store, tmp_path: Path) -> AsyncIterator[Twofold]:
    async with twofold(store, tmp_path, words=PUBLIC) as made:
        yield made


def ann(crms: Twofold) -> str:
    """Her id in the second system."""
    return next(i for i, row in crms.erp.rows("people").items() if row["email"] == "ann@x.org")


async def outside(crms: Twofold) -> str:
    """Somebody who took part, and does no more; the id in the first system."""
    one = crms.crm.create("contacts", ANN)
    await crms.rig.settle()
    crms.crm.update("contacts", one, {"private": True})
    await crms.rig.settle()
    assert await crms.state(f"crm:{one}") == "out_of_scope"
    return one


async def test_who_takes_no_part_is_nobody_here(crms: Twofold) -> None:
    one = crms.crm.create("contacts", PRIVATE)
    await crms.rig.settle()
    assert (await crms.links(), crms.people()) == ({}, [])
    crms.crm.update("contacts", one, {"private": False})
    await crms.rig.settle()
    assert crms.people() == [("ann@x.org", "Ann", "1")]


async def test_who_leaves_stays_as_it_was_in_the_other_system(crms: Twofold) -> None:
    one = await outside(crms)
    assert crms.people() == [("ann@x.org", "Ann", "1")]
    crms.crm.update("contacts", one, {"phone": "2"})
    crms.erp.update("people", ann(crms), {"name": "Anna"})
    await crms.rig.settle()
    assert crms.people() == [("ann@x.org", "Anna", "1")], "nothing comes in"
    row = crms.crm.rows("contacts")[one]
    assert (row["name"], row["phone"]) == ("Ann", "2"), "and nothing is written"
    assert len(crms.crm.rows("contacts")) == 1, "nor made again"
    assert await crms.rig.settle() == 0


async def test_who_comes_back_is_merged_with_what_was_known(crms: Twofold) -> None:
    one = await outside(crms)
    crms.crm.update("contacts", one, {"phone": "2"})
    crms.erp.update("people", ann(crms), {"name": "Anna"})
    await crms.rig.settle()
    crms.crm.update("contacts", one, {"private": False})
    await crms.rig.settle()
    assert await crms.state(f"crm:{one}") == "live"
    assert crms.people() == [("ann@x.org", "Anna", "2")]
    assert crms.crm.rows("contacts")[one]["name"] == "Anna"
    assert await crms.conflicts() == [], "different fields do not fight"


async def test_what_both_edited_meanwhile_is_decided_and_listed(crms: Twofold) -> None:
    one = await outside(crms)
    crms.crm.update("contacts", one, {"phone": "2"})
    crms.erp.update("people", ann(crms), {"phone": "3"})
    await crms.rig.settle()
    crms.crm.update("contacts", one, {"private": False})
    await crms.rig.settle()
    assert crms.people() == [("ann@x.org", "Ann", "2")], "the first system is preferred"
    assert [(field, set(values)) for field, _, values in await crms.conflicts()] == [("phone", {"2", "3"})]


async def test_a_delete_of_what_takes_no_part_spreads_nothing(crms: Twofold) -> None:
    one = await outside(crms)
    crms.crm.delete("contacts", one)
    await crms.rig.settle()
    assert await crms.state(f"crm:{one}") == "gone"
    assert crms.people() == [("ann@x.org", "Ann", "1")]
    assert crms.crm.rows("contacts") == {}
    crms.crm.restore("contacts", one)
    await crms.rig.settle()
    assert await crms.state(f"crm:{one}") in ("gone", "out_of_scope")


async def test_nobody_is_made_who_would_take_no_part(store: Store, tmp_path: Path) -> None:
    async with twofold(store, tmp_path, words="where: title != 'guest'") as crms:
        guest = crms.erp.create("people", {**ANN, "title": "guest"})
        await crms.rig.settle()
        assert crms.crm.rows("contacts") == {}
        crms.erp.update("people", guest, {"title": "Dr"})
        await crms.rig.settle()
        assert [row["title"] for row in crms.crm.rows("contacts").values()] == ["Dr"]
        crms.erp.update("people", guest, {"title": "guest"})
        await crms.rig.settle()
        (one,) = crms.crm.rows("contacts")
        await crms.rig.sweep("crm")
        await crms.rig.settle()
        assert await crms.state(f"crm:{one}") == "out_of_scope", "our own write took it out"


async def test_a_write_is_not_sent_to_who_left_meanwhile(store: Store, tmp_path: Path) -> None:
    features = {"compare_and_set": False}
    async with twofold(store, tmp_path, words=PUBLIC, features=features) as crms:
        one = crms.crm.create("contacts", ANN)
        await crms.rig.settle()
        crms.erp.update("people", ann(crms), {"phone": "2"})
        await crms.rig.intakes[crms.rig.stream("erp", "contact").id].read()
        crms.crm.update("contacts", one, {"private": True})
        await crms.rig.work()
        assert crms.crm.rows("contacts")[one]["phone"] == "1"
        assert await crms.state(f"crm:{one}") == "out_of_scope"


async def test_what_nobody_can_tell_changes_nothing_and_is_listed(crms: Twofold) -> None:
    one = crms.crm.create("contacts", ANN)
    await crms.rig.settle()
    fields = crms.crm.tables["contacts"].fields
    crms.crm.reshape("contacts", {n: f for n, f in fields.items() if n not in ("private", "syncd_key")})
    crms.crm.update("contacts", one, {"phone": "2"})
    two = crms.crm.create("contacts", {"email": "bob@x.org", "name": "Bob"})
    await crms.rig.settle()
    assert await crms.state(f"crm:{one}") == "live"
    assert crms.people() == [("ann@x.org", "Ann", "2")]
    assert ("where_unknown", two) in await crms.notes()


async def test_a_create_of_ours_that_takes_no_part_is_not_made_twice(crms: Twofold) -> None:
    crms.erp.create("people", ANN)
    await crms.rig.read()
    crms.crm.faults.arm("write.uncertain")
    contacts = next(s for s in crms.rig.streams if s.object == "contacts")
    await crms.rig.pushers[contacts.id].push()
    for one in crms.crm.rows("contacts"):
        crms.crm.update("contacts", one, {"private": True})
    await crms.rig.settle()
    await crms.rig.settle()
    assert len(crms.crm.rows("contacts")) == 1


async def test_another_filter_is_found_out_by_a_sweep(store: Store, tmp_path: Path) -> None:
    async with twofold(store, tmp_path) as crms:
        one, two = crms.crm.create("contacts", PRIVATE), crms.crm.create("contacts", {"email": "b@x.org"})
        await crms.rig.settle()
        sides = (crms.crm, crms.erp)
    for words, state in ((PUBLIC, "out_of_scope"), ("", "live")):
        async with twofold(store, tmp_path, words=words, sides=sides) as crms:
            stream = next(s for s in crms.rig.streams if s.object == "contacts")
            async with store.plain() as con:
                swept = await con.fetchval("select swept_at from streams where stream = $1", stream.id)
            assert swept is not None, "a sweep is brought forward"
            assert swept.year == 1970
            await crms.rig.sweep("crm")
            await crms.rig.settle()
            assert await crms.state(f"crm:{one}") == state
            assert await crms.state(f"crm:{two}") == "live"
