"""Several writes in one request, and each result back to its push."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

from multidict import CIMultiDict

from connectors.http import Answer, HttpClient
from connectors.rest.call import Call, Reply
from connectors.rest.outcome import Job, Outcome, accepted, outcome, rejected
from connectors.rest.paths import MISSING, getter, there
from connectors.rest.shape import Batch, Shape
from connectors.rest.template import Unsayable
from syncd.core.errors import BatchRefused, NeedsOperator, RetryLater, SyncdError
from syncd.core.nouns import Deferred, PushOp, Rejected, Uncertain

NONE: Mapping[str, str] = {}


class Batcher:
    """Writes jobs of one operation by one batch call."""

    def __init__(self, client: HttpClient, shape: Shape, batch: Batch, op: str) -> None:
        self.client, self.shape, self.batch = client, shape, batch
        words, fixed = batch.words, batch.call.fixed
        self.call, self.carries_calls = self._call(op), batch.carries_calls
        self.fixed = {name: fixed[name] for name in batch.names & fixed.keys()}
        self.match = None if words.match is None else getter(words.match)
        self.status = None if words.status is None else getter(words.status)
        self.headers = None if words.result_headers is None else getter(words.result_headers)
        self.body = getter(words.result)

    async def send(self, jobs: Sequence[Job], values: Sequence[dict[str, Any]]) -> list[Outcome]:
        """One request. Raises what fails it whole, and `BatchRefused` where one of several is to blame."""
        pairs = list(zip(jobs, values, strict=True))
        try:
            rows = [self._row(job, row, str(n)) for n, (job, row) in enumerate(pairs)]
        except Unsayable as error:
            if len(jobs) == 1:
                return [Rejected(jobs[0].push.push_id, "unsayable", str(error))]
            return [came for job, row in pairs for came in await self.send([job], [row])]
        each = {name: [t.fill(row) for row in rows] for name, t in self.batch.each.items()}
        filled = {**each, "op": jobs[0].op}
        reply = await self.shape.ask(self.client, self.batch.call, filled)
        if reply.verdict is not None:
            return self._whole(jobs, reply)
        return self._results(jobs, reply)

    def _row(self, job: Job, values: dict[str, Any], ref: str) -> dict[str, Any]:
        row = {**self.fixed, **values, "ref": ref, "op": job.op}
        if self.carries_calls:
            row |= self.shape.call(job.op).parts(values)
        return row

    def _whole(self, jobs: Sequence[Job], reply: Reply) -> list[Outcome]:
        """An error of the whole request: of its only record, or of one that it does not name."""
        assert reply.verdict is not None
        if len(jobs) == 1:
            return [outcome(self.shape, jobs[0], reply)]
        failed = reply.verdict.failure(reply.call.what, writes=True)
        if failed is not None:
            raise failed
        code = reply.verdict.code or str(reply.answer.status)
        raise BatchRefused(code, f"{reply.call.what}: the server refused the batch ({code})")

    def _results(self, jobs: Sequence[Job], reply: Reply) -> list[Outcome]:
        found = reply.call.find(reply.body)
        if self._says_nothing(found, reply) and not jobs[0].creates:
            return [accepted(self.shape, job, None, reply.answer.headers) for job in jobs]
        if found is MISSING:
            raise RetryLater(self._lost(reply), uncertain=True)
        told = [found] if len(jobs) == 1 and type(found) in (dict, int, str) else found
        if not isinstance(told, list) or (self.match is None and len(told) != len(jobs)):
            raise RetryLater(
                f"{reply.call.what}: the answer does not hold one result per record", uncertain=True
            )
        by_ref = dict(enumerate(told)) if self.match is None else self._matched(told)
        return [self._told_of(job, by_ref.get(n, MISSING), reply) for n, job in enumerate(jobs)]

    def _says_nothing(self, found: Any, reply: Reply) -> bool:
        """Whether the answer is null, true or empty, where none promises a result per record: all is done.

        What `at` points past may be an answer of another form, with errors in it: that says nothing at all.
        """
        if self.match is not None or self.status is not None:
            return False
        return found is None or found is True or (found is MISSING and reply.body is None)

    def _lost(self, reply: Reply) -> str:
        """Why nobody can say what became of a batch."""
        at = self.batch.words.at
        return f"{reply.call.what}: the answer has no results at `at` ({at}); {there(reply.body)}"

    def _matched(self, told: list[Any]) -> dict[int, Any]:
        """Results by the number that we gave; the first of two for one number counts."""
        assert self.match is not None
        found: dict[int, Any] = {}
        for result in told:
            ref = str(self.match(result))
            if ref.isdigit():
                found.setdefault(int(ref), result)
        return found

    def _told_of(self, job: Job, result: Any, whole: Reply) -> Outcome:
        """One result; one that cannot be understood must not take its neighbours' along."""
        try:
            return self._one(job, result, whole)
        except SyncdError as error:
            return error
        except Exception as error:
            why = f"its result could not be read ({type(error).__name__}); please report it"
            return Uncertain(job.push.push_id, why)

    def _one(self, job: Job, result: Any, whole: Reply) -> Outcome:
        push_id, words = job.push.push_id, self.batch.words
        if result is MISSING:
            return Uncertain(push_id, "the answer left this record out")
        status = 200 if self.status is None else self.status(result)
        if type(status) is not int:
            if not str(status).isdigit():
                where = f"`status` ({words.status}); {there(result)}"
                return Uncertain(push_id, f"its result has no status at {where}")
            status = int(status)
        headers = NONE if self.headers is None else _titled(self.headers(result))
        body = self.body(result)
        if body is MISSING and self.status is None:  # `errors` would judge nothing at all
            return Uncertain(push_id, f"its result has nothing at `result` ({words.result}); {there(result)}")
        body = None if body is MISSING else body
        if self.shape.judge.passes(status, body):
            found = self.call.find(body)
            return accepted(self.shape, job, None if found is MISSING else found, headers)
        return self._told(job, Answer(status, headers, b""), body)

    def _told(self, job: Job, answer: Answer, body: Any) -> Outcome:
        """What one result's error comes to: the others of the batch went through."""
        verdict = self.shape.judge.judge(job.op, answer, body)
        came = outcome(self.shape, job, Reply(self.call, answer, body, verdict))
        if isinstance(came, RetryLater):
            push_id = job.push.push_id
            return Uncertain(push_id, str(came)) if came.uncertain else Deferred(push_id, came.after)
        if isinstance(came, NeedsOperator) and verdict is not None:
            return rejected(job, verdict)  # this record, not this account: the batch was let in
        return came

    def _call(self, op: str) -> Call:
        path = self.batch.words.record
        if path is not None:
            return replace(self.batch.call, find=getter(path))
        return self.shape.calls.get(op) or replace(self.batch.call, find=getter(""))


def _titled(headers: Any) -> Mapping[str, str]:
    """Header names as the plain table has them, `ETag` among them."""
    return CIMultiDict({str(k): str(v) for k, v in headers.items()}) if isinstance(headers, dict) else {}


OPS = {PushOp.CREATE: "create", PushOp.UPDATE: "update", PushOp.DELETE: "delete", PushOp.ARCHIVE: "update"}
