"""A held write that a person discards: what the remote holds becomes the record's value, in a new version."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conflict.due import due
from conflict.work import ABSENT, PERSON, said
from syncd.core.equality import reduces
from syncd.core.errors import ParseError, Unlinked
from syncd.core.fieldmap import Direction, Entry, Refs
from syncd.core.nouns import Stamp
from syncd.core.state import Agreed, Link, Record, Stamps
from syncd.engine.world import Stream


def take_theirs(
    record: Record,
    link: Link,
    stream: Stream,
    refs: Refs,
    then: Mapping[str, Any],
    *,
    time: float,
    event: int,
) -> tuple[Record, Link, dict[str, Any]]:
    """The record, its link and what changed. A field that is only written there is not sent until it moves.

    What an open conflict freezes stays as it is, and what cannot be read is not sent. `then` is what the
    fields held in the versions that the link agreed to: where the system only keeps these in a form of its
    own, they come back as they were.
    """
    owed = due(record, link, stream.due_map, refs).fields.keys()
    version = record.version + 1
    changes: dict[str, Any] = {}
    agreed = dict(link.agreed.own)
    for entry in stream.map.entries:
        if owed.isdisjoint(entry.remote):
            continue
        changes.update(_theirs(record, link, entry, refs, then))
        agreed.update(dict.fromkeys(entry.canon, version))
    stamp = Stamp(version, PERSON, time, event)
    own = {**record.stamps.own, **dict.fromkeys(changes, stamp)}
    contests = {name: held for name, held in record.contests.items() if name not in changes}
    after = replace(
        record,
        version=version,
        fields={**record.fields, **changes},
        stamps=Stamps(record.stamps.base, own),
        contests=contests,
    )
    return after, replace(link, agreed=Agreed(link.agreed.number, agreed)), changes


def _theirs(record: Record, link: Link, entry: Entry, refs: Refs, then: Mapping[str, Any]) -> dict[str, Any]:
    held = tuple(link.shadow.get(name, ABSENT) for name in entry.remote)
    if entry.direction is Direction.OUT or ABSENT in held:
        return {}
    try:
        values = entry.incoming(held, refs)
    except (ParseError, Unlinked):
        return {}
    told = said(then, entry, refs) if then.keys() >= set(entry.canon) else None
    if told is not None and all(reduces(left, whole) for left, whole in zip(held, told, strict=True)):
        values = tuple(then[name] for name in entry.canon)
    pairs = zip(entry.canon, values, strict=True)
    return {n: v for n, v in pairs if record.fields.get(n) != v and not record.frozen(n)}
