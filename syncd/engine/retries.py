"""Writes that are tried again by themselves: what kept failing for no reason, and what a look left out."""

from __future__ import annotations

from datetime import timedelta

from syncd.engine.settle import HIDDEN, KEEPS_FAILING
from syncd.engine.world import Stream, World
from syncd.store import queues

EVERY = 600.0
"""Seconds between looks."""
GIVEN_UP = timedelta(hours=1)
"""How long what kept failing is left alone at least."""
_FAILED = """
select distinct stream, record_id from parked
where stream = any($1::int[]) and code = $2 and at < now() - $3::interval order by 1, 2"""
_HIDDEN = """
select distinct record_id from parked where stream = $1 and code = $2 and record_id > $3
order by 1 limit 5000"""
_UNPARK = "delete from parked where stream = $1 and code = $2 and record_id = any($3::bigint[])"


class Retries:
    """Sends again what is listed, in every stream that is awake."""

    def __init__(self, world: World) -> None:
        self.world = world

    async def work(self) -> int:
        """Look, and send again; returns how many records."""
        world = self.world
        streams = sorted(world.parked - world.asleep)
        if not streams:
            return 0
        async with world.store.read() as con:
            rows = await con.fetch(_FAILED, streams, KEEPS_FAILING, GIVEN_UP)
        if rows:
            async with world.store.write(numbers=len(rows) + 10) as tx:
                await queues.add_outbox(tx, world.store, [(row["stream"], row["record_id"]) for row in rows])
            world.bells.ring_push([row["stream"] for row in rows])
        return len(rows)

    async def wait(self) -> None:
        """Until the next look."""
        await self.world.clock.sleep(EVERY)


async def send_hidden(world: World, stream: Stream) -> int:
    """After a sweep: what was not written because a field was not told may go through; returns how many.

    Nothing else may ask for it: a field that is told again as it was is no news. What is left out again is
    listed again.
    """
    above = sent = 0
    while stream.id in world.parked:
        async with world.store.read() as con:
            found = await con.fetch(_HIDDEN, stream.id, HIDDEN, above)
        if not found:
            break
        rows = [row["record_id"] for row in found]
        above, sent = rows[-1], sent + len(rows)
        async with world.store.write(numbers=len(rows) + 10) as tx:
            await tx.execute(_UNPARK, stream.id, HIDDEN, rows)
            await queues.add_outbox(tx, world.store, [(stream.id, record) for record in rows])
        world.bells.ring_push([stream.id])
    return sent
