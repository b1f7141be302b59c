"""Writes that have begun: the intents before a create, and what is uncertain after a crash."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from syncd.core.nouns import PushOp, Value
from syncd.store.store import Alone, Conn, Tx


@dataclass(slots=True)
class SentItem:
    """One push of a call: whose, where, what it carried, and the outbox rows that it settles."""

    record_id: int
    remote_id: str | None
    fields: Mapping[str, Value]
    versions: Mapping[str, int]
    outbox: Sequence[int]


@dataclass(frozen=True, slots=True)
class Send:
    """One call."""

    batch: int
    stream: int
    op: PushOp
    items: Sequence[SentItem]


async def begin_send(one: Alone, send: Send) -> None:
    """Write the intent down, before the call: durable on return."""
    body = orjson.dumps([(i.record_id, i.remote_id, i.fields, i.versions, i.outbox) for i in send.items])
    row = (send.batch, send.stream, send.op.value, body)
    await one.insert_fenced("sends", row, ("batch", "stream", "op", "body"))


async def end_send(tx: Tx, batch: int) -> None:
    """The call is settled, one way or another."""
    await tx.execute("delete from sends where batch = $1", batch)


async def close_send(tx: Tx, batch: int | None, outbox: Collection[int]) -> None:
    """Settle a call and its outbox rows in one statement; a `batch` of None stays open."""
    sql = """with ended as (delete from sends where batch = $1)
    delete from outbox where seq = any($2::bigint[])"""
    await tx.execute(sql, batch, list(outbox))


async def open_sends(con: Conn) -> list[Send]:
    """Calls that began and were never settled: what a crash leaves."""
    rows = await con.fetch("select batch, stream, op, body from sends order by batch")
    return [
        Send(row["batch"], row["stream"], PushOp(row["op"]), [_item(i) for i in orjson.loads(row["body"])])
        for row in rows
    ]


def _item(row: list[Any]) -> SentItem:
    return SentItem(*row)
