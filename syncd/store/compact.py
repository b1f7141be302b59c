"""The outbox of systems that cannot be written to: for a copy that is behind many times one row does."""

from __future__ import annotations

from collections.abc import Collection

from syncd.store.queues import drop_outbox
from syncd.store.store import Store

AT_ONCE = 500
"""Rows per transaction: some milliseconds for the writer."""
MOST = 50_000
"""Rows that are found by one query."""

_COUNT = "select count(*) from outbox where stream = any($1::smallint[])"
_DOUBLE = """
select seq from (
    select seq, row_number() over (partition by stream, record_id, approved order by seq desc) as newest
    from outbox where stream = any($1::smallint[])) o
where newest > 1 limit $2"""


async def count_outbox(store: Store, streams: Collection[int]) -> int:
    """How many rows wait for some streams."""
    async with store.plain() as con:
        return int(await con.fetchval(_COUNT, list(streams)))


async def compact_outbox(store: Store, streams: Collection[int]) -> int:
    """Delete the rows of some streams to which a newer one of the same copy says the same; how many.

    The newest row stays, so nobody who settles an older one settles it, too: a row that comes after a push
    was planned is always left. One that passed a brake is not replaced by one that did not.
    """
    gone = 0
    while True:
        async with store.plain() as con:
            found = [row["seq"] for row in await con.fetch(_DOUBLE, list(streams), MOST)]
        for start in range(0, len(found), AT_ONCE):
            async with store.write(numbers=1) as tx:
                await drop_outbox(tx, found[start : start + AT_ONCE])
        gone += len(found)
        if len(found) < MOST:
            return gone
