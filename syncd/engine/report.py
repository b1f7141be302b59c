"""What a comparison of everything found: counts per pair, and each difference with its reason."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from datetime import datetime
from enum import StrEnum
from typing import Any

from syncd.core.nouns import Value


class What(StrEnum):
    """What kind of difference it is."""

    FIELD = "field"  # a field differs
    UNLINKED = "unlinked"  # a remote record that is linked to none of ours
    MISSING = "missing"  # a record without a copy where one should be
    GONE = "gone"  # its copy is no longer there
    DELETED = "deleted"  # deleted elsewhere, still there
    RESTORED = "restored"  # its copy was gone, and is there again
    DUPLICATE = "duplicate"  # a second copy in one system
    UNREPORTED = "unreported"  # a mapped field that the remote no longer tells


class Reason(StrEnum):
    """Why it differs, as far as the store knows."""

    BEHIND = "behind"  # a write is due
    IN_FLIGHT = "in_flight"  # a write is under way, or its answer was lost
    INBOX = "inbox"  # read, and waiting to be applied
    UNREAD = "unread"  # edited in the remote, not read yet
    DRIFT = "drift"  # a field that only we write was edited there
    CONFLICT = "conflict"
    PARKED = "parked"
    HELD = "held"  # by a brake
    BLOCKED = "blocked"  # its reference has no copy there, or is not linked
    STORED = "stored"  # accepted, and kept by the remote in another form
    LISTED = "listed"  # duplicates
    UNREPORTED = "unreported"
    UNEXPLAINED = "unexplained"


OPEN = frozenset({Reason.CONFLICT, Reason.PARKED, Reason.HELD, Reason.BLOCKED, Reason.STORED, Reason.LISTED})
"""Reasons that are items on a list of syncd's own, waiting for a person or for another record."""


@dataclass(frozen=True, slots=True)
class Difference:
    """One difference. `ours` and `theirs` are values, None where `what` is no field. `detail` explains."""

    kind: str
    system: str
    object: str
    what: What
    reason: Reason
    remote_id: str | None = None
    record_id: int | None = None
    field: str | None = None
    ours: Value = None
    theirs: Value = None
    detail: str = ""

    @property
    def open(self) -> bool:
        """Whether it is listed elsewhere, waiting for a person or for another record."""
        return self.reason in OPEN

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {name: getattr(self, name) for name in self.__dataclass_fields__}


@dataclass(slots=True)
class Pair:
    """One kind in one system. `compared` counts linked records that were looked at, on both sides.

    `why_not` says why it was not compared at all. `reasons` counts the differences, kept or not.
    """

    kind: str
    system: str
    object: str
    compared: int = 0
    equal: int = 0
    differing: int = 0
    missing: int = 0
    unlinked: int = 0
    gone: int = 0
    duplicates: int = 0
    left_out: int = 0
    why_not: str | None = None
    reasons: Counter[str] = field(default_factory=Counter)

    @property
    def open(self) -> int:
        """Differences that are items on a list of syncd's own."""
        return sum(n for reason, n in self.reasons.items() if Reason(reason) in OPEN)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        names = [name for name in self.__dataclass_fields__ if name != "reasons"]
        return {**{name: getattr(self, name) for name in names}, "open": self.open, "reasons": self.reasons}


@dataclass(slots=True)
class Report:
    """The result. `began` and `ended` are UTC: the comparison speaks of that time and of no other.

    `differences` holds at most as many as were asked for; the counts hold all. `waiting` counts what the
    store lists: open conflicts, parked items, pulled brakes, rows of the outbox and the inbox.
    """

    began: datetime
    ended: datetime
    pairs: Sequence[Pair] = ()
    differences: Sequence[Difference] = ()
    waiting: dict[str, int] = field(default_factory=dict)

    @property
    def total(self) -> int:
        """All differences, kept or not."""
        return sum(sum(pair.reasons.values()) for pair in self.pairs)

    @property
    def compared_all(self) -> bool:
        """Whether every pair was compared."""
        return all(pair.why_not is None for pair in self.pairs)

    @property
    def in_sync(self) -> bool:
        """Whether everything was compared and nothing differs."""
        return self.compared_all and not self.total

    @property
    def settled(self) -> bool:
        """Whether everything was compared, and what differs is an open item that syncd itself lists."""
        return self.compared_all and self.total == sum(pair.open for pair in self.pairs)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {
            "began": self.began,
            "ended": self.ended,
            "in_sync": self.in_sync,
            "settled": self.settled,
            "total": self.total,
            "left_out": self.total - len(self.differences),
            "waiting": self.waiting,
            "pairs": [pair.as_dict() for pair in self.pairs],
            "differences": [difference.as_dict() for difference in self.differences],
        }
