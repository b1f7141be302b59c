"""Remote ids that are not linked: ours come back, somebody else's to be matched, or a new record."""

from __future__ import annotations

from typing import Any

from conflict.link import see
from syncd.core.errors import ParseError, Unlinked
from syncd.core.fieldmap import Direction
from syncd.core.nouns import Change, LinkState, Op, Stamp, Value
from syncd.core.state import Agreed, Link, Record, Stamps
from syncd.engine import decide
from syncd.engine.batch import Batch, Hold, Incoming, Note
from syncd.engine.load import own_key
from syncd.engine.world import Kind, World
from syncd.identity import Ambiguous, Match
from syncd.identity import decide as match_decide


def stranger(world: World, batch: Batch, item: Incoming) -> None:
    """Decide what an unknown remote record is."""
    stream, change = batch.stream, item.change
    if change.op is not Op.UPSERT or not stream.reads:
        return
    own = item.join if item.join is not None else own_key(stream, item)
    if own is not None and own in batch.records:
        _ours(world, batch, item, own)
    elif world.creating.get(stream.id):
        batch.holds.append(Hold(change.remote_id, "create_open", change))
    else:
        _matched_or_new(world, batch, item)


def _ours(world: World, batch: Batch, item: Incoming, own: int) -> None:
    """A record that carries our key: a create of ours whose answer is not known, or a copy of one."""
    stream, change = batch.stream, item.change
    if (stream.id, own) in world.flying:
        batch.holds.append(Hold(change.remote_id, "create_open", change))
    elif batch.owned.get(own) is None:
        batch.owned[own] = change.remote_id
        _join(world, batch, item, batch.records[own])
    else:
        message = (
            f"a second record in {stream.system} carries our key of one that is linked already; "
            "it is left alone: delete one of the two there, or clear the copy's key"
        )
        batch.notes.append(Note("duplicate", message, change.remote_id, own))
        link = _empty(batch, change, own, LinkState.DUPLICATE)
        batch.put_link(link)


def _empty(batch: Batch, change: Change, record_id: int, state: LinkState = LinkState.LIVE) -> Link:
    return Link(
        batch.stream.system,
        batch.stream.object,
        change.remote_id,
        record_id,
        state,
        remote_version=change.remote_version,
        evidence=change.evidence,
    )


def _matched_or_new(world: World, batch: Batch, item: Incoming) -> None:
    kind = world.kind_of(batch.stream)
    record, unreadable, waits = _read(batch, kind, item, world.store.seq())
    keys = kind.matcher.keys(record.fields)
    candidates = {key: _free(batch, key) for key in keys}
    found = match_decide(candidates)
    if isinstance(found, Match):
        _join(world, batch, item, batch.records[found.record_id])
        return
    _add(world, batch, item, record, keys)
    decide.notes(batch, item, unreadable, record.record_id)
    decide.waiting(world, batch, item, waits)
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
    kind, stream, change = world.kind_of(batch.stream), batch.stream, item.change
    batch.linked_here.add(record.record_id)
    plain = Change(
        change.system,
        change.object,
        change.remote_id,
        fields=item.fields,
        remote_version=change.remote_version,
        occurred_at=change.occurred_at,
        evidence=change.evidence,
    )
    link = _empty(batch, change, record.record_id)
    outcome = see(record, link, plain, stream.map, kind.book, refs=batch.refs, event=batch.event)
    batch.applied += 1
    batch.take(outcome)
    decide.notes(batch, item, outcome.unreadable, record.record_id)
    decide.waiting(world, batch, item, outcome.waiting)
    decide.spread(world, batch, outcome.record, changed=bool(outcome.changed), owes=True)


def _read(
    batch: Batch, kind: Kind, item: Incoming, record_id: int
) -> tuple[Record, list[tuple[str, str]], list[object]]:
    """A new record made of what the remote says."""
    values: dict[str, Value] = {}
    unreadable: list[tuple[str, str]] = []
    waits: list[object] = []
    fields, refs = item.fields, batch.refs
    for entry in batch.stream.map.entries:
        if entry.direction is Direction.OUT:
            continue
        try:
            remote = tuple(fields[name] for name in entry.remote)
        except KeyError:
            continue
        try:
            found = entry.incoming(remote, refs)
        except ParseError as error:
            unreadable.append((entry.remote[0], str(error)))
            continue
        except Unlinked as error:
            waits.append(error.target)
            continue
        values.update(zip(entry.canon, found, strict=True))
    stamps = Stamps(Stamp(1, batch.stream.system, None, batch.event))
    return Record(record_id, kind.name, 1, values, stamps), unreadable, waits


def _add(world: World, batch: Batch, item: Incoming, record: Record, keys: list[str]) -> None:
    change, fields = item.change, item.fields
    batch.put_record(record)
    batch.new_records.add(record.record_id)
    batch.changes[record.record_id, 1] = dict(record.fields)
    batch.key_changes[record.record_id] = keys
    batch.linked_here.add(record.record_id)
    for key in keys:
        batch.keys.setdefault(key, set()).add(record.record_id)
    shadow, unapplied = _split(batch, record, fields)
    link = Link(
        change.system,
        change.object,
        change.remote_id,
        record.record_id,
        shadow=shadow,
        agreed=Agreed(1),
        unapplied=unapplied,
        remote_version=change.remote_version,
        evidence=change.evidence,
    )
    batch.put_link(link)
    batch.applied += 1
    decide.spread(world, batch, record, changed=True, owes=False)


def _split(batch: Batch, record: Record, fields: Any) -> tuple[dict[str, Value], dict[str, Value]]:
    """What goes into the shadow, and what could not be applied."""
    unapplied: dict[str, Value] = {}
    for entry in batch.stream.map.entries:
        if entry.direction is not Direction.OUT and any(name not in record.fields for name in entry.canon):
            unapplied.update({name: fields[name] for name in entry.remote if name in fields})
    if not unapplied:
        return dict(fields), unapplied
    return {name: value for name, value in fields.items() if name not in unapplied}, unapplied


def _ambiguous(batch: Batch, item: Incoming, record: Record, candidates: list[int]) -> Note:
    message = (
        f"matches {len(candidates)} records equally well and was linked to none; "
        "decide which it is, or make the match keys differ"
    )
    return Note(
        "ambiguous_match", message, item.change.remote_id, record.record_id, body={"candidates": candidates}
    )
