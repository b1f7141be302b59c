"""Answers to updates and deletes that say neither that it was done nor that it was not."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.rest.call import Reply
from connectors.rest.paths import there
from syncd.core.errors import RetryLater
from syncd.core.nouns import Rejected, Uncertain

if TYPE_CHECKING:
    from connectors.rest.outcome import Job
    from connectors.rest.shape import Shape

TRIES = 5
"""Times that one write is answered so, and is not there when it is read back, before it counts as refused."""
KEPT = 1000


class Doubts:
    """Per record the write that was last in doubt, and how often in a row; the oldest are forgotten."""

    def __init__(self) -> None:
        self._last: dict[str, tuple[tuple[str, int], int]] = {}

    def again(self, job: Job) -> bool:
        """Note one more; whether that is once too often. A newer version of the record is another write."""
        remote_id, write = job.push.remote_id or "", (job.op, job.push.record_version)
        said, times = self._last.pop(remote_id, (write, 0))
        times = times + 1 if said == write else 1
        if times >= TRIES:
            return True
        self._last[remote_id] = (write, times)
        if len(self._last) > KEPT:
            del self._last[next(iter(self._last))]
        return False


def doubted(shape: Shape, job: Job, reply: Reply) -> Uncertain | Rejected | None:
    """None where the answer can be believed: by the words of `errors`, or by what it holds.

    A record's id, null, true or an empty object say that it was done. Else the record is read again, and
    what is there then was written.
    """
    if job.op not in ("update", "delete") or shape.judge.speaks or not _says_little(shape, reply):
        return None
    told = "false" if reply.found is False else there(reply.found)
    why = f"the server answered {reply.answer.status} and does not say whether it was written; {told}"
    if not shape.doubts.again(job):
        return Uncertain(job.push.push_id, why)
    todo = "say in `errors.where` what stands in an answer that is an error"
    message = f"{why}; {TRIES} times it was not there when read again: {todo}"
    return Rejected(job.push.push_id, "not_written", message)


def _says_little(shape: Shape, reply: Reply) -> bool:
    found = reply.found
    if found is False or found == []:
        return True
    if reply.call.at_path or type(found) is not dict or not found:
        return False
    item = shape.record.mapping(found)
    return item is None or id_in(shape, item) is None


def id_in(shape: Shape, item: dict[str, Any]) -> str | None:
    """The id in an answer to a write, None where it has none."""
    try:
        return shape.record.id_text(shape.record.id_at(item))
    except RetryLater:
        return None
