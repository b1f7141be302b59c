"""Merges and conversions: links follow the copy that is left, records that turn out to be one join."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from syncd.core.nouns import Change, Op
from syncd.engine.apply import apply, incoming
from syncd.store.history import find_record
from syncd.store.store import Store
from tests.support.twofold import Twofold, twofold

ANN = {"email": "ann@x.org", "name": "Ann", "phone": "1"}
ANNA = {"email": "anna@x.org", "name": "Anna", "phone": "2", "title": "Dr"}


@pytest.fixture
async def crms(store: Store, tmp_path: Path) -> AsyncIterator[Twofold]:
    async with twofold(store, tmp_path) as made:
        yield made


async def both(crms: Twofold) -> tuple[str, str]:
    """Two contacts that are in both systems; their ids in the first one."""
    one, two = crms.crm.create("contacts", ANN), crms.crm.create("contacts", ANNA)
    await crms.rig.settle()
    return one, two


def there(crms: Twofold, name: str) -> str:
    """The id of a person in the second system."""
    return next(i for i, row in crms.erp.rows("people").items() if row["name"] == name)


async def quiet(crms: Twofold) -> None:
    """Nothing is written any more, nothing waits, nothing is left to be done."""
    assert await crms.rig.settle() == 0
    await crms.rig.sweep()
    assert await crms.rig.settle() == 0
    async with crms.store.plain() as con:
        for name in ("inbox", "outbox", "sends"):
            assert await con.fetchval(f"select count(*) from {name}") == 0, name


async def test_the_link_follows_the_copy_that_is_left(crms: Twofold) -> None:
    one = crms.crm.create("contacts", ANN)
    await crms.rig.settle()
    with crms.crm.begin() as edit:  # made and merged in one go: nobody has seen the winner
        new = edit.create("contacts", {"email": "ann.lee@x.org", "title": "Dr"})
        edit.merge("contacts", one, new)
    await crms.rig.settle()
    links = await crms.links()
    assert (links[f"crm:{one}"][0], links[f"crm:{new}"][0]) == ("duplicate", "live")
    assert links[f"crm:{one}"][1] == links[f"crm:{new}"][1]
    assert len(crms.erp.rows("people")) == 1
    assert crms.crm.rows("contacts")[new]["phone"] == "1", "a blank never beats a value"
    assert crms.erp.rows("people")[there(crms, "Ann")]["title"] == "Dr"
    await quiet(crms)


async def test_two_records_that_are_one_join(crms: Twofold) -> None:
    one, two = await both(crms)
    before = await crms.links()
    first, second = there(crms, "Ann"), there(crms, "Anna")
    crms.crm.merge("contacts", one, two, {"phone": "3"})
    await crms.rig.settle()
    links = await crms.links()
    record = before[f"crm:{two}"][1]
    assert links == {
        f"crm:{one}": ("duplicate", record),
        f"crm:{two}": ("live", record),
        f"erp:{first}": ("duplicate", record),
        f"erp:{second}": ("live", record),
    }
    assert crms.people() == [("ann@x.org", "Ann", "1"), ("anna@x.org", "Anna", "3")]
    assert ("duplicate", first) in await crms.notes()
    told = {(field, tuple(values)) for field, _, values in await crms.conflicts()}
    assert ("name", ("Anna", "Ann")) in told, "what the other record held is listed"
    old = before[f"crm:{one}"][1]
    assert await find_record(crms.store, "contact", str(old)) == record
    await quiet(crms)
    crms.erp.merge("people", first, second)
    await crms.rig.settle()
    assert crms.people() == [("anna@x.org", "Anna", "3")]
    assert await crms.notes() == [], "merged there as well"
    await quiet(crms)


async def test_a_copy_that_only_the_other_record_had_comes_along(crms: Twofold) -> None:
    one = crms.crm.create("contacts", ANN)
    await crms.rig.settle()
    crms.erp.update("people", there(crms, "Ann"), {"phone": "7", "title": "Prof"})
    two = crms.crm.create("contacts", {"email": "anna@x.org", "name": "Anna"})
    await crms.rig.intakes[crms.rig.stream("crm", "contact").id].read()  # known, and not yet in the other
    crms.crm.merge("contacts", one, two)
    await crms.rig.settle()
    assert len(crms.erp.rows("people")) == 1
    left = crms.crm.rows("contacts")[two]
    assert (left["phone"], left["title"]) == ("7", "Prof"), "an edit that the loser was owed is not lost"
    assert left["name"] == crms.erp.rows("people")[there(crms, left["name"])]["name"]
    await quiet(crms)


async def test_chains_end_at_the_last_one(crms: Twofold) -> None:
    one, two = await both(crms)
    three = crms.crm.create("contacts", {"email": "a@x.org", "name": "A"})
    await crms.rig.settle()
    crms.crm.merge("contacts", one, two)
    crms.crm.merge("contacts", two, three)
    await crms.rig.settle()
    links = await crms.links()
    assert [links[f"crm:{i}"][0] for i in (one, two, three)] == ["duplicate", "duplicate", "live"]
    assert len({links[f"crm:{i}"][1] for i in (one, two, three)}) == 1
    async with crms.store.plain() as con:
        survivors = await con.fetch("select distinct survivor from redirects")
    assert [row["survivor"] for row in survivors] == [links[f"crm:{three}"][1]]
    await quiet(crms)


async def test_a_merge_while_the_loser_is_written_to(crms: Twofold) -> None:
    one, two = await both(crms)
    crms.erp.update("people", there(crms, "Ann"), {"title": "Prof"})
    await crms.rig.read()
    merged: list[str] = []

    async def hook(point: str, object: str, _: str | None) -> None:
        if point == "write.before_commit" and object == "contacts" and not merged:
            merged.append(point)
            crms.crm.merge("contacts", one, two)

    crms.crm.faults.hook = hook
    await crms.rig.settle()  # the write finds nobody there, which is all that is done in this round
    assert merged
    await crms.rig.settle()
    assert await crms.state(f"crm:{one}") == "duplicate"
    told = {(field, tuple(values)) for field, _, values in await crms.conflicts()}
    assert ("title", ("Dr", "Prof")) in told
    await quiet(crms)


async def test_a_merge_waits_for_the_answer_of_a_write(crms: Twofold) -> None:
    one, two = await both(crms)
    stream = crms.rig.stream("erp", "contact")
    record = (await crms.links())[f"crm:{one}"][1]
    crms.rig.world.flying.add((stream.id, record))
    crms.crm.merge("contacts", one, two)
    await crms.rig.intakes[crms.rig.stream("crm", "contact").id].read()
    assert await crms.state(f"crm:{one}") == "live"
    crms.rig.world.flying.clear()
    async with crms.store.write(numbers=10) as tx:
        await tx.execute("update inbox set not_before = null")
    await crms.rig.settle()
    assert await crms.state(f"crm:{one}") == "duplicate"
    await quiet(crms)


async def test_a_loser_that_nobody_knew_is_never_made(crms: Twofold) -> None:
    two = crms.crm.create("contacts", ANNA)
    await crms.rig.settle()
    with crms.crm.begin() as edit:
        lost = edit.create("contacts", ANN)
        edit.merge("contacts", lost, two)
    await crms.rig.settle()
    assert await crms.state(f"crm:{lost}") == "duplicate"
    assert len(crms.erp.rows("people")) == 1
    await quiet(crms)


async def test_what_comes_back_after_a_merge_is_listed_and_left_alone(crms: Twofold) -> None:
    one, two = await both(crms)
    crms.crm.merge("contacts", one, two)
    await crms.rig.settle()
    crms.crm.restore("contacts", one)
    crms.crm.update("contacts", one, {"phone": "9"})
    await crms.rig.settle()
    assert await crms.state(f"crm:{one}") == "duplicate"
    assert ("duplicate", one) in await crms.notes()
    assert "9" not in [phone for _, _, phone in crms.people()]
    await quiet(crms)


async def test_references_to_the_loser_lead_to_what_is_left(crms: Twofold) -> None:
    firms = [crms.crm.create("firms", {"name": name}) for name in ("Acme", "Acme Inc")]
    crms.crm.create("contacts", {**ANN, "firm": firms[0]})
    await crms.rig.settle()
    crms.crm.merge("firms", firms[0], firms[1])
    await crms.rig.settle()
    await quiet(crms)
    there_ = {row["name"]: i for i, row in crms.erp.rows("firms").items()}
    assert set(there_) == {"Acme", "Acme Inc"}
    bob = crms.crm.create("contacts", {"email": "bob@x.org", "name": "Bob", "firm": firms[1]})
    await crms.rig.settle()
    assert crms.erp.rows("people")[there(crms, "Bob")]["firm"] == there_["Acme Inc"]
    crms.erp.update("people", there(crms, "Ann"), {"phone": "5"})
    await crms.rig.settle()
    rows = crms.crm.rows("contacts")
    assert {row["firm"] for row in rows.values()} == {firms[1]}
    assert {row["phone"] for i, row in rows.items() if i != bob} == {"5"}
    assert [field for field, _, _ in await crms.conflicts()] == ["name"], "the firm's, which is listed"
    await quiet(crms)


async def test_a_key_of_the_lost_record_names_the_one_that_stays(crms: Twofold) -> None:
    one, two = await both(crms)
    links = await crms.links()
    key = crms.rig.world.key_of(links[f"crm:{one}"][1])
    crms.crm.merge("contacts", one, two)
    await crms.rig.settle()
    copy = crms.erp.create("people", {"email": "x@x.org", "name": "X", "syncd_key": key + "x"})
    crms.erp.update("people", copy, {"syncd_key": None})
    await crms.rig.settle()
    assert (await crms.links())[f"erp:{copy}"][0] == "live"
    late = crms.crm.create("contacts", {"email": "y@x.org", "name": "Y", "syncd_key": key})
    await crms.rig.settle()
    assert (await crms.links())[f"crm:{late}"] == ("duplicate", links[f"crm:{two}"][1])


@pytest.mark.parametrize("fields", [{}, {"phone": "3"}])
async def test_a_lead_becomes_a_contact(crms: Twofold, fields: dict[str, Any]) -> None:
    lead = crms.crm.create("leads", {**ANN, "company": "Acme"})
    await crms.rig.settle()
    contact = crms.crm.convert("leads", lead, "contacts", fields)
    await crms.rig.settle()
    links = await crms.links()
    assert (links[f"crm:{lead}"][0], links[f"crm:{contact}"][0]) == ("duplicate", "live")
    assert crms.people() == [("ann@x.org", "Ann", fields.get("phone", "1"))]
    assert await crms.conflicts() == []
    assert await crms.notes() == []
    assert crms.erp.rows("people")[there(crms, "Ann")]["employer"] == "Acme", "what a contact lacks stays"
    crms.erp.update("people", there(crms, "Ann"), {"title": "Dr"})
    await crms.rig.settle()
    assert crms.crm.rows("contacts")[contact]["title"] == "Dr"
    await quiet(crms)


async def test_the_contact_may_be_told_before_the_conversion(crms: Twofold) -> None:
    lead = crms.crm.create("leads", ANN)
    await crms.rig.settle()
    contact = crms.crm.convert("leads", lead, "contacts", {"phone": "3"})
    contacts = next(s for s in crms.rig.streams if s.object == "contacts")
    await crms.rig.intakes[contacts.id].read()
    assert await crms.state(f"crm:{contact}") == "duplicate"
    await crms.rig.settle()
    assert await crms.state(f"crm:{contact}") == "live"
    assert await crms.state(f"crm:{lead}") == "duplicate"
    assert await crms.notes() == []
    assert len(crms.erp.rows("people")) == 1
    await quiet(crms)


async def test_a_lead_may_become_part_of_another_contact(crms: Twofold) -> None:
    lead, contact = crms.crm.create("leads", ANN), crms.crm.create("contacts", ANNA)
    await crms.rig.settle()
    crms.crm.convert("leads", lead, "contacts", into=contact)
    await crms.rig.settle()
    links = await crms.links()
    assert links[f"crm:{lead}"] == ("duplicate", links[f"crm:{contact}"][1])
    assert len(crms.erp.rows("people")) == 2, "merged there only by a person"
    await quiet(crms)


async def test_a_conversion_into_what_is_not_mapped_leaves_the_others_alone(crms: Twofold) -> None:
    one = crms.crm.create("contacts", ANN)
    await crms.rig.settle()
    crms.crm.convert("contacts", one, "tasks")
    await crms.rig.settle()
    assert await crms.state(f"crm:{one}") == "gone"
    assert await crms.notes() == [("converted", one)]
    assert crms.people() == [("ann@x.org", "Ann", "1")]
    assert crms.crm.rows("contacts") == {}, "nobody makes it again"
    await quiet(crms)


async def test_a_conversion_taken_back_is_listed(crms: Twofold) -> None:
    lead = crms.crm.create("leads", ANN)
    await crms.rig.settle()
    crms.crm.convert("leads", lead, "contacts")
    await crms.rig.settle()
    crms.crm.restore("leads", lead)
    await crms.rig.settle()
    assert await crms.state(f"crm:{lead}") == "duplicate"
    assert await crms.notes() == [("duplicate", lead)]
    await quiet(crms)


@pytest.mark.parametrize("object", ["contacts", "leads"])
async def test_a_restore_after_a_delete_brings_the_same_link_back(crms: Twofold, object: str) -> None:
    one = crms.crm.create(object, ANN)
    await crms.rig.settle()
    record = (await crms.links())[f"crm:{one}"][1]
    crms.crm.delete(object, one)
    await crms.rig.settle()
    assert crms.people() == []
    crms.crm.restore(object, one)
    await crms.rig.settle()
    assert (await crms.links())[f"crm:{one}"] == ("live", record)
    assert crms.people() == [("ann@x.org", "Ann", "1")]
    assert len(crms.crm.rows("contacts")) + len(crms.crm.rows("leads")) == 1
    await quiet(crms)


async def told_late(crms: Twofold, one: str, left: str) -> None:
    """The feed tells of a merge that looked like a delete before."""
    stream = next(s for s in crms.rig.streams if s.object == "contacts")
    change = Change("crm", "contacts", one, Op.MERGE, survivor_id=left)
    async with crms.store.write(numbers=200) as tx:
        evidence = crms.store.seq()
        items = incoming(stream, [change], evidence)
        await apply(tx, crms.rig.world, stream, items, source="feed", evidence=evidence)


async def looks_like_a_delete(crms: Twofold, one: str) -> None:
    crms.crm.tables["contacts"].rows[one].heir = None
    await crms.rig.settle()
    assert await crms.state(f"crm:{one}") == "gone"


async def test_a_merge_that_was_first_told_as_a_delete_joins_all_the_same(crms: Twofold) -> None:
    one, two = await both(crms)
    crms.crm.merge("contacts", one, two)
    await looks_like_a_delete(crms, one)
    assert crms.people() == [("anna@x.org", "Anna", "2")]
    await told_late(crms, one, two)
    await crms.rig.settle()
    links = await crms.links()
    assert links[f"crm:{one}"] == ("duplicate", links[f"crm:{two}"][1])
    assert crms.people() == [("anna@x.org", "Anna", "2")]
    await quiet(crms)


async def test_a_merge_into_a_stranger_that_was_first_told_as_a_delete_takes_it_back(crms: Twofold) -> None:
    one = crms.crm.create("contacts", ANN)
    await crms.rig.settle()
    with crms.crm.begin() as edit:
        new = edit.create("contacts", {"email": None, "title": "Dr"})
        edit.merge("contacts", one, new)
    crms.crm.quirks.hidden = frozenset({new})  # not shown yet
    crms.crm.tables["contacts"].rows[one].heir = None
    stream = next(s for s in crms.rig.streams if s.object == "contacts")
    change = Change("crm", "contacts", one, Op.DELETE)
    async with crms.store.write(numbers=200) as tx:
        evidence = crms.store.seq()
        items = incoming(stream, [change], evidence)
        await apply(tx, crms.rig.world, stream, items, source="feed", evidence=evidence)
    await crms.rig.work()
    assert crms.people() == []
    crms.crm.quirks.hidden = frozenset()
    await told_late(crms, one, new)
    await crms.rig.settle()
    assert await crms.state(f"crm:{new}") == "live"
    assert crms.people() == [("ann@x.org", "Ann", "1")]
    assert crms.crm.rows("contacts")[new]["name"] == "Ann"
    await quiet(crms)
