"""One record's past and present: its versions in order, what was decided about it, and what each copy holds.

Reads only. All values of the record are in here: show it to its owner, and log none of it.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

import orjson

from syncd.core.errors import SyncdError
from syncd.core.nouns import Value
from syncd.core.state import Link, Record
from syncd.store.codec import layout_fields
from syncd.store.joins import survivors
from syncd.store.prune import Kept, kept
from syncd.store.rows import LINK_COLUMNS, LinkNames, link_from, load_records
from syncd.store.store import Conn, Store

ITSELF = ""
"""The name under which a version tells of the record itself: `delete`, or `keep` when it came back."""

_STREAMS = "select stream, system, object from streams where kind = $1"
_BY_REMOTE = "select record_id from links where remote_id = $1 and stream = any($2::smallint[])"
_VERSIONS = """
select v.version, v.system, v.event, v.config, v.at, v.changes, p.source, p.seen_at, s.object
from versions v left join pages p on p.seq = v.event left join streams s using (stream)
where v.record_id = $1 order by v.version"""
_CONFLICTS = """
select conflict, field, state, why, base, candidates, verdict, config, opened, closed
from conflicts where record_id = $1 order by conflict"""
_THEN = """
select distinct on (u.record_id, u.field) u.record_id, u.field, v.changes -> u.field as value
from unnest($1::bigint[], $2::text[], $3::bigint[]) as u(record_id, field, version)
join versions v on v.record_id = u.record_id and v.version <= u.version and v.changes::jsonb ? u.field
order by u.record_id, u.field, v.version desc"""
_JOINED = "select record_id, at from redirects where survivor = $1 order by at"
_PARKED = """
select p.parked, s.system, p.direction, p.remote_id, p.field, p.code, p.message, p.at
from parked p join streams s using (stream)
where p.record_id = $1
or (p.remote_id, p.stream) in (select remote_id, stream from links where record_id = $1)
order by p.parked"""
_COPIES = f"select {', '.join(LINK_COLUMNS)} from links where record_id = $1 order by stream, remote_id"
_LAYOUTS = "select layout, stream, fields from layouts"
_QUEUED = "select distinct stream from outbox where record_id = $1"
_BEFORE = "select seen_at from pages where seq <= $1 order by seq desc limit 1"
_AFTER = "select seen_at from pages where seq > $1 order by seq limit 1"


class NotFound(SyncdError):
    """There is no such record."""


@dataclass(frozen=True, slots=True)
class Version:
    """One step. `before` holds what the changed fields had; a field that had nothing is not in it.

    Of a step from before the history that is kept, others may have been pruned next to it: then
    `before_known` is false, and `before` empty.

    `event` is the journal entry that brought it, `source` its door and `seen_at` its time; both are None
    for what a person or a rule said. `at` is when we wrote it down.
    """

    version: int
    at: datetime
    system: str
    event: int
    config: int
    changes: Mapping[str, Value]
    before: Mapping[str, Value]
    source: str | None = None
    seen_at: datetime | None = None
    object: str | None = None
    before_known: bool = True


@dataclass(frozen=True, slots=True)
class Decision:
    """A clash: open, decided (by a rule or a person) or closed (all sides came to agree)."""

    conflict: int
    field: str
    state: str
    why: str
    base: Value
    candidates: Sequence[Mapping[str, Any]]
    verdict: Mapping[str, Any] | None
    config: int
    opened: datetime
    closed: datetime | None


@dataclass(frozen=True, slots=True)
class Copy:
    """A remote copy. `queued` says that a write is waiting; the last write or read that counted fell
    between `not_before` and `not_after`, as far as the journal tells."""

    link: Link
    queued: bool
    not_before: datetime | None
    not_after: datetime | None


@dataclass(frozen=True, slots=True)
class Story:
    """All that the store knows of one record; `kept` says how far back that goes.

    `joined` are the records that became one with it, and when.
    """

    record: Record
    versions: Sequence[Version]
    decisions: Sequence[Decision] = ()
    copies: Sequence[Copy] = ()
    parked: Sequence[Mapping[str, Any]] = field(default=())
    kept: Kept = field(default=Kept())
    joined: Sequence[tuple[int, datetime]] = ()

    @property
    def pruned(self) -> bool:
        """Whether versions of it may be missing: one from before the history's beginning always stays."""
        begins = self.kept.history
        return begins is not None and bool(self.versions) and self.versions[0].at < begins


async def find_record(store: Store, kind: str, ident: str) -> int:
    """The record that a person means by our id, or by `SYSTEM:REMOTE_ID`. Raises `NotFound`.

    Of one that became one with another it is the one that stays.
    """
    async with store.read() as con:
        streams = await con.fetch(_STREAMS, kind)
        if not streams:
            raise NotFound(f"the store knows no kind {kind}: is it in the configuration, and did syncd run?")
        system, colon, remote_id = ident.partition(":")
        mine = [row["stream"] for row in streams if row["system"] == system]
        if colon and not mine:
            known = ", ".join(dict.fromkeys(row["system"] for row in streams))
            raise NotFound(
                f"no {kind} lives in a system {system}, but in {known}; write SYSTEM:REMOTE_ID, or our id"
            )
        if colon:
            number = await con.fetchval(_BY_REMOTE, remote_id, mine)
            if number is None:
                raise NotFound(
                    f"{remote_id} in {system} is linked to no {kind}: there is none of that id, it was not "
                    "read yet (`syncd status`), or it is set aside (`syncd parked`)"
                )
            return int(number)
        if not (ident.isascii() and ident.isdigit() and len(ident) < 19):
            raise NotFound(f"{ident} is no id of ours; write a number, or SYSTEM:REMOTE_ID")
        number = int(ident)
        return (await survivors(con, [number])).get(number, number)


async def load_story(store: Store, kind: str, record_id: int) -> Story:
    """Everything about a record. Raises `NotFound` also where it is of another kind."""
    async with store.read() as con:
        record = (await load_records(con, [record_id])).get(record_id)
        reach = await kept(con)
        if record is None:
            forgotten = f", or it was deleted before {reach.tombstones:%Y-%m-%d}" if reach.tombstones else ""
            raise NotFound(
                f"there is no {kind} {record_id}{forgotten}; a remote's id is written SYSTEM:REMOTE_ID"
            )
        if record.kind != kind:
            raise NotFound(f"{record_id} is a {record.kind}, not a {kind}")
        copies = await _copies(con, record)
    async with store.plain() as con:
        versions = _chained(await con.fetch(_VERSIONS, record_id), reach.history)
        decisions = [Decision(**dict(row)) for row in await con.fetch(_CONFLICTS, record_id)]
        parked = [dict(row) for row in await con.fetch(_PARKED, record_id)]
        joined = [(row["record_id"], row["at"]) for row in await con.fetch(_JOINED, record_id)]
    return Story(record, versions, decisions, copies, parked, reach, joined)


def _chained(rows: Sequence[Any], begins: datetime | None) -> list[Version]:
    """The versions, each with what it replaced, as far as that is known."""
    held: dict[str, Value] = {}
    found: list[Version] = []
    for row in rows:
        known = begins is None or row["at"] >= begins
        before = {name: held[name] for name in row["changes"] if name in held} if known else {}
        held.update(row["changes"])
        found.append(Version(**dict(row), before=before, before_known=known))
    return found


async def _copies(con: Conn, record: Record) -> list[Copy]:
    streams = {row["stream"]: row for row in await con.fetch(_STREAMS, record.kind)}
    layouts = {row["layout"]: tuple(layout_fields(row["fields"])) for row in await con.fetch(_LAYOUTS)}
    queued = {row["stream"] for row in await con.fetch(_QUEUED, record.record_id)}
    found = []
    for row in await con.fetch(_COPIES, record.record_id):
        stream = streams[row["stream"]]
        names = LinkNames(row["stream"], stream["system"], stream["object"], layouts, row["layout"])
        link = link_from(row, names)
        times = [await con.fetchval(sql, link.evidence) for sql in (_BEFORE, _AFTER)]
        found.append(Copy(link, row["stream"] in queued, *times))
    return found


def replay(versions: Sequence[Version], upto: int | None = None) -> tuple[dict[str, Value], bool]:
    """The fields, and whether the record is deleted, as the history tells: at the end, or after `upto`."""
    fields: dict[str, Value] = {}
    for version in versions:
        if upto is None or version.version <= upto:
            fields.update(version.changes)
    return {name: value for name, value in fields.items() if name != ITSELF}, fields.get(ITSELF) == "delete"


async def values_then(con: Conn, wanted: Iterable[tuple[int, str, int]]) -> dict[int, dict[str, Value]]:
    """What fields held in older versions, (record id, field, version) each; what was pruned is left out."""
    records, names, versions = zip(*wanted, strict=True) if (wanted := list(wanted)) else ((), (), ())
    found: dict[int, dict[str, Value]] = {}
    for row in await con.fetch(_THEN, list(records), list(names), list(versions)):
        found.setdefault(row["record_id"], {})[row["field"]] = orjson.loads(row["value"])
    return found
