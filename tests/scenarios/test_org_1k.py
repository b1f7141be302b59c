"""A real organisation's data in two-way sync through the running daemon."""

from __future__ import annotations

import asyncio

import pytest

from tests.scenarios.conftest import MakeOrg
from tests.scenarios.edits import People
from tests.scenarios.org import IDS, SIDES, Org

WHOLE = {"account": 1223, "contact": 1024, "opportunity": 1517}


@pytest.mark.parametrize("capture", ["triggers", "updated_at"])
async def test_the_org_in_both_systems(make_org: MakeOrg, capture: str) -> None:
    org = await make_org(capture=capture)
    people = People(org, seed=7)
    async with org.running() as daemon:
        await _first_sync(org)
        await _edits_on_both_sides(org, people)
        await org.quiet()
        code, _ = await daemon.stop()
        assert code == 0
    assert await _reconciled(org) == set()
    planted = await _plant(org, people)
    assert len(planted) == 20
    assert await _reconciled(org) == planted
    async with org.running() as daemon:
        if capture == "updated_at":
            assert (await org.syncd("sweep")).code == 0
        await org.until(org.at_rest)
        assert await _reconciled(org) == set()
        await daemon.stop()
    assert await org.journal_replays() >= 50
    wanted = {"account": 1223 + 1, "contact": 1024 + 1, "opportunity": 1517 + 3 - 5}
    assert [await org.counts(side) for side in SIDES] == [wanted, wanted]


async def _first_sync(org: Org) -> None:
    await org.until(org.at_rest)
    assert [await org.counts(side) for side in SIDES] == [WHOLE, WHOLE]
    assert await org.cons["erp"].fetchval("select count(*) from persons where mail is null") == 554
    assert await org.cons["erp"].fetchval("select count(person) from deals") == 1517 - 210


async def _edits_on_both_sides(org: Org, people: People) -> None:
    edits = await people.edits(alone=400, together=100)
    assert [len(found) for found in edits.values()] == [500, 500]
    await asyncio.gather(*(people.do(side, found) for side, found in edits.items()))
    await org.until(org.at_rest)
    assert [await org.counts(side) for side in SIDES] == [WHOLE, WHOLE]
    assert await people.lost() == []
    assert await org.cons["store"].fetchval("select count(*) from conflicts") > 10


Found = tuple[str, str, str, str, str | None]
"""System, kind, what, remote id, field: a difference as `syncd reconcile` lists it."""


async def _reconciled(org: Org) -> set[Found]:
    """What `syncd reconcile` finds, without what is listed as an open conflict."""
    done = await org.syncd("reconcile", "--json")
    report = done.json()
    assert sum(pair["compared"] for pair in report["pairs"]) > 7000, done.out
    found = [d for d in report["differences"] if d["reason"] != "conflict"]
    assert done.code == (1 if found else 0)
    assert report["left_out"] == 0
    return {(d["system"], d["kind"], d["what"], d["remote_id"], d["field"]) for d in found}


async def _plant(org: Org, people: People) -> set[Found]:
    """Twenty differences while nobody looks: ten edits, five deletes, five new records."""
    edits = await people.edits(alone=5, together=0)
    for side, found in edits.items():
        await people.do(side, found)
    made = [edit for found in edits.values() for edit in found]
    planted: set[Found] = {(e.side, e.kind, "field", e.remote_id, e.field.name) for e in made}
    # of a record about which a person is asked, one side holds an edit that the other has not seen: that wins
    asked = await org.cons["store"].fetch("select record_id from conflicts where state = 'open'")
    taken = {edit.record for edit in made} | {row["record_id"] for row in asked}
    links = await org.links(org.cons)
    spare = [pair for n, pair in links.items() if pair[0] == "opportunity" and n not in taken]
    for (_, theirs, ours), side in zip(spare[::300], ("org", "org", "org", "erp", "erp"), strict=False):
        gone = theirs if side == "org" else ours
        await _delete(org, side, gone)
        planted.add((side, "opportunity", "gone", gone, None))
    for side, kind, sql in NEW:
        planted.add((side, kind, "unlinked", str(await org.cons[side].fetchval(sql)), None))
    return planted


async def _delete(org: Org, side: str, remote_id: str) -> None:
    key, table = ("id", "opportunity") if side == "org" else (IDS["opportunity"], "deals")
    assert await org.cons[side].execute(f"delete from {table} where {key} = '{remote_id}'") == "DELETE 1"


NEW: list[tuple[str, str, str]] = [
    ("org", "account", "insert into account (name, billing_city) values ('New Firm', 'Ulm') returning id"),
    ("org", "opportunity", """
insert into opportunity (name, amount, stage_name, close_date, account_id, primary_contact__c)
select 'New 1', '12.30', 'Pledged', '2027-02-28', account_id, id from contact limit 1 returning id"""),
    ("org", "opportunity", """
insert into opportunity (name, stage_name) values ('New 2', 'Closed Won') returning id"""),
    ("erp", "contact", """
insert into persons (name, customer) select 'Nea Neumann', cust_no from customers limit 1 returning pid"""),
    ("erp", "opportunity", """
insert into deals (subject, value, stage, closing, customer, person)
select 'New 3', 7.5, 'won', '2027-03-01', customer, pid from persons limit 1 returning deal_id"""),
]  # fmt: skip
