"""What only Salesforce has: record types, owners, merges, conversions, formulas, locks, limits."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import UTC, datetime
from typing import Any

import pytest

from connectors.base import ObjectSpec
from connectors.salesforce import SalesforceConnector
from connectors.salesforce.ids import long_id
from syncd.core.errors import NeedsOperator, RetryLater, SchemaMoved
from syncd.core.nouns import (
    UNKNOWN_FIELD,
    Accepted,
    Deferred,
    Exists,
    Missing,
    Op,
    Push,
    PushOp,
    Rejected,
    Stale,
    StoredBy,
    Uncertain,
)
from tests.contract.salesforce_lab import FIELDS, Lab, Reader, by_id, create, update

DEAL = {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-12-31"}


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab.running() as lab:
        yield lab


# -- describes -----------------------------------------------------------------------------------------


async def test_describe_tells_what_an_admin_made(lab: Lab) -> None:
    schema = await lab.connect().describe()
    lead, deal = schema.objects["Lead"].fields, schema.objects["Opportunity"].fields
    assert (lead["LastName"].required, lead["LastName"].length) == (True, 80)
    assert lead["OwnerId"].references is None, "a lead may belong to a queue"
    assert lead["Syncd_Id__c"].unique
    assert lead["RecordType.DeveloperName"].options == ("Standard",)
    assert (lead["Owner.Email"].type, lead["Owner.Email"].read_only) == ("email", False)
    assert (deal["Amount"].type, deal["Amount"].scale) == ("decimal", 2)
    assert deal["AccountId"].references == "Account"
    contact = schema.objects["Contact"].fields
    assert contact["Account_City__c"].read_only
    assert contact["Interests__c"].type == "set"


async def test_what_a_parents_delete_takes_along_is_declared(lab: Lab) -> None:
    connector = lab.connect()
    await connector.describe()
    assert set(connector.capabilities.cascades["Account"]) == {"Contact", "Opportunity"}


async def test_an_object_of_two_kinds_is_read_for_both(lab: Lab) -> None:
    id = lab.edit("Contact", "create", fields={"LastName": "A", "Title": "Dr"})
    told = lab.connect()
    specs = [ObjectSpec("Contact", ("LastName",), "Syncd_Id__c"), ObjectSpec("Contact", ("Title",))]
    connector = SalesforceConnector("sales", told.options.model_dump(), specs)
    lab.open.append(connector)
    (change,) = await connector.fetch("Contact", [id])
    assert change.fields == {"LastName": "A", "Title": "Dr", "Syncd_Id__c": None}


# -- values that stand for ids -------------------------------------------------------------------------


async def test_record_types_and_owners_go_by_their_names(lab: Lab) -> None:
    connector = lab.connect()
    named = {"RecordType.DeveloperName": "Standard", "Owner.Email": "Pat@sandbox.example"}
    made = by_id(await connector.write([create(1, "Lead", LastName="A", Company="X", **named)]))[1]
    assert isinstance(made, Accepted)
    row = lab.row("Lead", made.remote_id)
    assert row["OwnerId"] == lab.sandbox.world.users["person"]
    (read,) = await connector.fetch("Lead", [made.remote_id])
    assert read.fields["RecordType.DeveloperName"] == "Standard"
    assert read.fields["Owner.Email"] == "pat@sandbox.example"


@pytest.mark.parametrize(
    ("field", "value"), [("Owner.Email", "nobody@x.example"), ("RecordType.DeveloperName", "Nope")]
)
async def test_a_name_that_nobody_has_is_refused_alone(lab: Lab, field: str, value: str) -> None:
    bad = create(1, "Lead", LastName="A", Company="X", **{field: value})
    got = by_id(await lab.connect().write([bad, create(2, "Lead", LastName="B", Company="Y")]))
    assert isinstance(got[1], Rejected)
    assert got[1].field == field
    assert value not in got[1].message
    assert isinstance(got[2], Accepted)


async def test_options_are_a_set_and_numbers_keep_their_digits(lab: Lab) -> None:
    connector = lab.connect()
    made = by_id(
        await connector.write([create(1, "Contact", LastName="A", Interests__c=["Music", "Books"])])
    )[1]
    (read,) = await connector.fetch("Contact", [made.remote_id])
    assert sorted(read.fields["Interests__c"]) == ["Books", "Music"]
    deal = by_id(await connector.write([create(2, "Opportunity", Amount="1234567.89", **DEAL)]))[2]
    assert lab.row("Opportunity", deal.remote_id)["Amount"] == 1234567.89
    (read,) = await connector.fetch("Opportunity", [deal.remote_id])
    assert (read.fields["Amount"], read.fields["IsPrivate"]) == ("1234567.89", False)


# -- what happened to records --------------------------------------------------------------------------


async def test_a_merge_names_who_is_left(lab: Lab) -> None:
    one, two = (lab.edit("Contact", "create", fields={"LastName": name}) for name in "ab")
    reader = Reader(lab.connect(), "Contact")
    await reader.read()
    lab.edit("Contact", "merge", id=one, loser=two)
    told = {change.remote_id: change for change in await reader.read()}
    assert (told[two].op, told[two].survivor_id) == (Op.MERGE, one)
    (fetched,) = await reader.connector.fetch("Contact", [two])
    assert (fetched.op, fetched.survivor_id) == (Op.MERGE, one)


async def test_a_conversion_names_the_contact(lab: Lab) -> None:
    lead = lab.edit("Lead", "create", fields={"LastName": "A", "Company": "X"})
    reader = Reader(lab.connect(), "Lead")
    await reader.read()
    lab.edit("Lead", "convert", id=lead)
    (told,) = await reader.read()
    (contact,) = lab.sandbox.people.rows("Contact")
    assert (told.op, told.survivor_id, told.survivor_object) == (Op.CONVERT, contact, "Contact")
    pages = [page async for page in reader.connector.scan("Lead")]
    assert [change for page in pages for change in page.changes] == [], "a converted lead is none any more"
    got = by_id(await reader.connector.write([update(1, "Lead", lead, LastName="B")]))
    assert isinstance(got[1], Rejected)
    assert got[1].code == "CANNOT_UPDATE_CONVERTED_LEAD"


async def test_a_lead_that_is_nowhere_is_not_taken_for_deleted(lab: Lab) -> None:
    """It may have become a contact, and be hidden from this user."""
    id = lab.edit("Lead", "create", fields={"LastName": "A", "Company": "X"})
    lab.edit("Lead", "delete", id=id)
    lab.sandbox.people.edit("Lead", "purge", id=id)
    assert await lab.connect(sees_all=True).fetch("Lead", [id]) == []


async def test_a_conversion_whose_contact_is_hidden_is_no_delete_and_is_told() -> None:
    async with Lab.running(quirks={"hide_fields": ["Lead.ConvertedContactId"]}) as lab:
        lead = lab.edit("Lead", "create", fields={"LastName": "A", "Company": "X"})
        reader = Reader(lab.connect(sees_all=True), "Lead")
        notes = (await reader.connector.describe()).objects["Lead"].notes
        assert notes == ("this user may not see ConvertedContactId: converted leads cannot be followed",)
        await reader.read()
        lab.edit("Lead", "convert", id=lead)
        (told,) = await reader.read()
        assert (told.op, told.survivor_id) == (Op.CONVERT, None)
        (fetched,) = await reader.connector.fetch("Lead", [lead])
        assert fetched.op is Op.CONVERT


async def test_a_restored_record_is_told_again(lab: Lab) -> None:
    id = lab.edit("Contact", "create", fields={"LastName": "A"})
    reader = Reader(lab.connect(), "Contact")
    await reader.read()
    lab.edit("Contact", "delete", id=id)
    assert [c.op for c in await reader.read()] == [Op.DELETE]
    lab.edit("Contact", "restore", id=id)
    assert [(c.op, c.remote_id) for c in await reader.read()] == [(Op.UPSERT, id)]


async def test_what_is_in_the_bin_before_the_first_read_is_not_told(lab: Lab) -> None:
    lab.edit("Contact", "delete", id=lab.edit("Contact", "create", fields={"LastName": "A"}))
    lab.sandbox.clock.advance(5)
    reader = Reader(lab.connect(), "Contact")
    assert await reader.read() == []
    assert reader.cursor is not None, "nothing is there, and that is known from now on"


async def test_a_purged_record_is_deleted_only_where_all_are_seen(lab: Lab) -> None:
    id = lab.edit("Contact", "create", fields={"LastName": "A"})
    lab.edit("Contact", "delete", id=id)
    lab.sandbox.people.edit("Contact", "purge", id=id)
    assert await lab.connect().fetch("Contact", [id]) == []
    (change,) = await lab.connect(sees_all=True).fetch("Contact", [id])
    assert (change.op, change.remote_id) == (Op.DELETE, id)


async def test_short_ids_are_the_same_ids(lab: Lab) -> None:
    id = lab.edit("Contact", "create", fields={"LastName": "A"})
    (change,) = await lab.connect().fetch("Contact", [id[:15]])
    assert change.remote_id == id == long_id(id[:15])


# -- fields that change without a stamp ----------------------------------------------------------------


async def test_a_formula_is_read_again_when_it_is_time(lab: Lab) -> None:
    firm = lab.edit("Account", "create", fields={"Name": "F", "BillingCity": "Graz"})
    id = lab.edit("Contact", "create", fields={"LastName": "A", "AccountId": firm})
    reader = Reader(lab.connect(refresh=600), "Contact")
    assert [c.fields["Account_City__c"] for c in await reader.read()] == ["Graz"]
    lab.sandbox.clock.advance(300)
    assert await reader.read() == []
    lab.edit("Account", id=firm, fields={"BillingCity": "Wien"})
    assert await reader.read() == []
    lab.sandbox.clock.advance(301)
    (told,) = await reader.read()
    assert (told.remote_id, told.fields["Account_City__c"], told.partial) == (id, "Wien", False)
    assert await reader.read() == []


async def test_a_refresh_that_was_broken_off_goes_on(lab: Lab) -> None:
    for n in range(5):
        lab.edit("Contact", "create", fields={"LastName": f"A{n}"})
    reader = Reader(lab.connect(refresh=600, page=2), "Contact")
    await reader.read()
    lab.sandbox.clock.advance(700)
    walk = reader.connector.read_changes("Contact", reader.cursor)
    first = await anext(page async for page in walk if page.changes)
    await walk.aclose()
    reader.cursor = first.cursor
    told = {change.remote_id for change in [*first.changes, *await reader.read()]}
    assert told == set(lab.sandbox.people.rows("Contact"))


async def test_an_object_may_be_refreshed_at_its_own_pace_or_never(lab: Lab) -> None:
    schema = await lab.connect({"Contact": {"refresh": 0}}).describe()
    assert "only sweeps see that" in schema.objects["Contact"].notes[0]
    assert schema.objects["Account"].notes == ()


# -- writes --------------------------------------------------------------------------------------------


async def test_one_guarded_write_is_stale_after_an_edit(lab: Lab) -> None:
    id = lab.edit("Contact", "create", fields={"LastName": "A"})
    connector = lab.connect()
    (read,) = await connector.fetch("Contact", [id])
    lab.sandbox.clock.advance(2)
    lab.edit("Contact", id=id, fields={"Title": "Dr"})
    assert await connector.write([update(1, "Contact", id, read.remote_version, Title="Prof")]) == [Stale(1)]
    (read,) = await connector.fetch("Contact", [id])
    done = by_id(await connector.write([update(2, "Contact", id, read.remote_version, Title="Prof")]))[2]
    assert isinstance(done, Accepted)
    assert lab.row("Contact", id)["Title"] == "Prof"


async def test_what_was_stored_is_read_back_unless_somebody_was_quicker(lab: Lab) -> None:
    connector = lab.connect()
    made = by_id(await connector.write([create(1, "Contact", LastName="A", Email="ANN@X.example")]))[1]
    assert isinstance(made, Accepted)
    assert (made.stored_by, made.stored["Email"]) == (StoredBy.READ_BACK, "ann@x.example")
    connector.client.place.user = "005000000000000AAA"
    other = by_id(await connector.write([update(2, "Contact", made.remote_id, Title="Dr")]))[2]
    assert isinstance(other, Accepted)
    assert (other.stored_by, other.stored) == (StoredBy.UNKNOWN, {})


async def test_a_create_names_the_record_that_has_its_key(lab: Lab) -> None:
    connector = lab.connect()
    (made,) = await connector.write([create(1, "Contact", LastName="A")])
    assert isinstance(made, Accepted)
    (again,) = await connector.write([create(1, "Contact", LastName="A")])
    assert again == Accepted(1, made.remote_id, again.remote_version, again.stored, StoredBy.READ_BACK)  # type: ignore[union-attr]
    lab.edit("Contact", id=made.remote_id, fields={"LastName": "B"})
    assert await connector.write([create(1, "Contact", LastName="A")]) == [Exists(1, made.remote_id)]
    assert lab.row("Contact", made.remote_id)["LastName"] == "B"


async def test_a_key_that_is_not_unique_is_looked_for_and_upserted() -> None:
    fields = {"Contact": {"Syncd_Id__c": {"type": "string", "length": 100, "external_id": True}}}
    async with Lab.running(fields=fields) as lab:
        connector = lab.connect()
        assert not (await connector.describe()).objects["Contact"].fields["Syncd_Id__c"].unique
        got = await connector.write([create(1, "Contact", LastName="A"), create(2, "Contact", LastName="B")])
        assert all(isinstance(result, Accepted) for result in got)
        lab.edit("Contact", id=got[0].remote_id, fields={"LastName": "C"})  # type: ignore[union-attr]
        again = by_id(
            await connector.write([create(1, "Contact", LastName="A"), create(3, "Contact", LastName="D")])
        )
        assert again[1] == Exists(1, got[0].remote_id)  # type: ignore[union-attr]
        assert isinstance(again[3], Accepted)
        assert len(lab.sandbox.people.rows("Contact")) == 3


async def test_a_reference_to_nothing_is_not_a_missing_record(lab: Lab) -> None:
    id = lab.edit("Contact", "create", fields={"LastName": "A"})
    connector = lab.connect()
    nobody = "001gK00000000zzQAA"
    got = by_id(
        await connector.write(
            [update(1, "Contact", id, AccountId=nobody), create(2, "Contact", LastName="B")]
        )
    )
    assert isinstance(got[1], Rejected)
    assert got[1].field == "AccountId"
    gone = lab.edit("Contact", "create", fields={"LastName": "C"})
    lab.edit("Contact", "delete", id=gone)
    assert await connector.write([update(3, "Contact", gone, AccountId=nobody)]) == [Missing(3)]


async def test_archiving_writes_the_configured_fields(lab: Lab) -> None:
    connector = lab.connect({"Lead": {"archive": {"Company": "(archived)"}}})
    assert connector.capabilities.archives
    id = lab.edit("Lead", "create", fields={"LastName": "A", "Company": "X"})
    (done,) = await connector.write([Push(1, "Lead", PushOp.ARCHIVE, 1, 2, {}, remote_id=id)])
    assert isinstance(done, Accepted)
    assert lab.row("Lead", id)["Company"] == "(archived)"


async def test_a_duplicate_rule_forbids_or_warns() -> None:
    rule = {"object": "Lead", "fields": ["Email"], "action": "alert"}
    async with Lab.running(quirks={"duplicates": [rule]}) as lab:
        lab.edit("Lead", "create", fields={"LastName": "A", "Company": "X", "Email": "a@x.example"})
        same = create(1, "Lead", LastName="B", Company="Y", Email="a@x.example")
        (refused,) = await lab.connect().write([same])
        assert isinstance(refused, Rejected)
        assert refused.code == "DUPLICATES_DETECTED"
        assert "duplicates: allow" in refused.message
        (saved,) = await lab.connect(duplicates="allow").write([same])
        assert isinstance(saved, Accepted)


async def test_a_validation_rule_refuses_one_row() -> None:
    rule = {"object": "Contact", "condition": "Title = 'No'", "message": "Never No", "field": "Title"}
    async with Lab.running(quirks={"validation": [rule]}) as lab:
        rows = [
            create(1, "Contact", LastName="A", Title="No"),
            create(2, "Contact", LastName="B", Title="Yes"),
        ]
        got = by_id(await lab.connect().write(rows))
        assert isinstance(got[1], Rejected)
        assert (got[1].code, got[1].field) == ("FIELD_CUSTOM_VALIDATION_EXCEPTION", "Title")
        assert isinstance(got[2], Accepted)


# -- trouble -------------------------------------------------------------------------------------------


async def test_a_locked_row_waits_and_its_neighbours_do_not(lab: Lab) -> None:
    ids = [lab.edit("Contact", "create", fields={"LastName": name}) for name in "ab"]
    fault = lab.sandbox.arm("row_lock", ids=[ids[0]])
    got = by_id(await lab.connect().write([update(n, "Contact", id, Title="Dr") for n, id in enumerate(ids)]))
    assert fault.fired
    assert isinstance(got[0], Deferred)
    assert isinstance(got[1], Accepted)


@pytest.mark.parametrize("fault", ["fewer", "partial"])
async def test_results_that_do_not_fit_their_records_settle_nothing_wrongly(lab: Lab, fault: str) -> None:
    ids = [lab.edit("Contact", "create", fields={"LastName": f"A{n}"}) for n in range(6)]
    connector = lab.connect()
    await connector.describe()
    armed = lab.sandbox.arm(fault, route="batch")
    got = by_id(await connector.write([update(n, "Contact", id, Title=f"T{n}") for n, id in enumerate(ids)]))
    assert armed.fired
    for n, id in enumerate(ids):
        result = got[n]
        if isinstance(result, Accepted):
            assert (result.remote_id, lab.row("Contact", id)["Title"]) == (id, f"T{n}")
        else:
            assert isinstance(result, Uncertain | Deferred)


@pytest.mark.parametrize("fault", ["short_page", "empty_page", "cut_body", "wrong_json"])
async def test_a_page_that_is_not_whole_is_no_page(lab: Lab, fault: str) -> None:
    for n in range(5):
        lab.edit("Contact", "create", fields={"LastName": f"A{n}"})
    connector = lab.connect(bulk_above=0)
    await connector.describe()
    for read in (Reader(connector, "Contact").read, lambda: _scan(connector)):
        armed = lab.sandbox.arm(fault, route="list")
        with pytest.raises(RetryLater):
            await read()
        assert armed.fired


async def _scan(connector: Any) -> None:
    async for _ in connector.scan("Contact"):
        pass


async def test_no_calls_left_says_how_long_to_wait() -> None:
    async with Lab.running(limits={"quota": 3}) as lab:
        connector = lab.connect()
        with pytest.raises(RetryLater, match="no API calls left") as caught:
            for _ in range(5):
                await connector.describe()
        assert caught.value.after == 900
        assert not caught.value.uncertain


async def test_a_field_that_is_taken_away_has_the_schema_looked_at(lab: Lab) -> None:
    lab.edit("Contact", "create", fields={"LastName": "A"})
    connector = lab.connect()
    reader = Reader(connector, "Contact")
    await reader.read()
    lab.sandbox.set_quirks(hide_fields=["Contact.Title"])
    with pytest.raises(SchemaMoved):
        await reader.read()
    assert "Title" not in (await connector.describe()).objects["Contact"].fields
    lab.edit("Contact", "create", fields={"LastName": "B"})
    told = await reader.read()
    assert [change for change in told if "Title" in change.fields] == []
    assert "B" in [change.fields["LastName"] for change in told]
    got = by_id(await connector.write([create(1, "Contact", LastName="C", Title="Dr")]))
    assert isinstance(got[1], Rejected)
    assert (got[1].code, got[1].field) == (UNKNOWN_FIELD, "Title")


async def test_a_field_that_goes_between_two_looks_writes_nothing(lab: Lab) -> None:
    connector = lab.connect()
    await connector.describe()
    lab.sandbox.set_quirks(hide_fields=["Contact.Title"])
    (got,) = await connector.write([create(1, "Contact", LastName="C", Title="Dr")])
    assert isinstance(got, Rejected)
    assert (got.code, got.field) == (UNKNOWN_FIELD, "Title")
    assert lab.sandbox.people.rows("Contact") == {}


async def test_more_fields_than_fit_into_a_query_are_said_so() -> None:
    names = [f"Field_{n:04}_with_a_long_name__c" for n in range(500)]
    async with Lab.running(fields={"Contact": {name: {"type": "string"} for name in names}}) as lab:
        connector = lab.connect(fields={"Contact": ("LastName", *names)})
        with pytest.raises(NeedsOperator) as caught:
            await connector.fetch("Contact", ["003gK00000000zzQAA"])
        assert "Map fewer fields" in caught.value.todo


# -- calls ---------------------------------------------------------------------------------------------


async def test_two_hundred_creates_cost_two_calls(lab: Lab) -> None:
    connector = lab.connect()
    await connector.describe()
    await connector.fetch("Contact", [])
    before = lab.calls
    got = await connector.write([create(n, "Contact", LastName=f"A{n}") for n in range(200)])
    assert all(isinstance(result, Accepted) for result in got)
    assert lab.calls - before == 2, "the write, and the reading back"


async def test_a_quiet_poll_costs_one_call(lab: Lab) -> None:
    lab.edit("Contact", "create", fields={"LastName": "A"})
    reader = Reader(lab.connect(), "Contact")
    await reader.read()
    before = lab.calls
    assert await reader.read() == []
    assert lab.calls - before == 1


async def test_every_other_poll_leaves_a_long_overlap_out_for_each_of_two_kinds(lab: Lab) -> None:
    ids = [lab.edit("Contact", "create", fields={"LastName": f"A{n}"}) for n in range(6)]
    connector = lab.connect(page=2, bulk_above=0)
    readers = [Reader(connector, "Contact"), Reader(connector, "Contact")]
    for reader in readers:
        await reader.read()
    taken: dict[int, list[int]] = {0: [], 1: []}
    for n in range(5):
        lab.sandbox.clock.advance(10)
        lab.edit("Contact", id=ids[0], fields={"Title": f"T{n}"})
        for number, reader in enumerate(readers):
            before = lab.calls
            assert [change.remote_id for change in await reader.read()] == [ids[0]]
            taken[number].append(lab.calls - before)
    assert [calls[1:] for calls in taken.values()] == [[4, 1, 4, 1]] * 2  # the first meets all that is new


async def test_an_instant_of_a_record_is_the_orgs(lab: Lab) -> None:
    id = lab.edit("Contact", "create", fields={"LastName": "A"})
    (change,) = await lab.connect().fetch("Contact", [id])
    assert change.occurred_at is not None
    assert abs((change.occurred_at - datetime.now(UTC)).total_seconds()) < 60
    assert change.actor == lab.sandbox.world.users["person"]
    assert set(FIELDS["Contact"]) <= change.fields.keys()
