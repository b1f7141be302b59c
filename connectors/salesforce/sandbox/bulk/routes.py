"""`jobs/query…` and `jobs/ingest…`."""

from __future__ import annotations

import base64
import binascii
from collections.abc import Callable, Coroutine
from typing import Any

from connectors.salesforce.sandbox.ask import Ask, Task
from connectors.salesforce.sandbox.bulk import texts
from connectors.salesforce.sandbox.bulk.ingest import Ingest, purge
from connectors.salesforce.sandbox.bulk.jobs import ENDED, INGESTS, Job, Jobs, State, wrong_state
from connectors.salesforce.sandbox.query import Queries
from connectors.salesforce.sandbox.refusals import Refused
from connectors.salesforce.sandbox.rows import Rows
from connectors.salesforce.sandbox.soql import run
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call

PAGE = 50_000
"""Rows of a results page where maxRecords says nothing."""
LISTED = 1000
CSV = "text/csv"
Spawn = Callable[[Coroutine[Any, Any, None]], None]
RESULTS = {"successfulresults": "done", "failedresults": "failed", "unprocessedrecords": "left"}


class Bulk:
    """The jobs of one org. `origin` says how the change journal names a request's client."""

    def __init__(self, rows: Rows, queries: Queries, spawn: Spawn, origin: Callable[[Ask, str], str]) -> None:
        self.rows, self.queries, self.org = rows, queries, rows.org
        self.jobs = Jobs(rows.org.clock)
        self.ingest = Ingest(rows, self.jobs)
        self.spawn, self.origin = spawn, origin

    def _job(self, ask: Ask, body: dict[str, Any], **more: Any) -> Job:
        now = self.org.clock.millis()
        job = Job(
            id=self.jobs.new_id(),
            operation=body["operation"],
            user=ask.user,
            origin=self.origin(ask, "bulkapi"),
            version=ask.version,
            created=now,
            moved=now,
            delimiter=body.get("columnDelimiter") or "COMMA",
            ending=body.get("lineEnding") or "LF",
            **more,
        )
        if job.delimiter not in texts.DELIMITERS or job.ending not in texts.ENDINGS:
            raise Refused("INVALIDJOB", "InvalidJob : columnDelimiter or lineEnding is not known")
        self.jobs.all[job.id] = job
        return job

    # query jobs --------------------------------------------------------------------------------------------

    def create_query(self, ask: Ask) -> Task:
        """POST jobs/query."""
        body = ask.json()
        text = str(body.get("query") or "")
        made = self.queries.compiled(text)

        def work() -> Answer:
            if body.get("operation") not in ("query", "queryAll"):
                raise Refused("INVALIDJOB", "InvalidJob : operation must be query or queryAll")
            compound = any(column.field.type == "address" for column in made.columns)
            if made.children or made.aggregates or made.groups or made.query.offset or compound:
                text = "FeatureNotEnabled : Cannot serialize this query in CSV format"
                raise Refused("API_ERROR", text)
            job = self._job(
                ask,
                body,
                kind="query",
                object=made.table.name,
                state="UploadComplete",
                query=str(body["query"]),
            )
            deleted = job.operation == "queryAll"
            job.columns = [
                ".".join((*(step.name for step in column.steps), column.name)) for column in made.columns
            ]
            job.found = self.queries.found(made, Call("list", made.table.name), deleted=deleted)
            job.show = run.show(self.org, made, ask.base)
            told = job.told()
            if not self.org.quirks.bulk_steps:
                self.jobs.move(job, "JobComplete")
            return Answer.json(told)

        return Call("job", made.table.name), work

    def results(self, ask: Ask, id: str) -> Task:
        """GET jobs/query/ID/results: CSV, a page at a time."""
        job = self.jobs.get("query", id)
        call = Call("bulk.list", job.object)

        def work() -> Answer:
            if job.state != "JobComplete":
                raise wrong_state(job, "JobComplete")
            start, size = _locator(ask), _size(ask)
            page, end = job.found[start : start + size], start + size
            take = self.org.faults.take
            if take("empty_page", call) is not None:
                page, end = [], len(job.found)
            elif take("short_page", call) is not None:
                page, end = page[: len(page) // 2], len(job.found)
            elif take("lose_next", call) is not None:
                end = len(job.found)
            assert job.show is not None
            rows = [[_at(told, name) for name in job.columns] for told in map(job.show, page)]
            there = base64.b64encode(str(end).encode()).decode() if end < len(job.found) else "null"
            headers = {"Sforce-Locator": there, "Sforce-NumberOfRecords": str(len(page))}
            body = texts.write(job.columns, rows, job.delimiter, job.ending)
            return Answer(200, body, headers, CSV)

        return call, work

    # ingest jobs -------------------------------------------------------------------------------------------

    def create_ingest(self, ask: Ask) -> Task:
        """POST jobs/ingest."""
        body = ask.json()
        object = str(body.get("object") or "")

        def work() -> Answer:
            operation, key = body.get("operation"), str(body.get("externalIdFieldName") or "")
            if operation not in INGESTS:
                raise Refused("INVALIDJOB", f"InvalidJob : Unable to find operation: {operation}")
            table = next((name for name in self.org.tables if name.lower() == object.lower()), None)
            if table is None:
                raise Refused("INVALIDJOB", f"InvalidJob : Unable to find object: {object}")
            if operation == "upsert":
                if not key:
                    raise Refused("INVALIDJOB", "InvalidJob : External ID was blank for " + table)
                key = self.rows.key(self.org.org_table(table), key)
            job = self._job(ask, body, kind="ingest", object=table, state="Open", key=key)
            return Answer.json(job.told())

        return Call("job", object), work

    def upload(self, ask: Ask, id: str) -> Task:
        """PUT jobs/ingest/ID/batches: the rows, once."""
        job = self.jobs.get("ingest", id)

        def work() -> Answer:
            if job.state != "Open":
                raise wrong_state(job, "Open")
            if job.uploaded:
                raise Refused("INVALIDJOBSTATE", "Found multiple contents for job: " + job.id)
            job.header, job.rows = texts.read(ask.body, job.delimiter)
            job.uploaded = True
            return Answer(201)

        return Call("upload", job.object, writes=True), work

    def ingested(self, ask: Ask, id: str, which: str) -> Task:
        """GET jobs/ingest/ID/successfulResults, failedResults or unprocessedrecords."""
        job = self.jobs.get("ingest", id)
        name = RESULTS.get(which.lower())

        def work() -> Answer:
            if name is None or job.state not in ENDED:
                raise wrong_state(job, "JobComplete")
            extra = {"done": ["sf__Id", "sf__Created"], "failed": ["sf__Id", "sf__Error"], "left": []}[name]
            body = texts.write([*extra, *job.header], getattr(job, name), job.delimiter, job.ending)
            return Answer(200, body, type=CSV)

        return Call("results", job.object), work

    # both --------------------------------------------------------------------------------------------------

    def get(self, ask: Ask, id: str) -> Task:
        """GET jobs/KIND/ID."""
        job = self.jobs.get(ask.path[1], id)
        return Call("job", job.object), lambda: Answer.json(job.counted())

    def listed(self, ask: Ask) -> Task:
        """GET jobs/KIND."""
        jobs = [job.told() for job in self.jobs.all.values() if job.kind == ask.path[1]][-LISTED:]
        return Call("job"), lambda: Answer.json({"done": True, "records": jobs, "nextRecordsUrl": None})

    def change(self, ask: Ask, id: str) -> Task:
        """PATCH jobs/KIND/ID: close it, or abort it."""
        job, wanted = self.jobs.get(ask.path[1], id), ask.json().get("state")

        def work() -> Answer:
            if wanted == "Aborted" and job.state not in ENDED:
                job.left = job.left or list(job.rows)
                self.jobs.move(job, "Aborted")
            elif wanted == "UploadComplete" and job.kind == "ingest" and job.state == "Open":
                self.jobs.move(job, "UploadComplete")
                if not self.org.quirks.bulk_steps:
                    self.spawn(self._finish(job))
            else:
                raise wrong_state(job, "another")
            return Answer.json(job.told())

        return Call("job", job.object, writes=wanted == "UploadComplete"), work

    def delete(self, ask: Ask, id: str) -> Task:
        """DELETE jobs/KIND/ID, once it is over."""
        job = self.jobs.get(ask.path[1], id)

        def work() -> Answer:
            if job.state not in ENDED and not (job.kind == "ingest" and job.state == "UploadComplete"):
                raise wrong_state(job, "JobComplete")
            del self.jobs.all[job.id]
            return Answer(204)

        return Call("job", job.object), work

    # by hand -----------------------------------------------------------------------------------------------

    async def _finish(self, job: Job) -> None:
        await self.ingest.run(job)
        if job.operation == "hardDelete" and job.state == "JobComplete":
            purge(self.org, job)

    async def advance(self, id: str, state: State) -> dict[str, Any]:
        """A person moves a job on: to InProgress, JobComplete (its work is done first) or Failed."""
        job = self.jobs.all[id]
        if state == "JobComplete" and job.kind == "ingest" and job.state != "Open":
            if job.state == "UploadComplete":
                await self._finish(job)
            elif job.state == "InProgress":
                await self.ingest.work(job)
        else:
            if state == "Failed":
                job.error, job.left = "InternalServerError : it failed", list(job.rows)
            self.jobs.move(job, state)
        return job.counted()


def _at(told: dict[str, Any], path: str) -> Any:
    found: Any = told
    for name in path.split("."):
        found = found.get(name) if found is not None else None
    return found


def _size(ask: Ask) -> int:
    given = ask.query.get("maxRecords", "")
    return max(1, int(given)) if given.isdigit() else PAGE


def _locator(ask: Ask) -> int:
    given = ask.query.get("locator", "")
    try:
        return int(base64.b64decode(given, validate=True)) if given else 0
    except (binascii.Error, ValueError):
        raise Refused("INVALID_LOCATOR", "invalid locator") from None
