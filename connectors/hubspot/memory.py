"""What one process remembers between two polls of an object. Nothing is lost with it but calls."""

from __future__ import annotations

import time
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

from connectors.hubspot.record import HubRecord

MOST = 20_000
MUCH = 1000
"""Hits in the overlap from which on polls no longer go back over all of it each time."""


class Own:
    """The records as our own writes left them: a search that shows just that tells nothing new.

    A record that was changed since has another stamp, or under the same stamp other values.
    """

    def __init__(self) -> None:
        self._rows: dict[str, tuple[int, Sequence[str], bytes]] = {}

    def note(self, record: HubRecord, row: Mapping[str, Any]) -> None:
        """A write was answered with this row, which may not show all properties."""
        values = row.get("properties") or {}
        names = [name for name in record.asked if name in values and name != record.modified]
        id = str(row["id"])
        self._rows.pop(id, None)
        self._rows[id] = (record.stamp(row), names, _digest(values, names))
        if len(self._rows) > MOST:
            del self._rows[next(iter(self._rows))]

    def met(self, record: HubRecord, row: Mapping[str, Any]) -> None:
        """A read that goes by no index shows this. Where it is not what our write left, that is forgotten.

        For an index that lags goes on showing what we left, and must not be believed any more.
        """
        id = str(row["id"])
        if id in self._rows and not self.shows(id, record.stamp(row), row.get("properties") or {}):
            del self._rows[id]

    def shows(self, id: str, stamp: int, values: Mapping[str, Any]) -> bool:
        """Whether a hit is a record as we left it."""
        known = self._rows.get(id)
        if known is None or known[0] != stamp:
            return False
        return all(name in values for name in known[1]) and _digest(values, known[1]) == known[2]

    def whole(self, id: str, record: HubRecord) -> bool:
        """Whether the answer to the write showed all properties that the mapping wants."""
        known = self._rows.get(id)
        return known is not None and record.kinds.keys() <= set(known[1])

    def forget(self, before: int) -> None:
        """What has an older stamp (ms) is not met again."""
        for id in [id for id, (stamp, _, _) in self._rows.items() if stamp < before]:
            del self._rows[id]


@dataclass(slots=True)
class Memory:
    """Of one object. `frontier` is the newest stamp that the index showed, in ms; `wide` when (monotonic)
    the whole overlap was gone over, which held `many` hits then."""

    own: Own = field(default_factory=Own)
    settled: dict[str, tuple[int, str]] = field(default_factory=dict)
    frontier: int = 0
    wide: float = 0.0
    many: bool = False
    narrowed: bool = False
    clock: Callable[[], float] = time.monotonic

    def reach(self, high: int, overlap: int) -> int:
        """Where a poll begins (ms): at the frontier, while the overlap is large and was gone over lately.

        A change that shows up late is met by the next poll that goes back, which then goes back twice as far.
        """
        if self.many and self.frontier and self.clock() - self.wide < overlap / 1000:
            self.narrowed = True
            return max(self.frontier, high - 2 * overlap)
        return high - (2 * overlap if self.narrowed else overlap)

    def went(self, low: int | None, high: int | None, overlap: int, hits: int) -> None:
        """A poll from `low` on has ended, and met so many hits."""
        if low is not None and high is not None and low > high - overlap:
            return
        self.wide, self.many, self.narrowed = self.clock(), hits > MUCH, False
        if low is not None:
            self.own.forget(low)


def _digest(values: Mapping[str, Any], names: Sequence[str]) -> bytes:
    told = [(name, values.get(name) or None) for name in names]
    return blake2b(orjson.dumps(told), digest_size=8).digest()
