"""What a link owes its remote: judged per remote field over all its inputs, and built when it is sent."""

from __future__ import annotations

from collections.abc import Mapping, Set
from dataclasses import dataclass, field, replace

from conflict.work import ABSENT
from syncd.core.errors import ParseError, Unlinked
from syncd.core.fieldmap import NO_REFS, Direction, Entry, FieldMap, Refs, is_blank
from syncd.core.nouns import Value
from syncd.core.state import Link, Record


@dataclass(slots=True)
class Due:
    """The write that would bring a remote up to date.

    `fields` are the remote fields to send and `versions` those of the canonical fields they carry.
    `blocked` lists references whose target has no copy there yet (record ids), `unsayable` the
    (canonical field, reason) that the remote's language cannot say. Neither holds back the others.
    `unread`: remote fields for which a value waits, and which the remote never reported.
    """

    fields: dict[str, Value] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    blocked: list[object] = field(default_factory=list)
    unsayable: list[tuple[str, str]] = field(default_factory=list)
    unread: list[str] = field(default_factory=list)


def due(record: Record, link: Link, fmap: FieldMap, refs: Refs = NO_REFS) -> Due:
    """What is due on an existing copy.

    A remote field that was never reported is never written: nobody knows what it holds.
    """
    found = Due()
    if link.agreed.number >= record.version and not link.agreed.own:
        return found
    moved = _moved(record, link)
    for entry in fmap.entries if moved else ():
        if (
            entry.direction is not Direction.IN
            and not moved.isdisjoint(entry.canon)
            and _free(record, link, entry)
        ):
            _add(found, record, entry, link.shadow, refs)
    return found


def due_on_create(record: Record, fmap: FieldMap, refs: Refs = NO_REFS) -> Due:
    """What a new copy is made of: every value that says something."""
    found, fields, entries = Due(), record.fields, fmap.entries
    contested = bool(record.contests)
    if not contested and not record.stamps.own and (values := fmap.copied.values(fields)) is not None:
        # nearly every create: what is copied says something in every field, under one version
        found.fields = dict(zip(fmap.copied.remote, values, strict=True))
        found.versions = dict.fromkeys(fmap.copied.canon, record.stamps.base.version)
        entries = fmap.computed
    for entry in entries:
        if entry.direction is Direction.IN:
            continue
        canon = entry.canon
        if len(canon) == 1:
            if is_blank(fields.get(canon[0])):
                continue
        elif any(name not in fields for name in canon) or all(is_blank(fields[name]) for name in canon):
            continue
        if not (contested and any(record.frozen(name) for name in canon)):
            _add(found, record, entry, None, refs)
    return found


def without(todo: Due, hidden: Set[str], fmap: FieldMap) -> Due:
    """The same write, less what must not be written: an entry goes as a whole, its canonical fields too."""
    gone = [entry for entry in fmap.entries if not hidden.isdisjoint(entry.remote)]
    remote, canon = {n for e in gone for n in e.remote}, {n for e in gone for n in e.canon}
    return replace(
        todo,
        fields={name: value for name, value in todo.fields.items() if name not in remote},
        versions={name: version for name, version in todo.versions.items() if name not in canon},
    )


def _moved(record: Record, link: Link) -> set[str]:
    """The fields that are newer than what was agreed."""
    stamps, base = record.stamps.own, record.stamps.base
    agreed, number = link.agreed.own, link.agreed.number
    # what is neither stamped nor agreed by itself is behind in all fields or in none
    names = stamps.keys() | agreed.keys() if base.version <= number else record.fields.keys()
    return {name for name in names if stamps.get(name, base).version > agreed.get(name, number)}


def _free(record: Record, link: Link, entry: Entry) -> bool:
    """Whether nothing forbids to write the entry now."""
    if any(name not in record.fields for name in entry.canon):
        return False
    if record.contests and any(record.frozen(name) for name in entry.canon):
        return False
    if link.unapplied and any(name in link.unapplied for name in entry.remote):
        return False
    return not (link.refused and _refused(record, link.refused, entry))


def _refused(record: Record, refused: Mapping[str, int], entry: Entry) -> bool:
    newest = max(record.version_of(name) for name in entry.canon)
    return any(refused.get(name, 0) >= newest for name in entry.remote)


def _holds(held: Value, value: Value) -> bool:
    """Whether a remote has a value already, or we never heard what it has. Blanks are spelled differently."""
    return held is ABSENT or held == value or (is_blank(held) and is_blank(value))


def _add(found: Due, record: Record, entry: Entry, shadow: Mapping[str, Value] | None, refs: Refs) -> None:
    """Put what differs of one entry into the write. Without a shadow (a create), all of it differs."""
    canon, remote, fields = entry.canon, entry.remote, record.fields
    try:
        if len(canon) == 1:
            values = entry.outgoing((fields[canon[0]],), refs)
        else:
            values = entry.outgoing(tuple(fields[name] for name in canon), refs)
    except Unlinked as error:
        found.blocked.append(error.target)
        return
    except ParseError as error:
        found.unsayable.append((canon[0], str(error)))
        return
    except (AttributeError, TypeError, ValueError):
        # the field had another type when this value was taken in
        found.unsayable.append((canon[0], "its value was read when the field had another type"))
        return
    pairs = zip(remote, values, strict=True)
    if shadow is None:
        send = dict(pairs)
    else:
        told = [(name, value, shadow.get(name, ABSENT)) for name, value in pairs]
        send = {name: value for name, value, held in told if not _holds(held, value)}
        found.unread += [name for name, value, held in told if held is ABSENT and not is_blank(value)]
    if not send:
        return
    found.fields.update(send)
    own, base = record.stamps.own, record.stamps.base
    for name in canon:
        found.versions[name] = own.get(name, base).version
