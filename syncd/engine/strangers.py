"""Remote ids that are not linked: ours come back, somebody else's to be matched, or a new record."""

from __future__ import annotations

from dataclasses import replace

from conflict.link import see
from syncd.core.nouns import LinkState, Op
from syncd.core.state import Agreed, Link, Record
from syncd.engine import decide
from syncd.engine.batch import Batch, Hold, Incoming, Note
from syncd.engine.load import own_key
from syncd.engine.reading import Reading
from syncd.engine.retyped import aliens
from syncd.engine.world import World
from syncd.identity import Ambiguous, Match
from syncd.identity import decide as match_decide


def stranger(world: World, batch: Batch, item: Incoming) -> None:
    """Decide what an unknown remote record is."""
    stream, change = batch.stream, item.change
    if change.op is not Op.UPSERT or not stream.reads:
        return
    own = item.join if item.join is not None else own_key(world, stream, item)
    if own is not None and own in batch.records and own not in batch.new_records:
        _ours(world, batch, item, own)
    elif world.create_open(stream.id):
        batch.holds.append(Hold(change.remote_id, "create_open", replace(change, evidence=item.evidence)))
    else:
        _matched_or_new(world, batch, item)


def _ours(world: World, batch: Batch, item: Incoming, own: int) -> None:
    """A record that carries our key: a create of ours whose answer is not known, or a copy of one."""
    stream, change = batch.stream, item.change
    if (stream.id, own) in world.flying:
        batch.holds.append(Hold(change.remote_id, "create_open", replace(change, evidence=item.evidence)))
    elif batch.owned.get(own) is None and own not in batch.linked_here:
        batch.owned[own] = change.remote_id
        _join(world, batch, item, batch.records[own])
    else:
        message = (
            f"a second record in {stream.system} carries our key of one that is linked already; "
            "it is left alone: delete one of the two there, or clear the copy's key"
        )
        batch.notes.append(Note("duplicate", message, change.remote_id, own))
        link = _empty(batch, item, own, LinkState.DUPLICATE)
        batch.put_link(link)


def _empty(batch: Batch, item: Incoming, record_id: int, state: LinkState = LinkState.LIVE) -> Link:
    return Link(
        batch.stream.system,
        batch.stream.object,
        item.change.remote_id,
        record_id,
        state,
        remote_version=item.change.remote_version,
        evidence=item.evidence,
    )


def _matched_or_new(world: World, batch: Batch, item: Incoming) -> None:
    reading = batch.readings[item.change.remote_id]
    found = match_decide({key: _free(batch, key) for key in reading.keys})
    if isinstance(found, Match):
        _join(world, batch, item, batch.records[found.record_id])
        return
    record = _add(world, batch, item, reading)
    decide.notes(batch, item, reading.unreadable, record.record_id)
    decide.waiting(world, batch, item, reading.waits)
    if isinstance(found, Ambiguous):
        batch.notes.append(_ambiguous(batch, item, record, sorted(found.record_ids)))


def _free(batch: Batch, key: str) -> set[int]:
    """The records that carry a key and have no copy here: duplicates in one system never collapse."""
    return {
        record
        for record in batch.keys.get(key, ())
        if record not in batch.linked_here and not batch.records[record].deleted
    }


def _join(world: World, batch: Batch, item: Incoming, record: Record) -> None:
    """Link a remote record to a record of ours: the first link, with no base."""
    kind, stream = world.kind_of(batch.stream), batch.stream
    batch.linked_here.add(record.record_id)
    link = _empty(batch, item, record.record_id)
    alien = aliens(kind, stream, record, link, item.fields)
    outcome = see(
        record, link, item.seen(), stream.map, kind.book, refs=batch.refs, event=batch.event, alien=alien
    )
    batch.applied += 1
    batch.take(outcome)
    decide.notes(batch, item, outcome.unreadable, record.record_id)
    decide.waiting(world, batch, item, outcome.waiting)
    decide.spread(world, batch, outcome.record, changed=bool(outcome.changed), owes=True)


def _add(world: World, batch: Batch, item: Incoming, reading: Reading) -> Record:
    """A new record, made of what the remote says."""
    change, fields, unapplied = item.change, item.fields, reading.unapplied
    record_id = world.store.seq()
    record = Record(record_id, batch.stream.kind, 1, reading.values, batch.first_stamps)
    batch.put_record(record)
    batch.new_records.add(record_id)
    batch.changes[record_id, 1] = reading.values
    batch.key_changes[record_id] = reading.keys
    batch.linked_here.add(record_id)
    for key in reading.keys:
        batch.keys.setdefault(key, set()).add(record_id)
    link = Link(
        change.system,
        change.object,
        change.remote_id,
        record_id,
        shadow={n: v for n, v in fields.items() if n not in unapplied} if unapplied else fields,
        agreed=Agreed(1),
        unapplied=unapplied,
        remote_version=change.remote_version,
        evidence=item.evidence,
    )
    batch.put_link(link)
    batch.applied += 1
    decide.spread(world, batch, record, changed=True, owes=False)
    return record


def _ambiguous(batch: Batch, item: Incoming, record: Record, candidates: list[int]) -> Note:
    message = (
        f"matches {len(candidates)} records equally well and was linked to none; "
        "decide which it is, or make the match keys differ"
    )
    return Note(
        "ambiguous_match", message, item.change.remote_id, record.record_id, body={"candidates": candidates}
    )
