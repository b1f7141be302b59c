"""Records that became one: the redirect, and all that pointed at the one that is no more."""

from __future__ import annotations

from collections.abc import Collection
from typing import Any

import orjson

from syncd.store.rows import LINK_COLUMNS
from syncd.store.store import Conn, Tx

MERGED = "merged"
"""The `rule` in the verdict of a conflict that ended because its record became one with another."""

_LINKS = f"select {', '.join(LINK_COLUMNS)} from links where record_id = $1 order by stream, remote_id"
_RESOLVE = "select record_id, survivor from redirects where record_id = any($1::bigint[])"
_REDIRECT = "insert into redirects (record_id, survivor) values ($1, $2)"
_SHORTEN = "update redirects set survivor = $2 where survivor = $1"
_CLOSE = """update conflicts set state = 'closed', closed = now(), verdict = $2
where record_id = $1 and state = 'open'"""
_FREED = """delete from waits_out where target_record = any($1::bigint[]) or record_id = $2
returning record_id, stream"""

_TWINS = """
delete from parked p where p.code = 'duplicate' and p.body is not null
and (p.record_id = any($1::bigint[]) or (p.body::jsonb ->> 'other')::bigint = any($1::bigint[]))
and not exists (
    select from match_keys a join match_keys b using (kind, key)
    join records one on one.record_id = a.record_id join records two on two.record_id = b.record_id
    join links here on here.record_id = a.record_id and here.stream = p.stream and here.state = 'live'
    join links there on there.record_id = b.record_id and there.stream = p.stream and there.state = 'live'
    where a.record_id = p.record_id and b.record_id = (p.body::jsonb ->> 'other')::bigint
    and not one.deleted and not two.deleted)"""


async def links_of(con: Conn, record_id: int) -> list[Any]:
    """The rows of all copies of a record, whatever their state."""
    rows: list[Any] = await con.fetch(_LINKS, record_id)
    return rows


async def survivors(con: Conn, ids: Collection[int]) -> dict[int, int]:
    """Those of some records that became one with another, with the one that stays."""
    rows = await con.fetch(_RESOLVE, list(ids)) if ids else ()
    return {row["record_id"]: row["survivor"] for row in rows}


async def redirect(tx: Tx, record_id: int, survivor: int) -> list[tuple[int, int]]:
    """Let a record whose links are moved stand for another one.

    Returns the copies, (stream, record id), that waited for a reference to either of them.
    """
    await tx.execute(_REDIRECT, record_id, survivor)
    await tx.execute(_SHORTEN, record_id, survivor)
    for table in ("match_keys", "outbox", "held"):
        await tx.execute(f"delete from {table} where record_id = $1", record_id)
    await tx.execute(_CLOSE, record_id, orjson.dumps({"rule": MERGED}))
    await tx.execute("update parked set record_id = $2 where record_id = $1", record_id, survivor)
    waited = await tx.fetch(_FREED, [record_id, survivor], record_id)
    return [(row["stream"], row["record_id"]) for row in waited if row["record_id"] != record_id]


async def as_duplicate(tx: Tx, stream: int, remote_id: str) -> None:
    """A copy that a person had detached is second now, which no ordinary write of its link makes of it."""
    sql = "update links set state = 'duplicate' where stream = $1 and remote_id = $2 and state = 'detached'"
    await tx.execute(sql, stream, remote_id)


async def no_duplicates(tx: Tx, stream: int, ids: Collection[str]) -> None:
    """Take copies off the list of duplicates: their system merged them."""
    sql = "delete from parked where stream = $1 and remote_id = any($2::text[]) and code = 'duplicate'"
    await tx.execute(sql, stream, list(ids))


async def no_twins(tx: Tx, records: Collection[int]) -> None:
    """Take off that list whom nobody could take for another any more: one of the two is gone, or differs."""
    await tx.execute(_TWINS, list(records))
