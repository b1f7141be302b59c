"""Write a decided batch back, in one transaction and a constant number of statements."""

from __future__ import annotations

from collections import ChainMap
from collections.abc import Mapping, Sequence
from dataclasses import replace
from typing import Any

import orjson

from conflict.deletes import RECORD
from conflict.suspects import joined
from syncd.core.nouns import Change, LinkState
from syncd.core.state import Link, Record
from syncd.engine.batch import Batch, Hold, Incoming, Note
from syncd.engine.freed import freed
from syncd.engine.wire import change_bytes
from syncd.engine.world import Kind, Waiting, World
from syncd.store import queues
from syncd.store.joins import no_duplicates, no_twins
from syncd.store.rows import forget_deletes, insert_links, insert_records, update_links, update_records
from syncd.store.store import Tx

_VERSIONS = ("record_id", "version", "system", "event", "config", "changes")


async def save(tx: Tx, world: World, batch: Batch) -> None:
    """Write everything that a batch decided."""
    moved = {known.record_id for known in batch.known.values() if known.link is not None}
    changed = {record for record, _ in batch.changes} | batch.new_records
    behind = {record for stream, record in batch.behind if stream not in world.asleep}
    world.touch(tx, moved | changed, [batch.records[record] for record in changed & behind])
    await _save_records(tx, world, batch)
    links = [known.link for known in batch.known.values() if known.link is not None]
    await insert_links(tx, batch.stream.names, (x for x in links if x.remote_id in batch.new_links))
    await update_links(tx, batch.stream.names, [x for x in links if x.remote_id in batch.moved_links])
    await _save_keys(tx, world.kind_of(batch.stream), batch)
    await _save_revived(tx, world, batch)
    await queues.reopen_conflicts(tx, batch.revived)
    await queues.note_clashes(tx, world.store, world.config, batch.clashes)
    await queues.close_conflicts(tx, batch.closed)
    await queues.close_if_gone(tx, batch.parted)
    if batch.changes and world.parked:
        await queues.unpark_said(tx, [(n, name) for (n, _), new in batch.changes.items() for name in new])
    if batch.readable and batch.stream.id in world.parked:
        await queues.unpark_reads(tx, batch.stream.id, batch.readable)
    if batch.shown:
        await queues.unpark(tx, batch.stream.id, batch.shown)
    if batch.single and batch.stream.id in world.parked:
        await no_duplicates(tx, batch.stream.id, batch.single)
    born = [x for x in links if x.remote_id in batch.new_links]
    await _unpark_joined(tx, world, batch, born)
    await _unpark_twins(tx, world, batch)
    await park_notes(tx, world, batch.stream.id, batch.notes)
    await _save_waits(tx, batch)
    await hold(tx, world, batch.stream.id, batch.event, batch.holds)
    there = batch.new_links | batch.returned
    batch.behind |= await linked(
        tx, world, batch.stream.id, [(x.remote_id, x.record_id) for x in links if x.remote_id in there]
    )
    await freed(tx, world, batch.stream.id, _removed(batch, links))
    await queues.add_outbox(tx, world.store, sorted(batch.behind))
    tx.after_commit(lambda: world.bells.ring_push(sorted({stream for stream, _ in batch.behind})))


def _removed(batch: Batch, links: Sequence[Link]) -> list[str]:
    """The ids of those that were deleted by us, as is seen only now: the delete's answer was lost."""
    gone = [x for x in links if x.remote_id in batch.moved_links and x.state is LinkState.GONE]
    return [x.remote_id for x in gone if x.record_id in batch.read and batch.read[x.record_id].deleted]


async def _unpark_joined(tx: Tx, world: World, batch: Batch, born: Sequence[Link]) -> None:
    """A create that was refused, or that nobody answered, is no matter any more: the copy is there."""
    live = [link.record_id for link in born if link.state is LinkState.LIVE]
    joined = [(record, None) for record in live if record not in batch.new_records]
    if joined and batch.stream.id in world.parked:
        await queues.unpark(tx, batch.stream.id, joined)


async def _unpark_twins(tx: Tx, world: World, batch: Batch) -> None:
    """Two that matched do so no more where a copy is gone, or what they matched by is another."""
    links = (batch.known[i].link for i in batch.moved_links)
    left = {x.record_id for x in links if x is not None and x.state is not LinkState.LIVE}
    matched = {RECORD, *world.kind_of(batch.stream).matcher.fields}
    left |= {record for (record, _), changes in batch.changes.items() if not matched.isdisjoint(changes)}
    if world.parked and (left := left - batch.new_records):
        await no_twins(tx, left)


async def _save_records(tx: Tx, world: World, batch: Batch) -> None:
    born = await insert_records(tx, [batch.records[i] for i in batch.new_records])
    pairs = ((old, batch.records[i]) for i, old in batch.read.items())
    await update_records(tx, [(old.version, record) for old, record in pairs if _differs(old, record)])
    rows = [
        (
            record,
            version,
            batch.stream.system,
            batch.event,
            world.config,
            _bytes(batch, born, record, changes),
        )
        for (record, version), changes in batch.changes.items()
    ]
    if rows:
        await tx.insert("versions", rows, _VERSIONS)


def _bytes(batch: Batch, born: Mapping[int, bytes], record: int, changes: Mapping[str, Any]) -> bytes:
    """A new record's first version holds what the record holds, which is written out already."""
    if record in born and changes is batch.records[record].fields:
        return born[record]
    return orjson.dumps(changes)


def _differs(old: Record, record: Record) -> bool:
    return record.version != old.version or record.contests != old.contests


async def _save_keys(tx: Tx, kind: Kind, batch: Batch) -> None:
    """Match keys of new records, and of those whose matched fields changed."""
    matched = kind.matcher.fields
    moved = {
        record
        for (record, _), changes in batch.changes.items()
        if record not in batch.new_records and not matched.isdisjoint(changes)
    }
    if moved:
        await tx.execute("delete from match_keys where record_id = any($1::bigint[])", list(moved))
        for record in moved:
            batch.key_changes[record] = kind.matcher.keys(batch.records[record].fields)
    rows = [(key, kind.name, record) for record, keys in batch.key_changes.items() for key in set(keys)]
    if rows:
        columns = ("key", "kind", "record_id")
        await tx.insert("match_keys", rows, columns)


async def _save_revived(tx: Tx, world: World, batch: Batch) -> None:
    """A restored record may be made anew where we had deleted it; an unlinked one is synced nowhere."""
    if batch.revived:
        records = await forget_deletes(tx, batch.revived)
        streams = [s for s in world.kind_of(batch.stream).streams if s.writes and s.id != batch.stream.id]
        batch.behind |= {(stream.id, record) for stream in streams for record in records}
    if batch.anew:
        await forget_deletes(tx, batch.anew, batch.stream.id)
        batch.behind |= {(batch.stream.id, record) for record in batch.anew}
    if batch.detached:
        sql = """update links set state = 'detached'
        where record_id = any($1::bigint[]) and state = 'live'"""
        await tx.execute(sql, list(batch.detached))


async def park_notes(tx: Tx, world: World, stream: int, notes: Sequence[Note]) -> None:
    """List what a person should look at."""
    unique = {(n.code, n.remote_id, n.record_id, n.field): n for n in notes}
    rows = [
        (n.direction, n.remote_id, n.record_id, n.field, n.code, n.message, n.body) for n in unique.values()
    ]
    await queues.park(tx, world.store, stream, rows)
    world.counters[stream].parked += len(rows)
    if rows:
        world.parked.add(stream)


async def _save_waits(tx: Tx, batch: Batch) -> None:
    rows = set()
    for kind, target, remote_id in batch.waits:
        for stream in batch.stream.targets.get(kind, ()):
            rows.add((target, stream.id, remote_id, batch.stream.id))
    await queues.add_waits_in(tx, rows)


async def hold(tx: Tx, world: World, stream: int, event: int, holds: Sequence[Hold]) -> None:
    """Put changes into the inbox that must wait, and ids that are to be read again.

    An id that is to be read again anyway is not asked for twice, unless it is for another reason: what
    is to be done after the read depends on it.
    """
    rows: list[tuple[Any, ...]] = []
    fetched: dict[tuple[str, str], Hold] = {}
    newest: dict[tuple[int, str], Waiting] = {}
    queued = ChainMap(newest, world.queued)
    for item in holds:
        if item.reason == "exists":  # each of them names a record of its own
            rows.append(_row(world, stream, item, None, item.suspects))
        elif item.change is None:
            place = (item.remote_id, item.reason)
            before = fetched.get(place, item)
            fetched[place] = replace(item, suspects=joined(before.suspects, item.suspects))
        elif not _same_as_queued(queued, stream, item.change):
            rows.append(_row(world, stream, item, change_bytes(item.change), item.suspects))
            newest[stream, item.remote_id] = Waiting(rows[-1][0], item.change.fields)
    for (remote_id, reason), item in fetched.items():
        world.hints.pop((stream, remote_id), None)
        if reason != "fetch" or item.suspects or not world.will_read(stream, remote_id):
            rows.append(_row(world, stream, item, None, item.suspects))
    await queues.add_inbox(tx, rows)
    world.counters[stream].held += len(rows)
    if rows:
        again = [(remote_id, row) for row, _, remote_id, _, _, _, change, _ in rows if change is None]
        tx.after_commit(lambda: _held(world, stream, newest, again))


def _row(world: World, stream: int, item: Hold, change: bytes | None, suspects: Any) -> tuple[Any, ...]:
    evidence = item.change.evidence if item.change is not None else 0
    noted = orjson.dumps(suspects) if suspects else None
    return (world.store.seq(), stream, item.remote_id, item.reason, evidence, item.until, change, noted)


def _same_as_queued(newest: Mapping[tuple[int, str], Waiting], stream: int, change: Change) -> bool:
    """Polls overlap: a change equal to the newest that waits for its id is the same change."""
    waiting = newest.get((stream, change.remote_id))
    return waiting is not None and waiting.fields == change.fields and change.survivor_id is None


def _held(
    world: World,
    stream: int,
    newest: Mapping[tuple[int, str], Waiting],
    fetched: Sequence[tuple[str, int]],
) -> None:
    """Only what was committed is known to wait: after a rollback the same page comes again."""
    world.queued.update(newest)
    world.asked(stream, fetched)
    world.bells.ring_inbox(stream)


async def linked(tx: Tx, world: World, stream: int, born: Sequence[tuple[str, int]]) -> set[tuple[int, int]]:
    """New links free what waited for them: re-enter waiting reads, and return the copies that are behind."""
    here = world.streams[stream]
    if not born or not any(here.kind in kind.refs.values() for kind in world.kinds.values()):
        return set()
    waiting = await queues.take_waits_in(tx, stream, [remote for remote, _ in born])
    by_stream: dict[int, list[Hold]] = {}
    for row in waiting:
        by_stream.setdefault(row["stream"], []).append(Hold(row["remote_id"], "fetch", None))
    for waiter, holds in by_stream.items():
        await hold(tx, world, waiter, 0, holds)
    blocked = await queues.take_waits_out(tx, stream, [record for _, record in born])
    return {(row["stream"], row["record_id"]) for row in blocked}


async def drop_applied(tx: Tx, world: World, stream: int, items: Sequence[Incoming]) -> None:
    """The inbox rows that these changes came from are done."""
    seqs = [item.inbox for item in items if item.inbox is not None]
    await queues.drop_inbox(tx, seqs)
