"""F25: a rule of a system puts its own word in place of ours: it travels, and never for ever."""

from __future__ import annotations

from typing import Any

from syncd.engine.reconcile import Reconciler
from tests.engine.conftest import MakePair, Pair

RULE = """
create function rule() returns trigger language plpgsql as $$ begin
  if new.{column} = '{word}' then new.{column} := '{other}'; end if; return new; end $$;
create trigger rule before insert or update on {table} for each row execute function rule()"""
IN_THE_ERP = RULE.format(table="firms", column="town", word="Vienna", other="Wien")
IN_THE_CRM = RULE.format(table="company", column="city", word="Wien", other="Vienna")


async def conflicts(p: Pair) -> list[Any]:
    async with p.rig.world.store.plain() as con:
        rows: list[Any] = await con.fetch("select field, state, why, candidates from conflicts")
    return rows


async def towns(p: Pair) -> tuple[str, str]:
    return await p.one("crm", "select city from company"), await p.one("erp", "select town from firms")


async def test_what_a_rule_makes_of_our_write_is_an_edit(pair: MakePair) -> None:
    p = await pair(capture="triggers")
    await p.erp.execute(IN_THE_ERP)
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Vienna')")
    assert await p.rig.settle() == 2
    assert await towns(p) == ("Wien", "Wien")
    assert await p.rig.settle() == 0
    assert (await Reconciler(p.rig.world, p.rig.keepers).run()).in_sync
    await p.crm.execute("update company set city = 'Graz'")
    await p.rig.settle()
    await p.crm.execute("update company set city = 'Vienna'")
    assert await p.rig.settle() == 2
    assert await towns(p) == ("Wien", "Wien")
    assert await conflicts(p) == []


async def test_two_rules_that_fight_are_stopped_and_both_named(pair: MakePair) -> None:
    p = await pair(capture="triggers", erp_capture="triggers")
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Graz')")
    await p.rig.settle()
    await p.erp.execute(IN_THE_ERP)
    await p.crm.execute(IN_THE_CRM)
    await p.crm.execute("update company set city = 'Vienna'")
    assert await p.rig.settle() == 4, "each turn is one write, and the fourth is not taken"
    (found,) = await conflicts(p)
    assert (found["field"], found["state"]) == ("city", "open")
    assert found["why"].startswith("the flap brake: crm and erp change this field in turn")
    assert {c["value"] for c in found["candidates"]} == {"Vienna", "Wien"}
    assert await towns(p) == ("Vienna", "Wien")
    await p.crm.execute("update company set name = 'Acme Ltd'")
    assert await p.rig.settle() == 1, "the other fields flow"
    await p.rig.sweep()
    assert await p.rig.settle() == 0
    await p.crm.execute("drop trigger rule on company; update company set city = 'Wien'")
    await p.rig.settle()
    assert await towns(p) == ("Wien", "Wien")
    assert [row["state"] for row in await conflicts(p) if row["why"] == found["why"]] == ["closed"]


async def test_rules_that_answer_later_are_stopped_too(pair: MakePair) -> None:
    """Each is an edit of its own, which a read shows; two people would have to be as quick."""
    p = await pair(capture="triggers", erp_capture="triggers")
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Wien')")
    await p.rig.settle()
    turns = 0
    while not await conflicts(p):
        side, sql = ("erp", "update firms set town") if turns % 2 else ("crm", "update company set city")
        await getattr(p, side).execute(f"{sql} = 'Turn {turns}'")
        await p.rig.settle()
        turns += 1
        assert turns <= 5, "nobody stopped them"
    assert turns == 5  # the first is over its own word
    assert set(await towns(p)) == {"Turn 3", "Turn 4"}
