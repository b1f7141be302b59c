"""One batch of changes of one stream, decided in memory: what is loaded, what becomes of each change.

`Batch` holds the state under decision; `syncd.engine.decide` fills it, `syncd.engine.save` writes it.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from typing import Any

from conflict.work import Outcome
from syncd.core.fieldmap import NO_REFS, Refs
from syncd.core.nouns import Change, Clash, Fields, Stamp
from syncd.core.state import Link, Record, Stamps
from syncd.engine.reading import Reading
from syncd.engine.world import Stream

AGAIN = timedelta(seconds=0.5)
"""After so long a change is looked at again that waits for a write to another copy of its record."""
AUTOMATION = "automation"
"""The actor of what a system stored in place of what we sent it."""
CREATE_UNKNOWN = "create_unknown"
"""The code under which a create is listed of which nobody can know whether it happened."""


@dataclass(slots=True)
class Known:
    """A linked remote record: its stored row until somebody needs it as link and record."""

    row: Any
    link: Link | None = None
    record_id: int = 0


@dataclass(slots=True)
class Incoming:
    """A change with the door it came by.

    `fields` are its mapped fields only, `evidence` the sequence from before the read began. `fetched` says
    that it was read by id. `inbox` is the sequence of the inbox row that it came from, `suspects` what that
    row wants to see again. `push_after` says that a write was given up for this read. `join` is the record
    whose create met this one ("already exists"). `shown` is, for a change that its feed tells of now, the
    sequence from before the feed's last read, which did not tell of it.
    """

    change: Change
    fields: Mapping[str, Any]
    evidence: int
    fetched: bool = False
    inbox: int | None = None
    suspects: Mapping[str, Any] = field(default_factory=dict)
    push_after: bool = False
    join: int | None = None
    shown: int = 0

    def seen(self) -> Change:
        """The change as the link machine takes it: its mapped fields, and when the read began."""
        c = self.change  # written out: `replace` costs five times as much, and each edit comes by here
        return Change(
            *(c.system, c.object, c.remote_id, c.op, self.fields, c.partial, c.remote_version),
            *(c.occurred_at, self.evidence, c.seen_at, c.actor, c.survivor_id, c.survivor_object),
        )


@dataclass(frozen=True, slots=True)
class Hold:
    """A change that must wait in the inbox, or an id to be read again (`change` is None).

    It is not looked at before `until`, where nothing rings when it may go on.
    """

    remote_id: str
    reason: str
    change: Change | None
    suspects: Mapping[str, Any] = field(default_factory=dict)
    until: datetime | None = None


@dataclass(frozen=True, slots=True)
class Note:
    """Something to be parked: listed for a person, with a stable code."""

    code: str
    message: str
    remote_id: str | None = None
    record_id: int | None = None
    field: str | None = None
    direction: str = "in"
    body: Any = None


@dataclass(slots=True)
class Batch:
    """What a batch read, and what it decided.

    `shown` are remote fields that were never told before, (record id, field) each.
    `linked_here` are records that have a copy in this system, `linked_beside` those of them whose copy is in
    another object of it; `copies` are the ids of those in this one. `returned` are the ids of copies that
    take part again. `readings` are by the `id` of their change. `redirected` leads from records that became
    one with another to the one that stays.
    `unanswered`: by record, what a create said of which nobody knows whether it happened, and its versions.
    """

    stream: Stream
    event: int
    known: dict[str, Known] = field(default_factory=dict)
    records: dict[int, Record] = field(default_factory=dict)
    read: dict[int, Record] = field(default_factory=dict)
    refs: Refs = NO_REFS
    readings: dict[int, Reading] = field(default_factory=dict)
    keys: dict[str, set[int]] = field(default_factory=dict)
    linked_here: set[int] = field(default_factory=set)
    linked_beside: set[int] = field(default_factory=set)
    copies: dict[int, str] = field(default_factory=dict)
    redirected: Mapping[int, int] = field(default_factory=dict)
    unanswered: Mapping[int, tuple[Fields, Mapping[str, int]]] = field(default_factory=dict)
    new_records: set[int] = field(default_factory=set)
    new_links: set[str] = field(default_factory=set)
    moved_links: set[str] = field(default_factory=set)
    changes: dict[tuple[int, int], dict[str, Any]] = field(default_factory=dict)
    clashes: list[tuple[int, Clash]] = field(default_factory=list)
    closed: list[tuple[int, str]] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    waits: list[tuple[str, str, str]] = field(default_factory=list)
    behind: set[tuple[int, int]] = field(default_factory=set)
    key_changes: dict[int, list[str]] = field(default_factory=dict)
    cascaded: set[str] = field(default_factory=set)
    detached: set[int] = field(default_factory=set)
    unlinked: set[int] = field(default_factory=set)
    revived: set[int] = field(default_factory=set)
    anew: set[int] = field(default_factory=set)
    returned: set[str] = field(default_factory=set)
    parted: set[int] = field(default_factory=set)
    readable: set[str] = field(default_factory=set)
    shown: list[tuple[int, str]] = field(default_factory=list)
    single: set[str] = field(default_factory=set)
    applied: int = 0
    dropped: int = 0
    first_stamps: Stamps = field(init=False)
    """The stamps of records that begin with this batch."""

    def __post_init__(self) -> None:
        self.first_stamps = Stamps(Stamp(1, self.stream.system, None, self.event))

    def record(self, record_id: int) -> Record:
        return self.records[record_id]

    def put_record(self, record: Record) -> None:
        self.records[record.record_id] = record

    def put_link(self, link: Link) -> None:
        """Remember a link's new state; whether it is new decides how it is written."""
        known = self.known.get(link.remote_id)
        if known is None:
            self.known[link.remote_id] = Known(None, link, link.record_id)
            self.new_links.add(link.remote_id)
        else:
            known.link, known.record_id = link, link.record_id
            if link.remote_id not in self.new_links:
                self.moved_links.add(link.remote_id)

    def take(self, outcome: Outcome) -> None:
        """Keep what a read did to its record and link."""
        record = outcome.record
        self.put_record(record)
        self.put_link(outcome.link)
        self.clashes += [(record.record_id, clash) for clash in outcome.clashes]
        self.closed += [(record.record_id, name) for name in outcome.closed]
        if outcome.changed:
            self.changes.setdefault((record.record_id, record.version), {}).update(outcome.changed)

    def is_empty(self) -> bool:
        """Whether there is nothing to write but the cursor."""
        return not (
            self.new_records
            or self.new_links
            or self.moved_links
            or self.changes
            or self.holds
            or self.notes
            or self.clashes
            or self.behind
            or self.waits
            or self.closed
            or self.single
        )
