"""A kind that lives in two objects of one system: contacts and leads."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from syncd.store.store import Store
from tests.support.twofold import Twofold, twofold

ANN = {"email": "ann@x.org", "name": "Ann", "phone": "1"}


@pytest.fixture
async def crms(store: Store, tmp_path: Path) -> AsyncIterator[Twofold]:
    async with twofold(store, tmp_path) as made:
        yield made


async def test_contacts_and_leads_are_people_of_the_other_system(crms: Twofold) -> None:
    crms.crm.create("contacts", ANN)
    lead = crms.crm.create("leads", {"email": "bob@x.org", "name": "Bob", "company": "Bolt"})
    await crms.rig.settle()
    assert crms.people() == [("ann@x.org", "Ann", "1"), ("bob@x.org", "Bob", None)]
    bob = next(i for i, row in crms.erp.rows("people").items() if row["name"] == "Bob")
    assert crms.erp.rows("people")[bob]["employer"] == "Bolt"
    crms.erp.update("people", bob, {"phone": "2", "employer": "Cord"})
    await crms.rig.settle()
    row = crms.crm.rows("leads")[lead]
    assert (row["phone"], row["company"]) == ("2", "Cord")
    assert len(crms.crm.rows("contacts")) == 1, "a lead is copy enough"
    assert await crms.rig.settle() == 0


async def test_new_people_are_made_in_the_first_object(crms: Twofold) -> None:
    crms.erp.create("people", ANN)
    await crms.rig.settle()
    assert [row["name"] for row in crms.crm.rows("contacts").values()] == ["Ann"]
    assert crms.crm.rows("leads") == {}


async def test_another_object_may_be_where_new_people_are_made(store: Store, tmp_path: Path) -> None:
    leads = "\n            create: yes"
    async with twofold(store, tmp_path, leads=leads) as crms:
        crms.erp.create("people", ANN)
        await crms.rig.settle()
        assert crms.crm.rows("contacts") == {}
        assert [row["name"] for row in crms.crm.rows("leads").values()] == ["Ann"]


@pytest.mark.parametrize("first", ["contacts", "leads"])
async def test_who_is_in_both_objects_has_one_live_copy(crms: Twofold, first: str) -> None:
    second = {"contacts": "leads", "leads": "contacts"}[first]
    one = crms.crm.create(first, ANN)
    await crms.rig.settle()
    other = crms.crm.create(second, {**ANN, "phone": "9"})
    await crms.rig.settle()
    links = await crms.links()
    assert links[f"crm:{one}"] == ("live", links[f"crm:{other}"][1])
    assert await crms.state(f"crm:{other}") == "duplicate"
    assert await crms.notes() == [("duplicate", other)]
    assert crms.people() == [("ann@x.org", "Ann", "1")]
    crms.crm.update(second, other, {"phone": "8"})
    await crms.rig.settle()
    assert crms.people() == [("ann@x.org", "Ann", "1")], "a duplicate is left alone"


async def test_the_first_object_is_read_first(crms: Twofold) -> None:
    lead = crms.crm.create("leads", ANN)
    contact = crms.crm.create("contacts", ANN)
    await crms.rig.settle()
    assert await crms.state(f"crm:{contact}") == "live"
    assert await crms.state(f"crm:{lead}") == "duplicate"


async def test_who_shows_up_as_a_lead_while_a_contact_is_made_waits(crms: Twofold) -> None:
    contacts = next(s for s in crms.rig.streams if s.object == "contacts")
    leads = next(s for s in crms.rig.streams if s.object == "leads")
    crms.rig.world.creating[contacts.id] = {0}  # the answer to a create is on its way
    lead = crms.crm.create("leads", ANN)
    await crms.rig.intakes[leads.id].read()
    assert f"crm:{lead}" not in await crms.links()
    assert crms.rig.world.strangers_wait(contacts.id), "nobody is made who may be waiting beside"
    crms.rig.world.creating[contacts.id].clear()
    await crms.rig.settle()
    assert await crms.state(f"crm:{lead}") == "live"


async def test_references_find_their_target_in_either_object(crms: Twofold) -> None:
    contact = crms.crm.create("contacts", ANN)
    lead = crms.crm.create("leads", {"email": "bob@x.org", "name": "Bob"})
    crms.crm.create("tasks", {"subject": "call", "who": contact})
    crms.crm.create("tasks", {"subject": "write", "who": lead})
    await crms.rig.settle()
    names = {i: row["name"] for i, row in crms.erp.rows("people").items()}
    tasks = {row["subject"]: names[row["who"]] for row in crms.erp.rows("tasks").values()}
    assert tasks == {"call": "Ann", "write": "Bob"}
    ann = next(i for i, name in names.items() if name == "Ann")
    made = crms.erp.create("tasks", {"subject": "visit", "who": ann})
    write = next(i for i, row in crms.erp.rows("tasks").items() if row["subject"] == "write")
    crms.erp.update("tasks", write, {"who": ann})
    await crms.rig.settle()
    assert made in crms.erp.rows("tasks")
    there = {row["subject"]: row["who"] for row in crms.crm.rows("tasks").values()}
    assert there == {"call": contact, "write": contact, "visit": contact}


async def test_a_deleted_lead_is_deleted_in_the_other_system_alone(crms: Twofold) -> None:
    crms.crm.create("contacts", ANN)
    lead = crms.crm.create("leads", {"email": "bob@x.org", "name": "Bob"})
    await crms.rig.settle()
    crms.crm.delete("leads", lead)
    await crms.rig.settle()
    assert crms.people() == [("ann@x.org", "Ann", "1")]
    assert len(crms.crm.rows("contacts")) == 1, "nobody is made again in the other object"
