"""Writes that go wrong: whose fault it is, what is refused, whose record an answer means."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

import pytest

from syncd.core.errors import NeedsOperator, RetryLater
from syncd.core.nouns import Accepted, Deferred, PushResult, Rejected, StoredBy, Uncertain
from tests.contract.salesforce_lab import KEY, Lab, by_id, create, update

RULES = [
    {"object": "Lead", "condition": "Company = 'No'", "message": "Not them", "field": "OwnerId"},
    {"object": "Lead", "condition": "Company = 'Never'", "message": "No: kind", "field": "RecordTypeId"},
]
NO_UNIQUE = {"Contact": {KEY: {"type": "string", "length": 100, "external_id": True}}}


@pytest.fixture
async def lab() -> AsyncIterator[Lab]:
    async with Lab.running() as lab:
        yield lab


def people(count: int) -> list[Any]:
    return [create(n, "Contact", LastName=f"A{n}") for n in range(count)]


# -- refusals that name a field ------------------------------------------------------------------------


@pytest.mark.parametrize("bulk", [None, 1], ids=["collections", "bulk"])
async def test_a_refusal_names_the_field_of_the_mapping(bulk: int | None) -> None:
    async with Lab.running(quirks={"validation": RULES}) as lab:
        named = {"Owner.Email": "pat@sandbox.example", "RecordType.DeveloperName": "Standard"}
        rows = [
            create(n, "Lead", LastName="A", Company=firm, **named)
            for n, firm in enumerate(("No", "Never", "X"))
        ]
        got = by_id(await lab.connect(bulk_writes_above=bulk).write(rows))
        assert [getattr(got[n], "field", None) for n in range(3)] == [
            "Owner.Email",
            "RecordType.DeveloperName",
            None,
        ]
        assert isinstance(got[2], Accepted)


async def test_what_is_never_empty_is_refused_by_its_field_before_it_is_sent(lab: Lab) -> None:
    connector = lab.connect()
    (made,) = await connector.write([create(1, "Contact", LastName="A")])
    assert isinstance(made, Accepted)
    before = lab.calls
    (got,) = await connector.write([update(2, "Contact", made.remote_id, LastName=None, Title="Dr")])
    assert isinstance(got, Rejected)
    assert (got.code, got.field) == ("REQUIRED_FIELD_MISSING", "LastName")
    assert lab.calls == before


# -- trouble of the whole system -----------------------------------------------------------------------


@pytest.mark.parametrize(
    ("code", "raised"),
    [
        ("STORAGE_LIMIT_EXCEEDED", NeedsOperator),
        ("API_CURRENTLY_DISABLED", NeedsOperator),
        ("INVALID_SESSION_ID", NeedsOperator),
        ("REQUEST_LIMIT_EXCEEDED", RetryLater),
    ],
)
@pytest.mark.parametrize("bulk", [None, 1], ids=["collections", "bulk"])
async def test_a_systems_trouble_is_no_records(
    lab: Lab, bulk: int | None, code: str, raised: type[Exception]
) -> None:
    connector = lab.connect(bulk_writes_above=bulk)
    await connector.describe()
    fault = lab.sandbox.arm("partial", route="batch", rows=list(range(200)), code=code)
    with pytest.raises(raised, match=code) as caught:
        await connector.write(people(3))
    assert fault.fired
    assert not getattr(caught.value, "uncertain", False)


async def test_what_was_accepted_before_the_systems_trouble_stays_so(lab: Lab) -> None:
    connector = lab.connect()
    await connector.describe()
    lab.sandbox.arm("partial", route="batch", rows=[1, 2], code="STORAGE_LIMIT_EXCEEDED")
    got = by_id(await connector.write(people(3)))
    assert [type(got[n]) for n in range(3)] == [Accepted, Deferred, Deferred]


async def test_nothing_is_sent_after_the_systems_trouble(lab: Lab) -> None:
    connector = lab.connect(write_batch=600)
    await connector.describe()
    fault = lab.sandbox.arm("partial", route="batch", rows=list(range(200)), code="STORAGE_LIMIT_EXCEEDED")
    before = lab.sandbox.door.calls["batch Contact"]
    with pytest.raises(NeedsOperator):
        await connector.write(people(450))
    assert fault.fired
    assert lab.sandbox.door.calls["batch Contact"] - before == 1


@pytest.mark.parametrize("code", ["UNABLE_TO_LOCK_ROW", "TOO_MANY_APEX_REQUESTS", "QUERY_TIMEOUT"])
async def test_a_call_that_is_refused_for_a_while_is_tried_again(lab: Lab, code: str) -> None:
    connector = lab.connect()
    await connector.describe()
    lab.sandbox.arm("error_before", route="batch", status=400, code=code)
    with pytest.raises(RetryLater, match=code) as caught:
        await connector.write(people(2))
    assert not caught.value.uncertain
    assert lab.sandbox.people.rows("Contact") == {}


async def test_a_single_record_that_is_locked_waits_alone(lab: Lab) -> None:
    connector = lab.connect()
    await connector.describe()
    lab.sandbox.arm("error_before", route="batch", status=400, code="UNABLE_TO_LOCK_ROW")
    assert await connector.write(people(1)) == [Deferred(0)]


async def test_a_key_field_that_went_away_is_an_admins_matter() -> None:
    async with Lab.running(fields=NO_UNIQUE) as lab:
        connector = lab.connect()
        await connector.describe()
        fault = lab.sandbox.arm("error_before", route="batch", status=404, code="NOT_FOUND")
        with pytest.raises(NeedsOperator, match=KEY):
            await connector.write(people(2))
        assert fault.fired
        lab.sandbox.set_quirks(hide_fields=[f"Contact.{KEY}"])
        await connector.describe()
        with pytest.raises(NeedsOperator, match=KEY):
            await connector.write(people(1))


# -- whose record it is --------------------------------------------------------------------------------


def keys(lab: Lab) -> dict[str, str]:
    return {row.fields[KEY]: id for id, row in lab.sandbox.people.rows("Contact").items()}


@pytest.mark.parametrize("fields", [None, NO_UNIQUE], ids=["insert", "upsert"])
async def test_shuffled_results_of_creates_link_no_wrong_record(fields: Mapping[str, Any] | None) -> None:
    async with Lab.running(**({"fields": fields} if fields else {})) as lab:
        connector = lab.connect()
        await connector.describe()
        fault = lab.sandbox.arm("shuffle", route="batch")
        got = by_id(await connector.write(people(5)))
        assert fault.fired
        assert {n: result.remote_id for n, result in got.items()} == {n: keys(lab)[f"k{n}"] for n in range(5)}
        assert {result.stored_by for result in got.values()} == {StoredBy.READ_BACK}
        assert all(got[n].stored["LastName"] == f"A{n}" for n in range(5))


async def test_shuffled_results_with_a_refusal_link_no_wrong_record(lab: Lab) -> None:
    connector = lab.connect()
    await connector.describe()
    lab.sandbox.arm("shuffle", route="batch")
    rows = people(5)
    rows[1] = create(1, "Contact", FirstName="no last name")
    got = by_id(await connector.write(rows))
    told = {n: result.remote_id for n, result in got.items() if isinstance(result, Accepted)}
    assert told == {n: keys(lab)[f"k{n}"] for n in (0, 2, 3, 4)}
    assert isinstance(got[1], Uncertain), "whose refusal it is, nobody knows"


async def test_a_taken_key_that_is_none_of_the_creates_links_nothing(lab: Lab) -> None:
    connector = lab.connect()
    other = by_id(await connector.write(people(1)))[0].remote_id
    message = f"duplicate value found: {KEY} duplicates value on record with id: {other[:15]}"
    words = {"rows": [0], "code": "DUPLICATE_VALUE", "message": message}
    fault = lab.sandbox.arm("partial", route="batch", **words)
    got = await connector.write([create(7, "Contact", LastName="G")])
    assert fault.fired
    assert isinstance(got[0], Uncertain)


async def test_no_way_to_write_at_all_is_an_admins_matter(lab: Lab) -> None:
    connector = lab.connect()
    await connector.describe()
    lab.sandbox.arm("error_before", route="batch", status=404, code="NOT_FOUND")
    with pytest.raises(NeedsOperator, match="api_version"):
        await connector.write(people(2))


async def test_shuffled_results_of_updates_link_no_wrong_record(lab: Lab) -> None:
    connector = lab.connect()
    made = by_id(await connector.write(people(5)))
    fault = lab.sandbox.arm("shuffle", route="batch")
    rows = [update(n, "Contact", made[n].remote_id, Title=f"T{n}") for n in range(5)]
    got = by_id(await connector.write(rows))
    assert fault.fired
    assert {n: result.remote_id for n, result in got.items()} == {n: r.remote_id for n, r in made.items()}


async def test_a_look_that_fails_takes_back_nothing_that_was_accepted(lab: Lab) -> None:
    connector = lab.connect()
    firm = lab.edit("Account", "create", fields={"Name": "F"})
    made = by_id(await connector.write(people(2)))
    rows = [update(n, "Contact", made[n].remote_id, AccountId=firm) for n in range(2)]
    code = "INVALID_CROSS_REFERENCE_KEY"
    refusal = lab.sandbox.arm("partial", route="batch", rows=[1], code=code, times=2)
    look = lab.sandbox.arm("error_before", route="read", status=503)
    got = by_id(await connector.write(rows))
    assert look.fired
    assert isinstance(got[0], Accepted)
    assert isinstance(got[1], Deferred), "it may be the record or its account that is missing"
    again = by_id(await connector.write(rows))
    assert refusal.fired == 2
    assert isinstance(again[1], Rejected)
    assert (again[1].code, again[1].field) == (code, "AccountId")


async def test_an_option_that_would_be_split_is_refused_by_its_field(lab: Lab) -> None:
    row = create(1, "Contact", LastName="A", Interests__c=["a;b", "c"])
    (got,) = await lab.connect().write([row])
    assert isinstance(got, Rejected)
    assert (got.code, got.field) == ("unsayable", "Interests__c")
    assert "a;b" not in got.message


DEALS = {"Opportunity": ("Name", "StageName", "CloseDate", "AccountId", "Owner.Email")}


@pytest.mark.parametrize("bulk", [None, 1], ids=["collections", "bulk"])
@pytest.mark.parametrize("more", [{}, {"Owner.Email": "pat@sandbox.example"}], ids=["alone", "with an owner"])
async def test_a_create_whose_parent_is_deleted_is_refused_by_that_field(
    lab: Lab, bulk: int | None, more: Mapping[str, Any]
) -> None:
    gone, there = (lab.edit("Account", "create", fields={"Name": name}) for name in "ab")
    lab.edit("Account", "delete", id=gone)
    connector = lab.connect(fields=DEALS, bulk_writes_above=bulk)
    words = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-01-01", **more}
    rows = [create(n, "Opportunity", AccountId=id, **words) for n, id in enumerate((gone, there, gone))]
    got = by_id(await connector.write(rows))
    for n in (0, 2):
        assert isinstance(got[n], Rejected)
        assert (got[n].code, got[n].field) == ("ENTITY_IS_DELETED", "AccountId")
        assert "referred to" in got[n].message
    assert isinstance(got[1], Accepted)


async def test_a_target_that_cannot_be_looked_for_now_is_looked_for_later(lab: Lab) -> None:
    gone = lab.edit("Account", "create", fields={"Name": "a"})
    lab.edit("Account", "delete", id=gone)
    connector = lab.connect(fields=DEALS)
    words = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2026-01-01", "AccountId": gone}
    row = create(1, "Opportunity", **words, **{"Owner.Email": "pat@sandbox.example"})
    await connector.describe()
    look = lab.sandbox.arm("error_before", object="Account", status=503)
    (got,) = await connector.write([row])
    assert look.fired
    assert isinstance(got, Deferred)
    (got,) = await connector.write([row])
    assert isinstance(got, Rejected)
    assert got.field == "AccountId"


# -- locks ---------------------------------------------------------------------------------------------


async def test_calls_that_share_a_parent_do_not_run_at_the_same_time() -> None:
    async with Lab.running(quirks={"lock_parents": True}) as lab:
        connector = lab.connect()
        connector.parents.patience = 30.0
        await connector.describe()
        one, two = (lab.edit("Account", "create", fields={"Name": name}) for name in "ab")
        fault = lab.sandbox.arm("hang_answer", route="batch", object="Contact")
        first = asyncio.create_task(connector.write([create(1, "Contact", LastName="A", AccountId=one)]))
        await fault.reached.wait()
        second = asyncio.create_task(connector.write([deal(2, one)]))
        results: Sequence[PushResult] = await connector.write([deal(3, two)])
        assert isinstance(results[0], Accepted), "another parent's call is not held up"
        fault.release()
        for task in (first, second):
            (result,) = await task
            assert isinstance(result, Accepted)


def deal(n: int, account: str) -> Any:
    fields = {"Name": "Big", "StageName": "Prospecting", "CloseDate": "2026-12-31", "AccountId": account}
    return create(n, "Opportunity", **fields)
