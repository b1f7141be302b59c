"""Writes: 200 records a call by sObject Collections, one under a condition, many thousands by the Bulk
API.

Sources: REST API Developer Guide, "sObject Collections" (results come in the order of the records, status
200 even where all failed), "Conditional Request Headers". A create carries our key in a unique external id
field and is an insert: done twice it is refused, and never writes over what somebody made of the record
since, as an upsert would. Where the key field is not unique, the key is looked for first, and the create
is an upsert.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import orjson

from connectors.http import Answer, Request, Step
from connectors.salesforce.bulk import JSON
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.columns import Column
from connectors.salesforce.ids import long_id
from connectors.salesforce.ingest import AT_MOST, BulkWriter
from connectors.salesforce.jobs import Job, Outcome, Taken, in_turns, job_of, outcome
from connectors.salesforce.parents import Parents, locked, parts
from connectors.salesforce.people import Names, Owners
from connectors.salesforce.settling import Settling, doubtful
from connectors.salesforce.sobject import SObject
from connectors.salesforce.values import stamp
from connectors.salesforce.verdict import judged, verdict_of
from syncd.core.errors import NeedsOperator, RetryLater, SchemaMoved, SyncdError
from syncd.core.nouns import Accepted, Deferred, Push, PushOp, PushResult, Uncertain

TOGETHER = 200
"""Records of one Collections call, at most."""
WHOLE_CALL = (Step.RETRY, Step.UNCERTAIN, Step.OPERATOR, Step.BATCH, Step.CURSOR_LOST)
"""Steps that speak of the call, not of its record."""


class Writer:
    """Writes one object's pushes. `allow`: save what a duplicate rule only warns of.

    `bulk` writes more than `bulk_above` records; its `unfinished` jobs are ended before anything is written.
    """

    def __init__(
        self,
        client: SalesforceClient,
        sobject: SObject,
        settling: Settling,
        names: Names,
        parents: Parents,
        bulk: BulkWriter,
        *,
        allow: bool,
        bulk_above: int | None = None,
    ) -> None:
        self.client, self.sobject, self.settling, self.names = client, sobject, settling, names
        self.parents, self.bulk, self.bulk_above = parents, bulk, bulk_above
        rule = "allowSave=true,includeRecordDetails=false,runAsCurrentUser=true"
        self.headers = {**JSON, **({"Sforce-Duplicate-Rule-Header": rule} if allow else {})}
        self.what = f"write of {sobject.name}"
        self._stop: SyncdError | None = None
        self._began = bulk.clock()

    async def write(self, batch: Sequence[Push]) -> list[PushResult]:
        """Exactly one result per push, or the error by which nothing at all can be said."""
        if self.bulk_above is not None:
            await self.bulk.unfinished.recall()
        await self.bulk.unfinished.end(self.sobject.name)
        owners = await self.names.load([pair for push in batch for pair in self._named(push)])
        self._check_key(batch)
        troubles = [owners.trouble(self._named(push)) for push in batch]
        if isinstance(troubles[0], NeedsOperator) and None not in troubles:
            raise troubles[0]
        made = [self._made(owners, push, why) for push, why in zip(batch, troubles, strict=True)]
        done: list[PushResult] = [job for job in made if not isinstance(job, Job)]
        came: list[tuple[Job, Outcome]] = []
        for group in in_turns([job for job in made if isinstance(job, Job)]):
            came += await self._group(group)
        errors = [found for _, found in came if isinstance(found, SyncdError)]
        if not done and errors and len(errors) == len(came) and len({doubtful(e) for e in errors}) == 1:
            raise errors[0]
        return done + await self.settling.results(came)

    def _named(self, push: Push) -> list[tuple[Column, Any]]:
        columns = self.sobject.columns
        return [(columns[name], value) for name, value in push.fields.items() if name in columns]

    def _made(self, owners: Owners, push: Push, trouble: SyncdError | None) -> Job | PushResult:
        """The job, or what can be told without it; where a look-up failed the push waits alone."""
        if trouble is not None:
            return Deferred(push.push_id, trouble.after if isinstance(trouble, RetryLater) else None)
        return job_of(self.sobject, owners, push)

    def _check_key(self, batch: Sequence[Push]) -> None:
        """A key field that went away concerns every create: no single record is to blame."""
        field = self.sobject.spec.key_field
        if field is None or all(push.op is not PushOp.CREATE or push.key is None for push in batch):
            return
        column = self.sobject.columns.get(field)
        if column is None or not column.createable:
            raise self._no_key(field)

    def _no_key(self, field: str) -> NeedsOperator:
        return NeedsOperator(
            f"{self.client.name}: {self.sobject.name} has no field {field} that this user may write: its "
            "key_field",
            "Make it a text field that is External ID and Unique, and grant Read and Edit on it",
        )

    def _no_path(self) -> NeedsOperator:
        said = f"{self.client.name}: {self.what}: Salesforce knows no sObject Collections at this address"
        return NeedsOperator(said, "Set `api_version` to 46.0 or later, and look at what is between")

    # -- calls -----------------------------------------------------------------------------------------

    async def _group(self, jobs: list[Job]) -> list[tuple[Job, Outcome]]:
        """Jobs of one operation, each on another record; those of one parent are in one call."""
        came: list[tuple[Job, Outcome]] = []
        if self.bulk_above is not None and len(jobs) > self.bulk_above and self.bulk.quick:
            much = [job for job in jobs if self.bulk.takes(job)]
            if len(much) > self.bulk_above:
                async with self.parents.holding(locked(much, self.sobject.parent)):
                    came += await self.bulk.write(much)
                jobs = [job for job in jobs if not self.bulk.takes(job)]
                self._look_for_stop([found for _, found in came])
        for part in parts(jobs, self.sobject.parent, TOGETHER):
            came += zip(part, await self._part(part), strict=True)
        return came

    def _look_for_stop(self, found: Sequence[Outcome]) -> None:
        """After a call that failed as a whole, the rest is not sent."""
        if found and all(isinstance(one, SyncdError) for one in found):
            self._stop = next(one for one in found if isinstance(one, SyncdError))

    async def _part(self, jobs: list[Job]) -> Sequence[Outcome]:
        """One call, if there is time for it."""
        if self._stop is None and self.bulk.clock() - self._began > AT_MOST:
            self._stop = RetryLater(f"{self.client.name}: {self.what}: there was no time for all records")
        if self._stop is not None:
            return [_not_sent(self._stop)] * len(jobs)
        try:
            async with self.parents.holding(locked(jobs, self.sobject.parent)):
                alone = jobs[0] if len(jobs) == 1 else None
                if alone is not None and alone.op == "update" and alone.push.expected_version is not None:
                    found: Sequence[Outcome] = [await self._guarded(alone)]
                else:
                    found = await self._together(jobs)
        except SyncdError as error:
            found = [error] * len(jobs)
        self._look_for_stop(found)
        return found

    async def _together(self, jobs: list[Job]) -> Sequence[Outcome]:
        if jobs[0].op == "delete":
            ids = ",".join(job.id for job in jobs)
            path = f"/composite/sobjects?allOrNone=false&ids={ids}"
            return await self._asked(jobs, Request("DELETE", path, self.headers, writes=True))
        keyed = self.sobject.spec.key_field is not None
        if jobs[0].op == "create" and keyed and not self.sobject.key_is_unique:
            return await self._upserted(jobs)
        method = "POST" if jobs[0].op == "create" else "PATCH"
        return await self._asked(jobs, self._collection(method, "/composite/sobjects", jobs))

    def _record(self, job: Job) -> dict[str, Any]:
        attributes = {"attributes": {"type": self.sobject.name}}
        return {**attributes, **({"id": job.id} if job.op == "update" else {}), **job.body}

    def _collection(self, method: str, path: str, jobs: Sequence[Job]) -> Request:
        body = orjson.dumps({"allOrNone": False, "records": [self._record(job) for job in jobs]})
        return Request(method, path, self.headers, body, writes=True)

    async def _upserted(self, jobs: list[Job]) -> Sequence[Outcome]:
        """An upsert would write over what somebody made of an earlier create, so that is looked for first."""
        field = self.sobject.spec.key_field or ""
        keys = [job.push.key for job in jobs if job.push.key is not None]
        there = await self.settling.lookup.by_key(keys)
        new = [job for job in jobs if job.push.key not in there]
        came: dict[int, Outcome] = {
            job.push.push_id: Taken(job, long_id(str(there[job.push.key or ""]["Id"])), field)
            for job in jobs
            if job.push.key in there
        }
        if new:
            path = f"/composite/sobjects/{self.sobject.name}/{quote(field, safe='')}"
            found = await self._asked(new, self._collection("PATCH", path, new), key=field)
            came |= {job.push.push_id: one for job, one in zip(new, found, strict=True)}
        return [came[job.push.push_id] for job in jobs]

    async def _asked(self, jobs: Sequence[Job], request: Request, *, key: str | None = None) -> list[Outcome]:
        """One outcome per job; raises what ends the call. `key` is the field of the request's path."""
        answer = await self.client.send(request)
        body = answer.json(f"{self.client.name}: {self.what}", writes=True)
        if answer.ok:
            return self._read(jobs, body)
        verdict = verdict_of(answer.status, body)
        if verdict.step is Step.GONE:  # no record is spoken of, but what stands in the path
            raise self._no_key(key) if key is not None else self._no_path()
        if verdict.step is Step.DEFERRED and len(jobs) == 1:  # this record's trouble, and nobody else's
            return [Deferred(jobs[0].push.push_id, verdict.row.after)]
        raise self._failed(answer, body)

    def _failed(self, answer: Answer, body: Any) -> SyncdError:
        return self.client.failed(self.what, answer, body, writes=True)

    # -- answers ---------------------------------------------------------------------------------------

    def _read(self, jobs: Sequence[Job], body: Any) -> list[Outcome]:
        """The results of a call, in the order of its records; one that does not fit says nothing of any."""
        results = body if isinstance(body, list) else []
        if len(results) != len(jobs) or not all(isinstance(r, Mapping) for r in results):
            by_id = {long_id(str(r.get("id"))): r for r in results if isinstance(r, Mapping) and r.get("id")}
            return [self._sorted_out(job, by_id) for job in jobs]
        named = [long_id(str(r["id"])) if r.get("id") and r.get("success") else job.id
                 for r, job in zip(results, jobs, strict=True)]  # fmt: skip
        if jobs[0].op != "create" and named != [job.id for job in jobs]:
            by_id = {long_id(str(r.get("id"))): r for r in results if r.get("id")}
            return [self._sorted_out(job, by_id) for job in jobs]
        return [self._one(job, result) for job, result in zip(jobs, results, strict=True)]

    def _sorted_out(self, job: Job, by_id: Mapping[str, Mapping[str, Any]]) -> Outcome:
        """A result that is known by its record's id alone."""
        if job.op != "create" and job.id in by_id:
            return self._one(job, by_id[job.id])
        return Uncertain(job.push.push_id, "the answer does not say what became of this record")

    def _one(self, job: Job, result: Mapping[str, Any]) -> Outcome:
        if result.get("success") is True:
            remote_id = long_id(str(result.get("id") or job.push.remote_id or ""))
            if not remote_id:
                return Uncertain(job.push.push_id, "the answer does not tell the new record's id")
            return Accepted(job.push.push_id, remote_id)
        errors = result.get("errors") or [{}]
        verdict = judged(0, errors[0] if isinstance(errors[0], Mapping) else {})
        if verdict.code in ("INACTIVE_OWNER_OR_USER", "INVALID_CROSS_REFERENCE_KEY"):
            self.names.forget()
        return outcome(job, verdict, f"{self.client.name}: {self.what}")

    async def _guarded(self, job: Job) -> Outcome:
        """One record, unless it was changed after the second in which we read it."""
        at = stamp(job.push.expected_version)
        unless = {"If-Unmodified-Since": format_datetime(at, usegmt=True)} if at is not None else {}
        path = f"/sobjects/{self.sobject.name}/{job.id}"
        body = orjson.dumps(job.body)
        answer = await self.client.send(Request("PATCH", path, {**self.headers, **unless}, body, writes=True))
        told = answer.json(f"{self.client.name}: {self.what}", writes=True)
        if answer.ok:
            return Accepted(job.push.push_id, job.id)
        verdict = verdict_of(answer.status, told)
        failed = self._failed(answer, told)
        if isinstance(failed, SchemaMoved) or verdict.row.step in WHOLE_CALL:
            return failed
        return outcome(job, verdict, f"{self.client.name}: {self.what}")


def _not_sent(error: SyncdError) -> SyncdError:
    """The error of a record that was not sent, because another one's call failed."""
    return RetryLater(str(error), error.after) if isinstance(error, RetryLater) else error
