"""Writes: in batches where the API has them, else one by one, several at a time."""

from __future__ import annotations

import asyncio
from collections.abc import Mapping, Sequence
from typing import Any

from connectors.http import HttpClient
from connectors.rest.batches import OPS, Batcher
from connectors.rest.lookup import Lookup, together
from connectors.rest.outcome import Job, Outcome, Taken, outcome, settle_taken
from connectors.rest.shape import Shape
from connectors.rest.whole import replacing
from syncd.core.errors import RetryLater, SyncdError
from syncd.core.nouns import Deferred, Push, PushOp, PushResult, Rejected, Uncertain


class Writer:
    """Writes one object's pushes. `archive` holds the fields that archive a record, if that is configured."""

    def __init__(
        self, client: HttpClient, shape: Shape, lookup: Lookup, archive: Mapping[str, Any] | None
    ) -> None:
        self.client, self.shape, self.lookup, self.archive = client, shape, lookup, archive
        self._places = asyncio.Semaphore(client.concurrency)
        self._stop: SyncdError | None = None
        self._end = asyncio.get_running_loop().time() + client.timeout

    async def write(self, batch: Sequence[Push]) -> list[PushResult]:
        """Exactly one result per push, or the error by which nothing at all can be said."""
        done: list[PushResult] = []
        groups: dict[tuple[int, str], list[Job]] = {}
        turns: dict[str, int] = {}
        for push in batch:
            job = self._job(push)
            if isinstance(job, Rejected):
                done.append(job)
                continue
            turn = 0
            if push.remote_id is not None:
                turn = turns[push.remote_id] = turns.get(push.remote_id, -1) + 1
            groups.setdefault((turn, job.op), []).append(job)
        came: list[tuple[Job, Outcome]] = []
        for _, jobs in sorted(groups.items(), key=lambda item: item[0][0]):
            came += zip(jobs, await self._group(jobs), strict=True)
        return done + await self._settled(came, alone=not done)

    def _job(self, push: Push) -> Job | Rejected:
        """What can be said without asking the server, else the job."""
        op, shape = OPS[push.op], self.shape
        if push.op is PushOp.ARCHIVE and self.archive is None:
            return Rejected(push.push_id, "no_archive", "this kind has no `archive` configured")
        fields: Mapping[str, Any] = (self.archive or {}) if push.op is PushOp.ARCHIVE else push.fields
        if op == "create" and push.key is not None and shape.spec.key_field is not None:
            fields = {**fields, shape.spec.key_field: shape.key_value(push.key)}
        if op == "create" and push.key is not None and "upsert" in shape.calls:
            op = "upsert"
        if op not in shape.calls and op not in shape.batches:
            return Rejected(push.push_id, "no_call", f"`calls` does not say how to {op} here")
        if not shape.writable(push.fields):
            return self._unwritable(push)
        return Job(push, op, {} if op == "delete" else fields)

    def _unwritable(self, push: Push) -> Rejected:
        for name in push.fields:
            info = self.shape.infos.get(name)
            if info is None and self.shape.closed:
                return Rejected(push.push_id, "unknown_field", f"there is no field {name}", name)
            if info is not None and info.read_only:
                return Rejected(push.push_id, "read_only", f"field {name} cannot be written", name)
        raise AssertionError("all fields can be written")

    async def _group(self, jobs: list[Job]) -> list[Outcome]:
        """Jobs of one operation, each on another record."""
        batch = self.shape.batches.get(jobs[0].op)
        if jobs[0].op == "upsert":
            return await self._upserts(jobs)
        if batch is None:
            return await together(self._alone, jobs)
        batcher = Batcher(self.client, self.shape, batch, jobs[0].op)
        came: list[Outcome] = []
        for start in range(0, len(jobs), batch.words.size):
            part = jobs[start : start + batch.words.size]
            if self._stop is not None:
                came += [_not_sent(self._stop)] * len(part)
                continue
            if start and asyncio.get_running_loop().time() > self._end:
                came += [Deferred(job.push.push_id, 0.0) for job in part]
                continue
            came += await self._together(batcher, part)
        return came

    async def _together(self, batcher: Batcher, part: list[Job]) -> list[Outcome]:
        """One batch, of those that can be said at all."""
        values = [self._said(job) for job in part]
        sent = [(job, said) for job, said in zip(part, values, strict=True) if isinstance(said, dict)]
        try:
            told = iter(
                await batcher.send([job for job, _ in sent], [said for _, said in sent]) if sent else []
            )
        except SyncdError as error:
            self._stop = error
            told = iter([error] * len(sent))
        return [next(told) if isinstance(said, dict) else said for said in values]

    def _said(self, job: Job) -> dict[str, Any] | Rejected:
        """The placeholders of a write; a value that this API's form cannot hold is its record's trouble."""
        try:
            return self._values(job)
        except Exception as error:
            return unsayable(job, error)

    def _values(self, job: Job) -> dict[str, Any]:
        push, shape = job.push, self.shape
        version = shape.version_value(push.expected_version)
        values: dict[str, Any] = {"values": shape.record.put(job.fields), "version": version}
        if push.remote_id is not None:
            values["id"] = shape.id_value(push.remote_id)
        if push.key is not None:
            values["key"] = shape.key_value(push.key)
        return values

    async def _alone(self, job: Job) -> Outcome:
        """One request for one record, unless an earlier one showed that none can be done now."""
        async with self._places:
            if self._stop is not None:
                return _not_sent(self._stop)
            if asyncio.get_running_loop().time() > self._end:
                return Deferred(job.push.push_id, 0.0)
            try:
                came = await self._asked(job)
            except SyncdError as error:
                came = error
            except Exception as error:  # it may have been sent: the neighbours' results must not be lost
                came = Uncertain(job.push.push_id, _unexpected(error))
            if isinstance(came, SyncdError):
                self._stop = came
            return came

    async def _asked(self, job: Job) -> Outcome:
        call, values = self.shape.call(job.op), self._said(job)
        if not isinstance(values, dict):
            return values
        said = getattr(self.shape.words.calls, job.op)
        if said is not None and said.whole and job.op == "update":
            found = await replacing(self.lookup, self.shape, job, said, values)
            if not isinstance(found, dict):
                return found
            values = found
        try:
            request = call.request(values)
        except SyncdError:
            raise
        except Exception as error:
            return unsayable(job, error)
        return outcome(self.shape, job, call.reply(await self.client.send(request), self.shape.judge))

    async def _upserts(self, jobs: list[Job]) -> list[Outcome]:
        """An upsert would overwrite what somebody made of our earlier create, so that is looked for first."""
        there: Mapping[str, Any] = {}
        key_field = self.shape.spec.key_field
        keys = [self.shape.key_value(job.push.key) for job in jobs if job.push.key is not None]
        if key_field is not None and "find" in self.shape.calls:
            try:
                there = await self.lookup.find(key_field, keys)
            except SyncdError as error:
                self._stop = _not_sent(error)

        async def one(job: Job) -> Outcome:
            known = there.get(self.shape.key_value(job.push.key or ""))
            return Taken(job, known.remote_id, None) if known is not None else await self._alone(job)

        return await together(one, jobs)

    async def _settled(self, came: list[tuple[Job, Outcome]], *, alone: bool) -> list[PushResult]:
        errors = [o for _, o in came if isinstance(o, SyncdError)]
        if alone and errors and len(errors) == len(came) and len({_doubtful(e) for e in errors}) == 1:
            raise errors[0]
        results = []
        for job, found in came:
            if isinstance(found, Taken):
                results.append(await self._taken(found))
            else:
                results.append(_as_result(job, found) if isinstance(found, SyncdError) else found)
        return results

    async def _taken(self, taken: Taken) -> PushResult:
        try:
            return await settle_taken(self.lookup, self.shape, taken)
        except SyncdError:
            return Deferred(taken.job.push.push_id)


def _doubtful(error: SyncdError) -> bool:
    return isinstance(error, RetryLater) and error.uncertain


def unsayable(job: Job, error: Exception) -> Rejected:
    """Its request could not be made; the error's own words may hold a value."""
    why = f"its request cannot be made of these values ({type(error).__name__})"
    return Rejected(job.push.push_id, "unsayable", f"{why}; check `values` and the types of its fields")


def _unexpected(error: Exception) -> str:
    return f"the connector failed unexpectedly ({type(error).__name__}); please report it"


def _not_sent(error: SyncdError) -> SyncdError:
    """The error of a record that was not sent, because another one's call failed."""
    return RetryLater(str(error), error.after) if isinstance(error, RetryLater) else error


def _as_result(job: Job, error: SyncdError) -> PushResult:
    """A failed call among calls that did not fail: only this record waits."""
    if _doubtful(error):
        return Uncertain(job.push.push_id, str(error))
    return Deferred(job.push.push_id, error.after if isinstance(error, RetryLater) else None)
