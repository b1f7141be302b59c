"""Clashes that a person decides, and drift, parsing, matching."""

from __future__ import annotations

import pytest

from syncd.store import intents
from syncd.store.rows import Collision
from tests.engine.conftest import MakePair, Pair
from tests.engine.test_deletes import fetch


async def test_open_conflict_freezes_the_field_until_a_person_decides(pair: MakePair) -> None:
    p = await pair(rules="[{strategy: ask}]")
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await p.erp.execute("update firms set town = 'Oslo'")
    await p.crm.execute("update company set city = 'Bern'")
    await p.rig.settle()
    assert await p.one("crm", "select city from company") == "Bern"
    assert await p.one("erp", "select town from firms") == "Oslo"
    await p.crm.execute("update company set name = 'Acme Ltd'")
    await p.rig.settle()
    assert await p.one("erp", "select title || town from firms") == "Acme LtdOslo"
    [conflict] = await fetch(p, "select conflict, candidates from conflicts where state = 'open'")
    values = [c["value"] for c in conflict["candidates"]]
    args = {"conflict": conflict["conflict"], "candidate": values.index("Oslo")}
    await intents.ask(p.rig.world.store, "decide", args)
    await p.rig.settle()
    assert await p.one("crm", "select city from company") == "Oslo"
    assert await fetch(p, "select * from conflicts where state = 'open'") == []


async def test_a_verdict_on_candidates_that_moved_is_refused(pair: MakePair) -> None:
    p = await pair(rules="[{strategy: ask}]")
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await p.erp.execute("update firms set town = 'Oslo'")
    await p.crm.execute("update company set city = 'Bern'")
    await p.rig.settle()
    [conflict] = await fetch(p, "select conflict, candidates from conflicts where state = 'open'")
    saw = [c["version"] for c in conflict["candidates"]]
    await p.erp.execute("update firms set town = 'Lund'")
    await p.rig.settle()
    [moved] = await fetch(p, "select conflict, candidates from conflicts where state = 'open'")
    args = {"conflict": moved["conflict"], "candidate": 0, "saw": saw}
    number = await intents.ask(p.rig.world.store, "decide", args)
    await p.rig.settle()
    answer = await intents.answer(p.rig.world.store, number)
    assert answer is not None
    assert not answer[0]
    assert "other candidates" in answer[1]
    assert {c["value"] for c in moved["candidates"]} == {"Bern", "Lund"}


async def test_unreadable_value_is_listed_and_never_overwritten(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into contact (email, last) values ('a@b.org', 'Ek')")
    await p.rig.settle()
    await p.erp.execute("update people set mail = 'not an address', tel = '5'")
    await p.rig.settle()
    assert await p.one("crm", "select phone from contact") == "5"
    assert await p.one("crm", "select email from contact") == "a@b.org"
    assert [r["code"] for r in await fetch(p, "select code from parked")] == ["unreadable"]
    await p.crm.execute("update contact set email = 'c@d.org'")
    await p.rig.settle()
    assert await p.one("erp", "select mail from people") == "not an address"
    await p.erp.execute("update people set mail = 'e@f.org'")
    await p.rig.settle()
    assert await fetch(p, "select code from parked") == []


async def test_ambiguous_matches_are_listed_never_linked(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into contact (email, last) values ('a@b.org', 'Ek'), ('a@b.org', 'Ek')")
    for stream in p.rig.streams:
        if stream.system == "crm":
            await p.rig.intakes[stream.id].read()
    await p.erp.execute("insert into people (mail, name) values ('a@b.org', 'Ek')")
    for stream in p.rig.streams:
        if stream.system == "erp":
            await p.rig.intakes[stream.id].read()
    codes = [r["code"] for r in await fetch(p, "select code from parked")]
    assert codes == ["ambiguous_match"]
    assert len(await fetch(p, "select * from records where kind = 'contact'")) == 3


async def test_set_elements_merge(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into contact (email, last, tags) values ('a@b.org', 'Ek', 'x;y')")
    await p.rig.settle()
    await p.crm.execute("update contact set tags = 'x;y;z'")
    await p.erp.execute("update people set labels = '{x,w}'")
    await p.rig.settle()
    assert await p.one("erp", "select labels from people") == ["w", "x", "z"]
    assert await p.one("crm", "select tags from contact") == "w;x;z"


async def test_too_long_for_the_other_side_is_parked_per_field(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await p.crm.execute("update company set city = repeat('x', 40), name = 'Acme Ltd'")
    await p.rig.settle()
    row = await p.row("erp", "select title, town from firms")
    parked = await fetch(p, "select code, field, message from parked")
    assert [r["code"] for r in parked] == ["22001"]
    assert tuple(row) in (("Acme Ltd", "Rome"), ("Acme", "Rome"))
    await p.crm.execute("update company set city = 'Bern'")
    await p.rig.settle()
    assert tuple(await p.row("erp", "select title, town from firms")) == ("Acme Ltd", "Bern")


async def with_an_edit_to_write(pair: MakePair) -> Pair:
    p = await pair()
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await p.crm.execute("update company set city = 'Bern'")
    await p.rig.read()
    return p


async def test_a_settlement_that_fails_leaves_nothing_in_the_air(
    pair: MakePair, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = await with_an_edit_to_write(pair)
    failed: list[int] = []

    async def fails(*_: object) -> int:
        failed.append(1)
        monkeypatch.undo()
        raise Collision("planted")

    monkeypatch.setattr("syncd.engine.send.settle", fails)
    with pytest.raises(Collision):
        await p.rig.work()
    assert failed == [1]
    assert p.rig.world.flying == set()
    await p.rig.settle()
    assert await p.one("erp", "select town from firms") == "Bern"
    await p.erp.execute("update firms set town = 'Oslo'")
    await p.rig.settle()
    assert await p.one("crm", "select city from company") == "Oslo"


async def test_a_connector_that_breaks_in_a_write_leaves_nothing_in_the_air(
    pair: MakePair, monkeypatch: pytest.MonkeyPatch
) -> None:
    p = await with_an_edit_to_write(pair)

    async def breaks(*_: object) -> None:
        monkeypatch.undo()
        raise TypeError("planted")

    monkeypatch.setattr(p.rig.connectors["erp"], "write", breaks)
    with pytest.raises(TypeError, match="planted"):
        await p.rig.work()
    assert p.rig.world.flying == set()
    await p.rig.settle()
    assert await p.one("erp", "select town from firms") == "Bern"


async def test_who_edits_what_an_edit_elsewhere_did_not_move_had_it_before_them(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into contact (email, first, last) values ('j@x.org', 'João de', 'la Cruz')")
    await p.rig.settle()
    assert await p.one("erp", "select name from people") == "João de la Cruz"
    await p.crm.execute("update contact set first = 'João', last = 'de la Cruz'")
    assert await p.rig.settle() == 0, "the other name is the same"
    await p.rig.settle()
    await p.erp.execute("update people set name = 'João Silva'")
    await p.rig.settle()
    assert tuple(await p.row("crm", "select first, last from contact")) == ("João", "Silva")
    async with p.rig.world.store.plain() as con:
        assert await con.fetchval("select count(*) from conflicts") == 0


async def test_edits_at_one_time_of_what_looks_the_same_there_still_meet(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into contact (email, first, last) values ('j@x.org', 'João de', 'la Cruz')")
    await p.rig.settle()
    await p.crm.execute("update contact set first = 'João', last = 'de la Cruz'")
    await p.erp.execute("update people set name = 'João Silva'")
    await p.rig.settle()
    assert tuple(await p.row("crm", "select first, last from contact")) == ("João", "de la Cruz")
    async with p.rig.world.store.plain() as con:
        assert await con.fetchval("select count(*) from conflicts") > 0
