"""What one record's answer comes to, whether it came alone or in a batch."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any
from urllib.parse import unquote, urlsplit

from connectors.http import Step, retry_after
from connectors.rest.call import Reply
from connectors.rest.doubt import doubted, id_in
from connectors.rest.judge import Verdict
from connectors.rest.lookup import Lookup
from connectors.rest.paths import MISSING, there
from connectors.rest.shape import Shape, header_version
from syncd.core.errors import SyncdError
from syncd.core.nouns import (
    Accepted,
    Change,
    Deferred,
    Exists,
    Fields,
    Missing,
    Op,
    Push,
    PushResult,
    Rejected,
    Stale,
    StoredBy,
    Uncertain,
)


@dataclass(frozen=True, slots=True)
class Job:
    """One push as it is sent: `op` is the name of the call, `fields` are plain values."""

    push: Push
    op: str
    fields: Fields

    @property
    def creates(self) -> bool:
        return self.op in ("create", "upsert")


@dataclass(frozen=True, slots=True)
class Taken:
    """A create met a record that is there: `remote_id` where the answer names it, else only the `field`."""

    job: Job
    remote_id: str | None
    field: str | None


Outcome = PushResult | Taken | SyncdError


def outcome(shape: Shape, job: Job, reply: Reply) -> Outcome:
    """One record's result; an error where the whole call failed."""
    verdict, push_id = reply.verdict, job.push.push_id
    if verdict is None:
        if _tells_nothing(reply):
            where = f"at `at` ({reply.call.at_path}); {there(reply.body)}"
            return Uncertain(push_id, f"the server answered {reply.answer.status} with nothing {where}")
        doubt = doubted(shape, job, reply)
        return accepted(shape, job, reply.found, reply.answer.headers) if doubt is None else doubt
    failed = verdict.failure(reply.call.what, writes=True)
    if failed is not None:
        return failed
    step = verdict.step
    if step is Step.EXISTS or (step is Step.STALE and job.creates and shape.words.record.client_ids):
        return _exists(shape, job, verdict)
    if step is Step.STALE and not job.creates:
        return Stale(push_id)
    if step in (Step.GONE, Step.EMPTY) and not job.creates:
        return Missing(push_id)
    if step is Step.DEFERRED:
        return Deferred(push_id, retry_after(verdict.answer))
    return rejected(job, verdict)


def _tells_nothing(reply: Reply) -> bool:
    """An answer of another form than the words say: it may be an error in a success."""
    lost = reply.call.find(reply.body) is MISSING and reply.body not in (None, {}, [])
    return lost and "Location" not in reply.answer.headers


def rejected(job: Job, verdict: Verdict) -> Rejected:
    """These values are refused; the message holds the API's words for it, never a value."""
    code = verdict.code or str(verdict.answer.status)
    field = verdict.field if verdict.field in job.fields else None
    about = f", field {field}" if field else ""
    return Rejected(
        job.push.push_id, code, f"the server refused the record: {code}{about}{verdict.told}", field
    )


def _exists(shape: Shape, job: Job, verdict: Verdict) -> Outcome:
    push = job.push
    if job.creates:
        chosen = shape.key_value(push.key) if shape.words.record.client_ids and push.key else None
        return Taken(job, verdict.id or (None if verdict.field else chosen), verdict.field)
    told = verdict.id is not None or verdict.field is not None
    return Stale(push.push_id) if push.expected_version is not None and not told else rejected(job, verdict)


def accepted(shape: Shape, job: Job, found: Any, headers: Mapping[str, str]) -> PushResult:
    """The write was done; what was found in its answer is the record, its id, or nothing."""
    push = job.push
    if job.op == "delete":
        return Accepted(push.push_id, push.remote_id or "")
    if isinstance(found, list) and len(found) == 1:
        found = found[0]
    item = shape.record.mapping(found) if type(found) is dict else None
    if item is not None and push.remote_id is not None and _of_another(shape, item, push.remote_id):
        item = found = None
    header = header_version(shape.words, headers) if headers else None
    if item is not None:
        record = shape.record
        stored = record.stored(item)
        how = StoredBy.ANSWER if stored else StoredBy.UNKNOWN
        version = record.version(item) or header
        told = id_in(shape, item) or push.remote_id
        if told is None:
            return Uncertain(push.push_id, "the server did not tell the new record's id")
        return Accepted(push.push_id, told, version, stored, how)
    remote_id = push.remote_id or _told_id(shape, job, found, headers) or ""
    if not remote_id:
        return Uncertain(push.push_id, "the server did not tell the new record's id")
    return Accepted(push.push_id, remote_id, header)


def _of_another(shape: Shape, item: dict[str, Any], remote_id: str) -> bool:
    """An update answered with another id: an envelope's own (JSON-RPC has one). It says nothing of ours."""
    return id_in(shape, item) not in (None, remote_id)


def _told_id(shape: Shape, job: Job, found: Any, headers: Mapping[str, str]) -> str | None:
    if isinstance(found, int | str) and not isinstance(found, bool) and found != "":
        return str(found)
    if shape.words.record.client_ids and job.push.key is not None:
        return shape.key_value(job.push.key)
    path = urlsplit(headers.get("Location", "")).path
    return unquote(path.rstrip("/").rpartition("/")[2]) or None


async def settle_taken(lookup: Lookup, shape: Shape, taken: Taken) -> PushResult:
    """A unique value is taken: by our own create of before, by a record that can be named, or by none.

    A record that has our key and is as we sent it is our create, whose answer was lost. One that somebody
    edited since must be read, not taken for it.
    """
    push, key_field = taken.job.push, shape.spec.key_field
    key = None if push.key is None else shape.key_value(push.key)
    there = await _look(lookup, shape, taken, key)
    if there is None:
        code, field = "duplicate", taken.field if taken.field in taken.job.fields else None
        return Rejected(
            push.push_id, code, "a unique value is taken, and the server does not say by whom", field
        )
    ours = (
        there.remote_id == key if shape.words.record.client_ids else there.fields.get(key_field or "") == key
    )
    if ours and key is not None and _as_sent(taken.job.fields, there.fields):
        version = there.remote_version
        return Accepted(push.push_id, there.remote_id, version, there.fields, StoredBy.READ_BACK)
    return Exists(push.push_id, there.remote_id)


async def _look(lookup: Lookup, shape: Shape, taken: Taken, key: str | None) -> Change | None:
    if taken.remote_id is not None:
        found = await lookup.fetch([taken.remote_id])
        return found[0] if found and found[0].op is Op.UPSERT else None
    field = taken.field or shape.spec.key_field
    call = shape.calls.get("find")
    if call is None or field is None or (field != shape.spec.key_field and "field" not in call.names):
        return None
    value = key if field == shape.spec.key_field else taken.job.fields.get(field)
    if not isinstance(value, str):
        return None
    changes = await lookup.find(field, [value])
    return changes.get(value)


def _as_sent(sent: Fields, stored: Fields) -> bool:
    return all(name not in stored or same(stored[name], value) for name, value in sent.items())


def same(stored: Any, sent: Any) -> bool:
    """Equal, numbers and their texts too."""
    return stored == sent or (stored is not None and sent is not None and str(stored) == str(sent))
