"""What a link owes its remote: judged per remote field over all its inputs, and built when it is sent."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

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
    """

    fields: dict[str, Value] = field(default_factory=dict)
    versions: dict[str, int] = field(default_factory=dict)
    blocked: list[object] = field(default_factory=list)
    unsayable: list[tuple[str, str]] = field(default_factory=list)


def due(record: Record, link: Link, fmap: FieldMap, refs: Refs = NO_REFS) -> Due:
    """What is due on an existing copy.

    A remote field that was never reported is never written: nobody knows what it holds.
    """
    found = Due()
    if link.agreed.number >= record.version and not link.agreed.own:
        return found
    for entry in fmap.entries:
        if entry.direction is not Direction.IN and _behind(record, link, entry):
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
            value = fields.get(canon[0])
            if value is None or value == "" or value == []:
                continue
        elif any(name not in fields for name in canon) or all(is_blank(fields[name]) for name in canon):
            continue
        if not (contested and any(record.frozen(name) for name in canon)):
            _add(found, record, entry, None, refs)
    return found


def _behind(record: Record, link: Link, entry: Entry) -> bool:
    """Whether some input is newer than agreed, and nothing forbids to write the entry now."""
    agreed, fields, stamps, canon = link.agreed, record.fields, record.stamps, entry.canon
    if len(canon) == 1:  # written out: this runs for every field of every update
        name = canon[0]
        newest = stamps.of(name).version - agreed.of(name)
    else:
        newest = max((stamps.of(n).version if n in fields else 0) - agreed.of(n) for n in canon)
    if newest <= 0 or any(name not in fields for name in canon):
        return False
    if record.contests and any(record.frozen(name) for name in entry.canon):
        return False
    if link.unapplied and any(name in link.unapplied for name in entry.remote):
        return False
    return not (link.refused and _refused(record, link.refused, entry))


def _refused(record: Record, refused: Mapping[str, int], entry: Entry) -> bool:
    newest = max(record.version_of(name) for name in entry.canon)
    return any(refused.get(name, 0) >= newest for name in entry.remote)


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
    if shadow is not None:
        pairs = zip(remote, values, strict=True)
        send = {name: value for name, value in pairs if shadow.get(name, ABSENT) not in (value, ABSENT)}
        if not send:
            return
        found.fields.update(send)
    elif len(remote) == 1:
        found.fields[remote[0]] = values[0]
    else:
        found.fields.update(zip(remote, values, strict=True))
    own, base = record.stamps.own, record.stamps.base
    for name in canon:
        found.versions[name] = own.get(name, base).version
