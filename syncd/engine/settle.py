"""Settle a call: every row accounted for once, each by its own result."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from datetime import timedelta
from typing import TYPE_CHECKING

import orjson

from conflict.deletes import RECORD, Policy, unheard
from conflict.settle import accepted, created, refused, uncertain
from conflict.suspects import joined, suspects
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
from syncd.engine.batch import AUTOMATION, CREATE_UNKNOWN, Hold, Note
from syncd.engine.freed import bury, freed
from syncd.engine.pointed import look_at_targets, refused_reference
from syncd.engine.save import hold, linked, park_notes
from syncd.engine.unseen import look_for
from syncd.engine.wire import change_from
from syncd.engine.world import Doubt, Pointed, Stream, World
from syncd.store import queues
from syncd.store.looks import Row, add_looks
from syncd.store.rows import (
    forget_deletes,
    insert_links,
    load_records,
    unlinked,
    update_links,
    update_records,
)
from syncd.store.sends import Send, close_send
from syncd.store.store import Tx

if TYPE_CHECKING:
    from syncd.engine.owed import Todo

TRIES_BEFORE_PARKING = 5
FIRST_WAIT = 5.0
"""Seconds until what was not answered twice is looked at again; twice as many after each time more."""
HIDDEN = "hidden_field"
"""The code under which a field is listed that is not written, for the remote does not tell what it holds."""
KEEPS_FAILING = "keeps_failing"
"""The code under which a record is listed whose write fails for no reason that is told."""
_REMOVES = (PushOp.DELETE, PushOp.ARCHIVE)


@dataclass(slots=True)
class Settlement:
    """What the results of one call come to. `told_apart`: a failure is its own record's, not the call's."""

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
    doubted: dict[tuple[int, int], Pointed] = field(default_factory=dict)
    sent: list[tuple[Link, Fields, int | None]] = field(default_factory=list)
    looks: list[Row] = field(default_factory=list)
    wanted: list[int] = field(default_factory=list)
    told_apart: bool = True


async def settle(
    world: World, stream: Stream, send: Send, batch: Sequence[Todo], results: Sequence[PushResult]
) -> int:
    """Write down what each result means; returns how many pushes were accepted.

    A push without a result is uncertain; a second result for the same push is ignored.
    """
    by_id: dict[int, PushResult] = {}
    for result in results:
        by_id.setdefault(result.push_id, result)
    async with world.store.write(numbers=13 * len(batch) + 100) as tx:
        out = Settlement(world.store.seq())
        moving = [t.record.record_id for t in batch if t.record.contests or t.op in _REMOVES]
        fresh = await load_records(tx, moving)
        out.told_apart = len(batch) == 1 or not all(isinstance(result, Uncertain) for result in results)
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
            _accepted(world, stream, out, todo, result)
            world.tries.pop((stream.id, todo.record.record_id), None)
            world.unanswered.pop((stream.id, todo.record.record_id), None)
            world.pointed.pop((stream.id, todo.record.record_id), None)
            world.stales.pop((stream.id, todo.record.record_id), None)
        case Stale() if _stale_for_ever(world, stream, todo):
            _keeps_stale(world, stream, out, todo)
        case Stale() | Missing():  # its outbox rows stay, and wait for the look
            out.holds += [Hold(todo.link.remote_id, "repush", None)] if todo.link else []
        case Exists():
            out.done += todo.outbox
            out.holds.append(Hold(result.remote_id, "exists", None, {"record": todo.record.record_id}))
        case Rejected() if _to_be_looked_at(world, stream, result):
            world.bells.ring_schema(stream.system)  # its outbox rows wait for the look
        case Rejected() if (pointed := refused_reference(world, stream, todo, result)) is not None:
            out.doubted[stream.id, todo.record.record_id] = pointed  # its outbox rows wait for the look
        case Rejected():
            _rejected(world, stream, out, todo, result)
        case Deferred():
            _later(world, stream, out, todo)
        case Uncertain():
            _uncertain(world, stream, out, todo, send)


def _to_be_looked_at(world: World, stream: Stream, result: Rejected) -> bool:
    """Whether a mapped field is unknown to the remote, and nobody has looked at the schema since."""
    if result.code != UNKNOWN_FIELD or stream.system not in world.bells.schema:
        return False
    return result.field in stream.mapped and result.field not in stream.sound


def _accepted(world: World, stream: Stream, out: Settlement, todo: Todo, answer: Accepted) -> None:
    out.done += todo.outbox
    out.accepted += 1
    out.through.append(todo)
    if todo.op in _REMOVES:
        if todo.link is not None:
            gone = replace(todo.link, state=LinkState.GONE, gone_by="us", evidence=out.evidence)
            out.links.append(gone)
            if not todo.record.deleted and not todo.record.frozen(RECORD):
                out.wanted.append(todo.record.record_id)  # it came back while this was under way
        return
    due = todo.due
    compared = todo.push is not None and todo.push.expected_version is not None and stream.can.compare_and_set
    if todo.link is None:
        link = Link(stream.system, stream.object, answer.remote_id, todo.record.record_id)
        done = created(todo.record, link, due.fields, due.versions, answer, stream.map, out.evidence)
        out.new_links.append(done.link)
        if todo.fmap is not stream.due_map:  # nobody else asks for a field that waits no more
            out.again.add((stream.id, todo.record.record_id))
    else:
        done = accepted(
            todo.record,
            todo.link,
            due.fields,
            due.versions,
            answer,
            stream.map,
            out.evidence,
            compared=compared and todo.version is None,
            fought=world.flaps.fought(todo.record, stream.system),
        )
        if todo.version is not None:
            done.link = replace(done.link, remote_version=None)
        out.links.append(done.link)
        out.sent.append((todo.link, due.fields, out.evidence))
        out.looks += [] if compared else look_for(stream, todo, done.link.shadow, answer.remote_version)
    if done.record is not todo.record and done.record.contests != todo.record.contests:
        out.records.append((todo.record.version, done.record))
    read = {name: value for name, value in done.read.items() if name in stream.mapped}
    if read:
        change = Change(
            stream.system,
            stream.object,
            answer.remote_id,
            fields=read,
            partial=True,
            evidence=out.evidence,
            actor=None if due.fields.keys().isdisjoint(read) else AUTOMATION,
        )
        out.reads.append(change)


def _rejected(world: World, stream: Stream, out: Settlement, todo: Todo, result: Rejected) -> None:
    """Park what is refused: one field where the remote names it, else the whole write."""
    out.done += todo.outbox
    world.pointed.pop((stream.id, todo.record.record_id), None)
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
        _give_up(out, todo, f"{stream.system} put it off {TRIES_BEFORE_PARKING} times")
    elif place in world.retrying:
        out.retrying.add(place)


def _give_up(out: Settlement, todo: Todo, why: str) -> None:
    out.done += todo.outbox
    message = f"{why}; it is tried again after an hour, or by `syncd parked retry`"
    out.notes.append(Note(KEEPS_FAILING, message, None, todo.record.record_id, None, "out"))


def _look(world: World, stream: Stream, out: Settlement, todo: Todo, remote_id: str) -> Hold:
    """What nobody answered is read, and then sent again: later each time, and after some tries no more.

    A whole call without an answer counts for none of its records: smaller ones tell whose fault it is.
    """
    if not out.told_apart:
        return Hold(remote_id, "repush", None)
    place = (stream.id, todo.record.record_id)
    tries = world.tries[place] = world.tries.get(place, 0) + 1
    if tries >= TRIES_BEFORE_PARKING:
        world.tries.pop(place)
        _give_up(out, todo, f"{stream.system} failed {tries} times when it was written, and gives no reason")
        return Hold(remote_id, "fetch", None)
    wait = FIRST_WAIT * 2 ** (tries - 2) if tries > 1 else 0.0
    until = world.clock.now() + timedelta(seconds=wait) if wait else None
    return Hold(remote_id, "repush", None, until=until)


def _stale_for_ever(world: World, stream: Stream, todo: Todo) -> bool:
    """Whether the remote calls a version stale, again and again, that each look shows to be its newest."""
    version = todo.push.expected_version if todo.push else None
    if version is None:
        return False
    place = (stream.id, todo.record.record_id)
    said, times = world.stales.get(place, (version, 0))
    world.stales[place] = (version, times + 1 if said == version else 1)
    return world.stales[place][1] >= TRIES_BEFORE_PARKING


def _keeps_stale(world: World, stream: Stream, out: Settlement, todo: Todo) -> None:
    del world.stales[stream.id, todo.record.record_id]
    out.done += todo.outbox
    message = (
        f"{stream.system} says {TRIES_BEFORE_PARKING} times that the record moved, and each look shows the "
        "same version: it may want its version in another form; `syncd parked retry` tries again"
    )
    where = todo.link.remote_id if todo.link else None
    out.notes.append(Note("keeps_stale", message, where, todo.record.record_id, None, "out"))


def _uncertain(world: World, stream: Stream, out: Settlement, todo: Todo, send: Send) -> None:
    """The answer was lost. An update is read again; a create is tried again only under a key of ours."""
    if todo.link is not None:
        link = uncertain(todo.link, todo.due.fields, todo.due.versions)
        out.links.append(unheard(link) if todo.op in _REMOVES else link)
        out.sent.append((todo.link, todo.due.fields, None))
        out.looks += look_for(stream, todo, todo.due.fields, None)
        out.holds.append(_look(world, stream, out, todo, todo.link.remote_id))
        return
    record_id = todo.record.record_id
    if idempotent(stream):
        world.unanswered[stream.id, record_id] = todo.due.fields, todo.due.versions
        _later(world, stream, out, todo)
        if chosen(stream) and (stream.id, record_id) in world.tries:
            out.retrying.add((stream.id, record_id))
        return
    if findable(stream):
        at = world.clock.monotonic() + stream.can.find_lag
        world.doubts[stream.id, record_id] = Doubt(send.batch, at, todo.due.fields, todo.due.versions)
        return
    out.done += todo.outbox
    out.notes.append(create_unknown(stream, todo.record.record_id, todo.due.fields, todo.due.versions))


def idempotent(stream: Stream) -> bool:
    """Whether the same create, sent twice, gives one record."""
    return stream.can.client_ids or (stream.can.upsert_key and stream.settings.key_field is not None)


def chosen(stream: Stream) -> bool:
    """Whether a create is known by the id that we chose for it, and carries no key of ours."""
    return stream.can.client_ids and stream.settings.key_field is None


def findable(stream: Stream) -> bool:
    """Whether a record can be looked up by our key."""
    return stream.settings.key_field is not None and stream.finder is not None


def create_unknown(stream: Stream, record_id: int, sent: Fields, versions: Mapping[str, int]) -> Note:
    """What is listed when nobody can know whether a create happened, with what it `sent`: a record that shows
    up and matches may be it."""
    message = (
        f"the answer to its create in {stream.system} was lost, and {stream.system} offers no key to look "
        "for: it is linked when it shows up and matches; if it is not there, "
        "`syncd parked retry` creates it again"
    )
    return Note(CREATE_UNKNOWN, message, None, record_id, None, "out", {"sent": sent, "versions": versions})


def _written(todo: Todo) -> list[tuple[int, str | None]]:
    """What was parked of a record, and went through now: the record, its remote and canonical fields.

    With the copy goes what was refused of it. What was refused with the whole record is owed still, until the
    refused fields go through.
    """
    refused_ = set(todo.link.refused) if todo.link is not None else set()
    names: list[str | None] = [*todo.due.fields, *todo.due.versions]
    names += sorted(refused_) if todo.op in _REMOVES else ()
    if refused_ <= {*names}:
        names.append(None)
    return [(todo.record.record_id, name) for name in names]


async def _insert_links(tx: Tx, stream: Stream, out: Settlement, policy: Policy) -> None:
    """Link what was created, unless that id is linked already: then two of our records may be one."""
    if not out.new_links:
        return
    ids = [link.remote_id for link in out.new_links]
    await bury(tx, stream.id, ids)
    sql = "select remote_id, record_id from links where remote_id = any($1::text[]) and stream = $2"
    rows = await tx.fetch(sql, ids, stream.id)
    taken = {row["remote_id"]: row["record_id"] for row in rows}
    free = []
    for link in out.new_links:
        if link.remote_id in taken:
            out.notes.append(_taken(stream, link, taken[link.remote_id]))
        else:
            taken[link.remote_id] = link.record_id  # the call may give one id to two of ours
            free.append(link)
    linked_now = {link.record_id for link in free}
    out.through = [t for t in out.through if t.link is not None or t.record.record_id in linked_now]
    out.new_links = free if policy is not Policy.UNLINK else await _apart(tx, free)
    await insert_links(tx, stream.names, out.new_links)


async def _apart(tx: Tx, links: Sequence[Link]) -> list[Link]:
    """New links; those of records that were unlinked while they were made are no part of the sync."""
    alone = await unlinked(tx, [link.record_id for link in links])
    return [replace(x, state=LinkState.DETACHED) if x.record_id in alone else x for x in links]


def _taken(stream: Stream, link: Link, other: int) -> Note:
    message = (
        f"{stream.system} answered its create with a record that is linked to another of ours ({other}): "
        "the two may be one, and are never merged by guess"
    )
    return Note("merge_candidate", message, link.remote_id, link.record_id, None, "out", {"other": other})


async def _make_anew(tx: Tx, stream: Stream, out: Settlement) -> None:
    """What we deleted while somebody took the delete back elsewhere is made anew, as after any restore."""
    if out.wanted:
        await forget_deletes(tx, out.wanted, stream.id)
        out.again |= {(stream.id, record) for record in out.wanted}


async def _suspect(tx: Tx, world: World, stream: Stream, out: Settlement) -> None:
    """Note on the reads that waited for these writes what the writes may have gone over.

    This process would know it by itself, and a crash forgets what was written.
    """
    writes = {
        link.remote_id: world.written(stream.id, link.remote_id, link, sent, after)
        for link, sent, after in out.sent
        if (stream.id, link.remote_id) in world.queued
    }
    if not writes:
        return
    for row in await queues.held_changes(tx, stream.id, list(writes)):
        change = change_from(row["change"], stream.system, stream.object)
        seen = incoming(stream, [change], change.evidence)[0].seen()
        found = suspects(seen, writes[row["remote_id"]])
        if found:
            noted = orjson.loads(row["suspects"]) if row["suspects"] else {}
            await queues.note_suspects(tx, row["seq"], joined(noted, found))


async def _save(tx: Tx, world: World, stream: Stream, send: Send, out: Settlement) -> None:
    doubted = any(doubt.batch == send.batch for doubt in world.doubts.values())
    await close_send(tx, None if doubted else send.batch, out.done)
    await _insert_links(tx, stream, out, world.kind_of(stream).policy)
    await update_links(tx, stream.names, out.links)
    await _make_anew(tx, stream, out)
    await update_records(tx, out.records)
    await add_looks(tx, world.store, out.looks)
    parted = [t.record.record_id for t in out.through if t.op in _REMOVES and t.record.contests]
    await queues.close_if_gone(tx, parted)
    await _suspect(tx, world, stream, out)
    await hold(tx, world, stream.id, out.evidence, out.holds)
    await look_at_targets(tx, world, out.doubted)
    if out.through and stream.id in world.parked:
        await queues.unpark(tx, stream.id, [pair for todo in out.through for pair in _written(todo)])
    await park_notes(tx, world, stream.id, out.notes)
    born = [(x.remote_id, x.record_id) for x in out.new_links if x.state is LinkState.LIVE]
    behind = out.again | await linked(tx, world, stream.id, born)
    gone = [link.remote_id for link in out.links if link.state is LinkState.GONE]
    await freed(tx, world, stream.id, gone)
    await queues.add_outbox(tx, world.store, sorted(behind))
    if out.reads:
        items = incoming(stream, out.reads, out.evidence, fetched=True)
        world.land(send)
        await apply(tx, world, stream, items, source="answer", evidence=out.evidence)
    tx.after_commit(lambda: world.bells.ring_push(sorted({stream_id for stream_id, _ in behind})))
