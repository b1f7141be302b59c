"""The sandbox before `simple-salesforce`, unmodified: what its documentation says happens."""

from __future__ import annotations

import asyncio
import datetime
from collections.abc import AsyncIterator
from contextlib import nullcontext
from typing import Any

import pytest
from simple_salesforce import Salesforce, SalesforceLogin
from simple_salesforce.exceptions import (
    SalesforceAuthenticationFailed,
    SalesforceError,
    SalesforceExpiredSession,
    SalesforceGeneralError,
    SalesforceMalformedRequest,
    SalesforceMoreThanOneRecord,
    SalesforceRefusedRequest,
    SalesforceResourceNotFound,
)

from tests.sandbox.salesforce.clients import DOMAIN, VERSION, Simple, Work, simple


@pytest.fixture
async def served() -> AsyncIterator[Simple]:
    async with simple() as made:
        yield made


async def run(served: Simple, work: Work) -> Any:
    """The client blocks, so it works in a thread."""
    return await asyncio.to_thread(lambda: work(served.connected()))


def login(served: Simple, **how: Any) -> tuple[str, str]:
    """As `Salesforce(...)` does it."""
    found: tuple[str, str] = SalesforceLogin(session=served.session, sf_version=VERSION, **how)
    return found


async def test_it_logs_in_by_client_credentials(served: Simple) -> None:
    told = served.told
    key = {"consumer_key": told["client_id"], "consumer_secret": told["client_secret"]}
    token, instance = await asyncio.to_thread(login, served, domain=DOMAIN, **key)
    assert served.adapter.hosts == [f"{DOMAIN}.salesforce.com"]
    assert instance == served.sandbox.url.removeprefix("https://")
    assert served.sandbox.auth.user_of_token(token) == served.sandbox.world.users["api"]
    with pytest.raises(SalesforceAuthenticationFailed) as wrong:
        await asyncio.to_thread(login, served, domain=DOMAIN, **{**key, "consumer_secret": "x"})
    assert wrong.value.code == "invalid_client"


async def test_it_logs_in_by_jwt(served: Simple) -> None:
    told = served.told
    key = {"username": told["username"], "consumer_key": told["client_id"], "privatekey": told["private_key"]}
    token, _ = await asyncio.to_thread(login, served, **key)
    assert served.adapter.hosts == ["login.salesforce.com"]
    assert served.sandbox.auth.user_of_token(token) == served.sandbox.world.users["api"]
    for words, said in (
        ({"consumer_key": "stranger"}, "client identifier invalid"),
        ({"username": "nobody@x.example"}, "user hasn't approved this consumer"),
        ({"domain": "evil"}, "audience is invalid"),
    ):
        told_so = "may need to authorize" if "approved" in said else None
        warned = pytest.warns(UserWarning, match=told_so) if told_so else nullcontext()
        with pytest.raises(SalesforceAuthenticationFailed) as wrong, warned:
            await asyncio.to_thread(login, served, **{**key, **words})
        assert wrong.value.auth_message == said


async def test_it_logs_in_by_soap(served: Simple) -> None:
    told = served.told
    how = {"username": told["username"], "password": told["password"], "security_token": "t"}
    token, instance = await asyncio.to_thread(login, served, domain=DOMAIN, **how)
    assert instance == served.sandbox.url.removeprefix("https://")
    assert served.sandbox.auth.user_of_token(token) is not None
    with pytest.raises(SalesforceAuthenticationFailed) as wrong:
        await asyncio.to_thread(login, served, domain=DOMAIN, **{**how, "password": "x"})
    assert wrong.value.code == "INVALID_LOGIN"


async def test_a_record_from_its_making_to_its_end(served: Simple) -> None:
    def work(sf: Salesforce) -> None:
        made = sf.Contact.create({"LastName": "Smith", "Email": "Example@Example.com"})
        assert made == {"id": made["id"], "success": True, "errors": []}
        read = sf.Contact.get(made["id"])
        assert (read["LastName"], read["Email"]) == ("Smith", "example@example.com")
        assert read["attributes"]["url"].endswith(f"/sobjects/Contact/{made['id']}")
        assert sf.Contact.update(made["id"], {"LastName": "Jones", "FirstName": "John"}) == 204
        assert sf.Contact.get(made["id"][:15])["Name"] == "John Jones"
        assert sf.Contact.delete(made["id"]) == 204
        with pytest.raises(SalesforceResourceNotFound) as gone:
            sf.Contact.get(made["id"])
        assert gone.value.content[0]["errorCode"] == "ENTITY_IS_DELETED"
        deleted = sf.query("SELECT Id FROM Contact WHERE IsDeleted = true", include_deleted=True)
        assert [one["Id"] for one in deleted["records"]] == [made["id"]]

    await run(served, work)


async def test_upsert_by_an_external_id(served: Simple) -> None:
    def work(sf: Salesforce) -> None:
        assert sf.Contact.upsert("Syncd_Id__c/11999", {"LastName": "Smith"}) == 201
        assert sf.Contact.upsert("Syncd_Id__c/11999", {"LastName": "Li"}) == 200
        assert sf.Contact.get_by_custom_id("Syncd_Id__c", "11999")["LastName"] == "Li"
        with pytest.raises(SalesforceResourceNotFound) as wrong:
            sf.Contact.upsert("Nope__c/1", {"LastName": "Smith"})
        assert "Provided external ID field does not exist" in wrong.value.content[0]["message"]
        old = Salesforce(
            instance_url=served.told["instance_url"],
            session_id=served.told["access_token"],
            session=served.session,
            version="45.0",
        )
        assert old.Contact.upsert("Syncd_Id__c/11999", {"LastName": "Wu"}) == 204

    await run(served, work)


async def test_several_records_with_one_external_id() -> None:
    fields = {"Contact": {"Legacy__c": {"type": "string", "external_id": True}}}
    async with simple({"fields": fields}) as served:

        def work(sf: Salesforce) -> None:
            for name in "AB":
                sf.Contact.create({"LastName": name, "Legacy__c": "x"})
            with pytest.raises(SalesforceMoreThanOneRecord) as several:
                sf.Contact.upsert("Legacy__c/x", {"FirstName": "C"})
            assert len(several.value.content) == 2

        await run(served, work)


async def test_queries_page_by_page() -> None:
    async with simple({"records": 250, "quirks": {"page_cap": 100}}) as served:

        def work(sf: Salesforce) -> None:
            first = sf.query("SELECT Id, Email FROM Contact")
            assert (first["totalSize"], first["done"], len(first["records"])) == (250, False, 100)
            second = sf.query_more(first["nextRecordsUrl"], True)
            third = sf.query_more(second["nextRecordsUrl"].rsplit("/", 1)[1])
            assert (third["done"], len(third["records"])) == (True, 50)
            everything = sf.query_all("SELECT Id, Account.Name FROM Contact ORDER BY Id")
            ids = [record["Id"] for record in everything["records"]]
            assert (everything["totalSize"], everything["done"], ids) == (250, True, sorted(set(ids)))
            assert len(list(sf.query_all_iter("SELECT Id FROM Contact LIMIT 201"))) == 201
            assert sf.query("SELECT COUNT() FROM Contact")["totalSize"] == 250
            assert sf.is_sandbox() is True

        await run(served, work)
        assert served.sandbox.calls["list Contact"] == 10


async def test_describe(served: Simple) -> None:
    def work(sf: Salesforce) -> None:
        names = {one["name"] for one in sf.describe()["sobjects"]}
        assert {"Account", "Contact", "Lead", "Opportunity", "User"} <= names
        fields = {field["name"]: field for field in sf.Contact.describe()["fields"]}
        assert fields["Syncd_Id__c"]["externalId"] is True
        assert fields["LastName"]["nillable"] is False
        assert fields["AccountId"]["referenceTo"] == ["Account"]
        assert sf.Contact.metadata()["objectDescribe"]["keyPrefix"] == "003"
        assert sf.limits()["DailyApiRequests"]["Max"] == 100_000

    await run(served, work)


@pytest.mark.parametrize(
    ("fields", "code", "named"),
    [
        ({}, "REQUIRED_FIELD_MISSING", ["LastName"]),
        ({"LastName": "x" * 81}, "STRING_TOO_LONG", ["LastName"]),
        ({"LastName": "x", "Email": "nonsense"}, "INVALID_EMAIL_ADDRESS", ["Email"]),
        ({"LastName": "x", "Foo__c": 1}, "INVALID_FIELD", None),
        ({"LastName": "x", "Name": "x"}, "INVALID_FIELD_FOR_INSERT_UPDATE", ["Name"]),
        ({"LastName": "x", "Birthdate": "soon"}, "JSON_PARSER_ERROR", None),
        ({"LastName": "x", "AccountId": "nonsense"}, "MALFORMED_ID", ["AccountId"]),
        ({"LastName": "x", "OwnerId": "005gK0000000004QAA"}, "INACTIVE_OWNER_OR_USER", ["OwnerId"]),
    ],
)
async def test_refusals(served: Simple, fields: dict[str, Any], code: str, named: list[str] | None) -> None:
    def work(sf: Salesforce) -> None:
        with pytest.raises(SalesforceMalformedRequest) as wrong:
            sf.Contact.create(fields)
        (error,) = wrong.value.content
        assert (error["errorCode"], error.get("fields")) == (code, named)

    await run(served, work)
    assert served.sandbox.people.rows("Contact") == {}


async def test_errors_of_queries(served: Simple) -> None:
    def work(sf: Salesforce) -> None:
        for soql, code in (
            ("SELECT Id FORM Contact", "MALFORMED_QUERY"),
            ("SELECT Nope__c FROM Contact", "INVALID_FIELD"),
            ("SELECT Id FROM Nope__c", "INVALID_TYPE"),
        ):
            with pytest.raises(SalesforceMalformedRequest) as wrong:
                sf.query(soql)
            assert wrong.value.content[0]["errorCode"] == code
        with pytest.raises(SalesforceMalformedRequest) as stale:
            sf.query_more("01ggK0000000001QAA-2000")
        assert stale.value.content[0]["errorCode"] == "INVALID_QUERY_LOCATOR"

    await run(served, work)


@pytest.mark.parametrize(
    ("fault", "kind", "code"),
    [
        ({"fault": "unauthorized"}, SalesforceExpiredSession, "INVALID_SESSION_ID"),
        ({"fault": "forbidden"}, SalesforceRefusedRequest, "API_DISABLED_FOR_ORG"),
        ({"fault": "rate_limited"}, SalesforceRefusedRequest, "REQUEST_LIMIT_EXCEEDED"),
        ({"fault": "row_lock"}, SalesforceMalformedRequest, "UNABLE_TO_LOCK_ROW"),
        ({"fault": "error_before", "status": 503}, SalesforceGeneralError, "SERVER_UNAVAILABLE"),
        ({"fault": "error_before"}, SalesforceGeneralError, "UNKNOWN_EXCEPTION"),
    ],
)
async def test_errors_of_the_service(
    served: Simple, fault: dict[str, Any], kind: type[SalesforceError], code: str
) -> None:
    def work(sf: Salesforce) -> None:
        with pytest.raises(kind) as wrong:
            sf.Contact.create({"LastName": "x"})
        assert wrong.value.content[0]["errorCode"] == code  # type: ignore[index]

    armed = served.sandbox.arm(**fault)
    await run(served, work)
    assert armed.fired == 1
    assert served.sandbox.people.rows("Contact") == {}


async def test_the_quota_of_a_day(served: Simple) -> None:
    def work(sf: Salesforce) -> None:
        sf.limits()
        assert sf.api_usage["api-usage"] == (99_999, 100_000)
        sf.limits()
        with pytest.raises(SalesforceRefusedRequest) as wrong:
            sf.query("SELECT Id FROM Contact")
        assert wrong.value.content == [
            {"message": "TotalRequests Limit exceeded.", "errorCode": "REQUEST_LIMIT_EXCEEDED"}
        ]

    served.sandbox.limits.left = 2
    await run(served, work)


async def test_bulk_2(served: Simple) -> None:
    def work(sf: Salesforce) -> None:
        records = [{"LastName": f"n{n}", "Email": f"n{n}@x.example"} for n in range(30)]
        records.append({"LastName": "x" * 81, "Email": "long@x.example"})
        (done,) = sf.bulk2.Contact.insert(records=records, wait=0)
        counts = {"numberRecordsFailed": 1, "numberRecordsProcessed": 31, "numberRecordsTotal": 31}
        assert done == {**counts, "job_id": done["job_id"]}
        assert "STRING_TOO_LONG" in sf.bulk2.Contact.get_failed_records(done["job_id"])
        assert sf.bulk2.Contact.get_successful_records(done["job_id"]).count("true") == 30
        pages = list(sf.bulk2.Contact.query("SELECT Id, LastName FROM Contact", max_records=12, wait=0))
        lines = [line for page in pages for line in page.splitlines()[1:]]
        assert ([page.count("\n") - 1 for page in pages], len(lines)) == ([12, 12, 6], 30)
        ids = [line.split(",")[0].strip('"') for line in lines]
        sf.bulk2.Contact.update(records=[{"Id": ids[0], "Title": "Boss"}], wait=0)
        sf.bulk2.Contact.upsert(
            records=[{"Syncd_Id__c": "k", "LastName": "K"}], external_id_field="Syncd_Id__c", wait=0
        )
        sf.bulk2.Contact.delete(records=[{"Id": ids[1]}], wait=0)
        assert sf.Contact.get(ids[0])["Title"] == "Boss"
        assert sf.query("SELECT COUNT() FROM Contact")["totalSize"] == 30

    await run(served, work)


async def test_what_was_updated_and_deleted(served: Simple) -> None:
    def work(sf: Salesforce) -> None:
        made = [sf.Contact.create({"LastName": name})["id"] for name in "AB"]
        sf.Contact.delete(made[1])
        end = datetime.datetime.now(datetime.UTC) + datetime.timedelta(minutes=2)
        start = end - datetime.timedelta(days=2)
        assert sf.Contact.updated(start, end)["ids"] == made[:1]
        assert [one["id"] for one in sf.Contact.deleted(start, end)["deletedRecords"]] == made[1:]

    await run(served, work)
