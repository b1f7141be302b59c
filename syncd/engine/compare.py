"""Compare a record with what a remote shows of it now, in the directions in which fields are mapped. Pure."""

from __future__ import annotations

from collections.abc import Iterator, Sequence
from dataclasses import dataclass, field

from conflict.due import Due, due
from conflict.work import ABSENT
from syncd.core.equality import reduces
from syncd.core.errors import ParseError, Unlinked
from syncd.core.fieldmap import Direction, Drift, Entry, FieldMap, Refs, is_blank
from syncd.core.nouns import Fields, Value
from syncd.core.state import Link, Record

Values = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Gap:
    """One field that is not the same on both sides.

    `ours` and `theirs` are canonical values; for an `out` field, and where theirs cannot be read, they are
    remote ones. `now` is what the remote shows, `moved` whether that is news since it was last read.
    `unlinked` and `unreadable` say why a value could not be turned into the other language.
    """

    field: str
    ours: Value
    theirs: Value
    entry: Entry
    now: Values
    moved: bool
    unlinked: bool = False
    unreadable: str | None = None


@dataclass(slots=True)
class Seen:
    """What one look at a copy came to. `due` is what a push would send; `unreported` the fields not told."""

    due: Due
    gaps: list[Gap] = field(default_factory=list)
    unreported: list[str] = field(default_factory=list)


def look(record: Record, link: Link, fields: Fields, fmap: FieldMap, refs: Refs) -> Seen:
    """Compare every mapped field. `fields` is what the remote shows now."""
    seen = Seen(due(record, link, fmap, refs))
    for entry in fmap.entries:
        if any(name not in fields for name in entry.remote):
            seen.unreported += entry.canon
        else:
            now = tuple(fields[name] for name in entry.remote)
            seen.gaps += _entry_gaps(record, link, entry, now, seen.due, refs)
    return seen


def _entry_gaps(
    record: Record, link: Link, entry: Entry, now: Values, owed: Due, refs: Refs
) -> Iterator[Gap]:
    shadow = tuple(link.shadow.get(name, ABSENT) for name in entry.remote)
    moved = shadow != now
    told, unlinked = _told(record, entry, refs)
    if entry.direction is not Direction.IN and _same(now, told, moved=moved):
        return
    if entry.direction is Direction.OUT:
        if told is not None and not _left_alone(entry, owed):
            yield Gap(", ".join(entry.canon), _flat(told), _flat(now), entry, now, moved, unlinked)
        elif told is None and unlinked:
            ours = tuple(record.fields.get(name) for name in entry.canon)
            yield Gap(", ".join(entry.canon), _flat(ours), _flat(now), entry, now, moved, unlinked)
        return
    yield from _read_gaps(record, link, entry, now, moved, unlinked, refs)


def _told(record: Record, entry: Entry, refs: Refs) -> tuple[Values | None, bool]:
    """What the remote would be told, and whether it is a reference that keeps it from being said."""
    if any(name not in record.fields for name in entry.canon):
        return None, False
    try:
        return entry.outgoing(tuple(record.fields[name] for name in entry.canon), refs), False
    except Unlinked:
        return None, True
    except ParseError:
        return None, False


def _same(now: Values, told: Values | None, *, moved: bool) -> bool:
    """Equal in the remote's language; an unmoved value that is a mere reduction is all it can hold."""
    if told is None:
        return False
    pairs = list(zip(now, told, strict=True))
    if all(there == said or (is_blank(there) and is_blank(said)) for there, said in pairs):
        return True
    return not moved and all(reduces(there, said) for there, said in pairs)


def _left_alone(entry: Entry, owed: Due) -> bool:
    """Whether the owner said that edits of this field there are to be left, and nothing newer is due."""
    return entry.drift is Drift.LEAVE and not any(name in owed.fields for name in entry.remote)


def _read_gaps(
    record: Record, link: Link, entry: Entry, now: Values, moved: bool, unlinked: bool, refs: Refs
) -> Iterator[Gap]:
    ours = tuple(record.fields.get(name) for name in entry.canon)
    unreadable: str | None = None
    try:
        theirs = entry.incoming(now, refs)
    except Unlinked:
        unlinked = True
    except ParseError as error:
        unreadable = str(error)
    else:
        for name, mine, other in zip(entry.canon, ours, theirs, strict=True):
            if mine != other and not _overruled(record, link, entry, name, moved):
                yield Gap(name, mine, other, entry, now, moved, unlinked)
        return
    yield Gap(", ".join(entry.canon), _flat(ours), _flat(now), entry, now, moved, unlinked, unreadable)


def _overruled(record: Record, link: Link, entry: Entry, name: str, moved: bool) -> bool:
    """An `in` field whose value was read and lost to another system's: nothing will ever be written there."""
    if entry.direction is not Direction.IN or moved or record.frozen(name):
        return False
    return record.version_of(name) > link.agreed.of(name)


def _flat(values: Sequence[Value]) -> Value:
    return values[0] if len(values) == 1 else list(values)
