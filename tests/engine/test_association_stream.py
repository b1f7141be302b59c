"""Who plays which part in a deal: a labelled association there, a row of a table here, both ways."""

from __future__ import annotations

from asyncio import create_task
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from syncd.config.settings import Brake
from syncd.engine.reconcile import Reconciler
from syncd.engine.report import Reason
from syncd.store import intents
from syncd.store.store import Store
from tests.support.firms import FirmsRig

KINDS = """
  deal:
    fields: {title: text}
    match: [title]
    systems:
      hub: {object: deals, key_field: syncd_id, fields: {title: dealname}}
      erp: {object: deals, key_field: key, fields: {title: title}}
    deletes: {policy: propagate}
    brakes: {delete: {count: 10}}
  deal_role:
    fields: {deal: {ref: deal}, contact: {ref: contact}, role: text}
    match: [[deal, contact]]
    systems:
      hub: {object: deals-to-contacts, fields: {deal: from, contact: to, role: label}}
      erp: {object: roles, key_field: key, fields: {deal: deal, contact: person, role: role}}
    conflicts: [{strategy: ask}]
    deletes: {policy: propagate}
"""


class Roles:
    """Ann and Bob in one deal, everywhere."""

    def __init__(self, portal: FirmsRig) -> None:
        self.portal, self.rig, self.con = portal, portal.rig, portal.con
        for label in ("Buyer", "Payer"):
            portal.sandbox.world.associations.make_label(("deals", "contacts"), label, None)
        self.deal = portal.make("deals", dealname="D")
        self.ids = {name: portal.make("contacts", lastname=name, email=f"{name}@x.example") for name in "ab"}

    def tie(self, name: str, label: str = "") -> None:
        self.portal.tie(self.deal, self.ids[name], label=label, of="deals", to="contacts")

    def untie(self, name: str) -> None:
        self.portal.untie(self.deal, self.ids[name], of="deals", to="contacts")

    def there(self) -> dict[str, set[str | None]]:
        names = {id: name for name, id in self.ids.items()}
        ties = self.portal.ties(self.deal, of="deals", to="contacts")
        return {names[id]: labels - {None} for id, labels in ties.items()}

    async def here(self) -> list[tuple[Any, ...]]:
        sql = "select p.last, r.role from roles r join people p on p.id = r.person order by 1"
        return [tuple(row) for row in await self.con.fetch(sql)]

    async def insert(self, name: str, role: str | None) -> None:
        sql = "insert into roles (deal, person, role) select 1, id, $2 from people where last = $1"
        await self.con.execute(sql, name, role)


@pytest.fixture
async def roles(
    store: Store, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> AsyncIterator[Roles]:
    async with FirmsRig.made(store, fresh_database, tmp_path, more=KINDS) as portal:
        made = Roles(portal)
        await portal.rig.settle()
        yield made


async def at_rest(roles: Roles) -> None:
    """I2, and nothing set aside."""
    before = roles.portal.writes
    await roles.rig.sweep()
    assert await roles.rig.settle() == 0
    assert roles.portal.writes == before
    assert await roles.portal.listed() == []
    assert (await Reconciler(roles.rig.world, roles.rig.keepers).run()).in_sync


async def test_from_the_portal_and_back(roles: Roles) -> None:
    roles.tie("a", "Buyer")
    roles.tie("b")
    await roles.rig.settle()
    assert await roles.here() == [("a", "Buyer"), ("b", None)]
    await roles.con.execute("update roles set role = 'Payer' where role = 'Buyer'")
    await roles.rig.settle()
    assert roles.there() == {"a": {"Payer"}, "b": set()}
    await roles.con.execute("delete from roles where role is null")
    await roles.rig.settle()
    assert roles.there() == {"a": {"Payer"}}
    await at_rest(roles)


async def test_from_the_database_and_back(roles: Roles) -> None:
    await roles.insert("a", "Buyer")
    await roles.insert("b", None)
    await roles.rig.settle()
    assert roles.there() == {"a": {"Buyer"}, "b": set()}
    roles.untie("a")
    await roles.rig.sweep()
    await roles.rig.settle()
    assert await roles.here() == [("b", None)], "what a complete answer does not show is gone"
    await at_rest(roles)


async def test_the_same_one_on_both_sides_at_once_is_one(roles: Roles) -> None:
    roles.tie("a", "Buyer")
    await roles.insert("a", "Buyer")
    await roles.rig.settle()
    assert await roles.here() == [("a", "Buyer")]
    assert roles.there() == {"a": {"Buyer"}}
    await at_rest(roles)


async def test_labels_changed_on_both_sides_at_once_are_asked(roles: Roles) -> None:
    roles.tie("a")
    await roles.rig.settle()
    roles.tie("a", "Buyer")
    await roles.con.execute("update roles set role = 'Payer'")
    await roles.rig.sweep()
    await roles.rig.settle()
    async with roles.rig.world.store.read() as con:
        assert await con.fetchval("select count(*) from conflicts where state = 'open'") == 1
    assert roles.there() == {"a": {"Buyer"}}
    assert await roles.here() == [("a", "Payer")]


async def test_a_role_waits_for_its_contact(roles: Roles) -> None:
    """Contact and role are typed in at once; the contact's create fails the first time."""
    fault = roles.portal.sandbox.arm("partial", route="create.batch", object="contacts", rows=[0])
    await roles.con.execute("insert into people (last, mail) values ('c', 'c@x.example')")
    await roles.insert("c", "Buyer")
    await roles.rig.settle()
    assert fault.fired
    contacts = roles.portal.sandbox.people.rows("contacts").items()
    roles.ids["c"] = next(str(id) for id, row in contacts if row.fields["lastname"] == "c")
    assert roles.there() == {"c": {"Buyer"}}
    await at_rest(roles)


async def test_a_lost_answer_makes_one_role(roles: Roles) -> None:
    fault = roles.portal.sandbox.arm("lose_answer", route="associate.associations")
    await roles.insert("a", "Buyer")
    await roles.rig.settle()
    assert fault.fired
    assert roles.there() == {"a": {"Buyer"}}
    assert await roles.here() == [("a", "Buyer")]
    await at_rest(roles)


async def test_another_contact_in_a_row_is_listed_and_a_new_row_is_carried_over(roles: Roles) -> None:
    await roles.insert("a", "Buyer")
    await roles.rig.settle()
    bob = "select id from people where last = 'b'"
    await roles.con.execute(f"update roles set role = 'Payer', person = ({bob})")
    await roles.rig.settle()
    assert roles.there() == {"a": {"Payer"}}
    assert await roles.portal.listed() == [("READ_ONLY_VALUE", "to")]
    report = await Reconciler(roles.rig.world, roles.rig.keepers).run()
    assert [(found.field, found.reason) for found in report.differences] == [("contact", Reason.PARKED)]
    await roles.con.execute("delete from roles")
    await roles.insert("b", "Payer")
    await roles.rig.settle()
    assert roles.there() == {"b": {"Payer"}}
    await at_rest(roles)


async def test_a_second_row_for_a_pair_is_listed(roles: Roles) -> None:
    """The portal holds a pair once, so the second row has no copy there: that is said, and stays said."""
    await roles.insert("a", "Buyer")
    await roles.rig.settle()
    await roles.insert("a", "Buyer")
    await roles.rig.settle()
    await roles.rig.sweep()
    await roles.rig.settle()
    assert [code for code, _ in await roles.portal.listed()] == ["merge_candidate"]
    assert roles.there() == {"a": {"Buyer"}}
    assert await roles.here() == [("a", "Buyer")] * 2


@pytest.mark.parametrize("label", ["Buyer", "Payer"])
async def test_two_rows_for_a_pair_at_once(roles: Roles, label: str) -> None:
    """The first is made; the second is listed, stops nobody, and no third one comes of it."""
    await roles.insert("b", "Buyer")
    await roles.rig.settle()
    await roles.insert("a", "Buyer")
    await roles.insert("a", label)
    await roles.con.execute("update roles set role = 'Payer' where person = 2")
    await roles.rig.settle()
    await roles.rig.sweep()
    await roles.rig.settle()
    assert [code for code, _ in await roles.portal.listed()] == ["merge_candidate"]
    assert roles.there() == {"a": {"Buyer"}, "b": {"Payer"}}
    assert sorted(await roles.here()) == [("a", "Buyer"), ("a", label), ("b", "Payer")]


@pytest.mark.parametrize("label", ["Buyer", "Payer"])
async def test_a_row_that_is_deleted_and_entered_again(roles: Roles, label: str) -> None:
    """It is another record here, and the same pair there: the old one's delete does not take it along."""
    await roles.insert("a", "Buyer")
    await roles.rig.settle()
    async with roles.con.transaction():
        await roles.con.execute("delete from roles")
        await roles.insert("a", label)
    await roles.rig.settle()
    assert roles.there() == {"a": {label}}
    assert await roles.here() == [("a", label)]
    await at_rest(roles)
    roles.tie("b")
    roles.untie("a")
    await roles.rig.sweep()
    await roles.rig.settle()
    assert await roles.here() == [("b", None)], "it is linked as any other"


async def test_a_row_that_is_entered_again_and_whose_answer_is_lost(roles: Roles) -> None:
    """What the portal shows is the new one, not the old one come back."""
    await roles.insert("a", "Buyer")
    await roles.rig.settle()
    fault = roles.portal.sandbox.arm("lose_answer", route="associate.associations")
    async with roles.con.transaction():
        await roles.con.execute("delete from roles")
        await roles.insert("a", "Buyer")
    await roles.rig.settle()
    assert fault.fired
    await roles.rig.sweep()
    await roles.rig.settle()
    await roles.rig.settle()
    assert roles.there() == {"a": {"Buyer"}}
    assert await roles.here() == [("a", "Buyer")]
    await at_rest(roles)


async def test_a_row_that_is_entered_again_and_read_before_it_is_known(roles: Roles) -> None:
    """What is read while its create is under way is not taken for the old one come back."""
    await roles.insert("a", "Buyer")
    await roles.rig.settle()
    fault = roles.portal.sandbox.arm("hang_answer", route="associate.associations")
    async with roles.con.transaction():
        await roles.con.execute("delete from roles")
        await roles.insert("a", "Buyer")
    going = create_task(roles.rig.settle())
    await fault.reached.wait()
    assert roles.there() == {"a": {"Buyer"}}
    await roles.rig.sweep("hub")
    await roles.rig.inboxes[roles.rig.stream("hub", "deal_role").id].work()
    fault.release()
    await going
    await roles.rig.settle()
    assert await roles.here() == [("a", "Buyer")]
    await at_rest(roles)


@pytest.mark.parametrize("label", ["Buyer", "Payer"])
async def test_a_second_row_takes_the_place_of_the_first(roles: Roles, label: str) -> None:
    """Also where the answer to the first one's delete is lost."""
    await roles.insert("a", "Buyer")
    await roles.rig.settle()
    await roles.insert("a", label)
    await roles.rig.settle()
    assert [code for code, _ in await roles.portal.listed()] == ["merge_candidate"]
    fault = roles.portal.sandbox.arm("lose_answer", route="dissociate.associations")
    await roles.con.execute("delete from roles where id = (select min(id) from roles)")
    await roles.rig.settle()
    assert fault.fired
    assert roles.there() == {"a": {label}}
    assert await roles.here() == [("a", label)]
    await at_rest(roles)


async def test_a_pair_that_is_untied_there_is_not_tied_again_for_a_second_row(roles: Roles) -> None:
    await roles.insert("a", "Buyer")
    await roles.rig.settle()
    await roles.insert("a", "Buyer")
    await roles.rig.settle()
    roles.untie("a")
    await roles.rig.sweep()
    await roles.rig.settle()
    assert roles.there() == {}
    assert [code for code, _ in await roles.portal.listed()] == ["merge_candidate"]


async def test_a_deal_that_is_deleted_takes_its_roles_along(roles: Roles) -> None:
    """F51: deleted here, they vanish there; deleted there, they vanish here. Nobody else is touched."""
    roles.tie("a", "Buyer")
    await roles.rig.settle()
    roles.portal.sandbox.people.edit("deals", "delete", id=roles.deal)
    await roles.rig.sweep()
    await roles.rig.settle()
    assert await roles.here() == []
    assert await roles.con.fetchval("select count(*) from people") == 2
    assert await roles.con.fetchval("select count(*) from deals") == 0
    await at_rest(roles)


async def test_a_deal_that_is_deleted_here_takes_its_roles_along_there(roles: Roles) -> None:
    """What vanishes through our own delete spreads nothing."""
    roles.tie("a", "Buyer")
    await roles.rig.settle()
    await roles.con.execute("delete from deals")
    await roles.rig.settle()
    await roles.rig.sweep()
    await roles.rig.settle()
    deals = roles.portal.sandbox.people.rows("deals")
    assert not [id for id, row in deals.items() if not row.deleted]
    assert await roles.here() == []
    await at_rest(roles)


@pytest.mark.parametrize("object", ["contacts", "deals"])
async def test_a_merge_at_either_end_makes_no_second_role(roles: Roles, object: str) -> None:
    roles.tie("a", "Buyer")
    await roles.rig.settle()
    people = roles.portal.sandbox.people
    if object == "contacts":
        people.edit("contacts", "merge", id=roles.ids["b"], loser=roles.ids["a"])
    else:
        other = roles.portal.make("deals", dealname="E")
        await roles.rig.settle()
        people.edit("deals", "merge", id=other, loser=roles.deal)
    await roles.rig.settle()
    await roles.rig.sweep()
    await roles.rig.settle()
    assert len(await roles.here()) == 1
    deals, contacts = roles.portal.sandbox.people.rows("deals"), roles.portal.sandbox.people.rows("contacts")
    (deal,) = [id for id, row in deals.items() if not row.deleted]
    ties = roles.portal.ties(deal, of="deals", to="contacts")
    assert list(ties.values()) == [{None, "Buyer"}]
    assert ties.keys() <= contacts.keys()
    await roles.con.execute("update roles set role = 'Payer'")
    await roles.rig.settle()
    assert list(roles.portal.ties(deal, of="deals", to="contacts").values()) == [{None, "Payer"}]


@pytest.mark.parametrize(("hours", "counts"), [(0, 1), (2, 2)])
async def test_a_delete_that_is_let_go_frees_the_create_that_waits(
    roles: Roles, hours: int, counts: int
) -> None:
    """The create that was refused counts once in its brake's window; when that is over, it counts anew."""
    await roles.insert("a", "Buyer")
    await roles.rig.settle()
    stream, store = roles.rig.stream("hub", "deal_role"), roles.rig.world.store
    brakes = roles.rig.world.kind_of(stream).settings.brakes
    object.__setattr__(brakes, "delete", Brake(0, None, 3600.0))
    object.__setattr__(brakes, "create", Brake(100, None, 3600.0))
    async with roles.con.transaction():
        await roles.con.execute("delete from roles")
        await roles.insert("a", "Payer")
    await roles.rig.settle()
    assert roles.there() == {"a": {"Buyer"}}, "the delete is held"
    assert [code for code, _ in await roles.portal.listed()] == ["merge_candidate"]
    async with store.write(numbers=0) as tx:
        await tx.execute("update parked set at = at - make_interval(hours => $1)", hours)
        brake = await tx.fetchval("select brake from brakes where ended is null")
    await intents.ask(store, "release", {"brake": brake})
    await roles.rig.settle()
    assert roles.there() == {"a": {"Payer"}}
    async with store.read() as con:
        counted = "select sum(n) from brake_use where stream = $1 and op = 'create'"
        assert await con.fetchval(counted, stream.id) == counts
    await at_rest(roles)
