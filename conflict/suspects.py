"""Values that a read showed while a write was under way, and that the next read may no longer show."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass

from conflict.work import ABSENT
from syncd.core.errors import ParseError, Unlinked
from syncd.core.fieldmap import NO_REFS, FieldMap, Refs
from syncd.core.nouns import Candidate, Change, Clash, Fields, Value
from syncd.core.state import Record


@dataclass(frozen=True, slots=True)
class Sent:
    """A write that was answered: what the shadow held before it, what it sent, and when.

    `before` is the evidence of the last complete read that had been applied when the write began, `after`
    the link's evidence once answered. An answer, or a read of some fields, shows nothing of the others, so
    neither may count for `before`; 0, where it is not known, only lists more.
    """

    before: int
    after: int
    old_shadow: Fields
    sent: Fields


def suspects(read: Change, write: Sent) -> dict[str, Value]:
    """The values of a read that would have been news, had our write not been under way meanwhile.

    Values that are neither the old shadow's nor ours were written by somebody around the time of our
    write. If the record, read again, does not show them, our write went over them.
    """
    if not write.before <= read.evidence < write.after:
        return {}
    return {
        name: value
        for name, value in read.fields.items()
        if name in write.sent and value not in (write.old_shadow.get(name, ABSENT), write.sent[name])
    }


def overwritten(
    record: Record,
    system: str,
    suspected: Mapping[str, Value],
    now: Fields,
    fmap: FieldMap,
    refs: Refs = NO_REFS,
) -> list[Clash]:
    """The losers among suspected values: those that the record, read again by id, no longer shows."""
    gone = {name: value for name, value in suspected.items() if now.get(name, ABSENT) != value}
    clashes: list[Clash] = []
    for entry in fmap.entries:
        if not any(name in gone for name in entry.remote):
            continue
        values = tuple(gone.get(name, now.get(name)) for name in entry.remote)
        try:
            lost = entry.incoming(values, refs)
        except (ParseError, Unlinked):
            lost = values
        for name, value in zip(entry.canon, lost, strict=False):
            clashes.append(_overwritten(record, system, name, value))
    return clashes


def _overwritten(record: Record, system: str, name: str, lost: Value) -> Clash:
    stamp = record.stamps.of(name)
    candidates = (
        Candidate(record.fields.get(name), stamp.system, stamp.time, stamp.event, stamp.version),
        Candidate(lost, system),
    )
    why = f"written over in {system}: it was edited there while our write was under way"
    return Clash(name, None, candidates, why, "overwritten", winner=0)
