"""Writes by the Bulk API 2.0: one job for a batch of thousands.

Source: Bulk API 2.0 and Bulk API Developer Guide, "Bulk API 2.0 Ingest": a job takes one CSV, works it off
in chunks that may run side by side, and tells of each row in one of three results, in any order:
successful and failed ones with `sf__Id` and `sf__Error`, and unprocessed ones. A row is known again by its
id, or by our key. "Prepare CSV Files": an empty cell leaves the field as it is, `#N/A` empties it.

Until the upload is called complete nothing is done. From then on the rows may be written whatever happens:
every failure is uncertain. A job that has not begun when a write's time is over is aborted. One that has is
left to end, for aborting takes nothing back, and what is under way is written all the same ("Interpret Batch
State"); nothing else is written meanwhile. A process that was killed leaves jobs behind as well: the next one
asks for them ("Get Information About All Jobs") before it writes.
"""

from __future__ import annotations

import asyncio
import csv
import io
import re
from collections.abc import Callable, Mapping, Sequence
from contextlib import suppress
from typing import Any

import orjson

from connectors.http import Request
from connectors.salesforce.bulk import JSON, Sleep, job_of, jobs_of, rows_of
from connectors.salesforce.bulk import Job as BulkJob
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.ids import long_id
from connectors.salesforce.jobs import Job, Outcome, outcome
from connectors.salesforce.parents import parent_of
from connectors.salesforce.sobject import SObject
from connectors.salesforce.values import CLEARED, cell
from connectors.salesforce.verdict import judged
from syncd.core.errors import RetryLater, SyncdError
from syncd.core.nouns import Accepted, Deferred, Uncertain

AT_MOST = 12.0
"""Seconds after which a job is aborted: a write has 20 at most, and the results must be fetched."""
SLOW = 600.0
"""Seconds for which nothing is written in bulk after a job that took too long: its jobs queue."""
LONGEST = 900.0
"""Seconds for which a job that has begun is waited for; then it is aborted all the same."""
NOT_BEGUN = ("Open", "UploadComplete")
UNDER_WAY = ("UploadComplete", "InProgress")
CSV = {"Content-Type": "text/csv; charset=UTF-8"}
_NO_FIELD = re.compile(r"Field name not found : (\w{1,255})")


class Unfinished:
    """The bulk jobs of one org that nobody waits for any more, and whether jobs take too long just now.

    A write that was cut off leaves its job behind; that would write old values over newer ones, later. So it
    has to be over before anything else is written to its object. `slow_until` by the connector's stopwatch.
    Jobs `found` at the start are this user's: ours, or another program's, so that none of them is aborted
    before it took too long.
    """

    def __init__(self, client: SalesforceClient, sleep: Sleep, clock: Callable[[], float]) -> None:
        self.client, self.sleep, self.clock = client, sleep, clock
        self.since: dict[str, tuple[str, float]] = {}
        self.slow_until = 0.0
        self.found: set[str] = set()
        self._recalled, self._one = False, asyncio.Lock()

    async def recall(self) -> None:
        """Ask once for the jobs of this user that were left under way by a process of before.

        One that is open has no rows to write, and nobody who will say that they are complete.
        """
        async with self._one:
            if self._recalled:
                return
            path: str | None = "/jobs/ingest?jobType=V2Ingest"
            while path:
                _, page = await self.client.get(path, "look for bulk jobs of before")
                for told in jobs_of(page):
                    mine = self.client.place.user in ("", long_id(str(told.get("createdById") or "")))
                    if mine and told.get("state") in UNDER_WAY:
                        self.found.add(str(told["id"]))
                        self.leave(str(told["id"]), str(told.get("object")))
                path = page.get("nextRecordsUrl") if not page.get("done", True) else None
            self._recalled = True

    def leave(self, id: str, object: str) -> None:
        """Nobody waits for this job any more."""
        self.since.setdefault(id, (object, self.clock()))

    async def end(self, object: str | None = None, patience: float = AT_MOST) -> None:
        """Wait until those of an object, or all, are over.

        Raises `RetryLater` where one is not after `patience` seconds.
        """
        began, wait = self.clock(), 0.25
        for id in sorted(id for id, (name, _) in self.since.items() if object in (None, name)):
            while not await self.over(id):
                if self.clock() - began > patience:
                    raise RetryLater(f"{self.client.name}: a bulk job of before is still under way", 1.0)
                await self.sleep(wait)
                wait = min(wait * 2, 2.0)

    async def over(self, id: str) -> bool:
        """Whether a job is over; one that has not begun, or takes for ever, is aborted."""
        path, what = f"/jobs/ingest/{id}", "look at a bulk job"
        answer = await self.client.send(Request("GET", path))
        body = answer.json(f"{self.client.name}: {what}")
        if answer.status != 404:
            if not answer.ok:
                raise self.client.failed(what, answer, body)
            job = job_of(body)
            lasting = self.clock() - self.since.get(id, ("", self.clock()))[1]
            if not (job.done or job.failed) and not (
                ((job.state in NOT_BEGUN and id not in self.found) or lasting > LONGEST)
                and await self._aborted(path)
            ):
                return False
        self.since.pop(id, None)
        self.found.discard(id)
        return True

    async def _aborted(self, path: str) -> bool:
        """False where the job went on to another state before it was asked."""
        body = orjson.dumps({"state": "Aborted"})
        answer = await self.client.send(Request("PATCH", path, JSON, body))
        if not answer.ok and answer.status != 400:
            raise self.client.failed("end of a bulk job", answer, answer.json("", writes=True))
        return answer.ok


class BulkWriter:
    """Writes jobs of one operation. `clock` is a stopwatch in seconds, `sleep` waits between two looks."""

    def __init__(
        self,
        client: SalesforceClient,
        sobject: SObject,
        unfinished: Unfinished,
        sleep: Sleep,
        clock: Callable[[], float],
    ) -> None:
        self.client, self.sobject, self.unfinished = client, sobject, unfinished
        self.sleep, self.clock = sleep, clock
        self.what = f"bulk write of {sobject.name}"

    @property
    def quick(self) -> bool:
        """Whether jobs are worked off in the time that a write has, as far as is known."""
        return self.clock() >= self.unfinished.slow_until

    def takes(self, job: Job) -> bool:
        """Whether a row can be known again in the results, and CSV can say its values.

        A text that reads `#N/A` would empty its field.
        """
        keyed = job.op != "create" or (self.sobject.key_is_unique and job.push.key is not None)
        return keyed and not any(value == CLEARED for value in job.body.values() if isinstance(value, str))

    async def write(self, jobs: Sequence[Job]) -> list[tuple[Job, Outcome]]:
        """One outcome per job. Rows of one parent follow each other, so that few chunks share one."""
        jobs = sorted(jobs, key=lambda job: parent_of(job, self.sobject.parent))
        began = self.clock()
        try:
            id = await self._made(jobs[0].op)
            try:
                return await self._one(id, jobs, began)
            except BaseException as error:  # also where the write is cut off, for its time is over
                self.unfinished.leave(id, self.sobject.name)
                if isinstance(error, SyncdError):
                    with suppress(SyncdError):
                        await self.unfinished.over(id)
                raise
        except SyncdError as error:
            return [(job, error) for job in jobs]

    async def _made(self, op: str) -> str:
        """A new job; one whose answer is lost stays empty, and does nothing."""
        named = {"create": "insert"}.get(op, op)
        body = {"object": self.sobject.name, "operation": named, "contentType": "CSV", "lineEnding": "LF"}
        made = Request("POST", "/jobs/ingest", JSON, orjson.dumps(body))
        return job_of((await self.client.ask(made, self.what))[1]).id

    async def _one(self, id: str, jobs: Sequence[Job], began: float) -> list[tuple[Job, Outcome]]:
        path = f"/jobs/ingest/{id}"
        await self._upload(f"{path}/batches", self._csv(jobs))
        if self.clock() - began > AT_MOST:
            self._is_slow()
            raise RetryLater(f"{self.client.name}: {self.what}: the upload took too long")
        try:
            body = orjson.dumps({"state": "UploadComplete"})
            await self.client.ask(Request("PATCH", path, JSON, body, writes=True), self.what)
            return await self._results(path, await self._ended(id, path, began), jobs)
        except SyncdError as error:
            after = error.after if isinstance(error, RetryLater) else None
            raise RetryLater(str(error), after, uncertain=True) from None

    def _csv(self, jobs: Sequence[Job]) -> bytes:
        out = io.StringIO(newline="")
        lines = csv.writer(out, lineterminator="\n")
        names = sorted({name for job in jobs for name in job.body})
        ids = jobs[0].op != "create"
        lines.writerow([*(["Id"] if ids else []), *names])
        for job in jobs:
            cells = [cell(job.body[name]) if name in job.body else "" for name in names]
            lines.writerow([*([job.id] if ids else []), *cells])
        return out.getvalue().encode()

    async def _upload(self, path: str, rows: bytes) -> None:
        answer = await self.client.send(Request("PUT", path, CSV, rows))
        if not answer.ok:
            raise self.client.failed(self.what, answer, answer.json("", writes=True))

    async def _ended(self, id: str, path: str, began: float) -> BulkJob:
        """The job when it is over, be it that it was aborted before it began."""
        wait = 0.25
        while True:
            job = job_of((await self.client.get(path, self.what))[1])
            if job.done or job.failed:
                return job
            left = AT_MOST - (self.clock() - began)
            if left <= 0:
                self._is_slow()
                if not await self.unfinished.over(id):
                    raise RetryLater(f"{self.client.name}: {self.what}: the job is still under way")
                continue
            await self.sleep(min(wait, left))
            wait = min(wait * 2, 2.0)

    def _is_slow(self) -> None:
        self.unfinished.slow_until = self.clock() + SLOW

    # -- results ---------------------------------------------------------------------------------------

    async def _results(self, path: str, ended: BulkJob, jobs: Sequence[Job]) -> list[tuple[Job, Outcome]]:
        good = {self._row_key(row, jobs[0]): row for row in await self._fetched(f"{path}/successfulResults/")}
        bad = {self._row_key(row, jobs[0]): row for row in await self._fetched(f"{path}/failedResults/")}
        left = {self._row_key(row, jobs[0]) for row in await self._fetched(f"{path}/unprocessedrecords/")}
        return [(job, self._outcome(job, ended, good, bad, left)) for job in jobs]

    async def _fetched(self, path: str) -> list[dict[str, Any]]:
        answer = await self.client.send(Request("GET", path, {"Accept": "text/csv"}))
        if not answer.ok:
            raise self.client.failed(self.what, answer, answer.json("", writes=True))
        return list(rows_of(answer.body))

    def _row_key(self, row: Mapping[str, Any], like: Job) -> str:
        if like.op == "create":
            return str(row.get(self.sobject.spec.key_field or ""))
        return long_id(str(row.get("Id") or row.get("sf__Id") or ""))

    def _outcome(
        self, job: Job, ended: BulkJob, good: Mapping[str, Any], bad: Mapping[str, Any], left: set[str]
    ) -> Outcome:
        key = str(job.push.key) if job.op == "create" else job.id
        if key in good:
            return Accepted(job.push.push_id, long_id(str(good[key].get("sf__Id") or job.id)))
        what = f"{self.client.name}: {self.what}"
        if key in bad:
            return outcome(job, judged(0, error_of(str(bad[key].get("sf__Error") or ""))), what)
        if key not in left:
            return Uncertain(job.push.push_id, "the bulk job does not say what became of this record")
        unknown = _NO_FIELD.search(ended.error)
        if unknown is not None and unknown[1] in job.body:
            error = {"statusCode": "INVALID_FIELD", "fields": [unknown[1]]}
            return outcome(job, judged(0, error), what)
        return Deferred(job.push.push_id)


def error_of(text: str) -> dict[str, Any]:
    """`CODE:message:field1,field2 --`, as the results write it, in the words of Collections."""
    code, _, rest = text.partition(":")
    message, _, names = rest.rpartition(":")
    fields = [name.strip() for name in names.replace("--", "").split(",") if name.strip()]
    return {"statusCode": code.strip(), "message": message or rest, "fields": fields}
