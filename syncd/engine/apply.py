"""Apply a batch of changes: load, decide, write, one transaction. The one door (DESIGN §1.2)."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace
from itertools import groupby

from syncd.core.nouns import Change, Fields, Op
from syncd.core.storable import storable
from syncd.engine.batch import Batch, Incoming
from syncd.engine.byid import shown_after_all
from syncd.engine.cascade import mark_cascades
from syncd.engine.decide import decide, decode, unchanged
from syncd.engine.freed import bury
from syncd.engine.joining import MOVES, follow
from syncd.engine.load import load_known, load_refs, load_strangers, load_targets
from syncd.engine.save import drop_applied, save
from syncd.engine.strangers import comes_back, inherits
from syncd.engine.wire import page_bytes
from syncd.engine.world import Stream, World
from syncd.store.store import Tx


async def apply(
    tx: Tx,
    world: World,
    stream: Stream,
    items: Sequence[Incoming],
    *,
    source: str,
    evidence: int,
    body: bytes | None = None,
) -> Batch:
    """Apply changes in order inside `tx`, and journal what brought news.

    `source` is the door: feed, scan, fetch, guard, inbox. The journal entry's sequence is the event that
    stamps and versions point at. What only shows our own writes back is not journaled.
    """
    if any(item.change.op in MOVES for item in items):
        return await _in_turn(tx, world, stream, items, source, evidence)
    if world.given_up:
        await shown_after_all(tx, world, stream, items)
    batch = Batch(stream, world.store.seq())
    await load_known(tx, batch, items)
    counters = world.counters[stream.id]
    counters.read += len(items)
    news = [item for item in items if not _is_echo(world, batch, item)]
    counters.dropped += len(items) - len(news)
    if news:
        await _load(tx, world, batch, news)
        decide(world, batch, news)
        if not batch.is_empty():
            await _journal(tx, world, batch, items, source, evidence, body)
            await save(tx, world, batch)
    await drop_applied(tx, world, stream.id, items)
    if _doubtful(batch, news):
        world.bells.ring_schema(stream.system)
    counters.applied += batch.applied
    counters.conflicts += len(batch.clashes)
    return batch


async def _in_turn(
    tx: Tx, world: World, stream: Stream, items: Sequence[Incoming], source: str, evidence: int
) -> Batch:
    """Merges and conversions reach into other streams: each is applied alone, between its neighbours."""
    total = Batch(stream, 0)
    for moves, part in groupby(items, key=lambda item: item.change.op in MOVES):
        listed = list(part)
        if not moves:
            batch = await apply(tx, world, stream, listed, source=source, evidence=evidence)
            total.applied, total.dropped = total.applied + batch.applied, total.dropped + batch.dropped
            continue
        for item in listed:
            event = world.store.seq()
            did = await follow(tx, world, stream, item, event)
            if did:
                await _journal(tx, world, Batch(stream, event), [item], source, evidence, None)
            total.applied += did
            world.counters[stream.id].applied += did
        await drop_applied(tx, world, stream.id, listed)
        world.counters[stream.id].read += len(listed)
    return total


def _is_echo(world: World, batch: Batch, item: Incoming) -> bool:
    remote_id = item.change.remote_id
    known = batch.known.get(remote_id)
    if known is None or (batch.stream.id, remote_id) in world.flying_ids:
        return False
    if item.inbox is None and (batch.stream.id, remote_id) in world.queued:
        return False
    stream = batch.stream
    return unchanged(stream, known, item) and (
        stream.settings.where is None or stream.scope(item.change.fields) is not False
    )


def _doubtful(batch: Batch, news: Sequence[Incoming]) -> bool:
    """Whether the schema may have moved: a whole record lacks a mapped field, or a value cannot be read."""
    stream = batch.stream
    odd = {note.field for note in batch.notes if note.code == "unreadable" and note.field}
    for item in news[:1]:
        if item.change.op is Op.UPSERT and not item.change.partial:
            odd |= stream.mapped - item.fields.keys()
    return bool(odd - stream.sound)


async def _load(tx: Tx, world: World, batch: Batch, news: Sequence[Incoming]) -> None:
    stream, kind = batch.stream, world.kind_of(batch.stream)
    known = (batch.known.get(item.change.remote_id) for item in news)
    linked = [decode(batch, found) for found in known if found is not None]
    if stream.refs:
        values = [dict(item.fields) for item in news] + [dict(link.shadow) for _, link in linked]
        batch.refs = await load_refs(tx, world, stream, values)
    unknown = [item for item in news if item.change.remote_id not in batch.known]
    back = [item for item in news if item.change.remote_id in batch.known and comes_back(world, batch, item)]
    if unknown or back:
        await load_strangers(tx, world, batch, unknown + back)
    if heirs := {item.change.remote_id for item in back if inherits(batch, item)}:
        await bury(tx, stream.id, sorted(heirs))
        for remote_id in heirs:
            del batch.known[remote_id]
    if kind.refs:
        fields = [record.fields for record in batch.records.values()]
        batch.refs = await load_targets(tx, world, stream, kind, fields, batch.refs)
    deletes = [item for item in news if item.change.op is Op.DELETE]
    if deletes:
        await mark_cascades(tx, world, batch, deletes)


async def _journal(
    tx: Tx,
    world: World,
    batch: Batch,
    items: Sequence[Incoming],
    source: str,
    evidence: int,
    body: bytes | None,
) -> None:
    raw = body if body is not None else page_bytes([item.change for item in items])
    row = (batch.event, batch.stream.id, evidence, source, raw)
    columns = ("seq", "stream", "evidence", "source", "body")
    await tx.insert("pages", [row], columns)


def incoming(
    stream: Stream,
    changes: Sequence[Change],
    evidence: int,
    *,
    fetched: bool = False,
    push_after: bool = False,
    shown: int = 0,
) -> list[Incoming]:
    """Changes as they enter, reduced to the fields that the mapping reads.

    `evidence` is the store's sequence from before the read began. What no store holds is stood in for.
    """
    mapped = stream.mapped
    return [
        Incoming(
            change,
            _only(change.fields, mapped),
            evidence,
            fetched,
            push_after=push_after,
            shown=shown,
        )
        for change in map(_storable, changes)
    ]


def _storable(change: Change) -> Change:
    fields = storable(change.fields)
    return change if fields is change.fields else replace(change, fields=fields)


def _only(fields: Fields, mapped: frozenset[str]) -> Fields:
    return fields if fields.keys() <= mapped else {n: v for n, v in fields.items() if n in mapped}
