"""The connector contract: describe, read changes since a cursor, write a batch. The rest is declared.

A connector holds no state that must outlive it: cursors are opaque tokens that the engine stores. It does
not sleep, retry, throttle or log; the engine owns those. `tests/contract` is the real definition of what
these signatures promise.

Whole-call failures are `RetryLater`, `NeedsOperator`, `CursorLost` and `BatchRefused` of
`syncd.core.errors`; nothing from an HTTP or database library gets out.

A field that is lost, renamed or hidden while syncd runs is left alone by the engine until it is back. A
connector need only say so, in whichever way is nearest: leave its key out of what it reads, answer a write
with `Rejected(code=UNKNOWN_FIELD, field=…)`, or raise `SchemaMoved` until `describe` is called again. The
engine then describes, as it does from time to time anyway.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from syncd.core.errors import SyncdError
from syncd.core.nouns import Change, Cursor, Fields, Page, Past, Push, PushResult

__all__ = [
    "CanBell",
    "CanFetch",
    "CanFetchEach",
    "CanFind",
    "CanGreet",
    "CanHistory",
    "CanMeter",
    "CanNote",
    "CanReceive",
    "CanScan",
    "Capabilities",
    "Connector",
    "Delivery",
    "FieldInfo",
    "Greeting",
    "Looked",
    "Meter",
    "ObjectInfo",
    "Refusal",
    "Refused",
    "Schema",
]


@dataclass(frozen=True, slots=True)
class Capabilities:
    """What a remote can do, as far as the engine must know. Times in seconds.

    `client_ids`: a create may carry `Push.key` as the record's own id. `upsert_key`: a create by
    `Push.key` in the object's key field is idempotent. A fetch by id shows what a write committed;
    `find_lag` is how long a look-up by key may hide a new record. `read_lag` is how old all that the feed
    shows may be; `late` how long the feed may leave out a single change while it shows others that were made
    after it. `feed` is False where each read of changes is one of everything.
    `delivery_headers` (lower case) tell one webhook delivery from another, with its query and body: the
    signature's and the timestamp's. None where nothing is signed: then no delivery is taken for a replay.
    `burst` is the vendor's limit of short times, (requests, seconds): the smallest of its plans, until
    a meter tells which one holds. `history_batch`: so many ids at most in one question of `CanHistory`.
    """

    deletes_reported: bool = False
    deletes_found_by_scan: bool = True
    partial_fields: bool = False
    compare_and_set: bool = False
    upsert_key: bool = False
    client_ids: bool = False
    archives: bool = False
    stored_in_answer: bool = False
    feed: bool = True
    read_lag: float = 0.0
    late: float = 0.0
    find_lag: float = 0.0
    clock_skew: float = 0.0
    read_batch: int = 100
    write_batch: int = 100
    history_batch: int = 50
    calls_per_second: float | None = None
    burst: tuple[int, float] | None = None
    delivery_headers: tuple[str, ...] | None = ()
    cascades: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One remote field. `type` is a canonical type's name, the nearest one; `length` in characters.

    `references` names the object that a reference points into; None where that may be one of several.
    """

    name: str
    type: str
    required: bool = False
    read_only: bool = False
    unique: bool = False
    length: int | None = None
    scale: int | None = None
    options: tuple[str, ...] | None = None
    references: str | None = None
    default: bool = False
    native: str = ""


@dataclass(frozen=True, slots=True)
class ObjectInfo:
    """One remote object (a table, an sObject) and its fields by name. `notes` say what cannot be trusted.

    `records` is how many were looked at to describe it; 0: what the configuration says could not be held
    against any; None: that is not how it is described.
    """

    name: str
    fields: Mapping[str, FieldInfo]
    notes: tuple[str, ...] = ()
    records: int | None = None


@dataclass(frozen=True, slots=True)
class Schema:
    """What a remote offers, by object name."""

    objects: Mapping[str, ObjectInfo]


class Connector(Protocol):
    """The required part: five members.

    `fields` in `read_changes` and elsewhere is the list of remote fields that the mapping wants; a page
    reports exactly those it can read (a key that is missing is "not reported").
    """

    capabilities: Capabilities

    async def describe(self) -> Schema:
        """The remote's objects and fields as they are now."""

    def read_changes(self, object: str, since: Cursor | None) -> AsyncIterator[Page]:
        """The pages after `since` (None: from the beginning, all that is there), ending when caught up.

        Each page's cursor is safe to store as soon as the page is applied; reading again from it repeats
        at most, never skips.
        """

    async def write(self, batch: Sequence[Push]) -> Sequence[PushResult]:
        """Exactly one result per push, matched by push_id, in any order. All pushes name one object.

        Calls `syncd.core.turn.check_turn` right before anything leaves, which raises `RetryLater`.
        """

    async def aclose(self) -> None:
        """Give back sockets and pools. Safe to call twice."""


@runtime_checkable
class CanScan(Protocol):
    """A full, complete listing, for sweeps; the last page says `complete`."""

    def scan(self, object: str) -> AsyncIterator[Page]:
        """All records of an object. Raises rather than end early."""


@runtime_checkable
class CanFetch(Protocol):
    """Read by id."""

    async def fetch(self, object: str, ids: Sequence[str]) -> Sequence[Change]:
        """One change per id: an upsert with the whole record, or a delete where the remote says gone.

        A record that was merged away or converted is a MERGE or CONVERT that names what is left, wherever the
        remote tells: a mere delete would be carried on to the other systems.
        An id that is left out is one of which the remote says nothing: this account may not see all records.
        """


@dataclass(frozen=True, slots=True)
class Looked:
    """What a read of several ids came to. `changes` are as of `fetch`.

    `failed` says why, per id, where others of the same read were answered; of `unasked` nothing is known,
    for time was up. An id that is in none of them is one of which the remote says nothing.
    """

    changes: Sequence[Change]
    failed: Mapping[str, str] = field(default_factory=dict)
    unasked: Collection[str] = ()


@runtime_checkable
class CanFetchEach(Protocol):
    """Read by id where each is a call of its own, so that one may fail and the others not."""

    async def fetch_each(self, object: str, ids: Sequence[str]) -> Looked:
        """As `fetch`, keeping what was answered. Raises where nothing was."""


@runtime_checkable
class CanFind(Protocol):
    """Look records up by our key."""

    async def find(self, object: str, keys: Sequence[str]) -> Mapping[str, Change]:
        """The record that carries each key in the object's key field, for those that are visible now."""


@runtime_checkable
class CanHistory(Protocol):
    """Tell what fields held before, where there is no compare-and-set: an edit that fell between our look at
    a record and our write to it is found by it afterwards, and listed."""

    async def field_history(
        self, object: str, wanted: Mapping[str, Collection[str]]
    ) -> Mapping[str, Mapping[str, Sequence[Past]]]:
        """The values of some fields of each record, as `fetch` tells them, the newest first; `wanted` are the
        fields by id. Left out are records that are not there, and fields without a history.
        """

    def moment(self, version: str) -> float | None:
        """When a record had last changed whose `remote_version` is this, by the clock of its history; seconds
        since 1970. None where that cannot be told."""


@runtime_checkable
class CanBell(Protocol):
    """A hint that something changed; it carries nothing and may be lost."""

    async def bell(self) -> None:
        """Return when the remote rang since the last call."""


@dataclass(frozen=True, slots=True)
class Meter:
    """What a connector sent, and what the vendor said last of how much it may send. Times in seconds.

    `requests` counts all since it was made, log-ins too; `heard` how many answers said something of the
    rest, by which a new word is known. `remaining` of `limit` requests may be sent until `resets_in` after
    that answer; `wait` is how long nothing may be sent at all. `window` is set where the limit is of the last
    so many seconds at any time (a rolling day); then `resets_in` is how long the word is believed. `burst` is
    the limit of short times that the vendor told, as in `Capabilities`.
    """

    requests: int = 0
    heard: int = 0
    remaining: int | None = None
    limit: int | None = None
    resets_in: float | None = None
    wait: float | None = None
    window: float | None = None
    burst: tuple[int, float] | None = None


@runtime_checkable
class CanMeter(Protocol):
    """Count real requests: one call of the contract may take several."""

    def meter(self) -> Meter:
        """The count, and the vendor's last word."""


@runtime_checkable
class CanNote(Protocol):
    """Tell what a person should know, though everything goes on."""

    def notes(self) -> Sequence[str]:
        """What does not work as configured now, and since when; a sentence each, without values."""


Refusal: TypeAlias = Literal["unsigned", "forged", "stale", "malformed", "unknown"]


class Refused(SyncdError):
    """A webhook delivery that is not believed. The message is for the log, not for the sender.

    `unsigned` (no signature or token), `forged` (a wrong one) and `stale` (a sound one of too long ago)
    are answered alike; `malformed` is signed and cannot be read; `unknown` names no object of ours.
    """

    def __init__(self, reason: Refusal, message: str) -> None:
        super().__init__(message)
        self.reason: Refusal = reason


@dataclass(frozen=True, slots=True)
class Delivery:
    """One webhook call as it came. Header names are in lower case; `body` is as it was sent, and `target`
    the path with its query, nothing of them decoded (empty: not known)."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime
    target: str = ""


@runtime_checkable
class CanReceive(Protocol):
    """Take the vendor's webhooks."""

    def receive(self, delivery: Delivery) -> Sequence[Change]:
        """The records that a delivery names; pure, and quick: no I/O, no waiting, no clock of its own.

        A change is a hint: its record is read by id (`CanFetch`) before anything is believed, and where it
        cannot be, the feed is read at once. TOUCH says "look at this id"; `remote_version`, where the
        vendor tells it, saves the read of a version that is known. Raises `Refused`, nothing else.
        """


@dataclass(frozen=True, slots=True)
class Greeting:
    """What a vendor wants to hear back before it sends anything; it is answered with 200."""

    body: bytes
    media_type: str = "text/plain"


@runtime_checkable
class CanGreet(Protocol):
    """Prove to the vendor that an address for webhooks is ours."""

    def greet(self, delivery: Delivery) -> Greeting | None:
        """The answer to a vendor's question, by whatever method it comes; None for what is none.

        Pure and quick, as `CanReceive.receive`. Nothing changes by it. Raises `Refused`, nothing else.
        """


@dataclass(frozen=True, slots=True)
class ObjectSpec:
    """What the configuration wants of one object: which fields, and where our key goes."""

    name: str
    fields: tuple[str, ...]
    key_field: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class Example:
    """What companies and contacts are there, for the file that `syncd init` writes.

    `objects` by kind; `fields` theirs by ours, for each kind, as they stand in the file; `key_field` the
    usual name of the field for our id; `hints` are settings of the system, as they stand in the file, with
    `NAME` for the system's name in variables.
    """

    objects: Mapping[str, str]
    fields: Mapping[str, Mapping[str, str]]
    key_field: str
    hints: tuple[str, ...] = ()


class Factory(Protocol):
    """What the entry point group `syncd.connectors` names: a class or function that makes a connector.

    `settings` is the system's section of the configuration without the words common to all connectors;
    `OPTIONS` and `OBJECT_OPTIONS` on it, pydantic models, let `syncd check` judge them before that;
    `ARCHIVES` says whether it can archive: always (True), never (False), or where an object option is set
    (its name). `EXAMPLE`, an `Example`, is for what `syncd init` writes.
    """

    def __call__(self, name: str, settings: Fields, objects: Sequence[ObjectSpec]) -> Connector: ...
