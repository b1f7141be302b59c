"""The sandbox before `aiosalesforce`, unmodified: composite calls, batches, Bulk 2.0, duplicate rules."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import httpx
import pytest
from aiosalesforce import Salesforce
from aiosalesforce.auth import ClientCredentialsFlow, JwtBearerFlow, SoapLogin
from aiosalesforce.exceptions import (
    AuthenticationError,
    DuplicatesDetectedError,
    MoreThanOneRecordError,
    NotFoundError,
    SalesforceError,
)

from connectors.salesforce.sandbox import SalesforceSandbox
from tests.sandbox.salesforce.clients import MappedTransport

BASE = "https://acme.my.salesforce.com"
JSON = {"Content-Type": "application/json"}


@asynccontextmanager
async def client(**profile: Any) -> AsyncIterator[tuple[SalesforceSandbox, Salesforce]]:
    """A sandbox and a client that logs in by client credentials."""
    sandbox = SalesforceSandbox({"pubsub": {"enabled": False}, **profile})
    async with sandbox.serving():
        told = sandbox.ready()["auth"]
        async with httpx.AsyncClient(transport=plain(sandbox), trust_env=False) as http:
            auth = ClientCredentialsFlow(told["client_id"], told["client_secret"])
            yield sandbox, Salesforce(http, BASE, auth, version="62.0", retry_policy=None)


class plain(MappedTransport):  # noqa: N801
    """Over http, though the client means https."""

    def __init__(self, sandbox: SalesforceSandbox) -> None:
        super().__init__(sandbox.url)

    async def handle_async_request(self, request: httpx.Request) -> httpx.Response:
        """One request."""
        request.url = request.url.copy_with(scheme="http")
        return await super().handle_async_request(request)


@pytest.fixture
async def made() -> AsyncIterator[tuple[SalesforceSandbox, Salesforce]]:
    async with client() as both:
        yield both


Both = tuple[SalesforceSandbox, Salesforce]


async def test_it_logs_in_in_three_ways(made: Both, tmp_path: Any) -> None:
    sandbox, sf = made
    told = sandbox.ready()["auth"]
    (tmp_path / "key.pem").write_text(told["private_key"])
    for auth in (
        JwtBearerFlow(told["client_id"], told["username"], tmp_path / "key.pem"),
        SoapLogin(told["username"], told["password"], "token"),
    ):
        sf.auth = auth
        assert (await sf.get_limits())["DailyApiRequests"]["Max"] == 100_000
    sf.auth = ClientCredentialsFlow(told["client_id"], "wrong")
    with pytest.raises(AuthenticationError) as wrong:
        await sf.get_limits()
    assert wrong.value.error_code == "invalid_client"


async def test_it_logs_in_again_when_a_session_ends(made: Both) -> None:
    sandbox, sf = made
    await sf.get_limits()
    first = sandbox.calls["token"]
    sandbox.clock.advance(7201)
    await sf.get_limits()
    assert sandbox.calls["token"] == first + 1


async def test_records(made: Both) -> None:
    _, sf = made
    id = await sf.sobject.create("Contact", {"LastName": "Li"})
    await sf.sobject.update("Contact", id, {"FirstName": "Ann"})
    assert (await sf.sobject.get("Contact", id, fields=["Name"]))["Name"] == "Ann Li"
    done = await sf.sobject.upsert("Contact", "k1", "Syncd_Id__c", {"LastName": "K"})
    again = await sf.sobject.upsert("Contact", "k1", "Syncd_Id__c", {"LastName": "L"})
    assert (done.created, again.created, done.id) == (True, False, again.id)
    await sf.sobject.delete("Contact", id)
    with pytest.raises(NotFoundError):
        await sf.sobject.get("Contact", id)


async def test_duplicates_and_several() -> None:
    fields = {"Contact": {"Legacy__c": {"type": "string", "external_id": True}}}
    async with client(fields=fields, quirks={"duplicates": [{"object": "Contact"}]}) as (_, sf):
        first = await sf.sobject.create(
            "Contact", {"LastName": "A", "Email": "a@x.example", "Legacy__c": "1"}
        )
        with pytest.raises(DuplicatesDetectedError) as found:
            await sf.sobject.create("Contact", {"LastName": "B", "Email": "A@x.example"})
        assert [one["id"] for one in found.value.duplicates] == [first]
        await sf.sobject.create("Contact", {"LastName": "C", "Legacy__c": "1"})
        with pytest.raises(MoreThanOneRecordError):
            await sf.sobject.upsert("Contact", "1", "Legacy__c", {"LastName": "D"})


async def test_composite_with_references(made: Both) -> None:
    sandbox, sf = made
    async with sf.composite(all_or_none=True, autoraise=True) as composite:
        account = composite.sobject.create("Account", {"Name": "Acme"})
        contact = composite.sobject.create(
            "Contact", {"LastName": "Li", "AccountId": str(account.reference.id)}
        )
        query = composite.query(f"SELECT Account.Name FROM Contact WHERE Id = '{contact.reference.id}'")
    assert [one["Account"]["Name"] for one in query.records] == ["Acme"]
    (row,) = sandbox.people.rows("Contact").values()
    assert (row.id, row.fields["AccountId"]) == (contact.id, account.id)
    keys = {change.transaction for change in sandbox.journal.changes}
    assert len(keys) == 1, "what is done all or none is one transaction"


async def test_composite_takes_back_what_was_done(made: Both) -> None:
    sandbox, sf = made
    async with sf.composite(all_or_none=True) as composite:
        account = composite.sobject.create("Account", {"Name": "Acme"})
        bad = composite.sobject.create("Contact", {"AccountId": str(account.reference.id)})
    assert (account.is_success, bad.is_success) == (False, False)
    assert account.response_body[0]["errorCode"] == "PROCESSING_HALTED"  # type: ignore[index]
    assert bad.response_body[0]["errorCode"] == "REQUIRED_FIELD_MISSING"  # type: ignore[index]
    assert sandbox.people.rows("Account") == {}
    assert sandbox.journal.changes == []


async def test_a_batch_of_strangers(made: Both) -> None:
    sandbox, sf = made
    async with sf.composite.batch() as batch:
        good = batch.sobject.create("Account", {"Name": "Acme"})
        bad = batch.sobject.create("Account", {"Nonsense": 1})
        query = batch.query("SELECT Id FROM Account")
    assert (good.is_success, bad.is_success, len(query.records)) == (True, False, 1)
    with pytest.raises(SalesforceError) as wrong:
        bad.raise_for_status()
    assert wrong.value.error_code == "INVALID_FIELD"
    async with sf.composite.batch(halt_on_error=True) as batch:
        batch.sobject.create("Account", {"Nonsense": 1})
        late = batch.sobject.create("Account", {"Name": "Never"})
    assert late.status_code == 412
    assert len(sandbox.people.rows("Account")) == 1


async def test_collections(made: Both) -> None:
    _, sf = made
    url = f"{BASE}/services/data/v62.0/composite/sobjects"
    records = [
        {"attributes": {"type": "Contact"}, "LastName": "A", "Syncd_Id__c": "a"},
        {"attributes": {"type": "Contact"}, "Syncd_Id__c": "b"},
    ]
    got = await sf.request("PATCH", f"{url}/Contact/Syncd_Id__c", json={"records": records})
    good, bad = got.json()
    assert (good["success"], good["created"], bad["success"]) == (True, True, False)
    assert bad["errors"] == [
        {
            "statusCode": "REQUIRED_FIELD_MISSING",
            "message": "Required fields are missing: [LastName]",
            "fields": ["LastName"],
        }
    ]


async def test_bulk_ingest(made: Both) -> None:
    sandbox, sf = made
    data = [{"Syncd_Id__c": f"k{n}", "LastName": f"n{n}"} for n in range(250)]
    data.append({"Syncd_Id__c": "bad", "LastName": ""})
    ingest = sf.bulk_v2.ingest.perform_operation(
        "upsert", "Contact", data, external_id_field="Syncd_Id__c", polling_interval=0.01
    )
    (done,) = [one async for one in ingest]
    assert done.job_info.state == "JobComplete"
    assert (len(done.successful_results), len(done.failed_results)) == (250, 1)
    assert done.failed_results[0]["sf__Error"].startswith("REQUIRED_FIELD_MISSING:")
    assert {change.origin for change in sandbox.journal.changes} == {
        "com/salesforce/api/bulkapi/62.0;client=aiosalesforce/0.6.2"
    }
    assert len({change.transaction for change in sandbox.journal.changes}) == 2, "200 rows in each"
    assert [job.id async for job in sf.bulk_v2.ingest.list_jobs()] == [done.job_info.id]
    await sf.bulk_v2.ingest.delete_job(done.job_info.id)
    assert [job.id async for job in sf.bulk_v2.ingest.list_jobs()] == []
