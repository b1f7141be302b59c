"""One push on its way: what is sent for it, and what its answer comes to."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.http import Step
from connectors.salesforce.columns import Column
from connectors.salesforce.errors import OF_THE_SYSTEM, Row
from connectors.salesforce.ids import is_id, long_id
from connectors.salesforce.people import AMBIGUOUS, Owners
from connectors.salesforce.sobject import SObject
from connectors.salesforce.values import as_json
from connectors.salesforce.verdict import Verdict, whole_call
from syncd.core.errors import ParseError, SyncdError
from syncd.core.nouns import (
    UNKNOWN_FIELD,
    Accepted,
    Deferred,
    Exists,
    Fields,
    Missing,
    Push,
    PushOp,
    PushResult,
    Rejected,
    Stale,
)

OPS = {PushOp.CREATE: "create", PushOp.UPDATE: "update", PushOp.ARCHIVE: "update", PushOp.DELETE: "delete"}
"""The call for each operation."""
OF_REFERENCES = (
    "INVALID_CROSS_REFERENCE_KEY",
    "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY",
    "ENTITY_IS_DELETED",
    "NOT_FOUND",
)
"""Errors of a record that is referred to; they often do not name the field."""
NO_TARGET = Row(Step.REJECTED, "does not know the record that is referred to, or has it deleted")
"""A record that is being created cannot be missing itself."""


@dataclass(frozen=True, slots=True)
class Job:
    """`fields` are our values as the push has them, `body` the same as JSON, by API name.

    `refs` names the references to other records in it, `through` the fields of the push by the references
    that are written for them: `OwnerId` for `Owner.Email`.
    """

    push: Push
    op: str
    fields: Fields
    body: Mapping[str, Any]
    refs: tuple[str, ...] = ()
    through: Mapping[str, str] = field(default_factory=dict)

    @property
    def id(self) -> str:
        return long_id(self.push.remote_id or "")


@dataclass(frozen=True, slots=True)
class Taken:
    """A create met a record that has one of its unique values: `record` where the answer names it."""

    job: Job
    record: str | None
    field: str | None


Outcome = PushResult | Taken | SyncdError


def job_of(sobject: SObject, owners: Owners, push: Push) -> Job | PushResult:
    """What can be told without asking, else the job."""
    fields = dict(push.fields)
    if push.op is PushOp.ARCHIVE:
        archive = sobject.spec.options.get("archive")
        if not archive:
            return Rejected(push.push_id, "no_archive", "this kind has no `archive` configured")
        fields = dict(archive)
    if push.op is not PushOp.CREATE and not is_id(push.remote_id or ""):
        return Missing(push.push_id)
    if push.op is PushOp.DELETE:
        return Job(push, "delete", {}, {})
    if push.op is PushOp.CREATE and push.key is not None and sobject.spec.key_field is not None:
        fields[sobject.spec.key_field] = push.key
    op = OPS[push.op]
    body: dict[str, Any] = {}
    for name, value in fields.items():
        said = _said(sobject, owners, push, op, name, value)
        if isinstance(said, Rejected):
            return said
        body |= said
    refs = tuple(n for n, v in body.items() if v is not None and n in sobject.references)
    columns = [sobject.columns[name] for name in fields]
    return Job(push, op, fields, body, refs, {c.through: c.name for c in columns if c.through is not None})


def _said(
    sobject: SObject, owners: Owners, push: Push, op: str, name: str, value: Any
) -> dict[str, Any] | Rejected:
    """One field as JSON, by the API name that is written; nothing where the org is to say what it is."""

    def no(code: str, why: str) -> Rejected:
        return Rejected(push.push_id, code, why, name)

    column = sobject.columns.get(name)
    if column is None:
        return no(UNKNOWN_FIELD, f"there is no field {name}")
    if not (column.createable if op == "create" else column.updateable):
        return no("read_only", f"field {name} cannot be written by this user")
    if value is None and (column.native == "boolean" or not column.nillable):
        if op == "create":
            return {}  # it must be something, and the org says what
        if column.native != "boolean":
            return no("REQUIRED_FIELD_MISSING", _never_empty(column))
    if column.through is not None:
        id = None if value is None else owners.id_of(column, str(value), sobject.told)
        if value is not None and not id:
            how_many = "several" if id == AMBIGUOUS else "none"
            return no("unknown_name", f"{name} names {how_many} {_whom(column)}")
        return {column.through: id}
    try:
        return {name: as_json(column.native, value)}
    except ParseError as error:
        return no("unsayable", f"{name} is a {column.native} there: {error}")


def _never_empty(column: Column) -> str:
    if column.through is None:
        return f"{column.name} cannot be emptied there"
    queue = ", or a queue by its id" if column.queues else ""
    return f"a record always has an owner there, which {column.name} names: give it an active user{queue}"


def _whom(column: Column) -> str:
    return "of those that are active" + (", and no queue" if column.queues else "")


def outcome(job: Job, verdict: Verdict, what: str) -> Outcome:
    """One record's result where it was refused. The message holds no value.

    An error of the whole system is one also where a record's result says so; `what` was tried.
    """
    push_id, step = job.push.push_id, verdict.step
    if verdict.code in OF_THE_SYSTEM and (failed := whole_call(what, verdict)) is not None:
        return failed
    if step is Step.EXISTS and job.op == "create":
        return Taken(job, verdict.record, verdict.field)
    if step is Step.STALE and job.op != "create":
        return Stale(push_id)
    if step is Step.GONE and job.op != "create":
        return Missing(push_id)
    if step in (Step.DEFERRED, Step.RETRY, Step.UNCERTAIN):  # a record's own: nothing of it was written
        return Deferred(push_id, verdict.row.after)
    return rejected(job, verdict)


def rejected(job: Job, verdict: Verdict) -> Rejected:
    """These values will be refused again."""
    if verdict.step is Step.GONE and job.refs:
        verdict = replace(verdict, row=NO_TARGET)
    code = verdict.code or str(verdict.status)
    field = _mapped(job, verdict.field)
    if field is None and code in OF_REFERENCES and len(job.refs) == 1:
        field = _mapped(job, job.refs[0])
    unknown = code == "INVALID_FIELD" and field is not None
    todo = f". {verdict.row.todo}" if verdict.row.todo else ""
    about = f", field {field}" if field is not None else ""
    message = f"Salesforce {verdict.row.says} ({code}{about}){todo}"
    return Rejected(job.push.push_id, UNKNOWN_FIELD if unknown else code, message, field)


def _mapped(job: Job, name: str | None) -> str | None:
    """The field as the push names it; Salesforce names the reference that was written for it."""
    if name is None:
        return None
    own = {**{known.casefold(): known for known in job.fields},
           **{known.casefold(): own for known, own in job.through.items()}}  # fmt: skip
    return own.get(name.casefold())


def stored_as_sent(job: Job, values: Mapping[str, Any], key_field: str | None) -> bool:
    """Whether a record shows what a create of ours sent."""
    return all(_same(values.get(n), v) for n, v in job.fields.items() if n in values and n != key_field)


def _same(stored: Any, sent: Any) -> bool:
    """Equal as far as Salesforce keeps a value: e-mail addresses in lower case, texts trimmed."""
    if stored == sent or (stored in (None, False) and sent in (None, "", False)):
        return True
    if stored is None or sent is None:
        return False
    if isinstance(stored, list):
        told = sent if isinstance(sent, list) else str(sent).split(";")
        return sorted(map(str, stored)) == sorted(map(str, told))
    return str(stored).strip().casefold() == str(sent).strip().casefold()


def met(job: Job, remote_id: str, values: Mapping[str, Any], key_field: str | None) -> PushResult:
    """A create met a record: our own, whose answer was lost, or one that somebody made or edited."""
    ours = key_field is not None and values.get(key_field) == job.push.key and job.push.key is not None
    if ours and stored_as_sent(job, values, key_field):
        return Accepted(job.push.push_id, remote_id)
    return Exists(job.push.push_id, remote_id)


def in_turns(jobs: Sequence[Job]) -> list[list[Job]]:
    """Jobs of one operation and no record twice together, in the order in which they must be done."""
    turns: dict[str, int] = {}
    groups: dict[tuple[int, str], list[Job]] = {}
    for job in jobs:
        turn = 0
        if job.push.remote_id is not None:
            turn = turns[job.id] = turns.get(job.id, -1) + 1
        groups.setdefault((turn, job.op), []).append(job)
    return [group for _, group in sorted(groups.items(), key=lambda item: item[0][0])]
