"""Decide one batch in memory: each change in order, linked or unknown. No I/O happens here."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import replace
from typing import Any

from conflict.deletes import DELETE, KEEP, RECORD, Policy, see_delete, see_edit_of_deleted, see_restored
from conflict.link import Gate, gate, see
from conflict.suspects import joined, overwritten, suspects
from syncd.core.nouns import Change, LinkState, Op
from syncd.core.state import Link, Record
from syncd.engine.batch import Batch, Hold, Incoming, Known, Note
from syncd.engine.retyped import aliens, without_blanks
from syncd.engine.strangers import stranger
from syncd.engine.world import Stream, World
from syncd.store.codec import shadow_bytes
from syncd.store.rows import link_from, record_from


def unchanged(stream: Stream, known: Known, item: Incoming) -> bool:
    """Whether a read shows exactly what the shadow holds, told by its bytes.

    Most of what a feed brings is our own writes coming back; for them nothing is decoded.
    """
    row = known.row
    if row is None or known.link is not None or row["extras"] is not None or row["state"] != "live":
        return False
    change = item.change
    if row["layout"] != stream.names.layout or change.op is not Op.UPSERT or item.suspects or item.push_after:
        return False
    if change.remote_version not in (None, row["remote_version"]) and item.evidence >= row["evidence"]:
        return False
    return bool(shadow_bytes(item.fields, stream.names.fields) == row["shadow"])


def decode(batch: Batch, known: Known) -> tuple[Record, Link]:
    """The record and link behind a stored row, read once."""
    if known.link is None:
        known.link = link_from(known.row, batch.stream.names)
    if known.record_id not in batch.records:
        record = record_from(known.row)
        batch.put_record(record)
        batch.read[record.record_id] = record
    return batch.records[known.record_id], known.link


def decide(world: World, batch: Batch, items: list[Incoming]) -> None:
    """What becomes of each change; later ones see what earlier ones did. A bug stops one record, not all."""
    for item in items:
        try:
            _one(world, batch, item)
        except Exception as error:
            batch.notes.append(_bug(item, error))


def _one(world: World, batch: Batch, item: Incoming) -> None:
    remote_id = item.change.remote_id
    known = batch.known.get(remote_id)
    if item.inbox is None and (batch.stream.id, remote_id) in world.queued:
        batch.holds.append(Hold(remote_id, "order", _stamped(item)))
    elif known is None:
        stranger(world, batch, item)
    else:
        _linked(world, batch, item, known)


def _bug(item: Incoming, error: Exception) -> Note:
    name = type(error).__name__
    message = f"deciding about it failed unexpectedly ({name}); the others went on. Please report it"
    return Note("bug", message, item.change.remote_id)


def _linked(world: World, batch: Batch, item: Incoming, known: Known) -> None:
    stream, change = batch.stream, item.change
    record, link = decode(batch, known)
    if item.join is not None and item.join != record.record_id:
        batch.notes.append(_merge_candidate(item, record))
    if change.op is Op.TOUCH:
        batch.holds.append(Hold(change.remote_id, "fetch", None))
        return
    if change.op in (Op.MERGE, Op.CONVERT):
        batch.notes.append(_unsupported(item))
        return
    flying = (stream.id, record.record_id) in world.flying
    if flying:
        batch.holds.append(Hold(change.remote_id, "in_flight", _stamped(item), item.suspects))
        return
    if change.op is Op.DELETE:
        _deleted(world, batch, item, record, link)
        return
    change = item.seen()
    decision = gate(link, change, in_flight=False, fetched=item.fetched)
    if decision is Gate.REFETCH:
        batch.holds.append(Hold(change.remote_id, "fetch", None, _suspected(world, stream, item)))
        return
    for clash in overwritten(record, stream.system, item.suspects, item.fields, stream.map, batch.refs):
        batch.clashes.append((record.record_id, clash))
    if item.push_after:
        batch.behind.add((stream.id, record.record_id))
    if decision is Gate.APPLY:
        _apply(world, batch, item, change, record, link)
    else:
        batch.dropped += 1


def _stamped(item: Incoming) -> Change:
    return replace(item.change, evidence=item.evidence)


def _suspected(world: World, stream: Stream, item: Incoming) -> Mapping[str, Any]:
    """What a read shows that our writes of that time may have gone over; the next read will tell."""
    found = item.suspects
    change = item.seen()
    for write in world.sent.get((stream.id, change.remote_id), ()):
        found = joined(found, suspects(change, write))
    return found


def _apply(world: World, batch: Batch, item: Incoming, change: Change, record: Record, link: Link) -> None:
    kind = world.kind_of(batch.stream)
    back = link.state is LinkState.GONE
    if back:
        link, record = _restored(batch, link, record)
    if batch.stream.back:
        link = without_blanks(link, change.fields, batch.stream.back)
    outcome = see(
        record,
        link,
        change,
        batch.stream.map,
        kind.book,
        refs=batch.refs,
        event=batch.event,
        alien=aliens(kind, batch.stream, record, link, change.fields),
        shown=item.shown,
    )
    batch.applied += 1
    if record.deleted and outcome.changed:
        alive, clash = see_edit_of_deleted(outcome.record, outcome.link, kind.against, event=batch.event)
        outcome = replace(outcome, record=alive)
        batch.clashes.append((record.record_id, clash))
        if not alive.deleted:
            batch.changes.setdefault((record.record_id, alive.version), {})[RECORD] = KEEP
    batch.take(outcome)
    if link.unapplied and not outcome.link.unapplied:
        batch.readable.add(link.remote_id)
    notes(batch, item, outcome.unreadable, record.record_id)
    waiting(world, batch, item, outcome.waiting)
    spread(world, batch, outcome.record, changed=bool(outcome.changed), owes=outcome.owes or back)


def _restored(batch: Batch, link: Link, record: Record) -> tuple[Link, Record]:
    """The same link returns; what we deleted elsewhere in consequence may be made anew."""
    alive = see_restored(record, link.system)
    if alive is not record:
        batch.changes.setdefault((record.record_id, alive.version), {})[RECORD] = KEEP
    if RECORD in record.contests and RECORD not in alive.contests:
        batch.closed.append((record.record_id, RECORD))
    batch.revived.add(record.record_id)
    return replace(link, state=LinkState.LIVE, gone_by=None), alive


def _deleted(world: World, batch: Batch, item: Incoming, record: Record, link: Link) -> None:
    kind = world.kind_of(batch.stream)
    if link.state is not LinkState.LIVE:
        return
    if item.evidence < link.evidence and not item.fetched:
        batch.holds.append(Hold(item.change.remote_id, "fetch", None))
        return
    outcome = see_delete(
        record,
        link,
        batch.stream.map,
        kind.policy,
        kind.against,
        evidence=item.evidence,
        event=batch.event,
        ours=link.remote_id in batch.cascaded,
    )
    batch.applied += 1
    batch.put_record(outcome.record)
    batch.put_link(outcome.link)
    if outcome.record.version != record.version:
        batch.changes.setdefault((record.record_id, outcome.record.version), {})[RECORD] = DELETE
    if outcome.clash is not None:
        batch.clashes.append((record.record_id, outcome.clash))
    if outcome.settled:
        batch.closed.append((record.record_id, RECORD))
    if record.contests:
        batch.parted.add(record.record_id)
    if outcome.spread is Policy.UNLINK:
        batch.detached.add(record.record_id)
    elif outcome.spread is not None:
        spread(world, batch, outcome.record, changed=True, owes=False)


def spread(world: World, batch: Batch, record: Record, *, changed: bool, owes: bool) -> None:
    """Say which copies are behind now."""
    here = batch.stream
    if record.contests and record.frozen(RECORD):
        return
    for stream in world.kind_of(here).streams:
        if stream.writes and ((changed and stream.id != here.id) or (owes and stream.id == here.id)):
            batch.behind.add((stream.id, record.record_id))


def notes(batch: Batch, item: Incoming, unreadable: list[tuple[str, str]], record_id: int | None) -> None:
    """List values that cannot be read; the rest of the record flows."""
    for name, reason in unreadable:
        message = f"{reason}; mend it in {batch.stream.system}, or change the field's type or transform"
        batch.notes.append(Note("unreadable", message, item.change.remote_id, record_id, name))


def waiting(world: World, batch: Batch, item: Incoming, targets: list[object]) -> None:
    """Remember which references wait for which remote record to be linked."""
    for kind, remote_id in targets:  # type: ignore[misc]
        batch.waits.append((kind, remote_id, item.change.remote_id))  # type: ignore[has-type]


def _merge_candidate(item: Incoming, other: Record) -> Note:
    message = (
        "its create was refused because a record with the same unique value exists, and that one is linked "
        f"to another of our records ({other.record_id}): the two may be one, and are never merged by guess"
    )
    body = {"other": other.record_id}
    return Note("merge_candidate", message, item.change.remote_id, item.join, direction="out", body=body)


def _unsupported(item: Incoming) -> Note:
    op = item.change.op.value
    message = f"a {op} is not acted on yet; look at both records, and link or delete by hand"
    return Note(f"{op}_not_yet", message, item.change.remote_id)
