"""Change events as a way to read changes: what they cost, and what happens when they fail."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from itertools import count
from math import inf
from typing import Any

import orjson
import pytest

from connectors.base import ObjectSpec
from connectors.salesforce import SalesforceConnector
from connectors.salesforce.capture import topic_of
from connectors.salesforce.cursors import cursor
from syncd.core.errors import NeedsOperator
from syncd.core.nouns import Change, Op
from tests.contract.salesforce_lab import KEY, Lab, Reader

CONTACT = {"Contact": ("FirstName", "LastName", "Email", "AccountId")}


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab.running() as lab:
        yield lab


def listening(lab: Lab, **words: Any) -> Reader:
    """A reader of contacts by events."""
    return Reader(lab.connect(fields=CONTACT, capture="events", **words), "Contact")


def state(reader: Reader) -> Any:
    return orjson.loads(reader.cursor.token)


async def caught_up(lab: Lab, records: int = 3) -> tuple[Reader, list[str]]:
    """A reader that has a replay id, and the records that are there."""
    ids = [lab.edit("Contact", "create", fields={"LastName": f"A{n}"}) for n in range(records)]
    reader = listening(lab)
    await reader.read()
    assert state(reader)["poll"] is not None, "before the first event there is no replay id"
    async with asyncio.timeout(60):
        for n in count():  # the first of them may come before anybody listens
            lab.edit("Contact", id=ids[0], fields={"FirstName": f"Ann {n}"})
            await reader.read()
            if state(reader)["poll"] is None:
                break
        while await reader.read():
            pass
    return reader, ids


def test_topics_are_named_after_objects() -> None:
    assert topic_of("Contact") == "/data/ContactChangeEvent"
    assert topic_of("Foo__c") == "/data/Foo__ChangeEvent"


async def test_an_event_brings_the_record_as_it_is_now(lab: Lab) -> None:
    reader, ids = await caught_up(lab)
    lab.edit("Contact", id=ids[1], fields={"FirstName": "Ann"})
    lab.edit("Contact", id=ids[1], fields={"FirstName": "Bea"})
    before = lab.calls
    (told,) = await reader.read()
    assert (told.remote_id, told.fields["FirstName"], told.partial) == (ids[1], "Bea", False)
    assert told.fields.keys() == {*CONTACT["Contact"], "Syncd_Id__c"}
    assert lab.calls - before == 1


async def test_a_quiet_object_costs_nothing(lab: Lab) -> None:
    reader, ids = await caught_up(lab)
    before = lab.calls
    assert await reader.read() == []
    lab.edit("Contact", id=ids[1], fields={"Title": "Dr", "Phone": "123"})
    assert await reader.read() == [], "nothing of this is mapped"
    assert lab.calls == before


async def test_deletes_merges_and_restores_come_by_events(lab: Lab) -> None:
    reader, ids = await caught_up(lab)
    lab.edit("Contact", "delete", id=ids[0])
    lab.edit("Contact", "merge", id=ids[1], loser=ids[2])
    told = {change.remote_id: change for change in await reader.read()}
    assert (told[ids[0]].op, told[ids[2]].op, told[ids[2]].survivor_id) == (Op.DELETE, Op.MERGE, ids[1])
    lab.edit("Contact", "restore", id=ids[0])
    assert [(c.op, c.remote_id) for c in await reader.read()] == [(Op.UPSERT, ids[0])]


async def test_a_record_that_was_purged_meanwhile_was_deleted(lab: Lab) -> None:
    reader, ids = await caught_up(lab)
    lab.edit("Contact", "delete", id=ids[0])
    lab.sandbox.people.edit("Contact", "purge", id=ids[0])
    assert [(c.op, c.remote_id) for c in await reader.read()] == [(Op.DELETE, ids[0])]


async def test_a_gap_is_looked_into_by_id(lab: Lab) -> None:
    reader, ids = await caught_up(lab)
    fault = lab.sandbox.arm("event_gap")
    lab.edit("Contact", id=ids[2], fields={"FirstName": "Gap"})
    (told,) = await reader.read()
    assert fault.fired
    assert told.fields["FirstName"] == "Gap"


@pytest.mark.parametrize("fault", ["event_overflow", "event_wildcard", "event_garbled"])
async def test_what_names_no_record_has_the_object_read_again(lab: Lab, fault: str) -> None:
    old = lab.edit("Contact", "create", fields={"LastName": "Deleted long ago"})
    lab.edit("Contact", "delete", id=old)
    lab.sandbox.clock.advance(600)
    reader, ids = await caught_up(lab, 5)
    armed = lab.sandbox.arm(fault, times=None)
    lab.edit("Contact", id=ids[2], fields={"FirstName": "Lost"})
    lab.edit("Contact", "delete", id=ids[0])
    lab.edit("Contact", "merge", id=ids[1], loser=ids[3])
    lab.sandbox.clock.advance(10)
    told = {change.remote_id: change for change in await reader.read()}
    assert armed.fired
    assert set(told) == set(ids), "all that is there, and what went since it was last known"
    assert told[ids[2]].fields["FirstName"] == "Lost"
    assert (told[ids[0]].op, told[ids[3]].op, told[ids[3]].survivor_id) == (Op.DELETE, Op.MERGE, ids[1])
    assert state(reader)["poll"] is None, "events go on after that"


@pytest.mark.parametrize("known", [{}, {"at": None}], ids=["a time", "no time"])
async def test_a_replay_id_that_is_too_old_is_made_good_from_its_time_on(
    lab: Lab, known: dict[str, None]
) -> None:
    reader, ids = await caught_up(lab, 4)
    lab.sandbox.clock.advance(600)
    lab.edit("Contact", id=ids[0], fields={"FirstName": "Early"})
    assert [change.remote_id for change in await reader.read()] == [ids[0]]
    old = state(reader)
    lab.sandbox.clock.advance(4 * 86_400)
    lab.edit("Contact", id=ids[1], fields={"FirstName": "Late"})
    lab.edit("Contact", "delete", id=ids[0])
    lab.edit("Contact", "merge", id=ids[1], loser=ids[3])
    lab.sandbox.clock.advance(10)
    await reader.connector.aclose()
    again = listening(lab)
    again.cursor = cursor({**old, **known})
    told = {change.remote_id: change for change in await again.read()}
    assert told[ids[1]].fields["FirstName"] == "Late"
    assert (told[ids[0]].op, told[ids[3]].op, told[ids[3]].survivor_id) == (Op.DELETE, Op.MERGE, ids[1])
    assert (ids[2] in told) is (known != {}), "only what moved since is read, where that is known"


async def test_a_cursor_goes_from_one_way_to_the_other(lab: Lab) -> None:
    reader, ids = await caught_up(lab)
    lab.edit("Contact", id=ids[1], fields={"FirstName": "One"})
    polling = Reader(lab.connect(fields=CONTACT, capture="poll"), "Contact")
    polling.cursor = reader.cursor
    told = {change.remote_id: change.fields["FirstName"] for change in await polling.read()}
    assert told[ids[1]] == "One"
    lab.edit("Contact", id=ids[2], fields={"FirstName": "Two"})
    reader.cursor = polling.cursor
    assert "Two" in [change.fields["FirstName"] for change in await reader.read()]
    await _quiet(reader)


async def _quiet(reader: Reader) -> None:
    for _ in range(3):
        told: list[Change] = await reader.read()
        if not told:
            return
    raise AssertionError("it never becomes quiet")


# -- while events cannot be had ------------------------------------------------------------------------


async def test_records_are_polled_while_the_bus_is_away(lab: Lab) -> None:
    reader, ids = await caught_up(lab)
    reader.connector.listening.door().clock = map(float, count(0, 1000)).__next__
    replay = state(reader)["replay"]
    cut = lab.sandbox.arm("stream_reset")
    away = lab.sandbox.arm("drop", route="pubsub.subscribe", times=None)
    lab.edit("Contact", id=ids[0], fields={"FirstName": "Away"})
    lab.edit("Contact", "delete", id=ids[1])
    told = {change.remote_id: change for change in await reader.read()}
    assert cut.fired
    assert away.fired
    assert (told[ids[0]].fields["FirstName"], told[ids[1]].op) == ("Away", Op.DELETE)
    assert await reader.read() == [], "it is told once"
    lab.edit("Contact", id=ids[2], fields={"FirstName": "Still away"})
    assert [change.fields["FirstName"] for change in await reader.read()] == ["Still away"]
    assert state(reader)["replay"] == replay, "events go on where they stood"
    away.times = 0
    assert {change.remote_id for change in await reader.read()} == set(ids), "it is back, and looked at again"
    assert state(reader)["away"] is None
    before = lab.calls
    assert await reader.read() == []
    assert lab.calls == before, "there are events again"


async def test_a_bus_that_asks_for_patience_is_left_alone(lab: Lab) -> None:
    reader, ids = await caught_up(lab)
    await reader.connector.aclose()
    late = listening(lab)
    late.cursor = reader.cursor
    busy = lab.sandbox.arm("rate_limited", route="pubsub.subscribe", times=2)
    for n in range(3):
        lab.edit("Contact", id=ids[n], fields={"FirstName": "Busy"})
        assert ids[n] in {change.remote_id for change in await late.read()}
        assert busy.fired == 1
    late.connector.listening.door().clock = lambda: inf
    await late.read()
    assert busy.fired == 2


async def test_a_first_reading_does_not_wait_for_the_bus(lab: Lab) -> None:
    armed = [lab.sandbox.arm("drop", route=f"pubsub.{name}", times=None) for name in ("topic", "subscribe")]
    id = lab.edit("Contact", "create", fields={"LastName": "A"})
    reader = listening(lab)
    assert [change.remote_id for change in await reader.read()] == [id]
    lab.edit("Contact", "delete", id=id)
    assert [change.op for change in await reader.read()] == [Op.DELETE]
    assert armed[0].fired


async def test_a_right_that_was_taken_away_is_told_after_the_records_were_read(lab: Lab) -> None:
    reader, ids = await caught_up(lab)
    await reader.connector.aclose()
    late = listening(lab)
    late.cursor = reader.cursor
    lab.sandbox.arm("forbidden", route="pubsub.subscribe", times=None)
    lab.edit("Contact", id=ids[0], fields={"FirstName": "Read"})
    told: list[Change] = []
    with pytest.raises(NeedsOperator, match="View All"):
        async for page in late.connector.read_changes("Contact", late.cursor):
            told += page.changes
    assert "Read" in [change.fields["FirstName"] for change in told]


# -- several readers -----------------------------------------------------------------------------------


async def test_two_kinds_of_one_object_both_get_every_event(lab: Lab) -> None:
    first, ids = await caught_up(lab, 8)
    told = first.connector.options.model_dump()
    told["auth"] = {"flow": "session", "access_token": lab.sandbox.ready()["auth"]["access_token"]}
    specs = [ObjectSpec("Contact", ("LastName",), KEY), ObjectSpec("Contact", ("FirstName",), KEY)]
    connector = SalesforceConnector("sales", told, specs)
    connector.listening.patience = 0.3, 5.0
    lab.open.append(connector)
    both = [Reader(connector, "Contact"), Reader(connector, "Contact")]
    for reader in both:
        reader.cursor = first.cursor
    await _all(both)
    subscribed = lab.sandbox.calls["pubsub.subscribe"]
    for n in range(3):
        for id in ids:
            lab.edit("Contact", id=id, fields={"FirstName": f"Ann {n}"})
        for found in await _all(both):
            assert {c.remote_id for c in found if c.fields["FirstName"] == f"Ann {n}"} == set(ids)
    assert lab.sandbox.calls["pubsub.subscribe"] == subscribed, "each has a stream, which stays open"


async def _all(readers: list[Reader]) -> list[list[Change]]:
    return await asyncio.gather(*(reader.read() for reader in readers))


async def test_one_kind_of_two_objects_gets_the_events_of_both(lab: Lab) -> None:
    lead = lab.edit("Lead", "create", fields={"LastName": "L", "Company": "X"})
    fields = {**CONTACT, "Lead": ("LastName", "Company")}
    connector = lab.connect(fields=fields, capture="events")
    people, leads = both = [Reader(connector, "Contact"), Reader(connector, "Lead")]
    async with asyncio.timeout(60):
        for n in count():
            lab.edit("Contact", "create", fields={"LastName": f"A{n}"})
            lab.edit("Lead", id=lead, fields={"Company": f"X{n}"})
            await _all(both)
            if all(state(reader)["poll"] is None for reader in both):
                break
        while any(await _all(both)):
            pass
    lab.edit("Lead", "convert", id=lead)
    (contact,), (converted,) = await people.read(), await leads.read()
    assert (contact.op, converted.op, converted.survivor_id) == (Op.UPSERT, Op.CONVERT, contact.remote_id)


async def test_an_object_that_is_not_selected_needs_a_person_or_is_polled() -> None:
    async with Lab.running(pubsub={"selected": ["Account"]}) as lab:
        lab.edit("Contact", "create", fields={"LastName": "A"})
        silent = listening(lab)
        with pytest.raises(NeedsOperator, match="no change events of Contact"):
            await silent.read()
        notes = (await silent.connector.describe()).objects["Contact"].notes
        assert notes == ("the org sends no change events of it: look at Setup, Change Data Capture",)
        reader = Reader(lab.connect(fields=CONTACT, capture="auto"), "Contact")
        assert len(await reader.read()) == 1
        assert state(reader)["mode"] == "poll"


async def test_who_cannot_be_asked_now_is_asked_again(lab: Lab) -> None:
    """A first reading polls then; whether events are wanted is found out by a later one."""
    reader = Reader(lab.connect(fields=CONTACT, capture="auto"), "Contact")
    away = lab.sandbox.arm("error_before", route="list", status=503)
    lab.edit("Contact", "create", fields={"LastName": "A"})
    assert len(await reader.read()) == 1
    assert (away.fired, state(reader)["mode"]) == (1, "poll")
    lab.edit("Contact", "create", fields={"LastName": "B"})
    assert len(await reader.read()) == 1
    assert state(reader)["mode"] == "events"
    again = Reader(lab.connect(fields=CONTACT, capture="auto"), "Contact")
    again.cursor = reader.cursor
    away = lab.sandbox.arm("error_before", route="list", status=503)
    await again.read()
    assert (away.fired, state(again)["mode"]) == (1, "events"), "it stays as it was"


async def test_who_may_not_ask_polls(lab: Lab) -> None:
    reader = Reader(lab.connect(fields=CONTACT, capture="auto"), "Contact")
    await reader.connector.describe()
    refused = lab.sandbox.arm("error_before", route="list", status=400, code="INVALID_TYPE")
    await reader.connector.describe()
    lab.edit("Contact", "create", fields={"LastName": "A"})
    assert len(await reader.read()) == 1
    assert (refused.fired, state(reader)["mode"]) == (1, "poll")
