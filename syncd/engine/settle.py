"""Settle a call: every row accounted for once, each by its own result."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field, replace
from typing import TYPE_CHECKING

from conflict.settle import accepted, created, refused, uncertain
from syncd.core.nouns import (
    UNKNOWN_FIELD,
    Accepted,
    Change,
    Deferred,
    Exists,
    Fields,
    LinkState,
    Missing,
    PushOp,
    PushResult,
    Rejected,
    Stale,
    Uncertain,
)
from syncd.core.state import Link, Record
from syncd.engine.apply import apply, incoming
from syncd.engine.batch import Hold, Note
from syncd.engine.save import hold, linked, park_notes
from syncd.engine.world import Doubt, Stream, World
from syncd.store import queues
from syncd.store.rows import insert_links, load_records, update_links, update_records
from syncd.store.sends import Send, close_send
from syncd.store.store import Tx

if TYPE_CHECKING:
    from syncd.engine.owed import Todo

TRIES_BEFORE_PARKING = 5
_REMOVES = (PushOp.DELETE, PushOp.ARCHIVE)


@dataclass(slots=True)
class Settlement:
    """What the results of one call come to."""

    evidence: int
    done: list[int] = field(default_factory=list)
    new_links: list[Link] = field(default_factory=list)
    links: list[Link] = field(default_factory=list)
    records: list[tuple[int, Record]] = field(default_factory=list)
    reads: list[Change] = field(default_factory=list)
    holds: list[Hold] = field(default_factory=list)
    notes: list[Note] = field(default_factory=list)
    again: set[tuple[int, int]] = field(default_factory=set)
    through: list[Todo] = field(default_factory=list)
    accepted: int = 0
    retrying: set[tuple[int, int]] = field(default_factory=set)
    sent: list[tuple[Link, Fields, int | None]] = field(default_factory=list)


async def settle(
    world: World, stream: Stream, send: Send, batch: Sequence[Todo], results: Sequence[PushResult]
) -> int:
    """Write down what each result means; returns how many pushes were accepted.

    A push without a result is uncertain; a second result for the same push is ignored.
    """
    by_id: dict[int, PushResult] = {}
    for result in results:
        by_id.setdefault(result.push_id, result)
    async with world.store.write(numbers=12 * len(batch) + 100) as tx:
        out = Settlement(world.store.seq())
        contested = [t.record.record_id for t in batch if t.record.contests]
        fresh = await load_records(tx, contested)
        for todo in batch:
            push_id = todo.push.push_id if todo.push else 0
            result = by_id.get(push_id, Uncertain(push_id, "the answer left this record out"))
            todo.record = fresh.get(todo.record.record_id, todo.record)
            _one(world, stream, send, out, todo, result)
        world.touch(tx, [todo.record.record_id for todo in batch])
        await _save(tx, world, stream, send, out)
    world.land(send)
    for link, sent, after in out.sent:
        world.remember(stream.id, link.remote_id, link, sent, after)
    world.retrying |= out.retrying
    places = {(stream.id, todo.record.record_id) for todo in batch}
    for place in (places & world.retrying) - out.retrying:
        world.sure(*place)
    world.counters[stream.id].pushed += out.accepted
    return out.accepted


def _one(world: World, stream: Stream, send: Send, out: Settlement, todo: Todo, result: PushResult) -> None:
    match result:
        case Accepted():
            _accepted(stream, out, todo, result)
            world.tries.pop((stream.id, todo.record.record_id), None)
        case Stale() | Missing():  # its outbox rows stay, and wait for the look
            out.holds += [Hold(todo.link.remote_id, "repush", None)] if todo.link else []
        case Exists():
            out.done += todo.outbox
            out.holds.append(Hold(result.remote_id, "exists", None, {"record": todo.record.record_id}))
        case Rejected() if _to_be_looked_at(world, stream, result):
            world.bells.ring_schema(stream.system)  # its outbox rows wait for the look
        case Rejected():
            _rejected(stream, out, todo, result)
        case Deferred():
            _later(world, stream, out, todo)
        case Uncertain():
            _uncertain(world, stream, out, todo, send)


def _to_be_looked_at(world: World, stream: Stream, result: Rejected) -> bool:
    """Whether a mapped field is unknown to the remote, and nobody has looked at the schema since."""
    if result.code != UNKNOWN_FIELD or stream.system not in world.bells.schema:
        return False
    return result.field in stream.mapped and result.field not in stream.sound


def _accepted(stream: Stream, out: Settlement, todo: Todo, answer: Accepted) -> None:
    out.done += todo.outbox
    out.accepted += 1
    out.through.append(todo)
    if todo.op in _REMOVES:
        if todo.link is not None:
            gone = replace(todo.link, state=LinkState.GONE, gone_by="us", evidence=out.evidence)
            out.links.append(gone)
        return
    due = todo.due
    compared = todo.push is not None and todo.push.expected_version is not None and stream.can.compare_and_set
    if todo.link is None:
        link = Link(stream.system, stream.object, answer.remote_id, todo.record.record_id)
        done = created(todo.record, link, due.fields, due.versions, answer, stream.map, out.evidence)
        out.new_links.append(done.link)
    else:
        done = accepted(
            todo.record,
            todo.link,
            due.fields,
            due.versions,
            answer,
            stream.map,
            out.evidence,
            compared=compared,
        )
        out.links.append(done.link)
        out.sent.append((todo.link, due.fields, out.evidence))
    if done.record is not todo.record and done.record.contests != todo.record.contests:
        out.records.append((todo.record.version, done.record))
    read = {name: value for name, value in done.read.items() if name in stream.mapped}
    if read:
        change = Change(
            stream.system, stream.object, answer.remote_id, fields=read, partial=True, evidence=out.evidence
        )
        out.reads.append(change)


def _rejected(stream: Stream, out: Settlement, todo: Todo, result: Rejected) -> None:
    """Park what is refused: one field where the remote names it, else the whole write."""
    out.done += todo.outbox
    named = result.field is not None and result.field in todo.due.fields
    if todo.link is not None:
        names = [result.field] if named and result.field else list(todo.due.fields)
        version = todo.record.version
        out.links.append(refused(todo.link, dict.fromkeys(names, version)))
        if named and len(todo.due.fields) > 1:
            out.again.add((stream.id, todo.record.record_id))
    where = todo.link.remote_id if todo.link else None
    message = (
        f"{stream.system} refuses {result.field or 'the record'}: {result.message}; "
        "mend the value in any system and it is sent again"
    )
    note = Note(result.code, message, where, todo.record.record_id, result.field, "out")
    out.notes.append(note)


def _later(world: World, stream: Stream, out: Settlement, todo: Todo) -> None:
    """Keep the outbox row; after some tries the record is parked, visible, and blocks nobody."""
    place = (stream.id, todo.record.record_id)
    world.tries[place] = world.tries.get(place, 0) + 1
    if world.tries[place] >= TRIES_BEFORE_PARKING:
        world.tries.pop(place)
        out.done += todo.outbox
        message = f"{stream.system} put it off {TRIES_BEFORE_PARKING} times; `syncd parked retry` tries again"
        out.notes.append(Note("keeps_failing", message, None, todo.record.record_id, None, "out"))
    elif place in world.retrying:
        out.retrying.add(place)


def _uncertain(world: World, stream: Stream, out: Settlement, todo: Todo, send: Send) -> None:
    """The answer was lost. An update is read again; a create is tried again only under a key of ours."""
    if todo.link is not None:
        out.links.append(uncertain(todo.link, todo.due.fields, todo.due.versions))
        out.sent.append((todo.link, todo.due.fields, None))
        out.holds.append(Hold(todo.link.remote_id, "repush", None))
        return
    record_id = todo.record.record_id
    if idempotent(stream):
        _later(world, stream, out, todo)
        if chosen(stream) and (stream.id, record_id) in world.tries:
            out.retrying.add((stream.id, record_id))
        return
    if findable(stream):
        at = world.clock.monotonic() + stream.can.find_lag
        world.doubts[stream.id, record_id] = Doubt(send.batch, at)
        return
    out.done += todo.outbox
    out.notes.append(create_unknown(stream, todo.record.record_id))


def idempotent(stream: Stream) -> bool:
    """Whether the same create, sent twice, gives one record."""
    return stream.can.client_ids or (stream.can.upsert_key and stream.settings.key_field is not None)


def chosen(stream: Stream) -> bool:
    """Whether a create is known by the id that we chose for it, and carries no key of ours."""
    return stream.can.client_ids and stream.settings.key_field is None


def findable(stream: Stream) -> bool:
    """Whether a record can be looked up by our key."""
    return stream.settings.key_field is not None and stream.finder is not None


def create_unknown(stream: Stream, record_id: int) -> Note:
    """What is listed when nobody can know whether a create happened."""
    message = (
        f"the answer to its create in {stream.system} was lost, and {stream.system} offers no key to look "
        "for: it is linked when it shows up and matches; if it is not there, "
        "`syncd parked retry` creates it again"
    )
    return Note("create_unknown", message, None, record_id, None, "out")


def _written(todo: Todo) -> list[tuple[int, str | None]]:
    """What was parked of a record, and went through now: the record, its remote and canonical fields."""
    names: list[str | None] = [None, *todo.due.fields, *todo.due.versions]
    return [(todo.record.record_id, name) for name in names]


async def _insert_links(tx: Tx, stream: Stream, out: Settlement) -> None:
    """Link what was created, unless that id is linked already: then two of our records may be one."""
    if not out.new_links:
        return
    sql = "select remote_id, record_id from links where remote_id = any($1::text[]) and stream = $2"
    rows = await tx.fetch(sql, [link.remote_id for link in out.new_links], stream.id)
    taken = {row["remote_id"]: row["record_id"] for row in rows}
    for link in out.new_links:
        if link.remote_id in taken:
            out.notes.append(_taken(stream, link, taken[link.remote_id]))
    out.new_links = [link for link in out.new_links if link.remote_id not in taken]
    await insert_links(tx, stream.names, out.new_links)


def _taken(stream: Stream, link: Link, other: int) -> Note:
    message = (
        f"{stream.system} answered its create with a record that is linked to another of ours ({other}): "
        "the two may be one, and are never merged by guess"
    )
    return Note("merge_candidate", message, link.remote_id, link.record_id, None, "out", {"other": other})


async def _save(tx: Tx, world: World, stream: Stream, send: Send, out: Settlement) -> None:
    doubted = any(doubt.batch == send.batch for doubt in world.doubts.values())
    await close_send(tx, None if doubted else send.batch, out.done)
    await _insert_links(tx, stream, out)
    await update_links(tx, stream.names, out.links)
    await update_records(tx, out.records)
    parted = [t.record.record_id for t in out.through if t.op in _REMOVES and t.record.contests]
    await queues.close_if_gone(tx, parted)
    await hold(tx, world, stream.id, out.evidence, out.holds)
    await park_notes(tx, world, stream.id, out.notes)
    if out.through and stream.id in world.parked:
        await queues.unpark(tx, stream.id, [pair for todo in out.through for pair in _written(todo)])
    born = [(link.remote_id, link.record_id) for link in out.new_links]
    behind = out.again | await linked(tx, world, stream.id, born)
    await queues.add_outbox(tx, world.store, sorted(behind))
    if out.reads:
        items = incoming(stream, out.reads, out.evidence, fetched=True)
        world.land(send)
        await apply(tx, world, stream, items, source="answer", evidence=out.evidence)
    tx.after_commit(lambda: world.bells.ring_push(sorted({stream_id for stream_id, _ in behind})))
