"""The hot path's SQL: load what a batch touches, write back what it changed.

The number of statements does not depend on the size of the batch.
"""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from syncd.core.errors import SyncdError
from syncd.core.state import Link, Record
from syncd.store.codec import (
    agreed_bytes,
    contests_bytes,
    extras_bytes,
    link_of,
    record_of,
    shadow_bytes,
    stamps_bytes,
)
from syncd.store.store import Conn, Tx

LINK_COLUMNS = (
    *("remote_id", "stream", "record_id", "state", "gone_by", "evidence"),
    *("remote_version", "layout", "agreed", "shadow", "extras"),
)
LINK_JSON = ("agreed", "shadow", "extras")
RECORD_COLUMNS = ("record_id", "kind", "version", "deleted", "fields", "stamps", "contests")
RECORD_JSON = ("fields", "stamps", "contests")

_LOAD_BY_REMOTE = f"""
select {", ".join(f"l.{c}" for c in LINK_COLUMNS)}, {", ".join(f"r.{c}" for c in RECORD_COLUMNS)}
from links l join records r on r.record_id = l.record_id
where l.remote_id = any($1::text[]) and l.stream = $2"""
_LOAD_RECORDS = f"select {', '.join(RECORD_COLUMNS)} from records where record_id = any($1::bigint[])"
_LOAD_BY_RECORD = f"""
select {", ".join(LINK_COLUMNS)} from links
where record_id = any($1::bigint[]) and stream = $2 and state <> 'duplicate'"""
_UNLINKED = """
select record_id from links where record_id = any($1::bigint[]) group by record_id
having bool_or(state = 'gone' and gone_by = 'them') and not bool_or(state = 'live')"""
_LINKED_IN = """
select record_id from links
where record_id = any($1::bigint[]) and stream = any($2::smallint[]) and state <> 'duplicate'"""

# the rows come as one JSON text: asyncpg tests each element of an array, and there would be ten arrays
_UPDATE_RECORDS = """
update records r set version = u.version, deleted = u.deleted, fields = u.fields, stamps = u.stamps,
  contests = u.contests
from json_to_recordset($1) as u(record_id bigint, old bigint, version bigint, deleted bool, fields json,
  stamps json, contests json)
where r.record_id = u.record_id and r.version = u.old"""
_UPDATE_LINKS = """
update links l set record_id = u.record_id,
  state = case l.state when 'detached' then l.state else u.state end, gone_by = u.gone_by,
  evidence = u.evidence, remote_version = u.remote_version, layout = u.layout, agreed = u.agreed,
  shadow = u.shadow, extras = u.extras
from json_to_recordset($2) as u(remote_id text, record_id bigint, state text, gone_by text,
  evidence bigint, remote_version text, layout smallint, agreed json, shadow json, extras json)
where l.remote_id = u.remote_id and l.stream = $1"""


class Collision(SyncdError):
    """Somebody else changed a record between our reading and our writing it: do the batch again."""


@dataclass(frozen=True, slots=True)
class LinkNames:
    """How a stream's links are read: its id, its system and object, and all layouts by number."""

    stream: int
    system: str
    object: str
    layouts: Mapping[int, Sequence[str]]
    layout: int

    @property
    def fields(self) -> Sequence[str]:
        """The order of new shadows."""
        return self.layouts[self.layout]


def link_from(row: Any, names: LinkNames) -> Link:
    """The link in the first columns of a row."""
    return link_of(
        (names.system, names.object),
        row["remote_id"],
        row["record_id"],
        row["state"],
        row["gone_by"],
        row["evidence"],
        row["remote_version"],
        names.layouts[row["layout"]],
        row["agreed"],
        row["shadow"],
        row["extras"],
    )


def record_from(row: Any) -> Record:
    """The record in a row."""
    return record_of(
        row["record_id"],
        row["kind"],
        row["version"],
        row["deleted"],
        row["fields"],
        row["stamps"],
        row["contests"],
    )


async def load_by_remote(con: Conn, stream: int, ids: Collection[str]) -> list[Any]:
    """The rows (link and record columns together) of the remote ids that are linked."""
    rows: list[Any] = await con.fetch(_LOAD_BY_REMOTE, list(ids), stream)
    return rows


async def load_records(con: Conn, ids: Collection[int]) -> dict[int, Record]:
    """Records by id."""
    rows = await con.fetch(_LOAD_RECORDS, list(ids)) if ids else []
    return {row["record_id"]: record_from(row) for row in rows}


async def load_links(con: Conn, names: LinkNames, records: Collection[int]) -> dict[int, Link]:
    """The links of records in one stream, by record id, duplicates left out."""
    rows = await con.fetch(_LOAD_BY_RECORD, list(records), names.stream) if records else []
    return {row["record_id"]: link_from(row, names) for row in rows}


async def linked_in(con: Conn, streams: Sequence[int], records: Collection[int]) -> set[int]:
    """Those of some records that have a link in one of some streams, duplicates left out."""
    rows = await con.fetch(_LINKED_IN, list(records), list(streams))
    return {row["record_id"] for row in rows}


async def unlinked(con: Conn, records: Collection[int]) -> set[int]:
    """Those of some records that are synced nowhere, for somebody deleted a copy (policy `unlink`)."""
    rows = await con.fetch(_UNLINKED, list(records)) if records else ()
    return {row["record_id"] for row in rows}


async def insert_records(tx: Tx, records: Sequence[Record]) -> dict[int, bytes]:
    """New records; returns their fields as they were written, by id."""
    rows = [_record_row(record) for record in records]
    if rows:
        await tx.insert("records", rows, RECORD_COLUMNS)
    return {row[0]: row[4] for row in rows}


def _record_row(record: Record) -> tuple[Any, ...]:
    return (
        record.record_id,
        record.kind,
        record.version,
        record.deleted,
        orjson.dumps(record.fields),
        stamps_bytes(record),
        contests_bytes(record),
    )


async def update_records(tx: Tx, records: Sequence[tuple[int, Record]]) -> None:
    """Write back records, each with the version it was read at; raises `Collision` when one moved."""
    if not records:
        return
    rows = [_named(RECORD_COLUMNS, _record_row(record), RECORD_JSON) for _, record in records]
    for row, (old, _) in zip(rows, records, strict=True):
        row["old"] = old
    _all_of(await tx.execute(_UPDATE_RECORDS, orjson.dumps(rows)), len(rows), "records")


async def insert_links(tx: Tx, names: LinkNames, links: Iterable[Link]) -> None:
    """New links of one stream."""
    rows = [_link_row(link, names) for link in links]
    if rows:
        await tx.insert("links", rows, LINK_COLUMNS)


async def forget_deletes(tx: Tx, records: Collection[int], stream: int | None = None) -> set[int]:
    """Copies that we deleted may be made again, in one stream or in all; the records that had any."""
    sql = """delete from links where record_id = any($1::bigint[]) and ($2::smallint is null or stream = $2)
    and state = 'gone' and gone_by = 'us' returning record_id"""
    return {row["record_id"] for row in await tx.fetch(sql, list(records), stream)}


def _link_row(link: Link, names: LinkNames) -> tuple[Any, ...]:
    return (
        link.remote_id,
        names.stream,
        link.record_id,
        link.state,
        link.gone_by,
        link.evidence,
        link.remote_version,
        names.layout,
        agreed_bytes(link.agreed),
        shadow_bytes(link.shadow, names.fields),
        extras_bytes(link),
    )


async def update_links(tx: Tx, names: LinkNames, links: Sequence[Link]) -> None:
    """Write back links of one stream; raises `Collision` when one is gone."""
    if not links:
        return
    rows = [_named(LINK_COLUMNS, _link_row(link, names), LINK_JSON) for link in links]
    _all_of(await tx.execute(_UPDATE_LINKS, names.stream, orjson.dumps(rows)), len(rows), "links")


def _named(columns: Sequence[str], row: tuple[Any, ...], whole: Sequence[str]) -> dict[str, Any]:
    """A row by its columns; `whole` are those that are JSON already."""
    named = dict(zip(columns, row, strict=True))
    for name in whole:
        if named[name] is not None:
            named[name] = orjson.Fragment(named[name])
    return named


def _all_of(status: str, wanted: int, what: str) -> None:
    if int(status.rsplit(" ", 1)[1]) != wanted:
        raise Collision(f"some of {wanted} {what} moved meanwhile")
