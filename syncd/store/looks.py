"""Writes whose record's history is still to be looked at."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from typing import Any

import orjson

from syncd.store.store import Conn, Store, Tx

_WAITING = """
select look, remote_id, record_id, body from looks
where stream = $1 and at <= now() - make_interval(secs => $2) order by look limit $3"""
_LISTED = """
select record_id, field, candidates from conflicts where record_id = any($1::bigint[]) and state = 'decided'
and verdict->>'rule' = 'overwritten' and opened > now() - interval '1 hour'"""

Row = tuple[int, str, int, dict[str, Any]]
"""Stream, remote id, record id, body."""


async def add_looks(tx: Tx, store: Store, rows: Sequence[Row]) -> None:
    """Remember writes."""
    if rows:
        values = [(store.seq(), *row[:3], orjson.dumps(row[3])) for row in rows]
        await tx.insert("looks", values, ("look", "stream", "remote_id", "record_id", "body"))


async def waiting_looks(con: Conn, stream: int, settled: float, limit: int) -> list[Any]:
    """The oldest of a stream but those of the last `settled` seconds."""
    rows: list[Any] = await con.fetch(_WAITING, stream, settled, limit)
    return rows


async def drop_looks(tx: Tx, looks: Collection[int]) -> None:
    """These were looked at."""
    await tx.execute("delete from looks where look = any($1::bigint[])", list(looks))


async def listed_values(con: Conn, records: Collection[int]) -> dict[tuple[int, str], list[Any]]:
    """What was listed as overwritten in the last hour: values by record and field."""
    found: dict[tuple[int, str], list[Any]] = {}
    for row in await con.fetch(_LISTED, list(records)):
        values = [one["value"] for one in orjson.loads(row["candidates"])]
        found.setdefault((row["record_id"], row["field"]), []).extend(values)
    return found
