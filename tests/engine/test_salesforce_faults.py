"""Faults of an org that concern a record or two, with the numbers of the promises; each is seen to happen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from syncd.engine.plan import plan
from syncd.store import intents
from syncd.store.store import Store
from tests.support.salesforce import OrgRig


@pytest.fixture
async def org(
    store: Store, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> AsyncIterator[OrgRig]:
    async with OrgRig.made(store, fresh_database, tmp_path) as org:
        yield org


async def test_one_row_that_fails_its_batch_is_found_by_halving(org: OrgRig) -> None:
    """F19: the others land, and the row itself is judged alone."""
    rule = {"object": "Contact", "condition": "Title = 'Poison'", "message": "No poison", "field": "Title"}
    org.sandbox.set_quirks(validation=[rule])
    await org.fill(40)
    fault = org.sandbox.arm("poison", field="Title", value="Poison", times=None)
    await org.con.execute("update people set job = case id when 7 then 'Poison' else 'Fine' end")
    await org.rig.settle()
    assert fault.fired > 3, "the batch was not halved"
    titles = [fields["Title"] for fields in org.contacts().values()]
    assert sorted(titles, key=str) == ["Fine"] * 39 + [None]
    async with org.rig.world.store.read() as con:
        (listed,) = await con.fetch("select code, field, message from parked")
    assert (listed["code"], listed["field"]) == ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Title")
    assert "Poison" not in listed["message"]
    await org.con.execute("update people set job = 'Mended' where id = 7")
    await org.rig.settle()
    assert "Mended" in [fields["Title"] for fields in org.contacts().values()]


async def test_what_the_org_rewrites_is_written_once(org: OrgRig) -> None:
    """F24: a phone number that is formatted on save does not flow back, and is not written again."""
    org.sandbox.set_quirks(normalise={"Contact.Phone": ["phone"]})
    await org.con.execute(
        "insert into people (last, mail, tel) values ('A', 'a@x.example', '+1 (555) 010-77')"
    )
    await org.rig.settle()
    (fields,) = org.contacts().values()
    assert fields["Phone"] != "+1 (555) 010-77"
    assert org.sandbox.world.fired.counts["normalise"]
    (person,) = await org.people()
    assert person["tel"] == "+1 (555) 010-77"
    assert await org.rig.settle() == 0
    await org.rig.sweep()
    assert await org.rig.settle() == 0


FIRMS = """with f as (insert into firms (name) select 'F' || n from generate_series(1, 600) n returning id)
insert into people (last, mail, firm) select 'P' || n, 'p' || n || '@x.example', first
from (select min(id) as first from f) f, generate_series(1, $1::int) n"""


async def test_contacts_that_go_with_their_account_stay_elsewhere(org: OrgRig) -> None:
    """F51: the database keeps its people when we delete their firm in the org."""
    await org.con.execute(FIRMS, 3)
    await org.rig.settle()
    assert len(org.contacts()) == 3
    await org.con.execute("delete from firms where id = 1")
    rig = org.rig
    foreseen = await plan(rig.world.store, rig.settings, rig.connectors, rig.keepers, rig.world.clock)
    said = {pair.object: (pair.deletes, pair.along) for pair in foreseen.pairs if pair.system == "sales"}
    assert said == {"Account": (1, 0), "Contact": (0, 3), "Lead": (0, 0)}
    await org.rig.settle()
    assert len(org.sandbox.people.rows("Account")) == 599
    assert org.contacts() == {}
    assert [person["last"] for person in await org.people()] == ["P1", "P2", "P3"]


async def test_contacts_that_would_go_with_their_account_count_at_the_brake(org: OrgRig) -> None:
    """F51: 2 firms with 60 people are more than 50; meanwhile the people leave the firm, and nobody goes."""
    await org.con.execute(FIRMS, 60)
    await org.rig.settle()
    await org.con.execute("delete from firms where id <= 2")
    await org.rig.settle()
    assert len(org.sandbox.people.rows("Account")) == 600
    async with org.rig.world.store.read() as con:
        (brake,) = await con.fetch("select brake, why from brakes")
        assert await con.fetchval("select count(*) from held") == 2
    assert brake["why"].endswith(", for 60 records of other kinds would go along")
    await intents.ask(org.rig.world.store, "release", {"brake": brake["brake"]})
    await org.rig.settle()
    assert len(org.sandbox.people.rows("Account")) == 598
    assert [fields["AccountId"] for fields in org.contacts().values()] == [None] * 60
    assert len(await org.people()) == 60


async def test_a_short_id_leads_to_no_second_copy(org: OrgRig) -> None:
    """F36: error texts show 15 characters, everything else 18."""
    await org.fill(1)
    (id,) = org.contacts()
    async with org.rig.world.store.read() as con:
        linked = await con.fetchval("select remote_id from links where remote_id like '003%'")
    assert linked == id
    assert len(id) == 18
    async with org.rig.world.store.write(numbers=10) as tx:
        await tx.execute("delete from links where remote_id = $1", id)
    await org.con.execute("update people set job = 'Dr'")
    await org.rig.settle()
    assert list(org.contacts()) == [id]


async def test_a_merge_moves_what_was_linked_to_who_is_left(org: OrgRig) -> None:
    """F32: nobody is made again, and an edit of either copy elsewhere reaches the one that is left."""
    await org.fill(2)
    kept, lost = sorted(org.contacts())
    org.sandbox.people.edit("Contact", "merge", id=kept, loser=lost)
    await org.rig.settle()
    assert list(org.contacts()) == [kept]
    async with org.rig.world.store.read() as con:
        listed = {row["code"] for row in await con.fetch("select code from parked")}
    assert listed == {"duplicate"}, "the database still has two, which is for people to see"
    org.sandbox.people.edit("Contact", id=kept, fields={"Title": "Merged"})
    await org.rig.settle()
    assert "Merged" in [person["job"] for person in await org.people()]
    assert await org.rig.settle() == 0
    await org.rig.sweep()
    assert await org.rig.settle() == 0
    assert list(org.contacts()) == [kept]


async def test_a_lead_that_becomes_a_contact_stays_one_person(org: OrgRig) -> None:
    """F34: the link goes with the contact, to which is written from then on."""
    lead = {"FirstName": "Lea", "LastName": "D", "Company": "X", "Email": "lea@x.example"}
    id = org.sandbox.people.edit("Lead", "create", fields=lead).id
    await org.rig.settle()
    assert [person["mail"] for person in await org.people()] == ["lea@x.example"]
    org.sandbox.people.edit("Lead", "convert", id=id)
    await org.rig.settle()
    (contact,) = org.contacts().values()
    assert len(await org.people()) == 1
    await org.con.execute("update people set job = 'Written to the contact'")
    await org.rig.settle()
    (contact,) = org.contacts().values()
    assert contact["Title"] == "Written to the contact"
    assert org.sandbox.people.rows("Lead")[id].fields["Title"] is None
    async with org.rig.world.store.read() as con:
        assert await con.fetch("select code, message from parked") == []
    await org.rig.sweep()
    assert await org.rig.settle() == 0
    assert len(await org.people()) == 1
