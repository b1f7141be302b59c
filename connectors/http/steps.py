"""What an answer's status means for the next step: a table that a connector may override."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime
from enum import StrEnum

from connectors.http.answer import Answer, http_date
from syncd.core.errors import BatchRefused, CursorLost, NeedsOperator, RetryLater, SyncdError

MAX_WAIT = 3600.0
"""The longest wait that a server may ask for, in seconds: beyond it, it is asked again every hour."""


class Step(StrEnum):
    """What comes next after an answer."""

    OK = "ok"
    EMPTY = "empty"  # a list without records
    GONE = "gone"  # the record is not there
    HIDDEN = "hidden"  # this account may not see the record: nothing is known of it
    STALE = "stale"  # compare-and-set failed
    EXISTS = "exists"  # a unique value is taken
    REJECTED = "rejected"  # these values will be refused again
    DEFERRED = "deferred"  # this record not now: a lock
    RETRY = "retry"  # the whole call later; nothing was written
    UNCERTAIN = "uncertain"  # the whole call later; a write may have been done
    OPERATOR = "operator"  # a person must act
    BATCH = "batch"  # one bad record refused the whole batch
    CURSOR_LOST = "cursor_lost"  # the place in the feed is no longer known


STEPS: Mapping[int, Step] = {
    304: Step.EMPTY,
    401: Step.OPERATOR,
    402: Step.OPERATOR,
    403: Step.OPERATOR,
    404: Step.GONE,
    407: Step.OPERATOR,
    408: Step.UNCERTAIN,
    409: Step.EXISTS,
    410: Step.GONE,
    412: Step.STALE,
    423: Step.DEFERRED,
    425: Step.RETRY,
    429: Step.RETRY,
    503: Step.RETRY,
}


def step_of(status: int, table: Mapping[int, Step] = STEPS) -> Step:
    """The step of a status: by the table, else by its hundreds.

    A 5xx other than 503 may come after the commit (facts/TRAPS.md 15), so it is uncertain.
    """
    found = table.get(status)
    if found is not None:
        return found
    if 200 <= status < 300:
        return Step.OK
    if status >= 500:
        return Step.UNCERTAIN
    return Step.REJECTED if status >= 400 else Step.OPERATOR


def failure(step: Step, what: str, answer: Answer, *, writes: bool, code: str = "") -> SyncdError | None:
    """The error of a step that ends the whole call; None for one that speaks of a single record.

    `what` says which system and call, without secrets; `code` is the server's own word for the error.
    """
    said = f"{what}: the server answered {answer.status}" + (f" ({code})" if code else "")
    if step is Step.RETRY:
        return RetryLater(said, retry_after(answer))
    if step is Step.UNCERTAIN:
        return RetryLater(said, retry_after(answer), uncertain=writes)
    if step is Step.OPERATOR:
        return NeedsOperator(said, todo(answer.status))
    if step is Step.CURSOR_LOST:
        return CursorLost(f"{said}: it no longer knows where reading stopped")
    return BatchRefused(code or str(answer.status), said) if step is Step.BATCH else None


def todo(status: int) -> str:
    """What a person can do about a status."""
    if 300 <= status < 400:
        return "The address has moved, and credentials are not sent elsewhere: set `url` to the new one"
    if status in (401, 407):
        return "Check the credentials of this system"
    return "Check what this account may do, and the address"


def retry_after(answer: Answer) -> float | None:
    """The wait that the server asks for, in seconds from 0 to `MAX_WAIT`; None where it asks for none.

    A date counts from the server's own clock (the `Date` header), so a skewed one does no harm.
    """
    text = (answer.headers.get("Retry-After") or "").strip()
    if not text:
        return None
    try:
        seconds = float(text)
    except ValueError:
        until = http_date(text)
        if until is None:
            return None
        seconds = (until - (answer.date() or datetime.now(UTC))).total_seconds()
    return min(max(seconds, 0.0), MAX_WAIT) if seconds == seconds else None  # NaN is a float, too
