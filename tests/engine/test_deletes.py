"""Deletes, brakes, edit against delete, cascades, restores."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.store import intents
from tests.engine.conftest import MakePair, Pair


async def fetch(p: Pair, sql: str) -> list[Any]:
    async with p.rig.world.store.plain() as con:
        rows: list[Any] = await con.fetch(sql)
    return rows


async def firms(p: Pair, count: int) -> None:
    await p.crm.execute(f"insert into company (name) select 'Firm ' || i from generate_series(1, {count}) i")
    await p.rig.settle()


async def test_delete_brake_holds_names_and_releases(pair: MakePair) -> None:
    p = await pair(capture="triggers", deletes="{policy: propagate}")
    await firms(p, 100)
    await p.crm.execute("delete from company where id <= 60")
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms") == 100
    [brake] = await fetch(p, "select brake, op, ended from brakes")
    assert (brake["op"], brake["ended"]) == ("delete", None)
    assert len(await fetch(p, "select * from held")) == 60
    await intents.ask(p.rig.world.store, "release", {"brake": brake["brake"]})
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms") == 40
    assert await fetch(p, "select * from held") == []


async def test_discarded_deletes_keep_the_other_copies(pair: MakePair) -> None:
    p = await pair(capture="triggers", deletes="{policy: propagate}")
    await firms(p, 100)
    await p.crm.execute("delete from company where id <= 60")
    await p.rig.settle()
    [brake] = await fetch(p, "select brake from brakes")
    args = {"brake": brake["brake"], "how": "take_theirs"}
    await intents.ask(p.rig.world.store, "discard", args)
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms") == 100
    assert await p.one("crm", "select count(*) from company") == 40
    await p.erp.execute("update firms set town = 'Oslo' where title = 'Firm 1'")
    assert await p.rig.settle() == 0


async def test_few_deletes_pass_the_brake(pair: MakePair) -> None:
    p = await pair(capture="triggers", deletes="{policy: propagate}")
    await firms(p, 100)
    await p.crm.execute("delete from company where id <= 5")
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms") == 95


async def test_edit_against_delete_asks_and_keeps_both(pair: MakePair) -> None:
    p = await pair(capture="triggers", deletes="{policy: propagate, against_edit: ask}")
    await firms(p, 20)
    await p.erp.execute("update firms set town = 'Oslo' where title = 'Firm 1'")
    await p.crm.execute("delete from company where name = 'Firm 1'")
    for stream in p.rig.streams:  # the edit is read before the delete
        if stream.system == "erp":
            await p.rig.intakes[stream.id].read()
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms") == 20
    [conflict] = await fetch(p, "select conflict, field, state, candidates from conflicts")
    assert (conflict["field"], conflict["state"]) == ("", "open")
    index = [c["value"] for c in conflict["candidates"]].index("delete")
    await intents.ask(p.rig.world.store, "decide", {"conflict": conflict["conflict"], "candidate": index})
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms") == 19


async def test_edit_wins_over_a_delete(pair: MakePair) -> None:
    p = await pair(capture="triggers", deletes="{policy: propagate, against_edit: edit-wins}")
    await firms(p, 20)
    await p.crm.execute("delete from company where name = 'Firm 1'")
    await p.erp.execute("update firms set town = 'Oslo' where title = 'Firm 1'")
    await p.rig.settle()
    assert await p.one("erp", "select town from firms where title = 'Firm 1'") == "Oslo"
    assert await p.one("crm", "select count(*) from company") == 19


async def test_children_that_vanish_with_our_delete_spread_nothing(pair: MakePair) -> None:
    p = await pair(capture="triggers", deletes="{policy: propagate}")
    await firms(p, 20)
    await p.crm.execute("insert into contact (email, last, company_id) values ('a@b.org', 'Ek', 1)")
    await p.rig.settle()
    await p.erp.execute("update people set firm = null")
    await p.rig.settle()
    await p.crm.execute("update contact set company_id = 1")
    await p.rig.settle()
    await p.erp.execute("alter table people drop constraint people_firm_fkey")
    await p.erp.execute("delete from firms where title = 'Firm 1'")
    await p.rig.sweep()
    await p.rig.settle()
    assert await p.one("crm", "select count(*) from company where name = 'Firm 1'") == 0
    assert await p.one("crm", "select count(*) from contact") == 0
    assert await p.one("erp", "select count(*) from people") == 1


@pytest.mark.parametrize("against", ["ask", "delete-wins"])
@pytest.mark.parametrize("firm", ["null", "2"])
async def test_nor_do_those_that_left_the_parent_before_its_delete(
    pair: MakePair, firm: str, against: str
) -> None:
    """The system that we delete in has not been told of it yet, and takes them along."""
    p = await pair(capture="triggers", deletes=f"{{policy: propagate, against_edit: {against}}}")
    await firms(p, 20)
    await p.crm.execute("insert into contact (email, last, company_id) values ('a@b.org', 'Ek', 1)")
    await p.rig.settle()
    first = await p.one("erp", "select firm from people")
    await p.erp.execute(f"update people set firm = {firm}")
    await p.erp.execute(f"delete from firms where firm_no = {first}")
    await p.rig.sweep()
    await p.rig.pushers[p.rig.stream("crm", "company").id].push()
    assert await p.one("crm", "select count(*) from contact") == 0
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from people") == 1
    assert await p.one("crm", "select count(*) from company") == 19
    assert await fetch(p, "select * from conflicts") == []


@pytest.mark.parametrize(("policy", "synced"), [("unlink", False), ("ignore", True)])
async def test_a_delete_that_spreads_nothing(pair: MakePair, policy: str, synced: bool) -> None:
    p = await pair(capture="triggers", deletes=f"{{policy: {policy}}}")
    await firms(p, 10)
    await p.crm.execute("delete from company where name = 'Firm 1'")
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms") == 10
    assert await p.one("crm", "select count(*) from company") == 9
    states = await fetch(p, "select state from links where record_id = (select min(record_id) from links)")
    assert {row["state"] for row in states} == {"gone", "live" if synced else "detached"}


async def test_what_was_unlinked_before_it_was_made_elsewhere_is_not_made(pair: MakePair) -> None:
    p = await pair(capture="triggers", deletes="{policy: unlink}")
    await firms(p, 1)
    await p.crm.execute("insert into company (name) values ('Brief')")
    crm = p.rig.intakes[p.rig.stream("crm", "company").id]
    await crm.read()
    await p.crm.execute("delete from company where name = 'Brief'")
    await crm.read()
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms") == 1
    assert await fetch(p, "select * from outbox") == []


async def test_an_emptied_side_deletes_nothing(pair: MakePair) -> None:
    p = await pair(capture="triggers", deletes="{policy: propagate}")
    await firms(p, 100)
    await p.erp.execute("alter table firms rename to firms_away")
    await p.erp.execute("create table firms (like firms_away including all)")
    await p.rig.sweep()
    await p.rig.settle()
    assert await p.one("crm", "select count(*) from company") == 100
    assert [row["op"] for row in await fetch(p, "select op from brakes where ended is null")] == ["vanish"]


async def test_restored_record_keeps_its_link(pair: MakePair) -> None:
    p = await pair(capture="triggers", deletes="{policy: propagate}")
    await firms(p, 20)
    await p.crm.execute("delete from company where name = 'Firm 1'")
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms") == 19
    await p.crm.execute("insert into company (id, name) values (1, 'Firm 1')")
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms where title = 'Firm 1'") == 1
    assert len(await fetch(p, "select * from records")) == 20
