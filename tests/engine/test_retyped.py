"""A mapping that changes: what was read as another type is read anew, what is new is told."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from typing import Any

import pytest

from tests.engine.conftest import MakePair, Pair
from tests.engine.test_deletes import fetch
from tests.support.rig import Rig

Change = Callable[..., Awaitable[Rig]]


@pytest.fixture
async def changed() -> AsyncIterator[Change]:
    """`await changed(pair, {old: new})`: the same store under a changed configuration."""
    made: list[Rig] = []

    async def make(p: Pair, words: dict[str, str]) -> Rig:
        text = p.config.read_text()
        for old, new in words.items():
            assert old in text
            text = text.replace(old, new)
        p.config.write_text(text)
        made.append(await Rig.make(p.rig.world.store, p.config))
        return made[-1]

    yield make
    for rig in made:
        await rig.aclose()


async def record(p: Pair, kind: str) -> Any:
    [row] = await fetch(p, f"select fields, contests from records where kind = '{kind}'")
    return row


async def swept(rig: Rig) -> None:
    """A sweep was asked for by the change itself; then all comes to rest."""
    async with rig.world.store.plain() as con:
        assert await con.fetchval("select count(*) from streams where swept_at = 'epoch'")
    await rig.sweep()
    await rig.settle()


async def test_a_retyped_field_is_read_anew_without_a_conflict(pair: MakePair, changed: Change) -> None:
    p = await pair()
    await p.crm.execute("insert into contact (email, last, phone) values ('a@b.org', 'Ek', '0042')")
    await p.rig.settle()
    assert (await record(p, "contact"))["fields"]["phone"] == "0042"
    rig = await changed(p, {"phone: text": "phone: integer"})
    await swept(rig)
    assert (await record(p, "contact"))["fields"]["phone"] == 42
    assert await fetch(p, "select * from conflicts") == []
    assert await fetch(p, "select * from parked") == []
    await p.erp.execute("update people set tel = '43'")
    await rig.settle()
    assert await p.one("crm", "select phone from contact") == "43"


async def test_an_earlier_mapping_is_swept_for_as_a_new_one_is(pair: MakePair, changed: Change) -> None:
    """What was edited while nobody read the field is found although its mapping is known."""
    p = await pair()
    await p.crm.execute("insert into contact (email, last) values ('a@b.org', 'Ek')")
    await p.rig.settle()
    rig = await changed(p, {"phone: tel, ": ""})
    await swept(rig)
    await p.erp.execute("update people set tel = '2'")
    await rig.settle()
    assert await p.one("crm", "select phone from contact") is None
    rig = await changed(p, {"company: firm,": "phone: tel, company: firm,"})
    await swept(rig)
    assert await p.one("crm", "select phone from contact") == "2"


async def test_the_same_mapping_is_not_swept_for_again(pair: MakePair, changed: Change) -> None:
    p = await pair()
    for words in ({"phone: tel, ": ""}, {"company: firm,": "phone: tel, company: firm,"}):
        await swept(await changed(p, words))
    rig = await changed(p, {})
    async with rig.world.store.plain() as con:
        assert not await con.fetchval("select count(*) from streams where swept_at = 'epoch'")


async def test_an_edit_before_the_retyped_field_was_read_anew(pair: MakePair, changed: Change) -> None:
    p = await pair()
    await p.crm.execute("insert into contact (email, last, phone) values ('a@b.org', 'Ek', '0042')")
    await p.rig.settle()
    rig = await changed(p, {"phone: text": "phone: integer"})
    await p.erp.execute("update people set tel = '7', name = 'Ann Ek'")
    await p.crm.execute("update contact set tags = 'x'")
    await rig.settle()
    await swept(rig)
    assert (await record(p, "contact"))["fields"]["phone"] == 42  # no base: the first-link rules decide
    assert int(await p.one("crm", "select phone from contact")) == 42
    assert int(await p.one("erp", "select tel from people")) == 42
    [clash] = await fetch(p, "select candidates from conflicts where field = 'phone'")
    assert [c["value"] for c in clash["candidates"]] == [42, 7]
    assert await p.one("crm", "select first || last from contact") == "AnnEk"


async def test_values_that_the_new_type_cannot_read_are_listed(pair: MakePair, changed: Change) -> None:
    p = await pair()
    await p.crm.execute("insert into contact (email, last, phone) values ('a@b.org', 'Ek', 'none')")
    await p.rig.settle()
    rig = await changed(p, {"phone: text": "phone: integer"})
    await swept(rig)
    parked = await fetch(p, "select code, field from parked order by field")
    assert [tuple(row) for row in parked] == [("unreadable", "phone"), ("unreadable", "tel")]
    assert await p.one("erp", "select tel from people") == "none"
    await p.erp.execute("update people set tel = '7'")
    await p.crm.execute("update contact set phone = '7'")
    await rig.settle()
    assert (await record(p, "contact"))["fields"]["phone"] == 7
    assert await fetch(p, "select * from parked") == []


async def test_a_field_that_feeds_another_one_is_first_sight(pair: MakePair, changed: Change) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    rig = await changed(
        p,
        {
            "name: text, city: text": "name: text, town: text",
            "city: city": "town: city",
            "city: town": "town: town",
        },
    )
    await swept(rig)
    fields = (await record(p, "company"))["fields"]
    assert fields["town"] == "Rome"
    assert await fetch(p, "select * from conflicts") == []


async def test_a_newly_mapped_field_that_is_blank_is_filled(pair: MakePair, changed: Change) -> None:
    p = await pair()
    p.config.write_text(p.config.read_text().replace(", city: town", ""))
    rig = await changed(p, {})
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await rig.settle()
    assert await p.one("erp", "select town from firms") is None
    rig = await changed(p, {"{name: title}": "{name: title, city: town}"})
    await swept(rig)
    assert await p.one("erp", "select town from firms") == "Rome"
    assert await p.one("crm", "select city from company") == "Rome"
