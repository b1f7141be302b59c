"""Reading changes of Salesforce where clocks, rights or answers are not what they should be."""

from __future__ import annotations

import asyncio
import json
from collections.abc import AsyncIterator
from datetime import UTC, datetime, timedelta
from itertools import count
from typing import Any

import pytest
from pydantic import ValidationError

from connectors.http import Answer
from syncd.core.errors import RetryLater
from syncd.core.nouns import Op
from tests.contract.salesforce_lab import Lab, Reader, update

AT = datetime(2026, 3, 1, tzinfo=UTC)


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab.running(records=0) as lab:
        yield lab


async def test_one_answer_whose_date_is_ahead_hides_no_edit(
    lab: Lab, monkeypatch: pytest.MonkeyPatch
) -> None:
    id = lab.edit("Account", "create", fields={"Name": "A"})
    reader = Reader(lab.connect(overlap=2), "Account")
    await reader.read()
    honest = Answer.date
    monkeypatch.setattr(Answer, "date", lambda self: (honest(self) or AT) + timedelta(minutes=10))
    await reader.read()
    monkeypatch.setattr(Answer, "date", honest)
    lab.sandbox.clock.advance(5)
    lab.edit("Account", id=id, fields={"Name": "A2"})
    assert [change.fields["Name"] for change in await reader.read()] == ["A2"]


VIEW_ALL = "this user is not known to have View All Records on it"


async def test_a_record_that_reduced_rights_hide_is_not_deleted(lab: Lab) -> None:
    ids = [lab.edit("Contact", "create", fields={"LastName": name}) for name in ("A", "B")]
    connector = lab.connect(sees_all=True)
    assert not [n for n in (await connector.describe()).objects["Contact"].notes if VIEW_ALL in n]
    lab.edit("Contact", "delete", id=ids[1])
    lab.edit("Contact", "purge", id=ids[1])
    lab.sandbox.set_quirks(hidden=[ids[0]])
    assert await connector.fetch("Contact", ids) == [], "who does not see all cannot tell the two apart"
    assert [n for n in (await connector.describe()).objects["Contact"].notes if VIEW_ALL in n]
    lab.sandbox.set_quirks(hidden=[])
    told = await connector.fetch("Contact", ids)
    assert [(change.remote_id, change.op) for change in told] == [(ids[0], Op.UPSERT), (ids[1], Op.DELETE)]


async def test_who_may_not_ask_for_rights_believes_no_absence() -> None:
    async with Lab.running(records=0, quirks={"hide_fields": ["PermissionSetAssignment.AssigneeId"]}) as lab:
        id = lab.edit("Contact", "create", fields={"LastName": "A"})
        lab.edit("Contact", "delete", id=id)
        lab.edit("Contact", "purge", id=id)
        assert await lab.connect(sees_all=True).fetch("Contact", [id]) == []


async def test_view_all_data_shows_what_has_no_permissions_of_its_own(lab: Lab) -> None:
    id = lab.edit("Account", "create", fields={"Name": "A"})
    lab.edit("Account", "delete", id=id)
    lab.edit("Account", "purge", id=id)
    lab.sandbox.set_quirks(view_all=False)
    assert await lab.connect(sees_all=True).fetch("Account", [id]) == []
    (one,) = lab.sandbox.people.rows("PermissionSet")
    lab.edit("PermissionSet", id=one, fields={"PermissionsViewAllData": True})
    (change,) = await lab.connect(sees_all=True).fetch("Account", [id])
    assert change.op is Op.DELETE


LEAD = {"Lead": ("LastName", "Owner.Email", "RecordType.DeveloperName")}


async def test_owners_and_record_types_have_nothing_read_by_the_hour(lab: Lab) -> None:
    id = lab.edit("Lead", "create", fields={"LastName": "A", "Company": "X"})
    reader = Reader(lab.connect(fields=LEAD, refresh=600), "Lead")
    await reader.read()
    before = lab.calls
    lab.sandbox.clock.advance(700)
    assert await reader.read() == []
    assert lab.calls == before + 1, "a poll and no more"
    lab.edit("Lead", id=id, fields={"OwnerId": lab.sandbox.world.users["admin"]})
    (told,) = await reader.read()
    assert told.fields["Owner.Email"] == "ada@sandbox.example"


async def test_what_hangs_on_another_records_reference_is_read_by_the_hour(lab: Lab) -> None:
    """Only the reference of the record itself moves its stamp."""
    fields = {"Contact": ("LastName", "Account.Owner.Email", "Owner.Email", "Account.Name")}
    sobject = await lab.connect(fields=fields)._sobject("Contact")
    assert [column.name for column in sobject.passive] == ["Account.Owner.Email", "Account.Name"]
    assert [sobject.columns[name].via for name in fields["Contact"]] == [
        None,
        "AccountId",
        "OwnerId",
        "AccountId",
    ]


async def test_an_event_of_what_is_not_mapped_costs_nothing_beside_an_owner(lab: Lab) -> None:
    fields = {"Contact": ("LastName", "Owner.Email")}
    id = lab.edit("Contact", "create", fields={"LastName": "A"})
    reader = await by_events(lab, Reader(lab.connect(fields=fields, capture="events"), "Contact"), id)
    before = lab.calls
    lab.edit("Contact", id=id, fields={"Department": "X"})
    assert await reader.read() == []
    assert lab.calls == before
    lab.edit("Contact", id=id, fields={"OwnerId": lab.sandbox.world.users["admin"]})
    (told,) = await reader.read()
    assert told.fields["Owner.Email"] == "ada@sandbox.example"


async def by_events(lab: Lab, reader: Reader, id: str) -> Reader:
    """The reader, once it has a replay id."""
    async with asyncio.timeout(60):
        for n in count():
            await reader.read()
            if json.loads(reader.cursor.token).get("poll") is None:
                break
            lab.edit("Contact", id=id, fields={"LastName": f"A{n}"})
        while await reader.read():
            pass
    return reader


@pytest.mark.parametrize("fault", ["short_page", "lose_next", "empty_page"])
async def test_a_walk_for_formulas_that_is_not_whole_is_made_again(lab: Lab, fault: str) -> None:
    firm = lab.edit("Account", "create", fields={"Name": "F", "BillingCity": "Graz"})
    ids = {lab.edit("Contact", "create", fields={"LastName": f"A{n}", "AccountId": firm}) for n in range(6)}
    fields = {"Contact": ("LastName", "Account_City__c")}
    reader = Reader(lab.connect(fields=fields, refresh=600, page=4), "Contact")
    await reader.read()
    lab.sandbox.clock.advance(700)
    await reader.read()
    lab.edit("Account", id=firm, fields={"BillingCity": "Wien"})
    lab.sandbox.clock.advance(700)
    lab.sandbox.set_quirks(page_cap=3)
    cut = lab.sandbox.arm(fault, object="Contact", skip=1)
    with pytest.raises(RetryLater):
        await reader.read()
    assert cut.fired
    lab.sandbox.set_quirks(page_cap=None)
    told = await reader.read()
    assert {change.remote_id for change in told if change.fields["Account_City__c"] == "Wien"} == ids


@pytest.mark.parametrize(
    ("address", "said"),
    [
        ("http://pubsub.example:7443", "must begin with https://"),
        ("pubsub.example:7443", "must begin with https://"),
        ("https://pubsub.example:99999", "no port"),
        ("https://pubsub.example/x", "more than a host"),
    ],
)
async def test_an_address_that_is_none_is_refused(lab: Lab, address: str, said: str) -> None:
    with pytest.raises(ValidationError, match=said):
        lab.connect(pubsub=address)


async def test_a_service_of_change_events_out_of_reach_is_told_when_asked(lab: Lab) -> None:
    fields = {"Contact": ("LastName",)}

    async def notes(**words: Any) -> tuple[str, ...]:
        return (await lab.connect(fields=fields, **words).describe()).objects["Contact"].notes

    nowhere = "http://127.0.0.1:1"
    for capture in ("events", "auto"):
        assert await notes(capture=capture) == ()
        (note,) = await notes(capture=capture, pubsub=nowhere)
        assert nowhere in note
        assert "polled meanwhile" in note
    assert await notes(capture="poll", pubsub=nowhere) == ()
    refused = lab.sandbox.arm("forbidden", route="pubsub.topic", times=None)
    (note,) = await notes(capture="events")
    assert refused.fired
    assert "Grant" in note


async def test_change_events_that_are_away_are_noted_until_they_are_back(
    lab: Lab, caplog: pytest.LogCaptureFixture
) -> None:
    fields = {"Contact": ("LastName",)}
    id = lab.edit("Contact", "create", fields={"LastName": "A"})
    reader = await by_events(lab, Reader(lab.connect(fields=fields, capture="events"), "Contact"), id)
    connector = reader.connector
    connector.listening.door().clock = map(float, count(0, 1000)).__next__  # it is asked again at once
    assert connector.notes() == []
    cut, away = lab.sandbox.arm("stream_reset"), lab.sandbox.arm("drop", route="pubsub.subscribe", times=None)
    for n in range(5):
        lab.edit("Contact", id=id, fields={"LastName": f"B{n}"})
        await reader.read()
    assert cut.fired
    assert away.fired
    (note,) = connector.notes()
    assert "ContactChangeEvent" in note
    assert "away since" in note
    assert len([r for r in caplog.records if "polling since" in r.getMessage()]) == 1
    away.times = 0
    await reader.read()
    assert connector.notes() == []


async def test_change_events_that_never_came_are_noted(lab: Lab) -> None:
    lab.edit("Contact", "create", fields={"LastName": "A"})
    fields = {"Contact": ("LastName",)}
    reader = Reader(lab.connect(fields=fields, capture="auto", pubsub="http://127.0.0.1:1"), "Contact")
    async with asyncio.timeout(60):
        while not reader.connector.notes():
            await reader.read()
    (note,) = reader.connector.notes()
    assert "polling" in note


async def test_the_events_of_one_write_of_ours_cost_one_read_for_all_records(lab: Lab) -> None:
    """They say nothing new, and are looked at all the same: an automation's change is under our name too."""
    ids = [lab.edit("Contact", "create", fields={"LastName": f"A{n}"}) for n in range(50)]
    fields = {"Contact": ("LastName", "Title")}
    reader = await by_events(lab, Reader(lab.connect(fields=fields, capture="events"), "Contact"), ids[0])
    before = lab.calls
    await reader.connector.write([update(n, "Contact", id, Title="Ours") for n, id in enumerate(ids)])
    assert lab.calls == before + 2, "the write, and what was stored"
    told, reads = set[str](), 0
    async with asyncio.timeout(60):
        while told != set(ids):
            found = await reader.read()
            told |= {change.remote_id for change in found}
            reads += bool(found)
    assert lab.calls == before + 2 + reads
