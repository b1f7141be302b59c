"""Edits that our writes went over, found afterwards in the history that a remote keeps of its fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, replace

from conflict.suspects import overwritten
from syncd.core.fieldmap import NO_REFS, FieldMap, Refs
from syncd.core.nouns import Clash, Fields, Past, Value
from syncd.core.state import Record


@dataclass(frozen=True, slots=True)
class Wrote:
    """What our write replaced in one field, as the guard read showed it, and what it left there.

    `since` and `until` are when the record was changed last, as that read and as the write's answer told it,
    by the remote's clock; None where it was not told.
    """

    before: Value
    after: Value
    since: float | None = None
    until: float | None = None


def unseen(history: Sequence[Past], writes: Sequence[Wrote], skew: float = 0.0) -> list[Past]:
    """The values that writes to one field went over and no read had shown. `history` is the newest first,
    `writes` the oldest. By `skew` seconds the times of the history may differ from those of the records.

    What stood directly before our write counts alone: what was there before that went in the remote itself. A
    write that changed nothing, for somebody had set the same value, has no entry and went over nothing.
    """
    found: list[Past] = []
    older = list(reversed(history))
    start = 0
    for write in writes:
        places = list(reversed(range(start, len(older))))
        fits = [n for n in places if _is(older[n], write, 0.0)]
        if not fits and write.before != write.after:  # else an earlier write of ours would be taken for it
            fits = [n for n in places if _is(older[n], write, skew)]
        if not fits:
            continue
        start = fits[0] + 1
        over = older[fits[0] - 1] if fits[0] else None
        if over is not None and over.ours is not True and over.value not in (write.before, write.after):
            found += [over] if write.since is None or over.at >= write.since - skew else []
    return found


def _is(past: Past, write: Wrote, skew: float) -> bool:
    """Whether an entry is what a write of ours left."""
    late = write.until is not None and past.at > write.until + skew
    early = write.since is not None and past.at <= write.since - skew
    return past.ours is not False and past.value == write.after and not late and not early


def lost(
    record: Record,
    system: str,
    found: Mapping[str, Iterable[Past]],
    now: Fields,
    fmap: FieldMap,
    refs: Refs = NO_REFS,
) -> list[Clash]:
    """The entries that keep such values, by remote field; not of those that the remote shows `now` again."""
    return [
        _dated(clash, system, past)
        for name, pasts in found.items()
        for past in pasts
        for clash in overwritten(record, system, {name: [past.value]}, now, fmap, refs)
    ]


def _dated(clash: Clash, system: str, past: Past) -> Clash:
    who = f" by {past.by}" if past.by else ""
    stands, loser = clash.candidates
    return replace(
        clash,
        candidates=(stands, replace(loser, time=past.at, field_time=True)),
        why=f"written over in {system}: its history tells of an edit{who} between our look and our write",
    )
