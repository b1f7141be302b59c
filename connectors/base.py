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

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any, Literal, Protocol, TypeAlias, runtime_checkable

from syncd.core.errors import SyncdError
from syncd.core.nouns import Change, Cursor, Fields, Page, Push, PushResult

__all__ = [
    "CanBell",
    "CanFetch",
    "CanFind",
    "CanReceive",
    "CanScan",
    "Capabilities",
    "Connector",
    "Delivery",
    "FieldInfo",
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
    `find_lag` is how long a look-up by key may hide a new record.
    `delivery_headers` (lower case) tell one webhook delivery from another, with its query and body: the
    signature's and the timestamp's. None where nothing is signed: then no delivery is taken for a replay.
    """

    deletes_reported: bool = False
    deletes_found_by_scan: bool = True
    partial_fields: bool = False
    compare_and_set: bool = False
    upsert_key: bool = False
    client_ids: bool = False
    archives: bool = False
    stored_in_answer: bool = False
    read_lag: float = 0.0
    find_lag: float = 0.0
    clock_skew: float = 0.0
    read_batch: int = 100
    write_batch: int = 100
    calls_per_second: float | None = None
    delivery_headers: tuple[str, ...] | None = ()
    cascades: Mapping[str, Sequence[str]] = field(default_factory=dict)


@dataclass(frozen=True, slots=True)
class FieldInfo:
    """One remote field. `type` is a canonical type's name, the nearest one; `length` in characters."""

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
    """One remote object (a table, an sObject) and its fields by name. `notes` say what cannot be trusted."""

    name: str
    fields: Mapping[str, FieldInfo]
    notes: tuple[str, ...] = ()


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
        """Exactly one result per push, matched by push_id, in any order. All pushes name one object."""

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

        An id that is left out is one of which the remote says nothing: this account may not see all records.
        """


@runtime_checkable
class CanFind(Protocol):
    """Look records up by our key."""

    async def find(self, object: str, keys: Sequence[str]) -> Mapping[str, Change]:
        """The record that carries each key in the object's key field, for those that are visible now."""


@runtime_checkable
class CanBell(Protocol):
    """A hint that something changed; it carries nothing and may be lost."""

    async def bell(self) -> None:
        """Return when the remote rang since the last call."""


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
    """One webhook call as it came. Header names are in lower case; `body` is as it was sent."""

    method: str
    path: str
    query: Mapping[str, str]
    headers: Mapping[str, str]
    body: bytes
    received_at: datetime


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
class ObjectSpec:
    """What the configuration wants of one object: which fields, and where our key goes."""

    name: str
    fields: tuple[str, ...]
    key_field: str | None = None
    options: Mapping[str, Any] = field(default_factory=dict)


class Factory(Protocol):
    """What the entry point group `syncd.connectors` names: a class or function that makes a connector.

    `settings` is the system's section of the configuration without the words common to all connectors;
    `OPTIONS` and `OBJECT_OPTIONS` on it, pydantic models, let `syncd check` judge them before that;
    `ARCHIVES` says whether it can archive: always (True), never (False), or where an object option is set
    (its name).
    """

    def __call__(self, name: str, settings: Fields, objects: Sequence[ObjectSpec]) -> Connector: ...
