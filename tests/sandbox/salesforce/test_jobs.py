"""Bulk API 2.0: states, pages, results, what is refused; getUpdated and getDeleted."""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator
from datetime import timedelta
from typing import Any

import pytest

from tests.sandbox.salesforce.clients import Answer, Org, org


@pytest.fixture
async def crm() -> AsyncIterator[Org]:
    async with org() as made:
        yield made


def table(text: str) -> list[dict[str, str]]:
    return list(csv.DictReader(io.StringIO(text)))


async def ingest(crm: Org, text: str, operation: str = "insert", **more: str) -> str:
    """A job with its rows uploaded, and closed; its id."""
    body = {"object": "Contact", "operation": operation, "contentType": "CSV", **more}
    made = await crm.call("POST", "jobs/ingest", body)
    assert made.body["state"] == "Open", made.body
    id = str(made.body["id"])
    assert (await crm.call("PUT", f"jobs/ingest/{id}/batches", text)).status == 201
    closed = await crm.call("PATCH", f"jobs/ingest/{id}", {"state": "UploadComplete"})
    assert closed.body["state"] == "UploadComplete"
    return id


async def over(crm: Org, id: str, kind: str = "ingest") -> dict[str, Any]:
    """The job, when it has ended."""
    while True:
        job: dict[str, Any] = (await crm.get(f"jobs/{kind}/{id}")).body
        if job["state"] in ("JobComplete", "Failed", "Aborted"):
            return job


async def results(crm: Org, id: str, which: str) -> list[dict[str, str]]:
    return table((await crm.get(f"jobs/ingest/{id}/{which}")).body)


async def test_what_becomes_of_each_row(crm: Org) -> None:
    crm.made("Account", Name="A", Syncd_Id__c="a")
    text = (
        "Syncd_Id__c,LastName,Account.Syncd_Id__c,Birthdate,DoNotCall,Title\n"
        'k1,"Li, Ann",a,1990-05-17,true,x\nk2,,,,,\nk3,B,nope,,,\nk4,C,,soon,,\nk5,D,,,,\n'
    )
    id = await ingest(crm, text, "upsert", externalIdFieldName="Syncd_Id__c")
    job = await over(crm, id)
    assert (job["state"], job["numberRecordsProcessed"], job["numberRecordsFailed"]) == ("JobComplete", 5, 3)
    good, bad = await results(crm, id, "successfulResults"), await results(crm, id, "failedResults")
    assert [(row["Syncd_Id__c"], row["sf__Created"]) for row in good] == [("k1", "true"), ("k5", "true")]
    assert [row["sf__Error"].split(":")[0] for row in bad] == [
        "REQUIRED_FIELD_MISSING",
        "INVALID_FIELD",
        "INVALID_TYPE_ON_FIELD_IN_RECORD",
    ]
    assert bad[0]["sf__Error"] == "REQUIRED_FIELD_MISSING:Required fields are missing: [LastName]:LastName --"
    row = crm.sandbox.people.rows("Contact")[good[0]["sf__Id"]].fields
    assert (row["LastName"], row["Birthdate"], row["DoNotCall"]) == ("Li, Ann", "1990-05-17", True)
    again = await ingest(
        crm, "Syncd_Id__c,LastName,Title\nk1,,#N/A\n", "upsert", externalIdFieldName="Syncd_Id__c"
    )
    assert (await over(crm, again))["numberRecordsFailed"] == 0
    assert (await results(crm, again, "successfulResults"))[0]["sf__Created"] == "false"
    row = crm.sandbox.people.rows("Contact")[good[0]["sf__Id"]].fields
    assert (row["LastName"], row["Title"]) == ("Li, Ann", None), "empty is nothing said, #N/A is cleared"


async def test_the_same_key_twice_in_one_job(crm: Org) -> None:
    text = "Syncd_Id__c,LastName\nk,A\nK,B\nother,C\n"
    job = await over(crm, await ingest(crm, text, "upsert", externalIdFieldName="Syncd_Id__c"))
    assert (job["numberRecordsProcessed"], job["numberRecordsFailed"]) == (3, 2)
    bad = await results(crm, job["id"], "failedResults")
    assert {row["sf__Error"].split(":")[0] for row in bad} == {"DUPLICATE_VALUE"}


async def test_updates_and_deletes(crm: Org) -> None:
    ids = [crm.made("Contact", LastName=f"n{n}") for n in range(3)]
    job = await ingest(crm, f"Id;Title\r\n{ids[0]};Boss\r\n003gK0000000ZZZ;x\r\n", "update",
                       columnDelimiter="SEMICOLON", lineEnding="CRLF")  # fmt: skip
    assert (await over(crm, job))["numberRecordsFailed"] == 1
    assert (await crm.get(f"jobs/ingest/{job}/successfulResults")).body.startswith('"sf__Id";"sf__Created"')
    await over(crm, await ingest(crm, f"Id\n{ids[1]}\n", "delete"))
    hard = await ingest(crm, f"Id\n{ids[2]}\n", "hardDelete")
    assert (await over(crm, hard))["state"] == "JobComplete"
    rows = await crm.rows("SELECT Id, IsDeleted, Title FROM Contact ORDER BY Id", "queryAll")
    assert [(row["Id"], row["IsDeleted"], row["Title"]) for row in rows] == [
        (ids[0], False, "Boss"),
        (ids[1], True, None),
    ]


async def test_a_job_goes_on_as_a_person_wants() -> None:
    async with org({"quirks": {"bulk_steps": True}}) as crm:
        id = await ingest(crm, "LastName\nA\nB\n")
        assert (await crm.get(f"jobs/ingest/{id}")).body["state"] == "UploadComplete"
        early = await crm.get(f"jobs/ingest/{id}/successfulResults")
        assert (early.status, early.code) == (400, "INVALIDJOBSTATE")
        assert (await crm.control("jobs", id=id, to="InProgress"))["numberRecordsProcessed"] == 0
        assert crm.sandbox.people.rows("Contact") == {}
        assert (await crm.control("jobs", id=id, to="JobComplete"))["numberRecordsProcessed"] == 2
        failed = await ingest(crm, "LastName\nA\n")
        assert "errorMessage" in await crm.control("jobs", id=failed, to="Failed")
        assert len(await results(crm, failed, "unprocessedrecords")) == 1
        ended = await ingest(crm, "LastName\nA\n")
        assert (await crm.call("PATCH", f"jobs/ingest/{ended}", {"state": "Aborted"})).body[
            "state"
        ] == "Aborted"
        assert (await results(crm, ended, "unprocessedrecords")) == [{"LastName": "A"}]
        assert len(crm.sandbox.people.rows("Contact")) == 2
        made = await query(crm, "SELECT Id FROM Contact")
        assert (await crm.get(f"jobs/query/{made.body['id']}/results")).code == "INVALIDJOBSTATE"
        await crm.control("jobs", id=made.body["id"], to="JobComplete")
        assert len(table((await crm.get(f"jobs/query/{made.body['id']}/results")).body)) == 2


async def test_what_ingest_jobs_refuse(crm: Org) -> None:
    for body, code in (
        ({"object": "Nope", "operation": "insert"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "paint"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "upsert"}, "INVALIDJOB"),
        ({"object": "Contact", "operation": "upsert", "externalIdFieldName": "Title"}, "NOT_FOUND"),
        ({"object": "Contact", "operation": "insert", "columnDelimiter": "DOT"}, "INVALIDJOB"),
    ):
        assert (await crm.call("POST", "jobs/ingest", body)).code == code
    id = await ingest(crm, "LastName,Nope\nA,1\n")
    job = await over(crm, id)
    assert (job["state"], job["errorMessage"]) == ("Failed", "InvalidBatch : Field name not found : Nope")
    assert (await crm.call("PUT", f"jobs/ingest/{id}/batches", "LastName\nB\n")).code == "INVALIDJOBSTATE"
    assert (await crm.call("DELETE", f"jobs/ingest/{id}")).status == 204
    assert (await crm.get(f"jobs/ingest/{id}")).status == 404
    assert crm.sandbox.people.rows("Contact") == {}


async def query(crm: Org, soql: str, operation: str = "query") -> Answer:
    return await crm.call("POST", "jobs/query", {"operation": operation, "query": soql})


async def test_a_query_job_page_by_page(crm: Org) -> None:
    firm = crm.made("Account", Name='A "quoted", name', BillingStreet="1 Way\nBack")
    for n in range(5):
        crm.made("Contact", LastName=f"n{n}", AccountId=firm if n else None, Lead_Score__c=n)
    soql = "SELECT Id, LastName, Account.Name, Lead_Score__c, DoNotCall, SystemModstamp FROM Contact"
    made = await query(crm, soql)
    assert (made.body["state"], made.body["object"]) == ("UploadComplete", "Contact")
    id, rows, locator, sizes = made.body["id"], list[dict[str, str]](), "", list[int]()
    assert (await over(crm, id, "query"))["numberRecordsProcessed"] == 5
    while locator != "null":
        page = await crm.get(f"jobs/query/{id}/results", maxRecords="2", locator=locator)
        rows += table(page.body)
        sizes.append(int(page.headers["Sforce-NumberOfRecords"]))
        locator = page.headers["Sforce-Locator"]
    assert sizes == [2, 2, 1]
    assert [row["LastName"] for row in rows] == [f"n{n}" for n in range(5)]
    assert (rows[0]["Account.Name"], rows[1]["Account.Name"]) == ("", 'A "quoted", name')
    assert (rows[3]["Lead_Score__c"], rows[3]["DoNotCall"]) == ("3.0", "false")
    assert rows[0]["SystemModstamp"].endswith(".000Z")
    (street,) = table(
        (
            await crm.get(
                f"jobs/query/{(await query(crm, 'SELECT BillingStreet FROM Account')).body['id']}/results"
            )
        ).body
    )
    assert street["BillingStreet"] == "1 Way\nBack"
    crm.edit("Contact", rows[0]["Id"], "delete")
    everything = await query(crm, "SELECT Id, IsDeleted FROM Contact", "queryAll")
    told = table((await crm.get(f"jobs/query/{everything.body['id']}/results")).body)
    assert [row["IsDeleted"] for row in told].count("true") == 1


async def test_what_query_jobs_refuse(crm: Org) -> None:
    for soql, code in (
        ("SELECT Id FORM Contact", "MALFORMED_QUERY"),
        ("SELECT Nope FROM Contact", "INVALID_FIELD"),
        ("SELECT BillingAddress FROM Account", "API_ERROR"),
        ("SELECT COUNT(Id) FROM Account", "API_ERROR"),
        ("SELECT Id, (SELECT Id FROM Contacts) FROM Account", "API_ERROR"),
    ):
        got = await query(crm, soql)
        assert (got.status, got.code) == (400, code)
    made = (await query(crm, "SELECT Id FROM Contact")).body["id"]
    assert (await crm.get(f"jobs/query/{made}/results", locator="?")).code == "INVALID_LOCATOR"


async def test_faults_in_jobs(crm: Org) -> None:
    crm.sandbox.arm("partial", rows=[0], route="bulk.batch")
    job = await over(crm, await ingest(crm, "LastName\nA\nB\n"))
    assert job["numberRecordsFailed"] == 1
    id = (await query(crm, "SELECT Id FROM Contact")).body["id"]
    crm.sandbox.arm("lose_next", object="Contact")
    page = await crm.get(f"jobs/query/{id}/results", maxRecords="1")
    assert page.headers["Sforce-Locator"] == "null"
    assert [fault.fired for fault in crm.sandbox.faults.armed] == [1, 1]


async def test_updated_and_deleted(crm: Org) -> None:
    ids = [crm.made("Contact", LastName=name) for name in "ABC"]
    crm.edit("Contact", ids[1], "delete")
    now = crm.sandbox.clock.now()

    async def ask(word: str, start: timedelta, end: timedelta = timedelta(minutes=2)) -> Answer:
        form = "%Y-%m-%dT%H:%M:%S+00:00"
        window = {"start": (now + start).strftime(form), "end": (now + end).strftime(form)}
        return await crm.get(f"sobjects/Contact/{word}/", **window)

    updated = await ask("updated", timedelta(hours=-1))
    assert updated.body["ids"] == [ids[0], ids[2]]
    assert updated.body["latestDateCovered"] <= now.strftime("%Y-%m-%dT%H:%M:59")
    deleted = await ask("deleted", timedelta(hours=-1))
    assert [one["id"] for one in deleted.body["deletedRecords"]] == [ids[1]]
    assert {"earliestDateAvailable", "latestDateCovered"} < set(deleted.body)
    for word, start, end in (
        ("updated", timedelta(days=-31), timedelta(0)),
        ("updated", timedelta(0), timedelta(hours=-1)),
        ("deleted", timedelta(days=-16), timedelta(0)),
    ):
        assert (await ask(word, start, end)).code == "INVALID_REPLICATION_DATE"
    assert (await crm.get("sobjects/Contact/updated")).code == "MISSING_ARGUMENT"
    crm.sandbox.set_quirks(covered_lag=600)
    behind = (await ask("updated", timedelta(hours=-1))).body["latestDateCovered"]
    assert behind < updated.body["latestDateCovered"]
