"""Merges and conversions: links follow the copy that is left, and records that turn out to be one join.

Each is applied by itself, for it touches links in several streams; nothing here asks a remote.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from typing import Any

from conflict.deletes import KEEP, RECORD, see_edit_of_deleted, see_restored
from conflict.join import Copy, United, disown, ended, first_sight, has_ended, unite
from syncd.core.nouns import Change, LinkState, Op
from syncd.core.state import Link, Record
from syncd.engine.batch import AGAIN, Batch, Hold, Incoming, Known, Note
from syncd.engine.decide import spread
from syncd.engine.load import load_refs, load_targets
from syncd.engine.save import hold, save
from syncd.engine.world import Stream, World
from syncd.store import joins, queues
from syncd.store.rows import forget_deletes, link_from, load_by_remote, record_from
from syncd.store.store import Tx

MOVES = (Op.MERGE, Op.CONVERT)
"""What moves links."""


@dataclass(slots=True)
class Found:
    """A remote record that is linked, and our record behind it."""

    row: Any
    link: Link
    record: Record


@dataclass(frozen=True, slots=True)
class Move:
    """A copy that went, and the stream and id of the one that is left."""

    stream: Stream
    item: Incoming
    goal: Stream
    left: str
    event: int


async def follow(tx: Tx, world: World, stream: Stream, item: Incoming, event: int) -> int:
    """Apply one merge or conversion; returns 1 where it did something."""
    change = item.change
    if item.inbox is None and (stream.id, change.remote_id) in world.queued:
        await hold(tx, world, stream.id, event, [Hold(change.remote_id, "order", _stamped(item))])
        return 0
    gone = await _find(tx, stream, change.remote_id)
    object = change.survivor_object or change.object
    goal = next((peer for peer in stream.peers if peer.object == object), None)
    if goal is None or change.survivor_id is None:
        return await _left_the_kind(tx, world, stream, item, gone, event)
    left = await _find(tx, goal, change.survivor_id)
    records = {found.record.record_id for found in (gone, left) if found is not None}
    if _in_the_air(world, stream, records):
        at = world.clock.now() + AGAIN
        held = Hold(change.remote_id, "in_flight", _stamped(item), until=at)
        await hold(tx, world, stream.id, event, [held])
        return 0
    move = Move(stream, item, goal, change.survivor_id, event)
    return await _move(tx, world, move, gone, left)


def _stamped(item: Incoming) -> Change:
    return replace(item.change, evidence=item.evidence)


async def _find(tx: Tx, stream: Stream, remote_id: str) -> Found | None:
    rows = await load_by_remote(tx, stream.id, [remote_id])
    return Found(rows[0], link_from(rows[0], stream.names), record_from(rows[0])) if rows else None


def _in_the_air(world: World, stream: Stream, records: set[int]) -> bool:
    """Whether a write to any copy of the records is not answered yet: its answer must find its link."""
    places = {(s.id, record) for s in world.kind_of(stream).streams for record in records}
    return not places.isdisjoint(world.flying | world.doubts.keys() | world.retrying)


async def _move(tx: Tx, world: World, move: Move, gone: Found | None, left: Found | None) -> int:
    if gone is None:
        return await _note_stranger(tx, world, move, left) if left is not None else 0
    if has_ended(gone.link) or (gone.link.state is LinkState.GONE and gone.link.gone_by == "us"):
        return 0
    if left is not None and left.record.record_id != gone.record.record_id:
        await _join(tx, world, move, gone, left)
    else:
        await _hand_over(tx, world, move, gone, left)
    for where, remote_id in ((move.stream, move.item.change.remote_id), (move.goal, move.left)):
        await joins.no_duplicates(tx, where.id, [remote_id])
    await queues.unpark_reads(tx, move.stream.id, [move.item.change.remote_id])
    if move.goal.fetcher is not None:
        await hold(tx, world, move.goal.id, move.event, [Hold(move.left, "fetch", None)])
    return 1


async def _note_stranger(tx: Tx, world: World, move: Move, left: Found) -> int:
    """A copy that nobody knew went into one that is linked: a late page must not make a record of it."""
    change, record = move.item.change, left.record
    batch = _batch(move.stream, move.event, record)
    link = Link(change.system, change.object, change.remote_id, record.record_id)
    batch.put_link(ended(link, record.record_id, move.item.evidence))
    await save(tx, world, batch)
    return 1


async def _left_the_kind(
    tx: Tx, world: World, stream: Stream, item: Incoming, gone: Found | None, event: int
) -> int:
    """A copy became something that is not mapped: it is gone here, and stays in the other systems."""
    change = item.change
    if gone is None or gone.link.state is not LinkState.LIVE:
        return 0
    batch = _batch(stream, event, gone.record)
    batch.known[change.remote_id] = Known(gone.row, None, gone.record.record_id)
    link = ended(gone.link, gone.record.record_id, item.evidence)
    batch.put_link(replace(link, state=LinkState.GONE))
    what = f"{change.survivor_object or 'a record'} {change.survivor_id or 'whose id is hidden'}"
    message = (
        f"became {what} in {stream.system}, which is not mapped: it stays in the other systems, and is not "
        f"made again; map {change.survivor_object or 'the object'} to the kind to follow it"
    )
    batch.notes.append(Note("converted", message, change.remote_id, gone.record.record_id))
    await save(tx, world, batch)
    return 1


# -- one record: its link moves --------------------------------------------------------------------------


async def _hand_over(tx: Tx, world: World, move: Move, gone: Found, left: Found | None) -> None:
    """The record's link moves to the copy that is left, which is seen at first sight."""
    record, link = _alive(gone)
    merged = move.item.change.op is Op.MERGE  # a conversion is an edit of what it was made from
    after = disown(record, link.system) if merged else record
    batch = _batch(move.stream, move.event, gone.record)
    _end(batch, move, gone, after.record_id)
    batch.put_record(after)
    if after.deleted != gone.record.deleted:
        batch.changes[after.record_id, after.version] = {RECORD: KEEP}
        batch.revived.add(after.record_id)
    await _undetach(tx, move, gone)
    await save(tx, world, batch)
    if left is None:
        there = _batch(move.goal, move.event, after)
        state = LinkState.LIVE if link.state is LinkState.GONE else link.state
        new = Link(move.goal.system, move.goal.object, move.left, after.record_id, state)
        there.put_link(replace(new, evidence=move.item.evidence))
        await save(tx, world, there)
    elif link.state is LinkState.LIVE and left.link.state is LinkState.DUPLICATE and not has_ended(left.link):
        there = _batch(move.goal, move.event, after)
        there.known[move.left] = Known(left.row, None, after.record_id)
        there.put_link(first_sight(left.link))
        await save(tx, world, there)


def _alive(gone: Found) -> tuple[Record, Link]:
    """The record as it is without the delete that was none, where the copy was first said to be deleted."""
    if gone.link.state is LinkState.GONE and gone.record.deleted:
        return see_restored(gone.record, gone.link.system), gone.link
    return gone.record, gone.link


def _end(batch: Batch, move: Move, gone: Found, record_id: int) -> None:
    remote_id = move.item.change.remote_id
    batch.known[remote_id] = Known(gone.row, None, gone.record.record_id)
    batch.put_link(ended(gone.link, record_id, move.item.evidence))


async def _undetach(tx: Tx, move: Move, gone: Found) -> None:
    if gone.link.state is LinkState.DETACHED:
        await joins.as_duplicate(tx, move.stream.id, move.item.change.remote_id)


def _batch(stream: Stream, event: int, record: Record) -> Batch:
    """A batch of one stream that may change one record."""
    batch = Batch(stream, event)
    batch.put_record(record)
    batch.read[record.record_id] = record
    return batch


# -- two records: they join ------------------------------------------------------------------------------


async def _join(tx: Tx, world: World, move: Move, gone: Found, left: Found) -> None:
    """The record of the copy that is left takes over the other one, with its copies in the other systems."""
    kind, stream = world.kind_of(move.stream), move.stream
    other, _ = _alive(gone)
    if other is not gone.record:
        await forget_deletes(tx, [other.record_id])
    record = await _revive(tx, world, move, left, other)
    rows = [
        row
        for row in await joins.links_of(tx, other.record_id)
        if (row["stream"], row["remote_id"]) != (stream.id, move.item.change.remote_id)
    ]
    known = {row["remote_id"]: row for row in rows}
    here = [row for row in rows if row["stream"] in world.streams]
    copies = [await _copy(tx, world, world.streams[row["stream"]], row, record) for row in here]
    united = unite(record, other, copies, await _taken(tx, world, move, record), kind.book, move.event)
    await _undetach(tx, move, gone)
    await _bury(tx, world, move, gone, other, record)
    await _save_copies(tx, world, move, record, united, known)
    await _abandon(tx, world, other, record)
    behind = await joins.redirect(tx, other.record_id, record.record_id)
    await queues.add_outbox(tx, world.store, sorted(set(behind)))
    tx.after_commit(lambda: world.bells.ring_push(sorted({number for number, _ in behind})))


async def _revive(tx: Tx, world: World, move: Move, left: Found, other: Record) -> Record:
    """A record that was deleted, and into which a living one is merged: an edit of what is deleted."""
    record = left.record
    if not record.deleted or other.deleted:
        return record
    batch = _batch(move.goal, move.event, record)
    alive, clash = see_edit_of_deleted(record, left.link, world.kind_of(move.goal).against, event=move.event)
    batch.put_record(alive)
    batch.clashes.append((record.record_id, clash))
    if not alive.deleted:
        batch.changes[alive.record_id, alive.version] = {RECORD: KEEP}
        batch.revived.add(alive.record_id)
    await save(tx, world, batch)
    return alive


async def _copy(tx: Tx, world: World, stream: Stream, row: Any, record: Record) -> Copy:
    link = link_from(row, stream.names)
    refs = await load_refs(tx, world, stream, [{**link.shadow, **link.unapplied}])
    refs = await load_targets(tx, world, stream, world.kind_of(stream), [record.fields], refs)
    return Copy(link, stream.map, refs)


async def _taken(tx: Tx, world: World, move: Move, record: Record) -> set[str]:
    """The systems where the record has a copy, of whatever state but second."""
    rows = await joins.links_of(tx, record.record_id)
    mine = [row for row in rows if row["state"] != LinkState.DUPLICATE and row["stream"] in world.streams]
    return {world.streams[row["stream"]].system for row in mine} | {move.stream.system}


async def _bury(tx: Tx, world: World, move: Move, gone: Found, other: Record, record: Record) -> None:
    """The other record ends, and so does the copy that went, which is the record's now."""
    batch = _batch(move.stream, move.event, gone.record)
    batch.put_record(record)
    _end(batch, move, gone, record.record_id)
    dead = replace(other, version=max(other.version, gone.record.version) + 1, deleted=True, contests={})
    batch.put_record(dead)
    batch.changes[dead.record_id, dead.version] = {RECORD: joins.MERGED}
    await save(tx, world, batch)


async def _save_copies(
    tx: Tx, world: World, move: Move, record: Record, united: United, known: dict[str, Any]
) -> None:
    """Write what was taken over, stream by stream, the record's versions in their order."""
    for outcome in united.adopted:
        batch = _batch_of(world, move, record, outcome.link, known)
        batch.take(outcome)
        batch.waits += [(*target, outcome.link.remote_id) for target in outcome.waiting]  # type: ignore[misc]
        await save(tx, world, batch)
        record = outcome.record
    for link in united.moved:
        batch = _batch_of(world, move, record, link, known)
        if link.state is LinkState.DUPLICATE:
            await joins.as_duplicate(tx, batch.stream.id, link.remote_id)
        batch.put_link(link)
        if link.state is LinkState.DUPLICATE and not has_ended(link):
            batch.notes.append(_second(batch.stream, link))
        await save(tx, world, batch)
    batch = _batch(move.goal, move.event, record)
    batch.put_record(united.record)
    if united.inherited.changed:
        batch.changes[united.record.record_id, united.record.version] = united.inherited.changed
    batch.clashes = [(record.record_id, clash) for clash in united.inherited.clashes]
    spread(world, batch, united.record, changed=True, owes=True)
    await save(tx, world, batch)


def _batch_of(world: World, move: Move, record: Record, link: Link, known: dict[str, Any]) -> Batch:
    stream = next(
        s for s in world.kind_of(move.stream).streams if (s.system, s.object) == (link.system, link.object)
    )
    batch = _batch(stream, move.event, record)
    batch.known[link.remote_id] = Known(known[link.remote_id], None, link.record_id)
    return batch


def _second(stream: Stream, link: Link) -> Note:
    message = (
        f"a second record in {stream.system} of one that another system merged; it is left alone: merge the "
        "two there as well"
    )
    return Note("duplicate", message, link.remote_id, link.record_id)


async def _abandon(tx: Tx, world: World, other: Record, record: Record) -> None:
    """Copies in objects that are not mapped any more come along as second ones, which takes no mapping."""
    sql = """update links set record_id = $2, state = 'duplicate'
    where record_id = $1 and stream <> all($3::smallint[])"""
    await tx.execute(sql, other.record_id, record.record_id, list(world.streams))
    world.touch(tx, [other.record_id, record.record_id])
