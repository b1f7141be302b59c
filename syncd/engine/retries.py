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
_HIDDEN = f"""
with page as (
    select distinct record_id from parked where stream = $1 and code = '{HIDDEN}' and record_id > $2
    order by 1 limit $3)
delete from parked p using page
where p.stream = $1 and p.code = '{HIDDEN}' and p.record_id = page.record_id returning p.record_id"""
AT_ONCE = 5000
"""Records that are said to be owed something in one transaction."""


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
    if stream.id not in world.parked:
        return 0
    sent = await owe(world, stream, _HIDDEN)
    if sent:
        world.bells.ring_push([stream.id])
    return sent


async def owe(world: World, stream: Stream, find: str) -> int:
    """Say of the records that a statement finds that their copies in a stream are behind; returns how many.

    `find` takes the stream, the record above which, and how many at most. It runs in the writer's turn, so
    that no settlement comes between what it finds and what is said of it.
    """
    above = owed = 0
    while True:
        async with world.store.write(numbers=AT_ONCE + 10) as tx:
            rows = sorted({row["record_id"] for row in await tx.fetch(find, stream.id, above, AT_ONCE)})
            await queues.add_outbox(tx, world.store, [(stream.id, record) for record in rows])
        if not rows:
            return owed
        above, owed = rows[-1], owed + len(rows)
