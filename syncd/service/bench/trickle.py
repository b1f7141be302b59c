"""Edits at a steady rate, and how long each took to reach the other system. Runs in a worker.

Both times of an edit are the machine's one clock: when the first system committed it, and when the second
did. A sandbox stamps to the millisecond, so a figure is exact to ± 1 ms and their mean to much less.
"""

from __future__ import annotations

import asyncio
import time
from collections.abc import Callable, Coroutine
from datetime import datetime
from typing import Any

from aiohttp import ClientSession

from syncd.service.bench.people import rows
from syncd.service.bench.words import LEFT, RIGHT, TABLE, value
from syncd.store.pool import open_plain

FIELD = 1
"""Which field is edited."""
Stamps = dict[int, float]
"""Unix time in ms by row number."""


async def edit_crm(session: ClientSession, a: str, first: int, count: int, rate: float, word: str) -> Stamps:
    """Edit `count` rows by hand, one every 1/rate s; when each was committed."""
    ids = {n: row["id"] for n, row in (await rows(session, a, "things")).items()}
    stamps: Stamps = {}

    async def one(n: int) -> None:
        fields = {LEFT[FIELD]: value(FIELD, n, word)}
        body = {"object": "things", "op": "update", "id": ids[n], "fields": fields}
        async with session.post(f"{a}/_sandbox/edit", json=body) as answer:
            answer.raise_for_status()
            stamps[n] = _ms((await answer.json())["updated_at"])

    await _steadily(one, first, count, rate)
    return stamps


async def edit_table(_: ClientSession, url: str, first: int, count: int, rate: float, word: str) -> Stamps:
    """The same in a table; the time is that of the statement, which is its own transaction."""
    pool = await open_plain(url, size=4)
    sql = f"update {TABLE} set {LEFT[FIELD]} = $1 where {LEFT[0]} = $2 returning clock_timestamp()"
    stamps: Stamps = {}

    async def one(n: int) -> None:
        at = await pool.fetchval(sql, value(FIELD, n, word), value(0, n))
        stamps[n] = int(at.timestamp() * 1000)  # as coarse as the sandbox's own

    try:
        await _steadily(one, first, count, rate)
    finally:
        pool.terminate()
    return stamps


async def _steadily(
    one: Callable[[int], Coroutine[Any, Any, None]], first: int, count: int, rate: float
) -> None:
    began = time.monotonic()
    async with asyncio.TaskGroup() as tasks:
        for i in range(count):
            await asyncio.sleep(max(0.0, began + i / rate - time.monotonic()))
            tasks.create_task(one(first + i))


async def latencies(
    session: ClientSession, b: str, object: str, stamps: dict[str, float], word: str
) -> list[float]:
    """Milliseconds from each edit's commit to that of its write in `b`; of those that are there."""
    held: dict[int, dict[str, Any]] = await rows(session, b, object)
    field = RIGHT[FIELD]
    return [
        _ms(held[int(n)]["updated_at"]) - at
        for n, at in stamps.items()
        if int(n) in held and held[int(n)][field] == value(FIELD, int(n), word)
    ]


def _ms(stamp: str) -> float:
    return round(datetime.fromisoformat(stamp).timestamp() * 1000)
