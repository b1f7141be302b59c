"""Apply a batch of changes: load, decide, write, one transaction. The one door (DESIGN §1.2)."""

from __future__ import annotations

from collections.abc import Sequence

from syncd.core.nouns import Change, Fields, Op
from syncd.engine.batch import Batch, Incoming
from syncd.engine.cascade import mark_cascades
from syncd.engine.decide import decide, decode, unchanged
from syncd.engine.load import load_known, load_refs, load_strangers, load_targets
from syncd.engine.save import drop_applied, save
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


def _is_echo(world: World, batch: Batch, item: Incoming) -> bool:
    remote_id = item.change.remote_id
    known = batch.known.get(remote_id)
    if known is None or (batch.stream.id, remote_id) in world.flying_ids:
        return False
    if item.inbox is None and (batch.stream.id, remote_id) in world.queued:
        return False
    return unchanged(batch.stream, known, item)


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
    if unknown:
        await load_strangers(tx, world, batch, unknown)
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

    `evidence` is the store's sequence from before the read began.
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
        for change in changes
    ]


def _only(fields: Fields, mapped: frozenset[str]) -> Fields:
    return fields if fields.keys() <= mapped else {n: v for n, v in fields.items() if n in mapped}
