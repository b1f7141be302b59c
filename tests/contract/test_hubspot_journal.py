"""HubSpot's changes by the journal of webhooks: what it tells, and when it no longer knows."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.base import ObjectSpec
from connectors.hubspot import HubSpotConnector
from connectors.hubspot.options import HubSpotOptions
from connectors.hubspot.sandbox import HubSpotSandbox
from syncd.core.errors import CursorLost, LoginNeeded, RetryLater
from syncd.core.nouns import Op
from tests.contract.mirror import Mirror

SPEC = ObjectSpec("contacts", ("firstname", "email"), "syncd_id")


class Followed:
    """A portal, and a connector that follows the journal."""

    def __init__(self, sandbox: HubSpotSandbox, *specs: ObjectSpec, **words: Any) -> None:
        self.sandbox = sandbox
        told = sandbox.ready()["auth"]
        auth = {name: told[name] for name in ("client_id", "client_secret", "refresh_token")}
        settings = {"url": sandbox.url, "auth": auth, "capture": "journal", **words}
        self.connector = HubSpotConnector("hub", settings, specs or [SPEC])
        self.mirror = Mirror(self.connector, "contacts")

    def edit(self, op: str = "update", **more: Any) -> str:
        row = self.sandbox.people.edit("contacts", op, **more)
        return row.id if row is not None else ""

    def make(self, name: str) -> str:
        return self.edit("create", fields={"firstname": name})

    async def told(self) -> set[tuple[str, Op]]:
        return {(change.remote_id, change.op) for change in await self.mirror.poll()}


@asynccontextmanager
async def followed(*specs: ObjectSpec, **words: Any) -> AsyncIterator[Followed]:
    limits = {"burst": 10_000, "search": None}
    async with HubSpotSandbox({"limits": limits, "auth": {"rotate_refresh": False}}).serving() as sandbox:
        made = Followed(sandbox, *specs, **words)
        try:
            yield made
        finally:
            await made.connector.aclose()


@asynccontextmanager
async def another(one: Followed, *specs: ObjectSpec) -> AsyncIterator[Followed]:
    """A second one with the same app."""
    made = Followed(one.sandbox, *specs)
    try:
        yield made
    finally:
        await made.connector.aclose()


async def test_everything_that_happens_to_records_is_told() -> None:
    async with followed() as one:
        ids = [one.make(str(n)) for n in range(6)]
        assert len(await one.told()) == 6
        one.edit("delete", id=ids[0])
        one.edit(id=ids[1], fields={"firstname": "new"})
        one.edit("merge", id=ids[2], loser=ids[3])
        (new,) = set(one.sandbox.people.rows("contacts")) - set(ids)
        client = one.connector.client
        await client.post(client.path("objects", "contacts", "gdpr-delete"), "erasure", {"objectId": ids[4]})
        one.sandbox.calls.clear()
        assert await one.told() == {
            (ids[0], Op.DELETE),
            (ids[1], Op.UPSERT),
            (ids[2], Op.MERGE),
            (ids[3], Op.MERGE),
            (new, Op.UPSERT),
            (ids[4], Op.DELETE),
        }
        assert one.sandbox.calls["ids contacts"] == 2, "the living, and those among the archived"
        assert "search.find contacts" not in one.sandbox.calls
        one.edit("restore", id=ids[0])
        assert await one.told() == {(ids[0], Op.UPSERT)}


async def test_many_events_are_one_read() -> None:
    async with followed() as one:
        ids = [one.make(str(n)) for n in range(50)]
        await one.told()
        for n in range(10):
            one.edit("bulk", fields={"firstname": f"round {n}"})
        one.sandbox.calls.clear()
        assert await one.told() == {(id, Op.UPSERT) for id in ids}
        assert one.sandbox.calls["ids contacts"] == 1
        one.sandbox.calls.clear()
        assert await one.told() == set()
        assert one.sandbox.calls == {"journal": 1}


async def test_what_happens_during_the_first_read_is_told() -> None:
    async with followed(page=2) as one:
        ids = [one.make(str(n)) for n in range(6)]
        first = True
        async for page in one.connector.read_changes("contacts", None):
            one.mirror.take(page)
            if first:
                one.edit(id=ids[0], fields={"firstname": "seen before, and edited"})
                one.edit("delete", id=ids[1])
            first = False
        rows = one.sandbox.people.rows("contacts")
        assert {id: row["firstname"] for id, row in one.mirror.rows.items()} == {
            id: row.fields["firstname"] for id, row in rows.items()
        }


@pytest.mark.parametrize("empty", [True, False])
async def test_a_place_that_is_no_longer_kept(empty: bool) -> None:
    """F13: after three days everything is read again, also where the journal was empty before."""
    async with followed() as one:
        one.make("a")
        await one.told()
        if not empty:
            one.edit("bulk", fields={"firstname": "b"})
            await one.told()
        one.sandbox.clock.advance(3 * 86_400 + 60)
        one.edit("bulk", fields={"firstname": "c"})
        with pytest.raises(CursorLost):
            await anext(one.connector.read_changes("contacts", one.mirror.cursor))
        await one.told()
        assert [row["firstname"] for row in one.mirror.rows.values()] == ["c"]


@pytest.mark.parametrize("before", ["nothing", "a file at the first read", "a file that was followed"])
async def test_a_quiet_portal_that_is_looked_at_loses_no_place(before: str) -> None:
    """Also where the last file, whose place is the cursor's, is no longer kept."""
    async with followed() as one:
        if before == "a file at the first read":
            await one.told()
            one.mirror.cursor = None
        id = one.make("a")
        one.make("another")
        await one.told()
        if before == "a file that was followed":
            one.edit(id=id, fields={"firstname": "edited"})
            assert await one.told() == {(id, Op.UPSERT)}
        for _ in range(5):
            one.sandbox.clock.advance(86_400)
            assert await one.told() == set()
        assert one.sandbox.journal.files == []
        one.edit(id=id, fields={"firstname": "b"})
        page = await anext(one.connector.read_changes("contacts", one.mirror.cursor))
        assert [change.fields["firstname"] for change in page.changes] == ["b"]


async def test_a_place_that_was_gone_before_anybody_looked_is_lost() -> None:
    """Nothing came after it when it was last seen, but that is longer ago than files are kept."""
    async with followed() as one:
        id = one.make("a")
        await one.told()
        one.edit(id=id, fields={"firstname": "b"})
        await one.told()
        one.sandbox.clock.advance(86_400)
        assert await one.told() == set()
        one.edit(id=id, fields={"firstname": "c"})
        one.sandbox.clock.advance(3 * 86_400 + 60)
        with pytest.raises(CursorLost):
            await anext(one.connector.read_changes("contacts", one.mirror.cursor))


async def test_a_cursor_of_the_other_way_is_lost() -> None:
    async with followed() as one:
        one.make("a")
        await one.told()
        assert one.mirror.cursor is not None
        other = Followed(one.sandbox, capture="search")
        try:
            with pytest.raises(CursorLost):
                await anext(other.connector.read_changes("contacts", one.mirror.cursor))
            await other.told()
            with pytest.raises(CursorLost):
                await anext(one.connector.read_changes("contacts", other.mirror.cursor))
        finally:
            await other.connector.aclose()


async def test_what_happens_in_other_portals_is_left_alone() -> None:
    async with followed() as one:
        id = one.make("a")
        await one.told()
        one.edit(id=id, fields={"firstname": "b"})
        for event in one.sandbox.journal.pending:
            event["portalId"] = 1
        assert await one.told() == set()


PHONE = ObjectSpec("contacts", ("firstname", "phone"))


def properties(one: Followed) -> list[list[str]]:
    """Of the subscriptions to changes."""
    subs = one.sandbox.journal.subscriptions.values()
    return [sub["properties"] for sub in subs if sub["subscriptionType"] == "OBJECT"]


async def test_subscriptions_follow_the_mapping() -> None:
    """The engine keeps its cursor when the mapping changes."""
    async with followed() as one:
        id = one.make("a")
        await one.told()
        (sub, erasures) = one.sandbox.journal.subscriptions.values()
        assert properties(one) == [["firstname", "email", "syncd_id", "hs_merged_object_ids"]]
        assert (sub["portalId"], sub["objectTypeId"]) == (62515, "0-1")
        assert erasures["subscriptionType"] == "GDPR_PRIVACY_DELETION"
        async with another(one, PHONE) as more:
            more.mirror.cursor = one.mirror.cursor
            assert await more.told() == set()
            one.edit(id=id, fields={"phone": "+1 5"})
            assert await more.told() == {(id, Op.UPSERT)}


async def test_two_with_one_app_leave_each_other_what_they_want() -> None:
    async with followed() as one:
        id = one.make("a")
        await one.told()
        async with another(one, PHONE) as more:
            await more.told()
            (told,) = properties(one)
            assert {"email", "phone"} <= set(told)
            one.edit(id=id, fields={"email": "new@acme.com"})
            assert await one.told() == {(id, Op.UPSERT)}
            assert await more.told() == {(id, Op.UPSERT)}


@pytest.mark.parametrize("foreign", [{"objectIds": [7]}, {"properties": []}])
async def test_subscriptions_of_others_are_left_alone(foreign: dict[str, Any]) -> None:
    """Of single records, or without a list, which may mean all."""
    async with followed() as one:
        about = {"subscriptionType": "OBJECT", "portalId": 62515, "objectTypeId": "0-1"}
        theirs = {**about, "id": 1, "actions": ["UPDATE"], "properties": ["phone"], **foreign}
        one.sandbox.journal.subscriptions[1] = theirs
        await one.told()
        assert one.sandbox.journal.subscriptions[1] == theirs
        assert len(properties(one)) == 2


async def test_subscriptions_that_were_taken_away_are_made_again() -> None:
    """And everything is read, for what happened meanwhile was not written: at a start, and after an hour."""
    async with followed() as one:
        id = one.make("a")
        await one.told()
        one.sandbox.journal.subscriptions.clear()
        one.edit(id=id, fields={"firstname": "b"})
        async with another(one) as more:
            more.mirror.cursor = one.mirror.cursor
            with pytest.raises(CursorLost, match="subscriptions were missing"):
                await anext(more.connector.read_changes("contacts", more.mirror.cursor))
            assert len(one.sandbox.journal.subscriptions) == 2
        assert await one.told() == set()
        one.sandbox.journal.subscriptions.clear()
        assert one.connector.journal is not None
        one.connector.journal.clock = lambda: time.monotonic() + 3601
        assert await one.told() == {(id, Op.UPSERT)}
        one.edit(id=id, fields={"firstname": "c"})
        assert await one.told() == {(id, Op.UPSERT)}


@pytest.mark.parametrize("allowed", [True, False])
async def test_associations_with_a_custom_object_are_told(allowed: bool) -> None:
    """It is called by a name, and subscribed to by the type id of its schema, which the app may not see."""
    spec = ObjectSpec("contacts", ("firstname", "associations.machines"))
    async with followed(spec, refresh=0) as one:
        id, world = one.make("a"), one.sandbox.world
        machine = one.sandbox.people.edit("machines", "create", fields={"serial_number": "S1"})
        assert machine is not None
        fault = None if allowed else one.sandbox.arm("forbidden", route="schema", object="machines")
        await one.told()
        assert fault is None or fault.fired
        subs = one.sandbox.journal.subscriptions.values()
        told = [sub["associatedObjectTypeIds"] for sub in subs if sub["subscriptionType"] == "ASSOCIATION"]
        assert told == ([["2-3057700"]] if allowed else [])
        world.associate(("contacts", "machines"), (id, machine.id), [], world.moment("person"))
        assert await one.told() == ({(id, Op.UPSERT)} if allowed else set())
        if allowed:
            assert one.mirror.rows[id]["associations.machines"] == machine.id


async def test_a_file_that_never_comes_is_asked_for_again() -> None:
    """The link may lead to another host than the API's: `timeout` holds there too."""
    async with followed() as one:
        id = one.make("a")
        await one.told()
        one.edit(id=id, fields={"firstname": "b"})
        fault = one.sandbox.arm("hang", route="journal", skip=1)
        assert one.connector.journal is not None
        one.connector.journal.client.timeout = 1.0
        async with asyncio.timeout(90):
            with pytest.raises(RetryLater, match="a file of the journal: no answer within 1 s"):
                await one.told()
        assert fault.fired
        one.connector.journal.client.timeout = 15.0
        one.sandbox.faults.disarm()
        assert await one.told() == {(id, Op.UPSERT)}


async def test_a_secret_that_is_wrong_needs_a_person() -> None:
    async with followed() as one:
        one.sandbox.auth.options = one.sandbox.auth.options.model_copy(update={"client_secret": "another"})
        with pytest.raises(LoginNeeded):
            await one.told()


@pytest.mark.parametrize("both", [True, False])
async def test_check_says_that_an_app_has_either_the_journal_or_webhooks(both: bool) -> None:
    words: dict[str, Any] = {"webhooks": {}} if both else {}
    async with followed(SPEC, ObjectSpec("companies", ("name",)), **words) as one:
        for _ in range(2):
            schema = await one.connector.describe()
            notes = [note for info in schema.objects.values() for note in info.notes]
            assert ["either webhooks or the journal" in note for note in notes] == [True] * both


def test_a_token_cannot_read_the_journal() -> None:
    with pytest.raises(ValidationError, match="needs an app by OAuth"):
        HubSpotOptions.model_validate({"auth": {"token": "x"}, "capture": "journal"})
