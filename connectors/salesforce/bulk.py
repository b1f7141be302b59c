"""The Bulk API 2.0's query jobs: a whole object in few calls.

Source: Bulk API 2.0 and Bulk API Developer Guide, "Query Jobs": a job is made, worked off in its own time,
and its results are fetched as CSV, page by page, by a locator in the header `Sforce-Locator` ("null" on
the last). Compound fields cannot be asked for. Results show the records as the job met them, minutes ago
perhaps.
"""

from __future__ import annotations

import csv
import io
from collections.abc import AsyncIterator, Awaitable, Callable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any

import orjson

from connectors.http import Request, Step
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.values import stamp
from connectors.salesforce.verdict import verdict_of
from syncd.core.errors import RetryLater

Sleep = Callable[[float], Awaitable[object]]
RESULTS = 10_000
"""Records of a result that are fetched at once."""
LONGEST = 10.0
"""Seconds between two looks at a job, at most; the first come quicker."""
DONE, FAILED = ("JobComplete",), ("Failed", "Aborted")
JSON = {"Content-Type": "application/json; charset=UTF-8"}


@dataclass(frozen=True, slots=True)
class Job:
    """A job as the org told of it.

    `created` by its clock; `error` says why it failed; `records` that it found, None: untold.
    """

    id: str
    state: str
    created: datetime | None
    error: str = ""
    records: int | None = None

    @property
    def done(self) -> bool:
        return self.state in DONE

    @property
    def failed(self) -> bool:
        return self.state in FAILED

    def is_whole(self, came: int) -> bool:
        """Whether as many records came as the job found: a result may end early without a word."""
        return self.records is None or self.records == came


class BulkQuery:
    """Makes query jobs and fetches what they found. `sleep` waits between two looks at a job."""

    def __init__(self, client: SalesforceClient, sleep: Sleep) -> None:
        self.client, self.sleep = client, sleep

    async def create(self, soql: str) -> Job:
        """A new job for the living records of a query."""
        body = orjson.dumps({"operation": "query", "query": soql})
        _, told = await self.client.ask(Request("POST", "/jobs/query", JSON, body), "bulk query")
        return job_of(told)

    async def look(self, id: str) -> Job | None:
        """The job as it is now; None where the org no longer has it."""
        answer = await self.client.send(Request("GET", f"/jobs/query/{id}"))
        body = answer.json(f"{self.client.name}: bulk query")
        if not answer.ok:
            if verdict_of(answer.status, body).step is Step.GONE:
                return None
            raise self.client.failed("bulk query", answer, body)
        return job_of(body)

    async def waiting(self, id: str) -> AsyncIterator[Job | None]:
        """The job, looked at again and again until it ends; None where it is gone."""
        wait = 0.25
        while True:
            job = await self.look(id)
            yield job
            if job is None or job.done or job.failed:
                return
            await self.sleep(wait)
            wait = min(wait * 2, LONGEST)

    async def results(self, id: str, locator: str) -> tuple[list[dict[str, Any]], str]:
        """A page of rows, and the locator of the next; empty on the last one."""
        path = f"/jobs/query/{id}/results?maxRecords={RESULTS}" + (f"&locator={locator}" if locator else "")
        answer = await self.client.send(Request("GET", path, {"Accept": "text/csv"}))
        if not answer.ok:
            body = answer.json("", writes=True)
            if verdict_of(answer.status, body).step is Step.GONE:
                raise RetryLater(f"{self.client.name}: bulk results: the job is gone")
            raise self.client.failed("bulk results", answer, body)
        rows = list(rows_of(answer.body))
        said = answer.headers.get("Sforce-NumberOfRecords")
        if said is not None and said.isdigit() and int(said) != len(rows):
            message = f"{self.client.name}: bulk results: {len(rows)} records came of {said}"
            raise RetryLater(message)
        following = answer.headers.get("Sforce-Locator") or "null"
        return rows, "" if following == "null" else following


def job_of(told: Any) -> Job:
    """A job as JSON."""
    if not isinstance(told, Mapping) or not isinstance(told.get("id"), str):
        raise RetryLater("the Bulk API answered without a job")
    error = str(told.get("errorMessage") or "")
    found = told.get("numberRecordsProcessed")
    records = found if isinstance(found, int) and not isinstance(found, bool) else None
    return Job(told["id"], str(told.get("state") or ""), stamp(told.get("createdDate")), error, records)


def jobs_of(page: Any) -> list[Mapping[str, Any]]:
    """The jobs of a page of their listing."""
    told = page.get("records") if isinstance(page, Mapping) else None
    if not isinstance(told, list) or not all(isinstance(j, Mapping) and j.get("id") for j in told):
        raise RetryLater("the Bulk API answered without a list of jobs")
    return told


def rows_of(body: bytes) -> Iterator[dict[str, Any]]:
    """CSV as rows of JSON: an empty cell is null, `Owner.Email` is a field of a record in it."""
    lines = csv.reader(io.StringIO(body.decode("utf-8-sig"), newline=""))
    header = next(lines, None)
    if header is None:
        return
    paths = [name.split(".") for name in header]
    for cells in lines:
        if len(cells) != len(paths):
            raise RetryLater("the Bulk API's CSV has a row of another length")
        row: dict[str, Any] = {}
        for path, cell in zip(paths, cells, strict=True):
            _put(row, path, cell or None)
        yield row


def _put(row: dict[str, Any], path: Sequence[str], value: str | None) -> None:
    for step in path[:-1]:
        row = row.setdefault(step, {})
    row[path[-1]] = value
