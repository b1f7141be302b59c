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
RECORD_COLUMNS = ("record_id", "kind", "version", "deleted", "fields", "stamps", "contests")

_LOAD_BY_REMOTE = f"""
select {", ".join(f"l.{c}" for c in LINK_COLUMNS)}, {", ".join(f"r.{c}" for c in RECORD_COLUMNS)}
from links l join records r on r.record_id = l.record_id
where l.remote_id = any($1::text[]) and l.stream = $2"""
_LOAD_RECORDS = f"select {', '.join(RECORD_COLUMNS)} from records where record_id = any($1::bigint[])"
_LOAD_BY_RECORD = f"""
select {", ".join(LINK_COLUMNS)} from links
where record_id = any($1::bigint[]) and stream = $2 and state <> 'duplicate'"""

_UPDATE_RECORDS = """
update records r set version = u.version, deleted = u.deleted, fields = u.fields, stamps = u.stamps,
  contests = u.contests
from unnest($1::bigint[], $2::bigint[], $3::bigint[], $4::bool[], $5::json[], $6::json[], $7::json[])
  as u(record_id, old, version, deleted, fields, stamps, contests)
where r.record_id = u.record_id and r.version = u.old"""
_UPDATE_LINKS = """
update links l set record_id = u.record_id,
  state = case l.state when 'detached' then l.state else u.state end, gone_by = u.gone_by,
  evidence = u.evidence, remote_version = u.remote_version, layout = u.layout, agreed = u.agreed,
  shadow = u.shadow, extras = u.extras
from unnest($2::text[], $3::bigint[], $4::text[], $5::text[], $6::bigint[], $7::text[], $8::smallint[],
  $9::json[], $10::json[], $11::json[])
  as u(remote_id, record_id, state, gone_by, evidence, remote_version, layout, agreed, shadow, extras)
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
    rows = [_record_row(record) for _, record in records]
    status = await tx.execute(
        _UPDATE_RECORDS,
        [row[0] for row in rows],
        [old for old, _ in records],
        [row[2] for row in rows],
        [row[3] for row in rows],
        [row[4] for row in rows],
        [row[5] for row in rows],
        [row[6] for row in rows],
    )
    _all_of(status, len(rows), "records")


async def insert_links(tx: Tx, names: LinkNames, links: Iterable[Link]) -> None:
    """New links of one stream."""
    rows = [_link_row(link, names) for link in links]
    if rows:
        await tx.insert("links", rows, LINK_COLUMNS)


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
    rows = [_link_row(link, names) for link in links]
    columns = [[row[i] for row in rows] for i in (0, 2, 3, 4, 5, 6, 7, 8, 9, 10)]
    _all_of(await tx.execute(_UPDATE_LINKS, names.stream, *columns), len(rows), "links")


def _all_of(status: str, wanted: int, what: str) -> None:
    if int(status.rsplit(" ", 1)[1]) != wanted:
        raise Collision(f"some of {wanted} {what} moved meanwhile")
