"""What a plan says: what would be made, changed and deleted, what clashes, what is held, what it costs."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import asdict, dataclass, field
from datetime import datetime
from typing import Any

from syncd.core.nouns import Push, PushOp, Value


@dataclass(frozen=True, slots=True)
class Sample:
    """One write that would be sent: remote fields, and what they hold now as far as it is known.

    `record_id` is None for a record that is not in the store yet.
    """

    op: str
    record_id: int | None
    remote_id: str | None
    fields: Mapping[str, Value]
    before: Mapping[str, Value]

    @classmethod
    def of(cls, push: Push, began: int) -> Sample:
        """`began` is the number above which the plan's own records lie."""
        record = push.record_id if push.record_id < began else None
        return cls(push.op.value, record, push.remote_id, push.fields, push.expected)


@dataclass(slots=True)
class PairPlan:
    """One kind in one system. `linked` are remote records that become copies by being read.

    `along` are copies that the system deletes with others, such as an account's contacts. `changes` counts
    remote fields in updates. `reads` and `writes` are calls; `reads` were made for the
    plan, and are made again when it is carried out. `why_not` says why nothing could be planned.
    """

    kind: str
    system: str
    object: str
    linked: int = 0
    creates: int = 0
    updates: int = 0
    deletes: int = 0
    archives: int = 0
    along: int = 0
    changes: Mapping[str, int] = field(default_factory=dict)
    reads: int = 0
    writes: int = 0
    samples: Sequence[Sample] = ()
    why_not: str | None = None

    def count(self, pushes: Mapping[PushOp, int]) -> None:
        """Take over the numbers of writes."""
        self.creates, self.updates = pushes.get(PushOp.CREATE, 0), pushes.get(PushOp.UPDATE, 0)
        self.deletes, self.archives = pushes.get(PushOp.DELETE, 0), pushes.get(PushOp.ARCHIVE, 0)

    @property
    def total(self) -> int:
        """All writes of records."""
        return self.creates + self.updates + self.deletes + self.archives


@dataclass(frozen=True, slots=True)
class ClashCount:
    """Clashes of one kind and field, by the rule that decides them; `ask` where a person must."""

    kind: str
    field: str
    rule: str
    count: int
    samples: Sequence[Mapping[str, Any]]


@dataclass(frozen=True, slots=True)
class Held:
    """A brake that holds writes. `new` says that this plan would pull it."""

    kind: str
    system: str
    op: str
    why: str
    count: int
    new: bool


@dataclass(frozen=True, slots=True)
class ParkedCount:
    """Items that would be set aside, by their code."""

    kind: str
    system: str
    code: str
    count: int
    message: str


@dataclass(slots=True)
class Forecast:
    """The plan. `records` counts new records of ours by kind, `matched` remote records that join another.

    `uncertain` are creates of an earlier run whose answer was lost: they are looked for before anything is
    done about them.
    """

    at: datetime
    pairs: Sequence[PairPlan] = ()
    records: Mapping[str, int] = field(default_factory=dict)
    matched: Mapping[str, int] = field(default_factory=dict)
    clashes: Sequence[ClashCount] = ()
    brakes: Sequence[Held] = ()
    parked: Sequence[ParkedCount] = ()
    uncertain: int = 0

    @property
    def total(self) -> int:
        """All writes of records."""
        return sum(pair.total for pair in self.pairs)

    def as_dict(self) -> dict[str, Any]:
        """For JSON."""
        return {**asdict(self), "total": self.total}
