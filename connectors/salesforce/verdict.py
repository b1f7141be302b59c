"""What one error of an answer comes to: code, row in the table, the field and record that it names."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass
from typing import Any

from connectors.http import Answer, Step, retry_after
from connectors.salesforce.errors import CODES, Row, row_of
from connectors.salesforce.ids import long_id
from syncd.core.errors import BatchRefused, CursorLost, NeedsOperator, RetryLater, SyncdError

_NO_COLUMN = re.compile(r"No such column '([^']{1,255})'")
_MISSING = re.compile(r"fields are missing: \[([A-Za-z0-9_]+)")
_TAKEN = re.compile(r"duplicate value found: ([\w.]+) duplicates value on record with id: (\w{15,18})")
_CODE = re.compile(r"[A-Z][A-Z0-9_]{2,99}")


@dataclass(frozen=True, slots=True)
class Verdict:
    """One error. `record` is the record that has the unique value already."""

    status: int
    code: str
    row: Row
    field: str | None = None
    record: str | None = None
    message: str = ""

    @property
    def step(self) -> Step:
        return self.row.step


def verdict_of(status: int, body: Any) -> Verdict:
    """The verdict on an answer that is no success; `body` is its JSON, None where it has none."""
    errors = body if isinstance(body, list) else [body]
    return judged(status, errors[0] if errors and isinstance(errors[0], Mapping) else {})


def judged(status: int, error: Mapping[str, Any]) -> Verdict:
    """The verdict on one error, of an answer (`errorCode`) or of a record in it (`statusCode`; status 0)."""
    told = error.get("errorCode") or error.get("statusCode") or ""
    code = told if isinstance(told, str) and _CODE.fullmatch(told) else ""
    message = error.get("message")
    message = message if isinstance(message, str) else ""
    if code == "REQUEST_LIMIT_EXCEEDED" and "Concurrent" in message:
        code = "CONCURRENT_REQUESTS"
    row = row_of(status, code)
    field = _field(error.get("fields"), message)
    if code == "INVALID_CROSS_REFERENCE_KEY" and field is None and status in (0, 400):
        row = CODES["NOT_FOUND"]  # it names no field: the record itself is not there
    taken = _TAKEN.search(message) if row.step is Step.EXISTS else None
    if taken is not None:
        return Verdict(status, code, row, taken[1], long_id(taken[2]), message)
    return Verdict(status, code, row, field, None, message)


def _field(fields: Any, message: str) -> str | None:
    if isinstance(fields, Sequence) and not isinstance(fields, str) and len(fields) == 1:
        return str(fields[0])
    found = _NO_COLUMN.search(message) or _MISSING.search(message)
    return found[1] if found else None


def failure(what: str, verdict: Verdict, answer: Answer, *, writes: bool = False) -> SyncdError | None:
    """The error of a verdict that ends the whole call; None for one that speaks of a record."""
    return whole_call(what, verdict, retry_after(answer), writes=writes)


def whole_call(
    what: str, verdict: Verdict, after: float | None = None, *, writes: bool = False
) -> SyncdError | None:
    """The same, with the wait in seconds that the server asked for."""
    row = verdict.row
    after = after or row.after
    code = verdict.code or str(verdict.status)
    said = f"{what}: Salesforce {row.says} ({code})"
    if row.step in (Step.RETRY, Step.DEFERRED):  # a refusal takes all of its call back
        return RetryLater(said, after)
    if row.step is Step.UNCERTAIN:
        return RetryLater(said, after, uncertain=writes)
    if row.step is Step.OPERATOR:
        return NeedsOperator(said, row.todo or "Look the code up in Salesforce's help")
    if row.step is Step.CURSOR_LOST:
        return CursorLost(said)
    return BatchRefused(code, said) if row.step is Step.BATCH else None
