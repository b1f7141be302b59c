"""Conflicts of records that vanish: they close with a reason, and are asked again when the record is back."""

from __future__ import annotations

from typing import Any

from syncd.store import intents
from tests.engine.conftest import MakePair, Pair
from tests.engine.test_deletes import fetch

ASK = "[{strategy: ask}]"


async def contested(pair: MakePair, deletes: str) -> tuple[Pair, Any]:
    """A company whose city is Bern in one system and Oslo in the other, and nobody has decided."""
    p = await pair(capture="triggers", erp_capture="triggers", rules=ASK, deletes=deletes)
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await p.erp.execute("update firms set town = 'Oslo'")
    await p.crm.execute("update company set city = 'Bern'")
    await p.rig.settle()
    [conflict] = await fetch(p, "select conflict, state from conflicts where field = 'city'")
    assert conflict["state"] == "open"
    return p, conflict["conflict"]


async def conflict(p: Pair, number: int) -> Any:
    [row] = await fetch(p, f"select state, verdict, candidates from conflicts where conflict = {number}")
    return row


async def test_a_conflict_closes_when_the_record_is_gone_everywhere(pair: MakePair) -> None:
    p, number = await contested(pair, "{policy: propagate, against_edit: delete-wins}")
    await p.crm.execute("delete from company")
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms") == 0
    closed = await conflict(p, number)
    assert (closed["state"], closed["verdict"]) == ("closed", {"rule": "gone"})
    assert {c["value"] for c in closed["candidates"]} == {"Bern", "Oslo"}
    asked = await intents.ask(p.rig.world.store, "decide", {"conflict": number, "candidate": 0})
    await p.rig.settle()
    answer = await intents.answer(p.rig.world.store, asked)
    assert answer is not None
    assert not answer[0]
    assert "no system holds its record any more" in answer[1]


async def test_a_conflict_stays_while_one_system_holds_the_record(pair: MakePair) -> None:
    p, number = await contested(pair, "{policy: ignore}")
    await p.crm.execute("delete from company")
    await p.rig.settle()
    assert (await conflict(p, number))["state"] == "open"
    await p.erp.execute("delete from firms")
    await p.rig.settle()
    assert (await conflict(p, number))["verdict"] == {"rule": "gone"}


async def test_a_restored_record_is_asked_about_again(pair: MakePair) -> None:
    p, number = await contested(pair, "{policy: ignore}")
    await p.crm.execute("delete from company")
    await p.erp.execute("delete from firms")
    await p.rig.settle()
    assert (await conflict(p, number))["state"] == "closed"
    await p.erp.execute("insert into firms (firm_no, title, town) values (1, 'Acme', 'Oslo')")
    await p.rig.settle()
    assert (await conflict(p, number))["state"] == "open"
    assert await p.one("erp", "select town from firms") == "Oslo"
    await intents.ask(p.rig.world.store, "decide", {"conflict": number, "candidate": 0})
    await p.rig.settle()
    decided = await conflict(p, number)
    assert decided["state"] == "decided"
    assert await p.one("erp", "select town from firms") == decided["candidates"][0]["value"]


async def edited_and_deleted(pair: MakePair) -> Pair:
    """A company that the crm deleted and the office edited, about which a person is asked."""
    p = await pair(
        capture="triggers", erp_capture="triggers", deletes="{policy: propagate, against_edit: ask}"
    )
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await p.erp.execute("update firms set town = 'Oslo'")
    await p.crm.execute("delete from company")
    await p.rig.intakes[p.rig.stream("erp", "company").id].read()
    await p.rig.settle()
    return p


async def test_a_question_about_the_record_ends_when_all_sides_delete(pair: MakePair) -> None:
    p = await edited_and_deleted(pair)
    [asked] = await fetch(p, "select conflict, state from conflicts where field = ''")
    assert asked["state"] == "open"
    await p.erp.execute("delete from firms")
    await p.rig.settle()
    assert (await conflict(p, asked["conflict"]))["state"] == "closed"
    [record] = await fetch(p, "select deleted, contests from records where kind = 'company'")
    assert (record["deleted"], record["contests"]) == (True, None)


async def test_a_question_about_the_record_ends_when_the_deleter_restores(pair: MakePair) -> None:
    p = await edited_and_deleted(pair)
    await p.crm.execute("insert into company (id, name, city) values (1, 'Acme', 'Rome')")
    await p.rig.settle()
    assert await fetch(p, "select conflict from conflicts where state = 'open'") == []
    assert await p.one("crm", "select city from company") == "Oslo"
    assert await p.one("erp", "select town from firms") == "Oslo"
