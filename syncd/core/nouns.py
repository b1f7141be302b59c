"""The words of syncd as data: what systems say, what we hold, what we write.

A *remote* value is a JSON value as the connector read it (dates and decimals as text, so that nothing is
rounded on the way). A *canonical* value is the normal form that a field's type makes of it (see
`syncd.core.types`): two values mean the same exactly when their normal forms are equal.

In every mapping of fields a missing key means "not reported"; `None` means "cleared".
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from syncd.core.frozen import dataclass

Value: TypeAlias = Any
"""A JSON value: str, int, float, bool, None, list or dict. Canonical values use no float."""

Fields: TypeAlias = Mapping[str, Value]


class Op(StrEnum):
    """What happened to a remote record."""

    UPSERT = "upsert"
    DELETE = "delete"
    MERGE = "merge"
    CONVERT = "convert"
    TOUCH = "touch"  # "look at this id": carries no fields


class LinkState(StrEnum):
    """Whether a remote copy takes part in the sync."""

    LIVE = "live"
    GONE = "gone"  # deleted in the remote; only a fetch by id shows a restore
    OUT_OF_SCOPE = "out_of_scope"
    DUPLICATE = "duplicate"  # a second copy in one system: listed, never written
    DETACHED = "detached"  # a person said: leave it alone


@dataclass(frozen=True, slots=True)
class Change:
    """What one system says about one of its records.

    `evidence` is the store's sequence from before the read began (less the feed's declared lag), so that
    a read can be judged older than a write. `occurred_at` is the vendor's word, zone-aware UTC.
    A merge or conversion is a change of the record that goes: `survivor_id` names who is left, in
    `survivor_object` where that is another object. Telling it again does no harm.
    """

    system: str
    object: str
    remote_id: str
    op: Op = Op.UPSERT
    fields: Fields = field(default_factory=dict)
    partial: bool = False
    remote_version: str | None = None
    occurred_at: datetime | None = None
    evidence: int = 0
    seen_at: datetime | None = None
    actor: str | None = None
    survivor_id: str | None = None
    survivor_object: str | None = None


@dataclass(frozen=True, slots=True)
class Stamp:
    """Where a canonical value came from: the record version that brought it, who said it, and when.

    `system` is a system's name, or `rule` or `person` for a value that a decision made. `time` is seconds
    since the epoch (UTC) by the vendor's clock, None where it gave none. `event` is the store's sequence
    of the journal entry that carried it.
    """

    version: int
    system: str
    time: float | None = None
    event: int = 0


@dataclass(frozen=True, slots=True)
class Candidate:
    """One of the concurrent values of a field.

    `version` is the record version under which it arrived; a link whose agreed version is not below it
    has seen it. `field_time` says that `time` is the field's own, not the whole record's.
    """

    value: Value
    system: str
    time: float | None = None
    event: int = 0
    version: int = 0
    field_time: bool = False


@dataclass(frozen=True, slots=True)
class Past:
    """A value that a field of a remote had, since when (seconds since 1970, its clock), and who set it.

    `ours`: whether we did; None where that cannot be told. `by` is the remote's word for who it was.
    """

    value: Value
    at: float
    ours: bool | None = None
    by: str = ""


@dataclass(frozen=True, slots=True)
class Contest:
    """The candidates of a field that some remote still holds against the standing value.

    While `open`, nobody has decided: the field is frozen, neither pushed nor overwritten. `base` is what the
    first that spoke against another had before; None where that is not known.
    """

    candidates: tuple[Candidate, ...]
    open: bool = False
    base: Value = None


@dataclass(frozen=True, slots=True)
class Clash:
    """One decision, or the lack of one, about one field: the entry that keeps the losers.

    `base` is what the field had before, None where it had nothing or that is not known.
    `winner` is the index of the candidate that stands, None when a rule made a new value (`value`) or
    when the clash is undecided (`open`).
    """

    field: str
    base: Value
    candidates: tuple[Candidate, ...]
    why: str
    rule: str = ""
    winner: int | None = None
    value: Value = None
    open: bool = False


@dataclass(frozen=True, slots=True)
class Rule:
    """Who wins which fields, when. An empty `fields` means all fields; `args` belong to the strategy.

    `when` says of the candidates and the base whether the rule applies; it must not go by their order.
    `function` judges for a strategy that is not built in (`conflict.own`).
    """

    strategy: str
    fields: frozenset[str] = frozenset()
    when: Callable[[Sequence[Candidate], Value], bool] | None = None
    args: Mapping[str, Any] = field(default_factory=dict)
    function: Callable[..., Value] | None = None


@dataclass(frozen=True, slots=True)
class Cursor:
    """Where reading stopped; opaque to all but the connector that made it."""

    token: str


class PushOp(StrEnum):
    """What one write does."""

    CREATE = "create"
    UPDATE = "update"
    DELETE = "delete"
    ARCHIVE = "archive"


@dataclass(frozen=True, slots=True)
class Push:
    """One write, built when it is sent.

    `key` is our record id as text, for the remote's `key_field` where it has one. `expected_version` is
    what compare-and-set compares; `expected` holds the remote values that the fields to be written had
    when last read, for remotes that compare values.
    """

    push_id: int
    object: str
    op: PushOp
    record_id: int
    record_version: int
    fields: Fields
    remote_id: str | None = None
    key: str | None = None
    expected_version: str | None = None
    expected: Fields = field(default_factory=dict)


class StoredBy(StrEnum):
    """How we know what a remote stored."""

    ANSWER = "answer"  # the write's own answer carried the record
    READ_BACK = "read_back"  # read again inside the same transaction or call
    UNKNOWN = "unknown"


@dataclass(frozen=True, slots=True)
class Accepted:
    """The remote committed this push. `stored` holds the fields of its answer, sent or not."""

    push_id: int
    remote_id: str
    remote_version: str | None = None
    stored: Fields = field(default_factory=dict)
    stored_by: StoredBy = StoredBy.UNKNOWN


@dataclass(frozen=True, slots=True)
class Stale:
    """The compare-and-set failed: the record moved since it was read. Nothing was written."""

    push_id: int


@dataclass(frozen=True, slots=True)
class Exists:
    """The create hit a unique value that the record `remote_id` already has. Nothing was written."""

    push_id: int
    remote_id: str


@dataclass(frozen=True, slots=True)
class Missing:
    """The record to be written is not there. Nothing was written; the engine probes before it believes."""

    push_id: int


@dataclass(frozen=True, slots=True)
class Rejected:
    """The remote refuses these values and will refuse them again. `message` holds no field values."""

    push_id: int
    code: str
    message: str
    field: str | None = None


UNKNOWN_FIELD = "unknown_field"
"""The `code` of a `Rejected` whose `field` the remote does not know (any more): its schema is looked at."""


@dataclass(frozen=True, slots=True)
class Deferred:
    """Not now: a row lock, a limit. Nothing was written. `after` is in seconds."""

    push_id: int
    after: float | None = None


@dataclass(frozen=True, slots=True)
class Uncertain:
    """The answer was lost: the write may have happened, may yet happen, or may never."""

    push_id: int
    message: str = ""


PushResult: TypeAlias = Accepted | Stale | Exists | Missing | Rejected | Deferred | Uncertain


@dataclass(frozen=True, slots=True)
class Page:
    """One page of a feed or scan. `cursor` is where to go on after it; `complete` marks a scan's last page.

    `body` is the page as the remote sent it, for the journal; None lets the engine write it down.
    """

    changes: Sequence[Change]
    cursor: Cursor
    complete: bool = False
    body: bytes | None = None
