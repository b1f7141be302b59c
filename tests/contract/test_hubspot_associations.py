"""Fields that are associations: what is read, what is written, and what goes wrong meanwhile."""

from __future__ import annotations

import random
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connectors.base import ObjectSpec
from connectors.hubspot import HubSpotConnector
from connectors.hubspot.sandbox import HubSpotSandbox
from syncd.core.errors import RetryLater
from syncd.core.nouns import (
    Accepted,
    Change,
    Cursor,
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

COMPANY, DEALS = "associations.companies", "associations.deals"
BOTH = ("lastname", COMPANY, DEALS)
PLAIN, PRIMARY = 279, 1


class Lab:
    """A sandbox with contacts, companies and deals, and a connector that reads and writes contacts."""

    def __init__(
        self, sandbox: HubSpotSandbox, fields: tuple[str, ...], key: str | None, **words: Any
    ) -> None:
        self.sandbox, self.portal = sandbox, sandbox.world
        told = {"url": sandbox.url, "auth": {"token": sandbox.auth.options.token}, **words}
        self.connector = HubSpotConnector("hub", told, [ObjectSpec("contacts", fields, key)])
        self.connector.client.now = sandbox.clock.now
        self._push = 0

    def made(self, object: str, **fields: Any) -> str:
        row = self.sandbox.people.edit(object, "create", fields=fields)
        assert row is not None
        return str(row.id)

    def contact(self) -> str:
        return self.made("contacts", lastname="Lovelace")

    def companies(self, count: int) -> list[str]:
        return [self.made("companies", name=f"Firm {n}") for n in range(count)]

    def tie(
        self, contact: str, other: str, *, primary: bool = False, label: str = "", to: str = "companies"
    ) -> None:
        """What a person does in the portal."""
        book, pair = self.portal.associations, ("contacts", to)
        types = [one for one in book.types[pair] if primary and one.primary]
        if label:
            known = [one for one in book.types[pair] if one.label == label]
            types += known or book.make_label(pair, label, None)[:1]
        self.portal.associate(pair, (contact, other), types, self.portal.moment("person"))

    def untie(self, contact: str, other: str, to: str = "companies") -> None:
        gone = self.portal.associations.remove(("contacts", to), (contact, other))
        self.portal.tell_associations(gone, self.portal.moment("person"))

    def ties(self, contact: str, to: str = "companies") -> dict[str, set[str | None]]:
        """By company the labels, None for that without one."""
        found = self.portal.associated("contacts", contact, to)
        return {other: {one.label for one in types} for other, types in found.items()}

    async def read(self, contact: str, name: str = COMPANY) -> Any:
        (change,) = await self.connector.fetch("contacts", [contact])
        return change.fields[name]

    async def write(self, contact: str, wanted: Any, name: str = COMPANY, **more: Any) -> PushResult:
        self._push += 1
        expected = more.pop("expected", None)
        held = {name: expected} if expected is not None else {}
        push = Push(
            self._push, "contacts", PushOp.UPDATE, 1, 2, {name: wanted, **more}, contact, expected=held
        )
        (result,) = await self.connector.write([push])
        return result

    async def create(self, **fields: Any) -> PushResult:
        self._push += 1
        made = {"lastname": "New", **fields}
        push = Push(self._push, "contacts", PushOp.CREATE, 7, 1, made, key=f"k{self._push}")
        (result,) = await self.connector.write([push])
        return result

    async def poll(self, since: Cursor | None = None) -> tuple[list[Change], Cursor | None]:
        found: list[Change] = []
        async for page in self.connector.read_changes("contacts", since):
            found += page.changes
            since = page.cursor
        return found, since


@asynccontextmanager
async def lab(
    fields: tuple[str, ...] = BOTH,
    words: dict[str, Any] | None = None,
    key: str | None = "syncd_id",
    **quirks: Any,
) -> AsyncIterator[Lab]:
    profile = {"limits": {"burst": 100_000, "search": None}, "quirks": quirks}
    async with HubSpotSandbox(profile).serving() as sandbox:
        made = Lab(sandbox, fields, key, **(words or {}))
        try:
            yield made
        finally:
            await made.connector.aclose()


# -- describe ---------------------------------------------------------------------------------------------


async def test_an_association_is_a_field_that_points_at_its_object() -> None:
    async with lab((*BOTH, "associations.nonsense")) as at:
        fields = (await at.connector.describe()).objects["contacts"].fields
        assert fields[COMPANY].references == "companies"
        assert not fields[COMPANY].read_only
        assert "associations.nonsense" not in fields


@pytest.mark.parametrize("version", ["v3", "2026-09"])
async def test_paths_of_both_versions(version: str) -> None:
    async with lab(words={"api_version": version}) as at:
        contact, (one, other) = at.contact(), at.companies(2)
        assert isinstance(await at.write(contact, one), Accepted)
        assert isinstance(await at.write(contact, other), Accepted)
        assert await at.read(contact) == other
        assert isinstance(await at.write(contact, None), Accepted)
        assert at.ties(contact) == {}


# -- reading ----------------------------------------------------------------------------------------------


async def test_the_primary_one_counts_else_the_only_one_without_a_label() -> None:
    async with lab() as at:
        contact, (one, two, three) = at.contact(), at.companies(3)
        assert await at.read(contact) is None
        at.tie(contact, one)
        assert await at.read(contact) == one
        at.tie(contact, two, label="Former employer")
        assert await at.read(contact) == one
        at.tie(contact, three, primary=True)
        assert await at.read(contact) == three


async def test_several_without_a_primary_one_are_told_as_they_are() -> None:
    async with lab() as at:
        contact, (one, two) = at.contact(), at.companies(2)
        at.tie(contact, one)
        at.tie(contact, two)
        assert await at.read(contact) == [one, two]


async def test_without_primaries_it_is_the_only_one_whatever_its_label() -> None:
    async with lab() as at:
        contact, deals = at.contact(), [at.made("deals", dealname=f"d{n}") for n in range(2)]
        at.tie(contact, deals[0], label="Decision maker", to="deals")
        assert await at.read(contact, DEALS) == deals[0]
        at.tie(contact, deals[1], to="deals")
        assert await at.read(contact, DEALS) == deals


async def test_lists_polls_and_look_ups_show_it_at_a_call_for_a_hundred() -> None:
    async with lab(("lastname", COMPANY)) as at:
        (firm,) = at.companies(1)
        contacts = [at.contact() for _ in range(120)]
        for contact in contacts:
            at.tie(contact, firm)
        found, cursor = await at.poll()
        assert {change.fields[COMPANY] for change in found} == {firm}
        assert at.sandbox.calls["associations.ids contacts"] <= 4
        at.untie(contacts[3], firm)
        at.sandbox.people.edit("contacts", id=contacts[3], fields={"lastname": "Moved"})
        found, cursor = await at.poll(cursor)
        assert [(c.remote_id, c.fields[COMPANY]) for c in found] == [(contacts[3], None)]
        scanned = [c async for page in at.connector.scan("contacts") for c in page.changes]
        assert sum(c.fields[COMPANY] == firm for c in scanned) == 119


@pytest.mark.parametrize("how", ["fewer", "partial"])
async def test_an_answer_that_forgets_a_record_does_not_clear_it(how: str) -> None:
    """The results are cut: what they lack is asked for one by one."""
    async with lab() as at:
        (firm,), contacts = at.companies(1), [at.contact() for _ in range(4)]
        for contact in contacts:
            at.tie(contact, firm)
        fault = at.sandbox.arm(how, route="associations.ids", count=2)
        found = await at.connector.fetch("contacts", contacts)
        assert fault.fired
        assert [change.fields[COMPANY] for change in found] == [firm] * 4


async def test_more_than_a_page_of_associations_is_read_to_its_end() -> None:
    async with lab(page_cap=2) as at:
        contact, firms = at.contact(), at.companies(5)
        for firm in firms:
            at.tie(contact, firm, primary=firm == firms[4])
        assert await at.read(contact) == firms[4]
        assert at.portal.fired.counts["page_cap"]


async def test_a_failed_read_is_no_empty_one() -> None:
    async with lab() as at:
        contact = at.contact()
        fault = at.sandbox.arm("error_before", route="associations.ids", times=None)
        with pytest.raises(RetryLater):
            await at.read(contact)
        assert fault.fired


async def test_what_changes_without_a_stamp_is_found_by_a_walk_on_a_timer() -> None:
    """F11. The walk goes on where it was broken off."""
    async with lab(("lastname", COMPANY), {"refresh": 600, "page": 2}, calculated_bumps=False) as at:
        contacts, (firm,) = [at.contact() for _ in range(5)], at.companies(1)
        _, cursor = await at.poll()
        at.sandbox.clock.advance(500)
        _, cursor = await at.poll(cursor)
        at.tie(contacts[4], firm, primary=True)
        assert (await at.poll(cursor))[0] == []
        at.sandbox.clock.advance(101)
        pages = at.connector.read_changes("contacts", cursor)
        first = await anext(page async for page in pages if page.changes)
        assert [change.remote_id for change in first.changes] == contacts[:2]
        found, cursor = await at.poll(first.cursor)
        assert [(c.remote_id, c.fields[COMPANY]) for c in found][-1] == (contacts[4], firm)
        assert len(found) == 3
        assert (await at.poll(cursor))[0] == []
        before = at.sandbox.calls["list contacts"]
        at.sandbox.clock.advance(590)
        await at.poll(cursor)
        assert at.sandbox.calls["list contacts"] == before, "a timer, not each poll"


# -- writing ----------------------------------------------------------------------------------------------


async def test_a_new_record_comes_with_its_associations_in_one_call() -> None:
    async with lab() as at:
        (firm,), deal = at.companies(1), at.made("deals", dealname="d")
        result = await at.create(**{COMPANY: firm, DEALS: deal})
        assert isinstance(result, Accepted)
        assert (result.stored[COMPANY], result.stored[DEALS]) == (firm, deal)
        assert at.ties(result.remote_id) == {firm: {None, "Primary"}}
        assert at.ties(result.remote_id, "deals") == {deal: {None}}
        assert sum(n for call, n in at.sandbox.calls.items() if "associate" in call) == 0


async def test_a_change_moves_the_primary_one_and_leaves_labels_alone() -> None:
    async with lab() as at:
        contact, (one, two, three) = at.contact(), at.companies(3)
        at.tie(contact, one, primary=True, label="Former employer")
        at.tie(contact, two, label="Adviser")
        result = await at.write(contact, two, expected=one)
        assert isinstance(result, Accepted)
        assert result.stored[COMPANY] == two
        assert at.ties(contact) == {one: {None, "Former employer"}, two: {None, "Adviser", "Primary"}}
        assert isinstance(await at.write(contact, three), Accepted)
        assert at.ties(contact) == {
            one: {None, "Former employer"},
            two: {None, "Adviser"},
            three: {None, "Primary"},
        }
        assert isinstance(await at.write(contact, None), Accepted)
        assert await at.read(contact) is None
        assert set(at.ties(contact)) == {one, two}


async def test_what_was_the_value_makes_room_and_others_stay() -> None:
    async with lab() as at:
        contact, (one, two, other) = at.contact(), at.companies(3)
        at.tie(contact, other)
        assert isinstance(await at.write(contact, one), Accepted)
        assert isinstance(await at.write(contact, two, lastname="Both"), Accepted)
        assert at.ties(contact) == {two: {None, "Primary"}}, "the value was the only one each time"
        at.tie(contact, other)
        assert isinstance(await at.write(contact, one), Accepted)
        assert at.ties(contact) == {one: {None, "Primary"}, other: {None}}


async def test_clearing_is_refused_where_the_field_would_read_as_another_one() -> None:
    async with lab() as at:
        contact, (one, other) = at.contact(), at.companies(2)
        at.tie(contact, one, primary=True)
        at.tie(contact, other)
        before = at.ties(contact)
        result = await at.write(contact, None, expected=one)
        assert isinstance(result, Rejected)
        assert (result.code, result.field) == ("SEVERAL_ASSOCIATIONS", COMPANY)
        assert at.ties(contact) == before
        at.untie(contact, other)
        assert isinstance(await at.write(contact, None, expected=one), Accepted)
        assert at.ties(contact) == {}


async def test_a_label_is_never_lost_where_there_is_no_primary_one() -> None:
    async with lab() as at:
        contact, (one, two) = at.contact(), [at.made("deals", dealname=f"d{n}") for n in range(2)]
        at.tie(contact, one, to="deals", label="Decision maker")
        for wanted in (two, None):
            result = await at.write(contact, wanted, DEALS, expected=one)
            assert isinstance(result, Rejected)
            assert (result.code, result.field) == ("LABELLED_ASSOCIATION", DEALS)
        assert set(at.ties(contact, "deals")) == {one}
        at.tie(contact, two, to="deals")
        result = await at.write(contact, two, DEALS)
        assert isinstance(result, Rejected)
        assert result.code == "SEVERAL_ASSOCIATIONS"


async def test_an_edit_that_nobody_saw_is_not_written_over() -> None:
    async with lab() as at:
        contact, (one, two, three) = at.contact(), at.companies(3)
        at.tie(contact, two, primary=True)
        assert isinstance(await at.write(contact, three, expected=one, lastname="New"), Stale)
        assert set(at.ties(contact)) == {two}
        assert at.sandbox.people.rows("contacts")[contact].fields["lastname"] == "Lovelace"


async def test_one_bad_target_refuses_itself_only() -> None:
    async with lab() as at:
        contacts, (good,) = [at.contact() for _ in range(3)], at.companies(1)
        pushes = [
            Push(n, "contacts", PushOp.UPDATE, n, 2, {COMPANY: "404" if n == 1 else good}, contact)
            for n, contact in enumerate(contacts)
        ]
        results = {result.push_id: result for result in await at.connector.write(pushes)}
        assert [type(results[n]) for n in range(3)] == [Accepted, Rejected, Accepted]
        bad = results[1]
        assert isinstance(bad, Rejected)
        assert bad.field == COMPANY


@pytest.mark.parametrize("key", ["syncd_id", None])
async def test_a_record_is_made_without_what_it_cannot_be_associated_with(key: str | None) -> None:
    """It is told as there, so that the association is due still: only that is refused then."""
    async with lab(key=key) as at:
        made = await at.create(**{COMPANY: "404", DEALS: at.made("deals", dealname="d")})
        assert isinstance(made, Exists)
        assert at.ties(made.remote_id) == at.ties(made.remote_id, "deals") == {}
        refused = await at.write(made.remote_id, "404")
        assert isinstance(refused, Rejected)
        assert refused.field == COMPANY


async def test_a_record_that_is_gone_is_missing() -> None:
    async with lab() as at:
        contact, (firm,) = at.contact(), at.companies(1)
        at.sandbox.people.edit("contacts", "delete", id=contact)
        assert isinstance(await at.write(contact, firm), Missing)


async def test_an_answer_that_is_lost_after_an_association_was_made() -> None:
    """It is read again; the same write once more changes nothing."""
    async with lab() as at:
        contact, (one, two) = at.contact(), at.companies(2)
        at.tie(contact, one, primary=True)
        fault = at.sandbox.arm("lose_answer", route="associate.associations")
        assert isinstance(await at.write(contact, two, expected=one), Uncertain)
        assert fault.fired
        assert await at.read(contact) == two
        assert isinstance(await at.write(contact, two, expected=one), Accepted)
        assert await at.read(contact) == two


@pytest.mark.parametrize("how", ["fewer", "partial"])
async def test_what_a_batch_leaves_out_or_fails_is_made_one_by_one(how: str) -> None:
    async with lab() as at:
        contacts, (firm,) = [at.contact() for _ in range(3)], at.companies(1)
        fault = at.sandbox.arm(how, route="associate.associations", count=1)
        pushes = [
            Push(n, "contacts", PushOp.UPDATE, n, 2, {COMPANY: firm}, id) for n, id in enumerate(contacts)
        ]
        results = await at.connector.write(pushes)
        assert fault.fired
        assert all(isinstance(result, Accepted) for result in results)


async def test_at_rest_nothing_is_written() -> None:
    async with lab() as at:
        contact, (firm,) = at.contact(), at.companies(1)
        at.tie(contact, firm)
        before = len(at.sandbox.calls), at.ties(contact)
        assert isinstance(await at.write(contact, firm), Accepted)
        assert at.ties(contact) == before[1]
        assert not [call for call in at.sandbox.calls if "associate." in call]


async def test_an_archived_company_is_no_company() -> None:
    async with lab() as at:
        contact, (firm,) = at.contact(), at.companies(1)
        at.tie(contact, firm, primary=True)
        at.sandbox.people.edit("companies", "delete", id=firm)
        assert await at.read(contact) is None
        (change,) = await at.connector.fetch("contacts", [contact])
        assert change.op is Op.UPSERT


# -- all together -----------------------------------------------------------------------------------------

QUIRKS: list[dict[str, Any]] = [
    {},
    {"first_is_primary": True, "noop_bumps": True},
    {"integer_ids": False, "page_cap": 2, "calculated_bumps": False},
]


@pytest.mark.parametrize("quirks", QUIRKS)
@pytest.mark.parametrize("name", [COMPANY, DEALS])
async def test_whatever_people_do_a_write_is_read_back_or_refused_and_takes_no_label(
    quirks: dict[str, Any], name: str
) -> None:
    chance = random.Random(f"{quirks} {name}")
    async with lab(**quirks) as at:
        to = name.removeprefix("associations.")
        words = {"companies": "name", "deals": "dealname"}
        others = [at.made(to, **{words[to]: str(n)}) for n in range(3)]
        contact, refusals, done = at.contact(), 0, 0
        for _ in range(40):
            other = chance.choice(others)
            if chance.random() < 0.4:
                at.untie(contact, other, to)
            elif chance.random() < 0.7:
                label = chance.choice(["", "", "Adviser"])
                at.tie(contact, other, primary=chance.random() < 0.4, label=label, to=to)
            labelled = {id for id, labels in at.ties(contact, to).items() if "Adviser" in labels}
            wanted = chance.choice([None, *others])
            before = at.ties(contact, to)
            result = await at.write(contact, wanted, name, expected=await at.read(contact, name))
            after = at.ties(contact, to)
            assert labelled == {id for id, labels in after.items() if "Adviser" in labels}
            if isinstance(result, Rejected):
                refusals += 1
                assert after == before
                continue
            assert isinstance(result, Accepted)
            assert result.stored[name] == await at.read(contact, name)
            assert result.stored[name] == wanted, "what reads as anything else is refused"
            assert len(before.keys() - after.keys()) <= 1, "only what was the value makes room"
            done += 1
        assert done
        assert refusals or name == COMPANY
