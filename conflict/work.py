"""One change being worked into one record and link: mutable while it lasts, frozen when it is done."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field, replace

from syncd.core.errors import ParseError, Unlinked
from syncd.core.fieldmap import NO_REFS, Entry, FieldMap, Refs
from syncd.core.nouns import Candidate, Change, Clash, Contest, Fields, Stamp, Value
from syncd.core.state import Agreed, ElementStamp, Link, Record, Stamps

ABSENT = object()
NONE: Mapping[str, str] = {}
RULE = "rule"
PERSON = "person"


@dataclass(frozen=True, slots=True)
class Outcome:
    """What a change did.

    `changed` holds the canonical fields with a new value. `owes` says that this very copy may now be
    behind. `closed` names fields whose open conflict ended. `unreadable` lists (remote field, reason),
    `waiting` the targets of references that are not linked yet, (kind, remote id) each.
    """

    record: Record
    link: Link
    changed: dict[str, Value]
    clashes: list[Clash]
    owes: bool = False
    closed: list[str] = field(default_factory=list)
    unreadable: list[tuple[str, str]] = field(default_factory=list)
    waiting: list[object] = field(default_factory=list)


class Work:
    """The state under the hands of `see`: copies of what may change, written on first need."""

    def __init__(
        self,
        record: Record,
        link: Link,
        change: Change,
        event: int,
        alien: frozenset[str] = frozenset(),
        shown: int = 0,
        flapping: Mapping[str, str] = NONE,
    ) -> None:
        self.record, self.link, self.change, self.event = record, link, change, event
        self.alien, self.shown, self.flapping = alien, shown, flapping
        self.version = record.version
        self.incoming_version = record.version + 1
        self.fields = dict(record.fields)
        self.stamps = dict(record.stamps.own)
        self.contests = dict(record.contests)
        self.elements = record.elements
        self.shadow = dict(link.shadow)
        self.agreed = dict(link.agreed.own)
        self.ghosts = link.ghosts
        self.unsure = link.unsure
        self.unapplied = link.unapplied
        self._stamp: Stamp | None = None
        self.changed: dict[str, Value] = {}
        self.clashes: list[Clash] = []
        self.closed: list[str] = []
        self.unreadable: list[tuple[str, str]] = []
        self.waiting: list[object] = []
        self.owes = False
        self.time = change.occurred_at.timestamp() if change.occurred_at else None

    def stamp_of(self, name: str) -> Stamp:
        return self.stamps.get(name, self.record.stamps.base)

    def version_of(self, name: str) -> int:
        return self.stamp_of(name).version if name in self.fields else 0

    def agreed_of(self, name: str) -> int:
        return self.agreed.get(name, self.link.agreed.number)

    def theirs(self, value: Value, *, timed: bool) -> Candidate:
        """The value that this change brings, as a candidate under its own version."""
        self.version = max(self.version, self.incoming_version)
        time = self.time if timed else None
        return Candidate(value, self.link.system, time, self.event, self.incoming_version)

    def heads(self, name: str) -> tuple[Candidate, ...]:
        """The values of a field that nobody superseded: its candidates, or else the one that stands."""
        contest = self.contests.get(name)
        if contest is not None:
            return contest.candidates
        if name not in self.fields:
            return ()
        stamp = self.stamp_of(name)
        return (Candidate(self.fields[name], stamp.system, stamp.time, stamp.event, stamp.version),)

    def put(self, name: str, value: Value, stamp: Stamp) -> None:
        """Make a value the record's."""
        self.version = max(self.version, stamp.version)
        self.fields[name] = value
        self.stamps[name] = stamp
        self.changed[name] = value

    def take(self, name: str, value: Value) -> None:
        """An edit that nothing speaks against: theirs becomes the record's, and they hold it."""
        if self._stamp is None:  # one for all fields of this change
            self._stamp = Stamp(self.incoming_version, self.link.system, self.time, self.event)
        self.put(name, value, self._stamp)
        self.agreed[name] = self.incoming_version
        self.end_contest(name)

    def owe(self, name: str) -> None:
        """This remote is to be told what stands, whatever it was told before."""
        self.owes = True
        self.agreed[name] = min(self.agreed_of(name), self.version_of(name) - 1)

    def contest_base(self, name: str, base: Value) -> Value:
        """What a contest began with, whoever spoke first; `base`, where it begins now."""
        held = self.contests.get(name)
        if held is not None:
            return held.base
        return None if base is ABSENT else base

    def end_contest(self, name: str) -> None:
        contest = self.contests.pop(name, None)
        if contest is not None and contest.open:
            self.closed.append(name)

    def settle_head(self, name: str) -> None:
        """This remote holds what stands: what it held before is over."""
        held = self.contests.get(name)
        if held is not None:
            left = left_after(held, name, self.link.system, self.fields.get(name))
            self.contests = {k: v for k, v in self.contests.items() if k != name} | left

    def join(self, name: str, value: Value, base: Value) -> None:
        """This remote says by itself what stands: while another may yet speak against it, it counts, too."""
        others = tuple(c for c in self.heads(name) if c.system != self.link.system)
        contest = Contest((*others, self.voice(name, value)), base=self.contest_base(name, base))
        self.contests = {**self.contests, name: contest}

    def voice(self, name: str, value: Value) -> Candidate:
        """This remote as one more that says what stands: under its version, for nothing changes."""
        return Candidate(value, self.link.system, self.time, self.event, self.version_of(name))

    def touch_elements(self, name: str, elements: set[str], version: int) -> None:
        """Remember who added or removed these elements of a set."""
        stamp = ElementStamp(version, self.link.system)
        stamps = {**self.elements.get(name, {}), **dict.fromkeys(elements, stamp)}
        self.elements = {**self.elements, name: stamps}

    def outgoing(self, entry: Entry, refs: Refs) -> tuple[Value, ...] | None:
        """What the remote would be told of an entry now; None where it cannot be said."""
        return said(self.fields, entry, refs)

    def outcome(self, fmap: FieldMap) -> Outcome:
        """The result, with agreed folded into one number where all is agreed."""
        change, old = self.change, self.link
        before = self.record
        record = Record(
            before.record_id,
            before.kind,
            self.version,
            self.fields,
            Stamps(before.stamps.base, self.stamps),
            self.contests,
            self.elements,
            before.deleted,
        )
        link = Link(
            old.system,
            old.object,
            old.remote_id,
            old.record_id,
            old.state,
            self.shadow,
            fold(record, Agreed(old.agreed.number, self.agreed), fmap),
            self.ghosts,
            self.unsure,
            self.unapplied,
            old.refused,
            evidence=max(old.evidence, change.evidence),
            remote_version=self._remote_version(),
            gone_by=old.gone_by,
        )
        return Outcome(
            record, link, self.changed, self.clashes, self.owes, self.closed, self.unreadable, self.waiting
        )

    def _remote_version(self) -> str | None:
        """What compare-and-set may compare with: a version of which every mapped field has been seen."""
        told = None if self.change.partial else self.change.remote_version
        return told or self.link.remote_version


def said(fields: Fields, entry: Entry, refs: Refs = NO_REFS) -> tuple[Value, ...] | None:
    """An entry in a remote's language; None where it cannot be said."""
    try:
        return entry.outgoing(tuple(fields.get(name) for name in entry.canon), refs)
    except (ParseError, Unlinked, AttributeError, TypeError, ValueError):
        return None  # the last three: our value is from a time when the field had another type


def holds(held: Fields, entry: Entry, values: tuple[Value, ...] | None) -> bool:
    """Whether a remote that holds these fields holds an entry's values; never what cannot be said."""
    return values is not None and all(
        held.get(name, ABSENT) == value for name, value in zip(entry.remote, values, strict=True)
    )


def base_of(entry: Entry, was: tuple[Value, ...], refs: Refs) -> tuple[Value, ...] | None:
    """The canonical fields of an entry by a shadow: None where it lacks one, ABSENT where none is read."""
    if ABSENT in was:
        return None
    try:
        return entry.incoming(was, refs)
    except (ParseError, Unlinked):
        return tuple(ABSENT for _ in entry.canon)


def fold(record: Record, agreed: Agreed, fmap: FieldMap) -> Agreed:
    """One number in place of exceptions, once every mapped field is agreed and nothing is contested."""
    if agreed.number == record.version and not agreed.own:
        return agreed
    if record.contests:
        return agreed
    own, number = agreed.own, agreed.number
    fields, stamps, base = record.fields, record.stamps.own, record.stamps.base
    if own and not stamps and fields.keys() <= own.keys() and min(own.values()) >= base.version:
        return Agreed(record.version)  # a create that told everything: no field need be looked at
    # what is neither stamped nor agreed by itself is behind in all fields or in none
    names = stamps.keys() | own.keys() if base.version <= number else fmap.by_canon.keys()
    for name in names:
        if (
            name in fields
            and own.get(name, number) < stamps.get(name, base).version
            and name in fmap.by_canon
        ):
            return agreed
    return Agreed(record.version)


def settle_head(record: Record, name: str, system: str) -> Record:
    """The same for a record outside a change: a remote was told what stands."""
    held = record.contests.get(name)
    if held is None:
        return record
    left = left_after(held, name, system, record.fields.get(name))
    contests = {key: value for key, value in record.contests.items() if key != name}
    return replace(record, contests=contests | left)


def told_rival(record: Record, name: str, system: str, version: int) -> Record:
    """A remote was told a candidate that stood then: its own is over, though another one stands by now."""
    held = record.contests.get(name)
    if held is None or not any(c.version == version and c.system != system for c in held.candidates):
        return record
    return settle_head(record, name, system)


def left_after(held: Contest, name: str, system: str, stands: Value) -> dict[str, Contest]:
    """What is left of a contest once `system` holds what stands; nothing while a person is asked."""
    if held.open:
        return {name: held}
    left = tuple(c for c in held.candidates if c.system != system or c.value == stands)
    party = len(left) > 1 and any(c.system == system for c in left)
    return {name: Contest(left, base=held.base)} if party or any(c.value != stands for c in left) else {}
