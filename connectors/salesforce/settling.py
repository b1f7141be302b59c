"""What the answers to writes come to: records that were met, targets that are missing, what was stored.

Each look may fail without taking back what was accepted.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.salesforce.ids import long_id
from connectors.salesforce.jobs import Job, Outcome, Taken, met, rejected
from connectors.salesforce.lookup import Lookup
from connectors.salesforce.sobject import SObject
from connectors.salesforce.targets import Targets
from connectors.salesforce.verdict import judged
from syncd.core.errors import RetryLater, SyncdError
from syncd.core.nouns import Accepted, Deferred, Missing, PushResult, Rejected, StoredBy, Uncertain

NO_TARGET = judged(0, {"statusCode": "INVALID_CROSS_REFERENCE_KEY", "fields": ["?"]})
"""What it comes to if a record that is referred to is not there."""
Rows = Mapping[str, Mapping[str, Any]]


class Settling:
    """Turns outcomes into results. `us` is this log-in's user, "" where the org does not tell."""

    def __init__(self, sobject: SObject, lookup: Lookup, us: str, *, read_back: bool) -> None:
        self.sobject, self.lookup, self.us, self.read_back = sobject, lookup, us, read_back
        self.targets = Targets(lookup.client, sobject)

    async def results(self, came: Sequence[tuple[Job, Outcome]]) -> list[PushResult]:
        """One result per job, in their order."""
        jobs = [job for job, _ in came]
        results = [await self._settled(job, found) for job, found in came]
        results = await self.targets.named(await self._missed(results, jobs), jobs)
        return await self._told(results, jobs)

    async def _settled(self, job: Job, found: Outcome) -> PushResult:
        if isinstance(found, Taken):
            try:
                return await self._taken(found)
            except SyncdError:
                return Deferred(job.push.push_id)
        if isinstance(found, SyncdError):
            if doubtful(found):
                return Uncertain(job.push.push_id, str(found))
            return Deferred(job.push.push_id, found.after if isinstance(found, RetryLater) else None)
        return found

    async def _taken(self, taken: Taken) -> PushResult:
        """By our own create of before, by a record that can be named, or by none."""
        job, key_field = taken.job, self.sobject.spec.key_field
        row: Mapping[str, Any] | None = None
        if taken.record is not None:
            row = (await self.lookup.by_id([taken.record])).get(taken.record)
        elif key_field is not None and job.push.key is not None:
            row = (await self.lookup.by_key([job.push.key])).get(job.push.key)
        if row is None or row.get("IsDeleted") is True:
            code = "a unique value is taken, by a record that is deleted or hidden from this user"
            return Rejected(job.push.push_id, "DUPLICATE_VALUE", code, None)
        shown = str(row.get(key_field or "") or "")
        if taken.field == key_field and shown.casefold() != str(job.push.key).casefold():
            return Uncertain(job.push.push_id, "the answer is about the record of another create")
        return met(job, long_id(str(row["Id"])), self.sobject.values(row), key_field)

    async def _missed(self, results: list[PushResult], jobs: Sequence[Job]) -> list[PushResult]:
        """An "invalid cross reference id" may be the record's, or that of one it refers to: look which."""
        pairs = list(zip(results, jobs, strict=True))
        doubted = {job.id for r, job in pairs if isinstance(r, Missing) and job.op == "update" and job.refs}
        if not doubted:
            return results
        try:
            rows = await self.lookup.by_id(sorted(doubted))
        except SyncdError:  # what was accepted stays accepted; the others are asked about anew
            return [
                Deferred(r.push_id) if isinstance(r, Missing) and job.id in doubted else r for r, job in pairs
            ]
        there = {id for id, row in rows.items() if row.get("IsDeleted") is not True}
        return [
            rejected(job, NO_TARGET) if isinstance(r, Missing) and job.id in there & doubted else r
            for r, job in pairs
        ]

    async def _told(self, results: list[PushResult], jobs: Sequence[Job]) -> list[PushResult]:
        """Read back what was stored. Only where the last word on a record is ours does it say so."""
        wanted = {r.remote_id for r, job in zip(results, jobs, strict=True)
                  if isinstance(r, Accepted) and job.op != "delete"}  # fmt: skip
        if not self.read_back or not wanted:
            return results
        try:
            rows = await self.lookup.by_id(sorted(wanted))
        except SyncdError:
            return results
        results = self._by_key(results, jobs, rows)
        return [self._stored(r, rows.get(r.remote_id)) if isinstance(r, Accepted) else r for r in results]

    def _by_key(self, results: list[PushResult], jobs: Sequence[Job], rows: Rows) -> list[PushResult]:
        """Creates as the records themselves show them: each carries our key, whatever the answer's order."""
        key_field = self.sobject.spec.key_field or ""
        ours = {job.push.key.casefold(): job for job in jobs if job.op == "create" and job.push.key}
        made = {
            ours[key].push.push_id: id
            for id, row in rows.items()
            if (key := str(row.get(key_field) or "").casefold()) in ours
        }
        claimed = set(made.values())
        found: list[PushResult] = []
        for result, job in zip(results, jobs, strict=True):
            id, push_id = made.get(job.push.push_id), job.push.push_id
            if job.op == "create" and id is not None and getattr(result, "remote_id", None) != id:
                result = Accepted(push_id, id)
            elif id is None and isinstance(result, Accepted) and result.remote_id in claimed:
                result = Uncertain(push_id, "the answer names the record of another create")
            found.append(result)
        return found

    def _stored(self, result: Accepted, row: Mapping[str, Any] | None) -> PushResult:
        if row is None or row.get("IsDeleted") is True or not self.us:
            return result
        if row.get("LastModifiedById") != self.us:
            return result
        change = self.sobject.change(row)
        if not change.fields:
            return result
        return Accepted(
            result.push_id, result.remote_id, change.remote_version, change.fields, StoredBy.READ_BACK
        )


def doubtful(error: SyncdError) -> bool:
    """Whether a write that failed with it may have been done all the same."""
    return isinstance(error, RetryLater) and error.uncertain
