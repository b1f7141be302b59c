"""Contacts and their companies: an association there, a foreign key here, one reference between."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from syncd.engine.reconcile import Reconciler
from syncd.engine.report import Reason
from syncd.store.intents import ask
from syncd.store.store import Store
from tests.support.firms import FirmsRig

ANN = "ann@x.example"


@pytest.fixture
async def portal(
    store: Store, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> AsyncIterator[FirmsRig]:
    async with FirmsRig.made(store, fresh_database, tmp_path) as portal:
        yield portal


async def here(portal: FirmsRig, *firms: str) -> None:
    """Ann in the database, in the first of these firms."""
    for name in firms:
        await portal.con.execute("insert into firms (name) values ($1)", name)
    await portal.con.execute(f"insert into people (last, mail, firm) values ('A', '{ANN}', 1)")
    await portal.rig.settle()


def there(portal: FirmsRig, *firms: str) -> tuple[str, list[str]]:
    """Ann in the portal, in the first of these firms."""
    ids = [portal.make("companies", name=name) for name in firms]
    ann = portal.make("contacts", lastname="A", email=ANN)
    portal.tie(ann, ids[0])
    return ann, ids


def firm(portal: FirmsRig, name: str) -> str:
    rows = portal.sandbox.people.rows("companies").items()
    return next(str(id) for id, row in rows if row.fields["name"] == name)


async def at_rest(portal: FirmsRig) -> None:
    """I2: nothing is written when nobody edits, whatever is read again."""
    before = portal.writes
    await portal.rig.sweep()
    assert await portal.rig.settle() == 0
    assert portal.writes == before
    assert await portal.listed() == []
    assert (await Reconciler(portal.rig.world, portal.rig.keepers).run()).in_sync


async def test_from_the_portal_to_the_database_and_on(portal: FirmsRig) -> None:
    ann, (one, two) = there(portal, "One", "Two")
    await portal.rig.settle()
    assert await portal.firm_of(ANN) == "One"
    portal.tie(ann, two)
    await portal.rig.settle()
    assert await portal.firm_of(ANN) == "Two"
    portal.untie(ann, two)
    portal.untie(ann, one)
    await portal.rig.settle()
    assert await portal.firm_of(ANN) is None
    await at_rest(portal)


async def test_from_the_database_to_the_portal_and_on(portal: FirmsRig) -> None:
    await here(portal, "One", "Two")
    ann = portal.only("contacts")
    assert portal.ties(ann) == {firm(portal, "One"): {None, "Primary"}}
    await portal.con.execute("update people set firm = 2")
    await portal.rig.settle()
    assert portal.ties(ann) == {firm(portal, "Two"): {None, "Primary"}}
    await at_rest(portal)
    await portal.con.execute("update people set firm = null, last = 'B'")
    await portal.rig.settle()
    assert portal.ties(ann) == {}
    await at_rest(portal)


async def test_a_label_of_the_portal_s_own_outlives_a_change_here(portal: FirmsRig) -> None:
    pair = ("contacts", "companies")
    portal.sandbox.world.associations.make_label(pair, "Adviser", None)
    await here(portal, "One", "Two")
    ann, one, two = portal.only("contacts"), firm(portal, "One"), firm(portal, "Two")
    portal.tie(ann, one, label="Adviser")
    await portal.con.execute("update people set firm = 2")
    await portal.rig.settle()
    assert portal.ties(ann) == {one: {None, "Adviser"}, two: {None, "Primary"}}
    assert await portal.firm_of(ANN) == "Two"
    await at_rest(portal)


async def test_a_reference_is_attached_once_its_target_is_there(portal: FirmsRig) -> None:
    """The company's create fails once; the contact is made without it, and gets it later."""
    await portal.rig.settle()
    fault = portal.sandbox.arm("partial", route="create.batch", object="companies", rows=[0])
    await portal.con.execute("insert into firms (name) values ('Late')")
    await portal.con.execute(f"insert into people (last, mail, firm) values ('A', '{ANN}', 1)")
    await portal.rig.read()
    await portal.rig.work()
    assert fault.fired
    assert portal.ties(portal.only("contacts")) == {}
    await portal.rig.settle()
    assert portal.ties(portal.only("contacts")) == {firm(portal, "Late"): {None, "Primary"}}
    await at_rest(portal)


async def test_a_company_changed_on_both_sides_at_once_is_asked(portal: FirmsRig) -> None:
    ann, (_, two, _) = there(portal, "One", "Two", "Three")
    await portal.rig.settle()
    portal.tie(ann, two)
    await portal.con.execute("update people set firm = (select id from firms where name = 'Three')")
    await portal.rig.settle()
    async with portal.rig.world.store.read() as con:
        (clash,) = await con.fetch("select field from conflicts where state = 'open'")
    assert clash["field"] == "firm"
    assert await portal.firm_of(ANN) == "Three"
    assert "Primary" in portal.ties(ann)[two], "neither is written over"


async def test_an_edit_between_read_and_write_is_a_clash_and_not_written_over(portal: FirmsRig) -> None:
    """The guard's read saw nothing; the write itself looks again."""
    ann, (one, two, _) = there(portal, "One", "Two", "Three")
    await portal.rig.settle()
    await portal.con.execute("update people set firm = (select id from firms where name = 'Three')")
    await portal.rig.read()
    portal.sandbox.world.associations.remove(("contacts", "companies"), (ann, one))
    portal.tie(ann, two)
    await portal.rig.settle()
    assert "Primary" in portal.ties(ann)[two]
    async with portal.rig.world.store.read() as con:
        assert await con.fetchval("select count(*) from conflicts where state = 'open'") == 1


async def test_several_without_a_primary_one_are_listed_and_the_rest_flows(portal: FirmsRig) -> None:
    ann, (one, two) = there(portal, "One", "Two")
    await portal.rig.settle()
    portal.untie(ann, one)
    portal.tie(ann, one, primary=False)
    portal.tie(ann, two, primary=False)
    portal.sandbox.people.edit("contacts", id=ann, fields={"lastname": "B"})
    await portal.rig.settle()
    assert await portal.listed() == [("unreadable", "associations.companies")]
    assert await portal.con.fetchval("select last from people") == "B"
    assert await portal.firm_of(ANN) == "One", "nobody guesses"
    portal.tie(ann, two)
    await portal.rig.settle()
    assert await portal.firm_of(ANN) == "Two"
    await at_rest(portal)


async def test_an_answer_that_is_lost_after_the_association_was_made(portal: FirmsRig) -> None:
    await here(portal, "One", "Two")
    fault = portal.sandbox.arm("lose_answer", route="associate.associations")
    await portal.con.execute("update people set firm = 2, last = 'B'")
    await portal.rig.settle()
    assert fault.fired
    assert portal.ties(portal.only("contacts"))[firm(portal, "Two")] == {None, "Primary"}
    assert await portal.firm_of(ANN) == "Two"
    await at_rest(portal)


async def test_half_of_a_batch_that_fails_is_made_after_all(portal: FirmsRig) -> None:
    await portal.con.execute("insert into firms (name) values ('One'), ('Two')")
    sql = "insert into people (last, mail, firm) select n, n || '@x.example', 1 from generate_series(1, 6) n"
    await portal.con.execute(sql)
    await portal.rig.settle()
    fault = portal.sandbox.arm("partial", route="associate.associations")
    await portal.con.execute("update people set firm = 2")
    await portal.rig.settle()
    assert fault.fired
    two = firm(portal, "Two")
    contacts = portal.sandbox.people.rows("contacts")
    assert all(portal.ties(id) == {two: {None, "Primary"}} for id in contacts)
    await at_rest(portal)


async def test_a_company_that_is_deleted_there(portal: FirmsRig) -> None:
    ann, (one, two) = there(portal, "One", "Two")
    await portal.rig.settle()
    portal.sandbox.people.edit("companies", "delete", id=one)
    await portal.rig.sweep()
    await portal.rig.settle()
    assert await portal.con.fetchval("select count(*) from firms where name = 'One'") == 0
    assert await portal.firm_of(ANN) is None
    portal.tie(ann, two)
    await portal.rig.settle()
    assert await portal.firm_of(ANN) == "Two"
    await at_rest(portal)


async def test_companies_that_are_merged_there(portal: FirmsRig) -> None:
    ann, (one, two) = there(portal, "One", "Two")
    await portal.rig.settle()
    portal.sandbox.people.edit("companies", "merge", id=two, loser=one)
    await portal.rig.settle()
    await portal.rig.sweep()
    assert await portal.rig.settle() == 0
    assert portal.ties(ann) == {portal.only("companies"): {None, "Primary"}}
    assert await portal.firm_of(ANN) == "One", "the database still has both, which is for people to see"


async def merged(portal: FirmsRig, *, primary: bool) -> tuple[str, dict[str, str]]:
    """Ann and Bob, of two companies, become one in the portal; who is left, and the companies by name.

    Without primary ones, Bob is of both before.
    """
    firms = {name: portal.make("companies", name=name) for name in ("One", "Two")}
    ids = [portal.make("contacts", lastname=mail[0].upper(), email=mail) for mail in (ANN, "bob@x.example")]
    for id, firm in zip(ids, firms.values(), strict=True):
        portal.tie(id, firm, primary=primary)
    if not primary:
        portal.tie(ids[1], firms["One"], primary=False)
    await portal.rig.settle()
    portal.sandbox.people.edit("contacts", "merge", id=ids[0], loser=ids[1])
    await portal.rig.settle()
    await portal.con.execute("delete from people where mail <> $1", ANN)  # as a person merges them here
    await portal.rig.settle()
    return portal.only("contacts"), firms


async def test_contacts_that_are_merged_there_keep_the_primary_company(portal: FirmsRig) -> None:
    """The portal keeps both companies; cleared here, the field would read as the other one there."""
    ann, firms = await merged(portal, primary=True)
    assert portal.ties(ann) == {firms["One"]: {None, "Primary"}, firms["Two"]: {None}}
    assert await portal.firm_of(ANN) == "One"
    await portal.con.execute("update people set firm = null, last = 'C'")
    await portal.rig.settle()
    assert portal.sandbox.people.rows("contacts")[ann].fields["lastname"] == "C"
    assert portal.ties(ann).keys() == set(firms.values()), "nothing is taken away"
    assert ("SEVERAL_ASSOCIATIONS", "associations.companies") in await portal.listed()
    report = await Reconciler(portal.rig.world, portal.rig.keepers).run()
    assert [(found.field, found.reason) for found in report.differences] == [("firm", Reason.PARKED)]
    for firm in firms.values():
        portal.untie(ann, firm)
    await portal.rig.settle()
    await at_rest(portal)


async def test_contacts_that_are_merged_there_without_a_primary_company_are_listed(portal: FirmsRig) -> None:
    ann, firms = await merged(portal, primary=False)
    assert portal.ties(ann) == {firms["One"]: {None}, firms["Two"]: {None}}
    await retried(portal, "unreadable")
    assert await portal.listed() == [("unreadable", "associations.companies")], "still so, still listed"
    report = await Reconciler(portal.rig.world, portal.rig.keepers).run()
    assert [(found.field, found.reason) for found in report.differences] == [("firm", Reason.PARKED)]
    portal.tie(ann, firms["One"])
    await portal.rig.settle()
    assert await portal.firm_of(ANN) == "One"
    await at_rest(portal)


async def retried(portal: FirmsRig, code: str) -> None:
    """A person asks for what is listed to be tried again."""
    store = portal.rig.world.store
    async with store.read() as con:
        number = await con.fetchval("select parked from parked where code = $1", code)
    assert number is not None
    await ask(store, "retry", {"parked": number})
    await portal.rig.settle()


async def test_a_company_that_has_just_gone_holds_up_its_reference_only(portal: FirmsRig) -> None:
    """F35: no poll tells of it; the refused association has it looked at, and its delete travels."""
    await here(portal, "One", "Two")
    portal.sandbox.people.edit("companies", "delete", id=firm(portal, "Two"))
    await portal.con.execute("insert into people (last, mail, firm) values ('B', 'b@x.example', 2)")
    await portal.rig.settle()
    contacts = portal.sandbox.people.rows("contacts")
    (bob,) = [id for id, row in contacts.items() if row.fields["email"] == "b@x.example"]
    assert portal.ties(bob) == {}
    assert await portal.con.fetchval("select string_agg(name, ',') from firms") == "One"
    assert await portal.listed() == []
    await portal.con.execute("update people set firm = 1 where last = 'B'")
    await portal.rig.settle()
    assert portal.ties(bob) == {firm(portal, "One"): {None, "Primary"}}
    assert await portal.listed() == []


async def test_a_comparison_shows_what_moved_no_stamp(portal: FirmsRig) -> None:
    ann, (one, two) = there(portal, "One", "Two")
    await portal.rig.settle()
    portal.sandbox.set_quirks(calculated_bumps=False)
    portal.tie(ann, two)
    report = await Reconciler(portal.rig.world, portal.rig.keepers).run()
    assert [(found.kind, found.field) for found in report.differences] == [("contact", "firm")]
    assert portal.ties(ann).keys() == {one, two}
