"""The way of a change between two databases: first sync, edits, clashes, deletes, references."""

from __future__ import annotations

from tests.engine.conftest import MakePair


async def test_first_sync_brings_records_with_their_references(pair: MakePair) -> None:
    p = await pair()
    firms = "insert into company (name, city) select 'Firm ' || i, 'Town' from generate_series(1, 30) i"
    await p.crm.execute(firms)
    await p.crm.execute(
        "insert into contact (email, first, last, company_id, tags) "
        "select 'p' || i || '@x.org', 'Ann' || i, 'Lee', 1 + i % 30, 'a;b' from generate_series(1, 100) i"
    )
    assert await p.rig.settle() == 130
    assert await p.one("erp", "select count(*) from firms") == 30
    row = await p.row(
        "erp",
        "select p.name, f.title, p.labels from people p join firms f on f.firm_no = p.firm where mail = $1",
        "p5@x.org",
    )
    assert (row["name"], row["title"], row["labels"]) == ("Ann5 Lee", "Firm 6", ["a", "b"])
    assert await p.rig.settle() == 0


async def test_edits_travel_both_ways(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await p.erp.execute("update firms set town = 'Oslo'")
    assert await p.rig.settle() == 1
    assert await p.one("crm", "select city from company") == "Oslo"
    await p.crm.execute("update company set name = 'Acme Ltd'")
    assert await p.rig.settle() == 1
    assert await p.one("erp", "select title from firms") == "Acme Ltd"


async def test_edits_of_different_fields_both_survive(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await p.erp.execute("update firms set town = 'Oslo'")
    await p.crm.execute("update company set name = 'Acme Ltd'")
    await p.rig.settle()
    assert tuple(await p.row("crm", "select name, city from company")) == ("Acme Ltd", "Oslo")
    assert tuple(await p.row("erp", "select title, town from firms")) == ("Acme Ltd", "Oslo")


async def test_clash_is_decided_by_rule_and_its_loser_kept(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await p.erp.execute("update firms set town = 'Oslo'")
    await p.crm.execute("update company set city = 'Bern'")
    await p.rig.settle()
    assert await p.one("erp", "select town from firms") == "Bern"
    assert await p.one("crm", "select city from company") == "Bern"
    async with p.rig.world.store.plain() as con:
        rows = await con.fetch("select field, state, candidates from conflicts")
    assert [(r["field"], r["state"]) for r in rows] == [("city", "decided")]
    assert {c["value"] for c in rows[0]["candidates"]} == {"Bern", "Oslo"}


async def test_new_record_in_the_other_system(pair: MakePair) -> None:
    p = await pair()
    await p.erp.execute("insert into firms (title) values ('Newco')")
    await p.erp.execute("insert into people (mail, name, firm) values ('a@b.org', 'Bo Ek', 1)")
    await p.rig.settle()
    row = await p.row("crm", "select first, last, name from contact c join company o on o.id = c.company_id")
    assert tuple(row) == ("Bo", "Ek", "Newco")


async def test_same_person_in_both_is_matched_not_doubled(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into contact (email, first, last) values ('A@b.org', 'Bo', 'Ek')")
    await p.erp.execute("insert into people (mail, name, tel) values ('a@b.org', 'Bo Ek', '123')")
    await p.rig.settle()
    assert await p.one("crm", "select count(*) from contact") == 1
    assert await p.one("erp", "select count(*) from people") == 1
    assert await p.one("crm", "select phone from contact") == "123"


async def test_delete_travels_by_the_sweep(pair: MakePair) -> None:
    p = await pair(capture="triggers")
    await p.crm.execute("insert into company (name) values ('Acme'), ('Bolt')")
    await p.rig.settle()
    await p.crm.execute("delete from company where name = 'Acme'")
    await p.rig.settle()
    assert await p.one("erp", "select string_agg(title, ',') from firms") == "Bolt"
    await p.erp.execute("delete from firms")
    assert await p.rig.sweep() == 1
    await p.rig.settle()
    assert await p.one("crm", "select count(*) from company") == 0


async def test_reference_cleared_and_moved(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name) values ('Acme'), ('Bolt')")
    await p.crm.execute("insert into contact (email, last, company_id) values ('a@b.org', 'Ek', 1)")
    await p.rig.settle()
    await p.crm.execute("update contact set company_id = 2")
    await p.rig.settle()
    assert await p.one("erp", "select title from people join firms on firm = firm_no") == "Bolt"
    await p.erp.execute("update people set firm = null")
    await p.rig.settle()
    assert await p.one("crm", "select company_id from contact") is None


async def test_refused_row_is_parked_and_the_rest_flows(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name, city) values (null, 'Rome'), ('Bolt', 'Oslo')")
    await p.rig.settle()
    assert await p.one("erp", "select string_agg(title, ',') from firms") == "Bolt"
    async with p.rig.world.store.plain() as con:
        rows = await con.fetch("select direction, code, message from parked")
    assert [(r["direction"], r["code"]) for r in rows] == [("out", "23502")]
    await p.crm.execute("update company set name = 'Acme' where name is null")
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms") == 2
    async with p.rig.world.store.plain() as con:
        assert await con.fetchval("select count(*) from parked") == 0


async def test_a_refusal_is_over_when_the_value_is_put_back(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name, city) values ('Bolt', 'Oslo'), ('Acme', 'Rome')")
    await p.rig.settle()
    await p.crm.execute("update company set name = null")
    await p.rig.settle()
    async with p.rig.world.store.plain() as con:
        assert await con.fetchval("select count(*) from parked where code = '23502'") == 2
        await p.crm.execute("update company set name = 'Bolt' where city = 'Oslo'")
        await p.rig.settle()
        assert await con.fetchval("select count(*) from parked") == 1
    assert await p.one("erp", "select string_agg(title, ',' order by title) from firms") == "Acme,Bolt"
