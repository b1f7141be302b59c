"""Records and links as JSON, compactly: stamps and agreed versions as one value plus exceptions.

A shadow is a list in the order of its layout. A field that the remote never reported is `ABSENT` there,
which is not null.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

import orjson

from syncd.core.nouns import Candidate, Contest, LinkState, Stamp, Value
from syncd.core.state import Agreed, ElementStamp, Ghost, Link, Record, Stamps

ABSENT: dict[str, str] = {"$": "absent"}
FORGOTTEN = ""
"""In place of a field's name in an old layout: the mapping gives its values another meaning now."""


def shadow_bytes(values: Mapping[str, Value], layout: Sequence[str]) -> bytes:
    """A shadow as stored; equal bytes mean that nothing mapped moved."""
    try:
        return orjson.dumps([values[name] for name in layout])
    except KeyError:
        return orjson.dumps([values.get(name, ABSENT) for name in layout])


def shadow_dict(raw: bytes, layout: Sequence[str]) -> dict[str, Value]:
    """The stored shadow by field name, without what was never reported or is `FORGOTTEN` in the layout."""
    values = orjson.loads(raw)
    found = dict(zip(layout, values, strict=True))
    if ABSENT in values:
        found = {name: value for name, value in found.items() if value != ABSENT}
    found.pop(FORGOTTEN, None)
    return found


def layout_fields(raw: bytes) -> dict[str, str | None]:
    """A stored layout: its fields in order, each with what it was read as (None: not written down)."""
    stored = [item if isinstance(item, list) else (item, None) for item in orjson.loads(raw)]
    return {str(name): meaning for name, meaning in stored}


def still_known(layout: Mapping[str, str | None], meanings: Mapping[str, str]) -> tuple[str, ...]:
    """The names of a layout, without those that are read as something else under the present mapping.

    A value that was read as another field, or as another type, is no base for what it means now.
    """
    return tuple(n if m is None or meanings.get(n, m) == m else FORGOTTEN for n, m in layout.items())


def stamps_bytes(record: Record) -> bytes:
    """[version, system, time, event, {field: the same four}, {field: {element: [version, system]}}]."""
    base = record.stamps.base
    own = {
        n: (s.version, s.system, s.time, s.event)
        for n, s in record.stamps.own.items()
        if s.version != base.version or s != base
    }
    body: list[Any] = [base.version, base.system, base.time, base.event]
    if own or record.elements:
        body.append(own)
    if record.elements:
        body.append(
            {n: {e: (s.version, s.system) for e, s in marks.items()} for n, marks in record.elements.items()}
        )
    return orjson.dumps(body)


def contests_bytes(record: Record) -> bytes | None:
    """{field: [open, [candidate, …], base]}, or None where nothing is contested; an old one has no base."""
    if not record.contests:
        return None
    held = record.contests.items()
    return orjson.dumps({n: (c.open, [_row(x) for x in c.candidates], c.base) for n, c in held})


def _row(c: Candidate) -> tuple[Any, ...]:
    return (c.value, c.system, c.time, c.event, c.version, c.field_time)


def record_of(
    record_id: int,
    kind: str,
    version: int,
    deleted: bool,
    fields: bytes,
    stamps: bytes,
    contests: bytes | None,
) -> Record:
    """A stored record."""
    version_, system, time, event, *more = orjson.loads(stamps)
    own = {n: Stamp(*s) for n, s in more[0].items()} if more else {}
    elements = more[1] if len(more) > 1 else {}
    return Record(
        record_id,
        kind,
        version,
        orjson.loads(fields),
        Stamps(Stamp(version_, system, time, event), own),
        _contests(contests) if contests else {},
        {n: {e: ElementStamp(*s) for e, s in marks.items()} for n, marks in elements.items()},
        deleted,
    )


def _contests(raw: bytes) -> dict[str, Contest]:
    return {
        n: Contest(tuple(Candidate(*row) for row in rows), is_open, *base)
        for n, (is_open, rows, *base) in orjson.loads(raw).items()
    }


def agreed_bytes(agreed: Agreed) -> bytes:
    """[number, {field: number}]."""
    return orjson.dumps((agreed.number, agreed.own) if agreed.own else (agreed.number,))


def agreed_of(raw: bytes) -> Agreed:
    """The stored agreed versions."""
    number, *own = orjson.loads(raw)
    return Agreed(number, own[0] if own else {})


def extras_bytes(link: Link) -> bytes | None:
    """What few links have: unsettled writes, unsure fields, unapplied values, refusals."""
    if not (link.ghosts or link.unsure or link.unapplied or link.refused):
        return None
    ghosts = {n: [(g.value, g.versions) for g in kept] for n, kept in link.ghosts.items()}
    return orjson.dumps(
        {
            "ghosts": ghosts,
            "unsure": sorted(link.unsure),
            "unapplied": link.unapplied,
            "refused": link.refused,
        }
    )


def link_of(
    names: tuple[str, str],
    remote_id: str,
    record_id: int,
    state: str,
    gone_by: str | None,
    evidence: int,
    remote_version: str | None,
    layout: Sequence[str],
    agreed: bytes,
    shadow: bytes,
    extras: bytes | None,
) -> Link:
    """A stored link; `names` are its system and object."""
    more = orjson.loads(extras) if extras else {}
    ghosts = {n: tuple(Ghost(v, w) for v, w in kept) for n, kept in more.get("ghosts", {}).items()}
    return Link(
        names[0],
        names[1],
        remote_id,
        record_id,
        LinkState(state),
        shadow_dict(shadow, layout),
        agreed_of(agreed),
        ghosts,
        frozenset(more.get("unsure", ())),
        more.get("unapplied", {}),
        more.get("refused", {}),
        remote_version,
        evidence,
        gone_by,
    )
