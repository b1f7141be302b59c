"""What people ask the daemon to do: written by commands and pages, picked up by the engine."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

import orjson

from syncd.store.store import Conn, Store, Tx


@dataclass(frozen=True, slots=True)
class Intent:
    """One request. `name`: decide, retry, drop, release, discard, sweep, reload; `args` belong to it."""

    number: int
    name: str
    args: Mapping[str, Any]


async def ask(store: Store, name: str, args: Mapping[str, Any]) -> int:
    """Leave a request for the daemon; returns its number."""
    async with store.write(fenced=False, numbers=2) as tx:
        number = store.seq()
        sql = "insert into commands (command, name, args) values ($1, $2, $3)"
        await tx.execute(sql, number, name, orjson.dumps(args))
    return number


async def answer(store: Store, number: int) -> tuple[bool, str] | None:
    """Whether a request went well, and what came of it; None while it waits."""
    async with store.read() as con:
        row = await con.fetchrow("select ok, result from commands where command = $1", number)
    return None if row is None or row["ok"] is None else (row["ok"], row["result"])


async def waiting(con: Conn) -> list[Intent]:
    """Requests that nobody has looked at, oldest first."""
    rows = await con.fetch("select command, name, args from commands where done is null order by command")
    return [Intent(row["command"], row["name"], orjson.loads(row["args"])) for row in rows]


async def done(tx: Tx, intent: Intent, *, ok: bool, result: str) -> None:
    """Write down what came of a request."""
    sql = "update commands set done = now(), ok = $2, result = $3 where command = $1"
    await tx.execute(sql, intent.number, ok, result)
