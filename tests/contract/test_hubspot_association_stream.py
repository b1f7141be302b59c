"""Associations as records of their own: `deals-to-contacts`, read whole, made, labelled and removed."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import orjson
import pytest

from connectors.base import ObjectSpec
from connectors.hubspot import HubSpotConnector
from connectors.hubspot.sandbox import HubSpotSandbox
from syncd.core.nouns import (
    Accepted,
    Change,
    Cursor,
    Deferred,
    Exists,
    Missing,
    Op,
    Push,
    PushOp,
    PushResult,
    Rejected,
    Stale,
    Uncertain,
)
from tests.contract.test_hubspot_hooks import SECRET, delivery, event

NAME = "deals-to-contacts"
PAIR = ("deals", "contacts")
FIELDS = ("from", "to", "label", "labels")


class Lab:
    """A sandbox with a deal and contacts, and a connector that reads and writes what stands between them."""

    def __init__(self, sandbox: HubSpotSandbox, words: dict[str, Any]) -> None:
        self.sandbox, self.portal = sandbox, sandbox.world
        told = {"url": sandbox.url, "auth": {"token": sandbox.auth.options.token}, "searches": 1000, **words}
        self.connector = HubSpotConnector("hub", told, [ObjectSpec(NAME, FIELDS)])
        self.connector.client.now = sandbox.clock.now
        for label in ("Buyer", "Payer"):
            self.portal.associations.make_label(PAIR, label, None)
        self.deal = self.made("deals", dealname="D")
        self.people = [self.made("contacts", lastname=f"C{n}") for n in range(4)]
        self._push = 0

    def made(self, object: str, **fields: Any) -> str:
        row = self.sandbox.people.edit(object, "create", fields=fields)
        assert row is not None
        return str(row.id)

    def id(self, n: int) -> str:
        return f"{self.deal}-{self.people[n]}"

    def tie(self, n: int, *labels: str) -> None:
        types = [type for type in self.portal.associations.types[PAIR] if type.label in labels]
        self.portal.associate(PAIR, (self.deal, self.people[n]), types, self.portal.moment("person"))

    def untie(self, n: int) -> None:
        gone = self.portal.associations.remove(PAIR, (self.deal, self.people[n]))
        self.portal.tell_associations(gone, self.portal.moment("person"))

    def ties(self) -> dict[str, set[str]]:
        found = self.portal.associated("deals", self.deal, "contacts")
        return {other: {one.label for one in types if one.label} for other, types in found.items()}

    async def look(self, *ids: str) -> dict[str, Change]:
        return {change.remote_id: change for change in await self.connector.fetch(NAME, ids)}

    async def poll(self, since: Cursor | None = None) -> tuple[dict[str, Any], Cursor | None]:
        found: dict[str, Any] = {}
        async for page in self.connector.read_changes(NAME, since):
            found |= {change.remote_id: change.fields["label"] for change in page.changes}
            since = page.cursor
        return found, since

    async def told(self, since: Cursor | None) -> tuple[list[tuple[str, Op]], Cursor | None]:
        """What a poll tells, as (id, op)."""
        found: list[tuple[str, Op]] = []
        async for page in self.connector.read_changes(NAME, since):
            found += [(change.remote_id, change.op) for change in page.changes]
            since = page.cursor
        return found, since

    async def write(
        self, op: PushOp, n: int, expected: dict[str, Any] | None = None, **fields: Any
    ) -> PushResult:
        self._push += 1
        id = None if op is PushOp.CREATE else self.id(n)
        ends = {"from": self.deal, "to": self.people[n]} if id is None else {}
        push = Push(self._push, NAME, op, 1, 1, {**ends, **fields}, id, expected=expected or {})
        (result,) = await self.connector.write([push])
        return result


@asynccontextmanager
async def lab(
    words: dict[str, Any] | None = None, *, journal: bool = False, **quirks: Any
) -> AsyncIterator[Lab]:
    profile = {"limits": {"burst": 100_000, "search": None}, "quirks": quirks}
    async with HubSpotSandbox(profile).serving() as sandbox:
        told = sandbox.ready()["auth"]
        auth = {name: told[name] for name in ("client_id", "client_secret", "refresh_token")}
        made = Lab(sandbox, {**(words or {}), **({"auth": auth, "capture": "journal"} if journal else {})})
        try:
            yield made
        finally:
            await made.connector.aclose()


async def test_it_points_at_both_ends_and_knows_the_labels() -> None:
    async with lab() as at:
        fields = (await at.connector.describe()).objects[NAME].fields
        assert (fields["from"].references, fields["to"].references) == PAIR
        assert fields["label"].options == ("Buyer", "Payer")


async def test_objects_that_there_are_not_are_no_object() -> None:
    async with lab() as at:
        told = {"url": at.sandbox.url, "auth": {"token": at.sandbox.auth.options.token}}
        names = ("deals-to-nothing", "contacts-to-contacts")
        other = HubSpotConnector("hub", told, [ObjectSpec(name, FIELDS) for name in names])
        assert (await other.describe()).objects == {}
        await other.aclose()


async def test_what_is_read_polled_and_scanned() -> None:
    async with lab() as at:
        at.tie(0)
        at.tie(1, "Buyer")
        at.tie(2, "Buyer", "Payer")
        found, cursor = await at.poll()
        assert found == {at.id(0): None, at.id(1): "Buyer", at.id(2): ["Buyer", "Payer"]}
        at.tie(3, "Payer")
        found, cursor = await at.poll(cursor)
        assert found[at.id(3)] == "Payer"
        pages = [page async for page in at.connector.scan(NAME)]
        assert pages[-1].complete
        assert {c.remote_id for page in pages for c in page.changes} == {at.id(n) for n in range(4)}


async def test_the_journal_names_those_that_are_made_and_removed() -> None:
    async with lab({"refresh": 0}, journal=True) as at:
        at.tie(0)
        told, cursor = await at.told(None)
        assert told == [(at.id(0), Op.UPSERT)]
        at.tie(1, "Buyer")
        at.tie(2)
        at.untie(0)
        at.untie(2)
        other = at.made("companies", name="X", domain="x.example")
        primary = at.portal.associations.types["deals", "companies"]
        at.portal.associate(("deals", "companies"), (at.deal, other), primary, at.portal.moment("person"))
        told, cursor = await at.told(cursor)
        assert sorted(told) == [(at.id(0), Op.DELETE), (at.id(1), Op.UPSERT), (at.id(2), Op.DELETE)]
        assert await at.told(cursor) == ([], cursor)
        at.sandbox.people.edit("contacts", "delete", id=at.people[1])
        at.sandbox.people.edit("contacts", "restore", id=at.people[1])
        told, cursor = await at.told(cursor)
        assert told == [(at.id(1), Op.UPSERT)]
        at.tie(3)
        del at.sandbox.journal.pending[-1]["toObjectId"]
        told, cursor = await at.told(cursor)
        assert sorted(told) == [(at.id(1), Op.UPSERT), (at.id(3), Op.UPSERT)], "all of the deal's are read"
        at.untie(3)
        told, cursor = await at.told(cursor)
        assert told == [(at.id(3), Op.DELETE)]
        at.sandbox.people.edit("contacts", "merge", id=at.people[3], loser=at.people[1])
        told, cursor = await at.told(cursor)
        (new,) = at.ties()
        assert (at.id(1), Op.MERGE) in told
        assert told[-1] == (f"{at.deal}-{new}", Op.UPSERT)
        assert at.sandbox.door.calls["search.find deals"] == 0


async def test_a_label_that_changes_without_a_stamp_is_found_on_the_timer() -> None:
    async with lab({"refresh": 600}, calculated_bumps=False) as at:
        at.tie(0)
        _, cursor = await at.poll()
        at.sandbox.clock.advance(500)
        _, cursor = await at.poll(cursor)
        at.tie(0, "Buyer")
        assert (await at.poll(cursor))[0] == {}
        at.sandbox.clock.advance(101)
        assert (await at.poll(cursor))[0] == {at.id(0): "Buyer"}


async def test_what_became_of_those_that_are_gone() -> None:
    async with lab() as at:
        for n in range(4):
            at.tie(n)
        at.untie(0)
        at.sandbox.people.edit("contacts", "delete", id=at.people[1])
        at.sandbox.people.edit("contacts", "merge", id=at.people[2], loser=at.people[3])
        (left,) = at.ties()
        found = await at.look(*(at.id(n) for n in range(4)), "nonsense")
        assert [found[at.id(n)].op for n in range(4)] == [Op.DELETE, Op.DELETE, Op.MERGE, Op.MERGE]
        assert found[at.id(2)].survivor_id == f"{at.deal}-{left}"
        assert found["nonsense"].op is Op.DELETE


async def test_a_pair_that_was_merged_is_told_after_its_old_ids_whoever_names_it_first() -> None:
    """Else it would be taken for a second one, and be made in the other systems again."""
    async with lab({"refresh": 0}, calculated_bumps=False) as at:
        at.tie(0, "Buyer")
        _, cursor = await at.poll()
        at.sandbox.clock.advance(500)
        _, cursor = await at.poll(cursor)
        at.sandbox.people.edit("contacts", "merge", id=at.people[1], loser=at.people[0])
        new = f"{at.deal}-{next(iter(at.ties()))}"
        assert await at.look(new) == {}, "a webhook names it"
        told = [c async for page in at.connector.read_changes(NAME, cursor) for c in page.changes]
        assert (told[-1].remote_id, told[-1].op) == (new, Op.UPSERT)
        assert (at.id(0), Op.MERGE, new) in [(c.remote_id, c.op, c.survivor_id) for c in told[:-1]]
        assert (await at.look(new))[new].op is Op.UPSERT


async def test_a_deal_that_was_merged_takes_its_contacts_along() -> None:
    async with lab() as at:
        at.tie(0, "Buyer")
        other = at.made("deals", dealname="Other")
        old = at.id(0)
        at.sandbox.people.edit("deals", "merge", id=other, loser=at.deal)
        (deal,) = [id for id, row in at.sandbox.people.rows("deals").items() if not row.deleted]
        change = (await at.look(old))[old]
        assert (change.op, change.survivor_id) == (Op.MERGE, f"{deal}-{at.people[0]}")


async def test_made_labelled_and_removed() -> None:
    async with lab() as at:
        made = await at.write(PushOp.CREATE, 0, label="Buyer")
        assert isinstance(made, Accepted)
        assert made.remote_id == at.id(0)
        assert made.stored["label"] == "Buyer"
        assert isinstance(await at.write(PushOp.CREATE, 1), Accepted)
        assert at.ties() == {at.people[0]: {"Buyer"}, at.people[1]: set()}
        assert isinstance(await at.write(PushOp.UPDATE, 0, {"label": "Buyer"}, label="Payer"), Accepted)
        assert isinstance(await at.write(PushOp.UPDATE, 1, labels=["Buyer", "Payer"]), Accepted)
        assert at.ties() == {at.people[0]: {"Payer"}, at.people[1]: {"Buyer", "Payer"}}
        assert isinstance(await at.write(PushOp.UPDATE, 0, label=None), Accepted)
        assert at.ties()[at.people[0]] == set()
        assert isinstance(await at.write(PushOp.DELETE, 0), Accepted)
        assert isinstance(await at.write(PushOp.DELETE, 0), Missing)
        assert isinstance(await at.write(PushOp.UPDATE, 0, label="Buyer"), Missing)
        assert set(at.ties()) == {at.people[1]}


async def test_what_cannot_be() -> None:
    async with lab() as at:
        at.tie(1, "Buyer", "Payer")

        async def refused(op: PushOp, n: int, **fields: Any) -> tuple[str, str | None]:
            result = await at.write(op, n, **fields)
            assert isinstance(result, Rejected)
            return result.code, result.field

        assert await refused(PushOp.CREATE, 0, label="Nobody") == ("INVALID_OPTION", "label")
        assert await refused(PushOp.CREATE, 0, to=None) == ("REQUIRED_FIELD", "to")
        assert (await refused(PushOp.CREATE, 0, to="404"))[0] == "OBJECT_NOT_FOUND"
        assert await refused(PushOp.UPDATE, 1, to=at.people[0]) == ("READ_ONLY_VALUE", "to")
        assert await refused(PushOp.UPDATE, 1, label="Buyer") == ("SEVERAL_LABELS", "label")
        assert at.ties() == {at.people[1]: {"Buyer", "Payer"}}


async def test_what_stands_there_already_is_linked_and_an_unseen_edit_stays() -> None:
    async with lab() as at:
        at.tie(0, "Buyer")
        assert isinstance(await at.write(PushOp.CREATE, 0, label="Buyer"), Accepted), "the same one"
        assert await at.write(PushOp.CREATE, 0, label="Payer") == Exists(2, at.id(0))
        assert isinstance(await at.write(PushOp.UPDATE, 0, {"label": None}, label="Payer"), Stale)
        assert at.ties() == {at.people[0]: {"Buyer"}}


@pytest.mark.parametrize("fault", ["lose_answer", "error_after", "drop"])
async def test_a_lost_answer_makes_nothing_double_and_loses_nothing(fault: str) -> None:
    async with lab() as at:
        armed = at.sandbox.arm(fault, route="associate.associations")
        assert isinstance(await at.write(PushOp.CREATE, 0, label="Buyer"), Deferred)
        assert armed.fired
        assert isinstance(await at.write(PushOp.CREATE, 0, label="Buyer"), Accepted)
        at.sandbox.arm(fault, route="associate.associations")
        assert isinstance(await at.write(PushOp.UPDATE, 0, label="Payer"), Uncertain)
        assert isinstance(await at.write(PushOp.UPDATE, 0, label="Payer"), Accepted)
        at.sandbox.arm(fault, route="dissociate.associations")
        assert isinstance(await at.write(PushOp.DELETE, 0), Uncertain)
        assert isinstance(await at.write(PushOp.DELETE, 0), Missing | Accepted)
        assert at.ties() == {}


@pytest.mark.parametrize("turned", [False, True])
def test_a_webhook_names_the_pair_and_both_ends_from_whichever_side(turned: bool) -> None:
    objects = [ObjectSpec("deals", ()), ObjectSpec("contacts", ()), ObjectSpec(NAME, FIELDS)]
    told = {"auth": {"token": "x"}, "webhooks": {"secret": SECRET}}
    connector = HubSpotConnector("hub", told, objects)
    ends = {"associationType": "DEAL_TO_CONTACT", "fromObjectId": 7, "toObjectId": 8}
    if turned:
        ends = {"associationType": "CONTACT_TO_DEAL", "fromObjectId": 8, "toObjectId": 7}
    kind = "contact.associationChange" if turned else "deal.associationChange"
    body = orjson.dumps([event(kind, **ends, associationRemoved=True)])
    found = {(change.object, change.remote_id, change.op) for change in connector.receive(delivery(body))}
    assert found == {(NAME, "7-8", Op.TOUCH), ("deals", "7", Op.TOUCH), ("contacts", "8", Op.TOUCH)}


async def test_a_pair_stands_once_in_a_call() -> None:
    """The second create of a pair is told to exist; what else is wanted of it has its turn later."""
    async with lab() as at:
        at.tie(1, "Buyer")
        ends = {"from": at.deal, "to": at.people[0]}
        again = {"from": at.deal, "to": at.people[1]}
        pushes = [
            Push(1, NAME, PushOp.CREATE, 1, 1, {**ends, "label": "Buyer"}),
            Push(2, NAME, PushOp.CREATE, 2, 1, {**ends, "label": "Payer"}),
            Push(3, NAME, PushOp.CREATE, 3, 1, {**ends, "label": "Buyer"}),
            Push(4, NAME, PushOp.DELETE, 4, 1, {}, at.id(1)),
            Push(5, NAME, PushOp.CREATE, 5, 1, {**again, "label": "Buyer"}),
        ]
        results = {result.push_id: result for result in await at.connector.write(pushes)}
        assert [type(results[n]) for n in range(1, 6)] == [Accepted, Exists, Exists, Accepted, Deferred]
        assert results[2] == Exists(2, at.id(0))
        assert at.ties() == {at.people[0]: {"Buyer"}}
