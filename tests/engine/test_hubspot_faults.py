"""What happens to records of a portal, with the numbers of the promises; each fault is seen to happen."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from syncd.store.store import Store
from tests.support.hubspot import PortalRig

FreshDatabase = Callable[[], Awaitable[str]]
INSERT = "insert into people (first, last, mail) values ('Ann', 'Lee', 'ann@acme.com')"


@pytest.fixture
async def portal(store: Store, fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[PortalRig]:
    async with PortalRig.made(store, fresh_database, tmp_path) as portal:
        yield portal


async def people(portal: PortalRig) -> list[Any]:
    return list(await portal.con.fetch("select * from people order by id"))


async def parked(portal: PortalRig) -> list[str]:
    async with portal.rig.world.store.read() as con:
        return [row["code"] for row in await con.fetch("select code from parked order by code")]


async def quiet(portal: PortalRig) -> None:
    """Nothing is written any more, not even after everything was compared."""
    assert await portal.rig.settle() == 0
    await portal.rig.sweep()
    assert await portal.rig.settle() == 0


async def test_who_is_there_already_is_linked_though_search_hides_it(portal: PortalRig) -> None:
    """A 409 names the contact that the index does not show yet: it is linked, and not made twice."""
    await portal.rig.settle()
    portal.sandbox.set_quirks(index_lag=3600.0)
    portal.edit("create", fields={"email": "ann@acme.com", "lastname": "Lee", "phone": "+1 5"})
    await portal.con.execute(INSERT)
    await portal.rig.settle()
    assert portal.sandbox.fired.counts["index_lag"] > 0, "search did not hide it"
    (fields,) = portal.contacts().values()
    assert (fields["firstname"], fields["phone"]) == ("Ann", "+1 5")
    (person,) = await people(portal)
    assert person["tel"] == "+1 5"
    await quiet(portal)


async def test_an_e_mail_that_is_taken_holds_back_nothing_else(portal: PortalRig) -> None:
    await portal.con.execute(INSERT)
    portal.edit("create", fields={"firstname": "Bob", "email": "bob@acme.com"})
    await portal.rig.settle()
    await portal.con.execute("update people set mail = 'bob@acme.com', tel = '1' where first = 'Ann'")
    await portal.rig.settle()
    assert await parked(portal) == ["TAKEN"]
    await portal.con.execute("update people set tel = '2' where first = 'Ann'")
    await portal.rig.settle()
    assert sorted((row["email"], row.get("phone")) for row in portal.contacts().values()) == [
        ("ann@acme.com", "2"),
        ("bob@acme.com", None),
    ]
    await portal.con.execute("update people set mail = 'lee@acme.com' where first = 'Ann'")
    await portal.rig.settle()
    assert sorted(row["email"] for row in portal.contacts().values()) == ["bob@acme.com", "lee@acme.com"]
    await quiet(portal)


async def test_an_answer_that_is_lost_makes_nobody_twice(portal: PortalRig) -> None:
    """F2, F3: the key tells that the record was made, whatever search shows."""
    await portal.rig.settle()
    portal.sandbox.set_quirks(index_lag=3600.0)
    fault = portal.sandbox.arm("lose_answer", route="create.batch")
    await portal.con.execute("insert into people (first, last) values ('No', 'Mail')")
    await portal.rig.settle()
    assert fault.fired == 1
    assert len(portal.contacts()) == 1
    await quiet(portal)


async def test_a_merge_moves_the_link_to_the_new_record(portal: PortalRig) -> None:
    """F32: both old ids lead to a record with a new one; nobody is made again."""
    await portal.fill(2)
    kept, lost = sorted(portal.contacts())
    portal.edit("merge", id=kept, loser=lost)
    (new,) = portal.contacts()
    assert new not in (kept, lost)
    await portal.rig.settle()
    async with portal.rig.world.store.read() as con:
        live = await con.fetch("select remote_id, stream from links where state = 'live'")
    stream = portal.rig.stream("hub", "contact").id
    assert [row["remote_id"] for row in live if row["stream"] == stream] == [new]
    assert await parked(portal) == ["duplicate"], "the database still has two, which is for people to see"
    portal.edit(id=new, fields={"phone": "+1 merged"})
    await portal.rig.settle()
    assert "+1 merged" in [person["tel"] for person in await people(portal)]
    await quiet(portal)
    assert list(portal.contacts()) == [new]


async def test_a_chain_of_merges_while_we_write_to_the_loser(portal: PortalRig) -> None:
    """F32: what is written to an id that was merged away goes to the record that is left."""
    await portal.fill(3)
    one, two, three = sorted(portal.contacts())
    portal.edit("merge", id=one, loser=two)
    (first,) = set(portal.contacts()) - {three}
    portal.edit("merge", id=first, loser=three)
    await portal.con.execute("update people set tel = '+1 late' where id = 1")
    for stream in portal.rig.streams:
        if stream.system == "erp":
            await portal.rig.intakes[stream.id].read()
    await portal.rig.work()
    await portal.rig.settle()
    assert len(portal.contacts()) == 1
    await quiet(portal)
    assert len(portal.contacts()) == 1


async def test_what_is_archived_goes_and_comes_back(portal: PortalRig) -> None:
    """F33: a restored record has its old id, and its link returns."""
    await portal.fill(2)
    id = sorted(portal.contacts())[0]
    portal.edit("delete", id=id)
    await portal.rig.sweep("hub")
    await portal.rig.settle()
    assert len(await people(portal)) == 1
    portal.edit("restore", id=id)
    await portal.rig.settle()
    await portal.rig.sweep("hub")
    await portal.rig.settle()
    assert len(await people(portal)) == len(portal.contacts()) == 2
    assert id in portal.contacts()
    await quiet(portal)


async def test_who_was_erased_is_gone_and_stays_so(portal: PortalRig) -> None:
    """A privacy deletion leaves nothing to read, neither among the living nor among the archived."""
    await portal.fill(2)
    id = sorted(portal.contacts())[0]
    client: Any = portal.rig.connectors["hub"]
    path = client.client.path("objects", "contacts", "gdpr-delete")
    await client.client.post(path, "an erasure", {"objectId": id})
    await portal.rig.sweep("hub")
    await portal.rig.settle()
    assert len(await people(portal)) == len(portal.contacts()) == 1
    await quiet(portal)


async def test_one_bad_record_of_a_batch_is_listed_and_the_others_land(portal: PortalRig) -> None:
    """F18: a 207 names each by the id that we gave it, in an order of its own."""
    await portal.fill(20)
    await portal.con.execute(
        "update people set mail = case id when 7 then 'seven@nowhere' else 'q' || id || '@acme.com' end"
    )
    await portal.rig.settle()
    mails = sorted(fields["email"] for fields in portal.contacts().values())
    assert mails == sorted(["p7@acme.com", *(f"q{n}@acme.com" for n in range(1, 21) if n != 7)])
    assert await parked(portal) == ["INVALID_EMAIL"]
    await portal.con.execute("update people set mail = 'seven@acme.com' where id = 7")
    await portal.rig.settle()
    assert "seven@acme.com" in [fields["email"] for fields in portal.contacts().values()]


async def test_what_the_portal_rewrites_is_written_once(portal: PortalRig) -> None:
    """F24, F25: lower case and blanks do not flow back; what a workflow sets is an edit."""
    portal.sandbox.set_quirks(
        normalise={"contacts.phone": ["phone"]},
        automations=[{"object": "contacts", "when": "phone", "set": {"lastname": "Set by a workflow"}}],
    )
    await portal.con.execute(
        "insert into people (first, mail, tel) values (' Bo ', 'Bo@Acme.com', '+1 (555) 010-77')"
    )
    await portal.rig.settle()
    (fields,) = portal.contacts().values()
    assert (fields["firstname"], fields["email"]) == ("Bo", "bo@acme.com")
    assert portal.sandbox.world.fired.counts["normalise"]
    (person,) = await people(portal)
    assert (person["first"], person["tel"]) == (" Bo ", "+1 (555) 010-77")
    assert person["last"] == "Set by a workflow"
    await quiet(portal)
