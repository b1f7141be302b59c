"""SOQL as the sandbox reads it: what is found, in which order, how it looks, and what is refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import date
from typing import Any

import pytest

from connectors.salesforce.sandbox.soql.parse import parse
from connectors.salesforce.sandbox.soql.ranges import stretch
from connectors.sandboxes.shape import Refusal
from tests.sandbox.salesforce.clients import Org, org

PEOPLE: tuple[dict[str, Any], ...] = (
    {"LastName": "Ames", "Email": "ann@x.example", "Lead_Score__c": 10, "Interests__c": "Sport;Music"},
    {"LastName": "ames", "FirstName": "Bo", "Lead_Score__c": 20, "Interests__c": "Music", "DoNotCall": True},
    {"LastName": "O'Hara", "Email": "ohara@x.example", "Birthdate": "1990-05-17"},
    {"LastName": "50% off_x", "Lead_Score__c": 30, "Birthdate": "2001-01-01"},
)


@pytest.fixture
async def crm() -> AsyncIterator[Org]:
    async with org() as made:
        firms = [made.made("Account", Name=name) for name in ("Acme", "Borealis")]
        for place, fields in enumerate(PEOPLE):
            made.made("Contact", AccountId=firms[place % 2] if place < 3 else None, **fields)
        yield made


async def names(crm: Org, where: str, rest: str = "ORDER BY Id") -> list[str]:
    return [row["LastName"] for row in await crm.rows(f"SELECT LastName FROM Contact WHERE {where} {rest}")]


@pytest.mark.parametrize(
    ("where", "found"),
    [
        ("LastName = 'AMES'", [0, 1]),
        ("LastName != 'ames'", [2, 3]),
        (r"LastName = 'O\'Hara'", [2]),
        ("LastName LIKE 'a%'", [0, 1]),
        (r"LastName LIKE '50\% off\_x'", [3]),
        ("LastName LIKE '5_% off%'", [3]),
        ("LastName IN ('ames', 'nobody')", [0, 1]),
        ("LastName NOT IN ('ames')", [2, 3]),
        ("Email = null", [1, 3]),
        ("Email != null AND NOT LastName = 'ames'", [2]),
        ("(LastName = 'ames' AND Email = null) OR Lead_Score__c = 30", [1, 3]),
        ("NOT (LastName = 'ames' OR Email != null)", [3]),
        ("Lead_Score__c > 10", [1, 3]),
        ("Lead_Score__c >= 10 AND Lead_Score__c < 30", [0, 1]),
        ("Lead_Score__c != 10", [1, 2, 3]),
        ("DoNotCall = TRUE", [1]),
        ("Birthdate < 2000-01-01", [2]),
        ("Birthdate > LAST_N_YEARS:3", []),
        ("CreatedDate = TODAY", [0, 1, 2, 3]),
        ("CreatedDate < TODAY", []),
        ("SystemModstamp >= 2020-01-01T00:00:00Z", [0, 1, 2, 3]),
        ("SystemModstamp < 2020-01-01T00:00:00.000+0000", []),
        ("Account.Name = 'acme'", [0, 2]),
        ("Account.Name = null", [3]),
        ("Interests__c INCLUDES ('Sport', 'Travel')", [0]),
        ("Interests__c INCLUDES ('Music;Sport')", [0]),
        ("Interests__c EXCLUDES ('Music')", [2, 3]),
        ("Interests__c = 'Music;Sport'", [0]),
        ("AccountId IN (SELECT Id FROM Account WHERE Name = 'Acme')", [0, 2]),
        ("AccountId NOT IN (SELECT Id FROM Account WHERE Name = 'Acme')", [1, 3]),
        ("Contact.LastName = 'ames' AND Owner.Email LIKE '%@sandbox.example'", [0, 1]),
    ],
)
async def test_conditions(crm: Org, where: str, found: list[int]) -> None:
    assert await names(crm, where) == [PEOPLE[place]["LastName"] for place in found]


@pytest.mark.parametrize(
    ("order", "found"),
    [
        ("ORDER BY Lead_Score__c", [2, 0, 1, 3]),
        ("ORDER BY Lead_Score__c DESC", [2, 3, 1, 0]),
        ("ORDER BY Lead_Score__c DESC NULLS LAST", [3, 1, 0, 2]),
        ("ORDER BY LastName, Lead_Score__c DESC", [3, 1, 0, 2]),
        ("ORDER BY Account.Name NULLS LAST, Id DESC", [2, 0, 1, 3]),
        ("ORDER BY Id LIMIT 2 OFFSET 1", [1, 2]),
    ],
)
async def test_order_and_limits(crm: Org, order: str, found: list[int]) -> None:
    assert await names(crm, "Id != null", order) == [PEOPLE[place]["LastName"] for place in found]


async def test_how_answers_look(crm: Org) -> None:
    soql = "select id, account.owner.name, ReportsTo.Name from Contact c where c.LastName = '50% off_x'"
    (one,) = (await crm.query(soql)).body["records"]
    assert one == {
        "attributes": {"type": "Contact", "url": f"/services/data/v62.0/sobjects/Contact/{one['Id']}"},
        "Id": one["Id"],
        "Account": None,
        "ReportsTo": None,
    }
    (firm, other) = await crm.rows(
        "SELECT Name, (SELECT LastName FROM Contacts ORDER BY Id) FROM Account ORDER BY Id"
    )
    assert [row["LastName"] for row in firm["Contacts"]["records"]] == ["Ames", "O'Hara"]
    assert other["Contacts"]["totalSize"] == 1
    (empty,) = await crm.rows("SELECT (SELECT Id FROM Opportunities) FROM Account LIMIT 1")
    assert empty == {"Opportunities": None}


async def test_counts_and_groups(crm: Org) -> None:
    count = await crm.query("SELECT COUNT() FROM Contact WHERE Email = null")
    assert count.body == {"totalSize": 2, "done": True, "records": []}
    rows = await crm.rows(
        "SELECT AccountId, COUNT(Id), SUM(Lead_Score__c) total, MAX(Lead_Score__c) FROM Contact "
        "WHERE AccountId != null GROUP BY AccountId ORDER BY AccountId"
    )
    told = [(row["expr0"], row["total"], row["expr2"]) for row in rows]
    assert told == [(2, 10.0, 10.0), (1, 20.0, 20.0)]
    (both,) = await crm.rows("SELECT COUNT(Id) n, COUNT_DISTINCT(AccountId) firms FROM Contact")
    assert both == {"n": 4, "firms": 2}


async def test_fields_of_all(crm: Org) -> None:
    (one,) = await crm.rows("SELECT FIELDS(ALL) FROM Account LIMIT 1")
    described = (await crm.get("sobjects/Account/describe")).body["fields"]
    assert list(one) == [field["name"] for field in described]
    (custom,) = await crm.rows("SELECT Id, FIELDS(CUSTOM) FROM Account LIMIT 1")
    assert {name.endswith("__c") for name in custom} == {False, True}
    crm.sandbox.set_quirks(hide_fields=["Account.Region__c"])
    (less,) = await crm.rows("SELECT FIELDS(ALL) FROM Account LIMIT 1")
    assert set(one) - set(less) == {"Region__c"}


async def test_deleted_records_are_in_query_all(crm: Org) -> None:
    (firm, _) = crm.sandbox.people.rows("Account")
    crm.edit("Account", firm, "delete")
    soql = "SELECT Id, IsDeleted FROM Account WHERE SystemModstamp > 2020-01-01T00:00:00Z ORDER BY Id"
    assert [row["IsDeleted"] for row in await crm.rows(soql)] == [False]
    assert [row["IsDeleted"] for row in await crm.rows(soql, "queryAll")] == [True, False]
    assert len(await crm.rows("SELECT Id FROM Contact WHERE IsDeleted = true", "queryAll")) == 2, (
        "along with it"
    )
    assert [row["IsDeleted"] for row in await crm.rows(f"{soql} ALL ROWS")] == [True, False]
    crm.sandbox.set_quirks(bin_days=1 / 24)
    crm.sandbox.clock.advance(3601)
    assert [row["IsDeleted"] for row in await crm.rows(soql, "queryAll")] == [False], "the bin was emptied"


@pytest.mark.parametrize(
    ("soql", "code", "said"),
    [
        ("", "MALFORMED_QUERY", "SOQL statements cannot be empty or null"),
        ("SELECT Id FROM Contact WHERE", "MALFORMED_QUERY", "unexpected token: '<EOF>'"),
        ("SELECT FROM Contact", "MALFORMED_QUERY", "ERROR at Row:1:Column:8\nunexpected token: 'FROM'"),
        ("SELECT Id, FROM Contact", "MALFORMED_QUERY", "unexpected token: 'FROM'"),
        ("SELECT Id FROM Contact WHERE LastName = 'x", "MALFORMED_QUERY", "no viable alternative"),
        (r"SELECT Id FROM Contact WHERE LastName = '\x'", "MALFORMED_QUERY", "Illegal escape"),
        (f"SELECT Id FROM Contact WHERE LastName = '{'x' * 4001}'", "MALFORMED_QUERY", "4000 characters"),
        ("SELECT Id FROM Contact WHERE Id = '1' AND Id = '2' OR Id = '3'", "MALFORMED_QUERY", "'OR'"),
        ("SELECT Id FROM Contact LIMIT -1", "MALFORMED_QUERY", "unexpected token: '-1'"),
        ("SELECT Id FROM Contact garbage more", "MALFORMED_QUERY", "unexpected token: 'more'"),
        ("SELECT Id, Id FROM Contact", "MALFORMED_QUERY", "duplicate field selected: Id"),
        ("SELECT LastName, COUNT(Id) FROM Contact", "MALFORMED_QUERY", "must be grouped or aggregated"),
        ("SELECT FIELDS(ALL) FROM Contact LIMIT 201", "MALFORMED_QUERY", "LIMIT of at most 200"),
        ("SELECT Id FROM Contact OFFSET 2001", "NUMBER_OUTSIDE_VALID_RANGE", "offset allowed is 2000"),
        ("SELECT Nope FROM Contact", "INVALID_FIELD", "No such column 'Nope' on entity 'Contact'."),
        ("SELECT Nope.Id FROM Contact", "INVALID_FIELD", "Didn't understand relationship 'Nope'"),
        ("SELECT (SELECT Id FROM Nopes) FROM Account", "INVALID_TYPE", "Didn't understand relationship"),
        ("SELECT Id FROM Nope", "INVALID_TYPE", "sObject type 'Nope' is not supported."),
        ("SELECT Id FROM PlatformEventChannelMember", "INVALID_TYPE", "is not supported"),
        ("SELECT Id FROM Contact WHERE LastName = 3", "INVALID_FIELD", "should be enclosed in quotes"),
        ("SELECT Id FROM Contact WHERE Lead_Score__c = '3'", "INVALID_FIELD", "should not be enclosed"),
        ("SELECT Id FROM Contact WHERE CreatedDate > '2020-01-01'", "INVALID_FIELD", "of type dateTime"),
        ("SELECT Id FROM Contact WHERE Description = 'x'", "INVALID_FIELD", "can not be filtered"),
        ("SELECT Id FROM Contact ORDER BY Description", "INVALID_FIELD", "can not be sorted"),
        ("SELECT Id FROM Contact WHERE Id LIKE '003%'", "INVALID_FIELD", "invalid operator on id field"),
        ("SELECT Id FROM Contact WHERE Id = 'x'", "INVALID_QUERY_FILTER_OPERATOR", "invalid ID field: x"),
    ],
)
async def test_refusals(crm: Org, soql: str, code: str, said: str) -> None:
    got = await crm.query(soql)
    assert (got.status, got.code) == (400, code)
    assert said in got.said


def test_an_error_shows_its_place() -> None:
    with pytest.raises(Refusal) as wrong:
        parse("SELECT Id\nFROM Contact\nWHERE Name == 'x'")
    assert (
        wrong.value.message
        == "\nWHERE Name == 'x'\n            ^\nERROR at Row:3:Column:13\nunexpected token: '='"
    )


@pytest.mark.parametrize(
    ("name", "number", "begin", "end"),
    [
        ("TODAY", 0, "2026-03-18", "2026-03-19"),
        ("LAST_WEEK", 0, "2026-03-08", "2026-03-15"),
        ("THIS_MONTH", 0, "2026-03-01", "2026-04-01"),
        ("NEXT_QUARTER", 0, "2026-04-01", "2026-07-01"),
        ("LAST_YEAR", 0, "2025-01-01", "2026-01-01"),
        ("LAST_N_DAYS", 3, "2026-03-15", "2026-03-19"),
        ("NEXT_N_MONTHS", 2, "2026-04-01", "2026-06-01"),
        ("LAST_90_DAYS", 0, "2025-12-18", "2026-03-19"),
        ("N_DAYS_AGO", 3, "2026-03-15", "2026-03-16"),
    ],
)
def test_date_literals(name: str, number: int, begin: str, end: str) -> None:
    told = stretch(name, number, date(2026, 3, 18))
    assert tuple(day.isoformat() for day in told) == (begin, end)


async def test_a_walk_by_stamp_and_id_meets_each_record_once(crm: Org) -> None:
    for n in range(30):
        crm.made("Lead", LastName=f"n{n}", Company="x")
    crm.sandbox.people.edit("Lead", "bulk", fields={"Title": "tied"})
    seen, stamp, last = list[str](), "2020-01-01T00:00:00.000+0000", "000000000000000AAA"
    for _ in range(12):
        rows = await crm.rows(
            f"SELECT Id, SystemModstamp FROM Lead WHERE SystemModstamp > {stamp} OR "
            f"(SystemModstamp = {stamp} AND Id > '{last}') ORDER BY SystemModstamp, Id LIMIT 7"
        )
        if not rows:
            break
        seen += [row["Id"] for row in rows]
        stamp, last = rows[-1]["SystemModstamp"], rows[-1]["Id"]
    assert seen == sorted(crm.sandbox.people.rows("Lead"))


async def test_pages_in_the_size_that_is_asked_for(crm: Org) -> None:
    for n in range(450):
        crm.made("Lead", LastName=f"n{n}", Company="x")
    headers = {"Sforce-Query-Options": "batchSize=200"}
    first = await crm.query("SELECT Id FROM Lead", headers=headers)
    second = await crm.call("GET", first.body["nextRecordsUrl"])
    third = await crm.call("GET", second.body["nextRecordsUrl"])
    assert [len(page.body["records"]) for page in (first, second, third)] == [200, 200, 50]
    assert [page.body["done"] for page in (first, second, third)] == [False, False, True]
    crm.sandbox.clock.advance(2 * 86_400 + 1)
    stale = await crm.call("GET", first.body["nextRecordsUrl"])
    assert (stale.status, stale.code) == (401, "INVALID_SESSION_ID")
    token = crm.sandbox.auth.open(crm.sandbox.world.users["api"])
    headers = {"Authorization": f"Bearer {token}"}
    stale = await crm.call("GET", first.body["nextRecordsUrl"], headers=headers)
    assert (stale.status, stale.code) == (400, "INVALID_QUERY_LOCATOR")


async def test_selected_objects_are_known_to_the_tooling_api(crm: Org) -> None:
    soql = "SELECT SelectedEntity FROM PlatformEventChannelMember WHERE EventChannel = 'ChangeEvents'"
    assert (await crm.query(soql, "tooling/query")).body["records"] == [], "no Pub/Sub here"
    async with org({"pubsub": {"selected": ["Contact", "Pet__c"]}}) as other:
        rows = (await other.query(soql, "tooling/query")).body["records"]
        assert [row["SelectedEntity"] for row in rows] == ["ContactChangeEvent", "Pet__ChangeEvent"]
