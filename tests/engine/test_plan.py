"""The plan says exactly what the daemon then does, and leaves no trace in the remotes or the store."""

from __future__ import annotations

import asyncio
from typing import Any

import asyncpg
import pytest

from syncd.engine.forecast import Forecast
from syncd.engine.plan import plan
from syncd.store.scratch import PREFIX
from syncd.store.store import Store
from tests.engine.conftest import MakePair, Pair

FIRMS = "insert into company (name, city) select 'Firm ' || i, 'Town' from generate_series(1, 30) i"
PEOPLE = (
    "insert into contact (email, first, last, company_id) "
    "select 'p' || i || '@x.org', 'Ann' || i, 'Lee', 1 + i % 30 from generate_series(1, 100) i"
)


async def planned(p: Pair, **args: Any) -> Forecast:
    rig = p.rig
    return await plan(rig.world.store, rig.settings, rig.connectors, rig.keepers, rig.world.clock, **args)


def writes(forecast: Forecast) -> dict[tuple[str, str], tuple[int, int, int]]:
    return {(x.kind, x.system): (x.creates, x.updates, x.deletes) for x in forecast.pairs if x.total}


async def contents(con: Any) -> dict[str, list[tuple[Any, ...]]]:
    """Every row of every table of a database."""
    rows = await con.fetch(
        "select format('%I.%I', schemaname, tablename) as t from pg_tables where schemaname = 'public'"
    )
    return {row["t"]: sorted(map(str, await con.fetch(f"select * from {row['t']}"))) for row in rows}


async def schemas(con: Any) -> list[str]:
    rows = await con.fetch("select nspname from pg_namespace where nspname like $1", PREFIX + "%")
    return [row["nspname"] for row in rows]


async def test_a_first_plan_is_what_the_first_sync_then_does(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute(FIRMS)
    await p.crm.execute(PEOPLE)
    await p.erp.execute(
        "insert into people (mail, name) values ('P7@x.org', 'Ann7 Lee'), ('new@x.org', 'Bo Ek')"
    )
    forecast = await planned(p)
    assert forecast.records == {"company": 30, "contact": 101}
    assert forecast.matched == {"company": 0, "contact": 1}
    made = writes(forecast)
    assert made["company", "erp"] == (30, 0, 0)
    assert made["contact", "crm"] == (1, 0, 0)
    assert made["contact", "erp"][0] == 99
    before = p.rig.pushed()
    await p.rig.settle()
    assert p.rig.pushed() - before == forecast.total
    assert writes(await planned(p)) == {}


async def test_a_plan_changes_nothing_anywhere(pair: MakePair, store: Store) -> None:
    p = await pair(capture="triggers")
    await p.crm.execute(FIRMS)
    await p.crm.execute(PEOPLE)
    con = await asyncpg.connect(store.url)
    try:
        before = [await contents(x) for x in (p.crm, p.erp, con)]
        assert (await planned(p)).total == 130
        assert [await contents(x) for x in (p.crm, p.erp, con)] == before
        assert await schemas(con) == []
    finally:
        await con.close()


async def test_updates_deletes_and_clashes_are_foreseen_with_samples(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute(FIRMS)
    await p.rig.settle()
    await p.crm.execute("update company set city = 'Bern' where id <= 5")
    await p.erp.execute("update firms set town = 'Oslo' where title in ('Firm 1', 'Firm 2')")
    await p.crm.execute("update company set name = 'One' where id = 9")
    await p.erp.execute("update firms set title = 'Uno' where title = 'Firm 9'")
    await p.erp.execute("delete from firms where title in ('Firm 20', 'Firm 21')")
    forecast = await planned(p, sweep=True)
    assert writes(forecast) == {("company", "erp"): (0, 6, 0), ("company", "crm"): (0, 0, 2)}
    assert {(c.field, c.rule): c.count for c in forecast.clashes} == {
        ("city", "prefer"): 2,
        ("name", "prefer"): 1,
    }
    erp = next(x for x in forecast.pairs if x.system == "erp")
    assert erp.changes == {"town": 5, "title": 1}
    assert erp.writes == 1
    assert {value for sample in erp.samples for value in sample.fields.values()} == {"Bern", "One"}
    assert {c.samples[0]["verdict"]["winner"] for c in forecast.clashes} == {0}
    before = p.rig.pushed()
    await p.rig.read()
    await p.rig.sweep()
    await p.rig.settle()
    assert p.rig.pushed() - before == forecast.total


async def test_a_brake_that_would_be_pulled_is_named(pair: MakePair) -> None:
    p = await pair()
    text = p.config.read_text().replace(
        "    match: [name]", "    match: [name]\n    brakes: {create: {count: 10}}"
    )
    p.config.write_text(text)
    rig = await type(p.rig).make(p.rig.world.store, p.config)
    try:
        await p.crm.execute(FIRMS)
        forecast = await plan(rig.world.store, rig.settings, rig.connectors, rig.keepers, rig.world.clock)
        held = [(b.kind, b.system, b.op, b.count, b.new) for b in forecast.brakes]
        assert held == [("company", "erp", "create", 30, True)]
        assert forecast.total == 0
    finally:
        await rig.aclose()


async def test_what_a_killed_plan_left_is_removed_and_a_living_one_is_left_alone(
    pair: MakePair, store: Store
) -> None:
    p = await pair()
    con = await asyncpg.connect(store.url)
    try:
        await con.execute(f"create schema {PREFIX}0000beef")
        await con.execute(f"create table {PREFIX}0000beef.records (id int)")
        await con.execute(f"create schema {PREFIX}0000cafe")
        await con.execute("select pg_advisory_lock(x'73796E64'::int, x'cafe'::int)")
        await planned(p)
        assert await schemas(con) == [f"{PREFIX}0000cafe"]
    finally:
        await con.close()


async def test_a_plan_that_is_cancelled_leaves_nothing(pair: MakePair, store: Store) -> None:
    p = await pair()
    await p.crm.execute(FIRMS)
    con = await asyncpg.connect(store.url)
    try:
        task = asyncio.create_task(planned(p))
        while not await schemas(con):
            assert not task.done()
        task.cancel()
        with pytest.raises(asyncio.CancelledError):
            await task
        assert await schemas(con) == []
    finally:
        await con.close()


async def test_references_of_new_records_are_planned_as_they_will_be_written(pair: MakePair) -> None:
    p = await pair()
    await p.erp.execute("insert into firms (title) values ('Newco')")
    await p.erp.execute("insert into people (mail, name, firm) values ('a@b.org', 'Bo Ek', 1)")
    forecast = await planned(p)
    crm = {(x.kind, x.system): x for x in forecast.pairs}["contact", "crm"]
    assert crm.creates == 1
    assert crm.samples[0].fields["company_id"] is not None
