"""A person's word on an open conflict."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from conflict.work import PERSON
from syncd.core.nouns import Candidate, Stamp, Value
from syncd.core.state import Record, Stamps


class Moved(Exception):
    """The conflict has other candidates than the person saw: show them the new ones."""


def verdict(
    record: Record, name: str, value: Value, saw: Sequence[int], *, time: float | None, event: int
) -> Record:
    """Let `value` stand in an open conflict, over the candidates whose versions the person `saw`.

    The new version is nobody's: every remote that does not hold the value is due. Raises `Moved` when a
    candidate came or went since.
    """
    contest = record.contests.get(name)
    if contest is None or not contest.open or sorted(saw) != sorted(c.version for c in contest.candidates):
        raise Moved(name)
    version = record.version + 1
    return replace(
        record,
        version=version,
        fields={**record.fields, name: value},
        stamps=Stamps(record.stamps.base, {**record.stamps.own, name: Stamp(version, PERSON, time, event)}),
        contests={key: held for key, held in record.contests.items() if key != name},
    )


def candidates(record: Record, name: str) -> tuple[Candidate, ...]:
    """The candidates of an open conflict; empty where there is none."""
    contest = record.contests.get(name)
    return contest.candidates if contest is not None and contest.open else ()
