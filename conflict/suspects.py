"""Values that a read showed while a write was under way, and that the next read may no longer show."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass

from conflict.work import ABSENT
from syncd.core.equality import reduces
from syncd.core.errors import ParseError, Unlinked
from syncd.core.fieldmap import NO_REFS, Entry, FieldMap, Refs
from syncd.core.nouns import Candidate, Change, Clash, Fields, Value
from syncd.core.state import Record

Suspects = Mapping[str, Sequence[Value]]
"""Per remote field, the values that may have been written over."""


@dataclass(frozen=True, slots=True)
class Sent:
    """A write: what the shadow held before it, what it sent, and when.

    `before` is the evidence of the last complete read that had been applied when the write began: an
    answer, or a read of some fields, shows nothing of the others, so neither may count; 0, where it is not
    known, only lists more. `after` is the link's evidence once answered; None for a write that nobody
    answered, since it may land at any time.
    """

    before: int
    after: int | None
    old_shadow: Fields
    sent: Fields


def suspects(read: Change, write: Sent) -> dict[str, list[Value]]:
    """The values of a read that would have been news, had our write not been under way meanwhile.

    Values that are neither the old shadow's nor ours, however cut or folded, were written by somebody around
    the time of our write. If the record, read again, does not show them, our write went over them.
    """
    if read.evidence < write.before or (write.after is not None and read.evidence >= write.after):
        return {}
    return {
        name: [value]
        for name, value in read.fields.items()
        if name in write.sent
        and value != write.old_shadow.get(name, ABSENT)
        and not reduces(value, write.sent[name])
    }


def joined(some: Suspects, more: Suspects) -> dict[str, list[Value]]:
    """Both, each value once: several reads may wait for the same look at a record."""
    found = {name: list(values) for name, values in some.items()}
    for name, values in more.items():
        known = found.setdefault(name, [])
        known.extend(value for value in values if value not in known)
    return found


def overwritten(
    record: Record,
    system: str,
    suspected: Suspects,
    now: Fields,
    fmap: FieldMap,
    refs: Refs = NO_REFS,
) -> list[Clash]:
    """The losers among suspected values: those that the record, read again by id, no longer shows."""
    return [
        _overwritten(record, system, name, value)
        for entry in fmap.entries
        for values in _gone(entry, suspected, now)
        for name, value in zip(entry.canon, _canonical(entry, values, refs), strict=False)
    ]


def _gone(entry: Entry, suspected: Suspects, now: Fields) -> Iterator[tuple[Value, ...]]:
    """The remote values of an entry as they were with one suspected value that is no longer there."""
    for name in entry.remote:
        for value in suspected.get(name, ()):
            if now.get(name, ABSENT) != value:
                yield tuple(value if name == other else now.get(other) for other in entry.remote)


def _canonical(entry: Entry, values: tuple[Value, ...], refs: Refs) -> tuple[Value, ...]:
    try:
        return entry.incoming(values, refs)
    except (ParseError, Unlinked):
        return values


def _overwritten(record: Record, system: str, name: str, lost: Value) -> Clash:
    stamp = record.stamps.of(name)
    candidates = (
        Candidate(record.fields.get(name), stamp.system, stamp.time, stamp.event, stamp.version),
        Candidate(lost, system),
    )
    why = f"written over in {system}: it was edited there while our write was under way"
    return Clash(name, None, candidates, why, "overwritten", winner=0)
