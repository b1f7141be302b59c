"""After a start: what the last run left open is uncertain, and what waits is known again."""

from __future__ import annotations

import orjson

from conflict.deletes import unheard
from conflict.settle import uncertain
from syncd.core.nouns import PushOp
from syncd.engine.batch import Hold
from syncd.engine.save import hold, park_notes
from syncd.engine.settle import chosen, create_unknown, findable, idempotent
from syncd.engine.world import Doubt, Stream, Waiting, World
from syncd.store import queues
from syncd.store.rows import load_links, update_links
from syncd.store.sends import Send, SentItem, end_send, open_sends
from syncd.store.store import Tx


async def recover(world: World) -> int:
    """Settle the calls that a crash left open; returns how many there were."""
    await _remember_waiting(world)
    async with world.store.read() as con:
        sends = [send for send in await open_sends(con) if _runs(world, send)]
    for send in sends:
        await reopen(world, send)
    return len(sends)


async def reopen(world: World, send: Send) -> None:
    """Take a call for unanswered whose settlement never came about."""
    stream = world.streams[send.stream]
    async with world.store.write(numbers=4 * len(send.items) + 100) as tx:
        keep = await _reopen(tx, world, stream, send)
        if not keep:
            await end_send(tx, send.batch)


def _runs(world: World, send: Send) -> bool:
    """What a sleeping stream left open stays open until its system can be asked."""
    return send.stream in world.streams and send.stream not in world.asleep


async def _remember_waiting(world: World) -> None:
    async with world.store.read() as con:
        for row in await con.fetch("select seq, stream, remote_id, change from inbox order by seq"):
            place = (row["stream"], row["remote_id"])
            if row["change"] is None:
                world.refetch[place] = row["seq"]
            else:
                world.queued[place] = Waiting(row["seq"], orjson.loads(row["change"])["fields"])
        parked = await con.fetch("select distinct stream from parked")
    world.parked = {row["stream"] for row in parked}


async def _reopen(tx: Tx, world: World, stream: Stream, send: Send) -> bool:
    """Whether the intent is to be kept: creates that must be looked for before they are tried again."""
    links = await load_links(tx, stream.names, [item.record_id for item in send.items])
    if send.op is not PushOp.CREATE:
        known = [item for item in send.items if item.record_id in links]
        doubtful = [
            uncertain(links[i.record_id], i.fields, i.versions)
            if send.op is PushOp.UPDATE
            else unheard(links[i.record_id])
            for i in known
        ]
        await update_links(tx, stream.names, doubtful)
        holds = [Hold(links[i.record_id].remote_id, "repush", None) for i in known]
        await hold(tx, world, stream.id, 0, holds)
        return False
    return await _reopen_creates(tx, world, stream, send, [i for i in send.items if i.record_id not in links])


async def _reopen_creates(tx: Tx, world: World, stream: Stream, send: Send, items: list[SentItem]) -> bool:
    if idempotent(stream) or not items:
        if chosen(stream):
            world.retrying.update((stream.id, i.record_id) for i in items)
        return False  # the outbox rows are still there, and the same create gives the same record
    if findable(stream):
        at = world.clock.monotonic() + stream.can.find_lag
        for item in items:
            world.doubts[stream.id, item.record_id] = Doubt(send.batch, at, item.fields, item.versions)
        return True
    await queues.drop_outbox(tx, [seq for item in items for seq in item.outbox])
    notes = [create_unknown(stream, i.record_id, i.fields, i.versions) for i in items]
    await park_notes(tx, world, stream.id, notes)
    return False
