"""Decide one batch in memory: each change in order, linked or unknown. No I/O happens here."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import replace
from typing import Any

from conflict.deletes import (
    DELETE,
    KEEP,
    RECORD,
    Policy,
    may_be_ours,
    see_delete,
    see_edit_of_deleted,
    see_restored,
)
from conflict.join import has_ended
from conflict.link import Gate, gate, see
from conflict.scope import entered, left
from conflict.suspects import joined, overwritten, suspects
from conflict.work import ABSENT
from syncd.core.nouns import Change, LinkState, Op
from syncd.core.state import Link, Record
from syncd.engine.batch import AGAIN, AUTOMATION, Batch, Hold, Incoming, Known, Note
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
    if known is not None and item.join not in (None, known.record_id):
        batch.notes.append(_merge_candidate(item, known.record_id))  # whatever else must wait
    if item.inbox is None and (batch.stream.id, remote_id) in world.queued:
        batch.holds.append(Hold(remote_id, "order", _stamped(item)))
        batch.holds += _asked_again(item, known)
    elif known is None:
        stranger(world, batch, item)
    else:
        _linked(world, batch, item, known)


def _asked_again(item: Incoming, known: Known | None) -> list[Hold]:
    """What was to be done after a read that has to wait for older ones: it is read once more after them."""
    if item.join is not None:
        return [Hold(item.change.remote_id, "exists", None, {"record": item.join})] if known is None else []
    return [Hold(item.change.remote_id, "repush", None)] if item.push_after else []


def _bug(item: Incoming, error: Exception) -> Note:
    name = type(error).__name__
    message = f"deciding about it failed unexpectedly ({name}); the others went on. Please report it"
    return Note("bug", message, item.change.remote_id)


def _linked(world: World, batch: Batch, item: Incoming, known: Known) -> None:
    stream, change = batch.stream, item.change
    record, link = decode(batch, known)
    state = link.state
    if change.op is Op.TOUCH:
        batch.holds.append(Hold(change.remote_id, "fetch", None))
        return
    if has_ended(link):
        _ended(batch, item, link)
        return
    flying = (stream.id, record.record_id) in world.flying
    if flying:
        ours = (stream.id, change.remote_id) in world.flying_ids  # else the write is to another copy
        until = None if ours else world.clock.now() + AGAIN
        batch.holds.append(Hold(change.remote_id, "in_flight", _stamped(item), item.suspects, until))
        batch.holds += _asked_again(item, known)
        return
    if change.op is Op.DELETE:
        _deleted(world, batch, item, record, link)
        return
    if record.deleted and link.state is LinkState.GONE and world.create_open(stream.id):
        batch.holds.append(Hold(change.remote_id, "create_open", _stamped(item)))  # another may get its id
        return
    known_scope = _scoped(batch, item, link)
    if known_scope is None:
        return
    change, link = item.seen(), known_scope
    if change.remote_version is not None:
        link = _unsure_of_version(batch, item, link)
        change = replace(change, remote_version=stream.version_told(change, link))
    decision = gate(link, change, in_flight=False, fetched=item.fetched)
    if link.state is not state:
        decision = Gate.APPLY
    if decision is Gate.REFETCH:
        reason = "repush" if item.push_after else "fetch"
        batch.holds.append(Hold(change.remote_id, reason, None, _suspected(world, stream, item)))
        return
    for clash in overwritten(record, stream.system, item.suspects, item.fields, stream.map, batch.refs):
        batch.clashes.append((record.record_id, clash))
    if item.push_after:
        batch.behind.add((stream.id, record.record_id))
    if decision is Gate.APPLY:
        _apply(world, batch, item, change, record, link, again=link.state is not state)
    else:
        batch.dropped += 1


def _unsure_of_version(batch: Batch, item: Incoming, link: Link) -> Link:
    """The link after a read that shows another version, and leaves out a field that the link knows.

    A write that compares with the old version would be stale for ever, one that compares with the new one
    would pass over an edit of that field: until it is told again, each write looks first.
    """
    change = item.change
    if change.partial or item.evidence < link.evidence or batch.stream.fetcher is None:
        return link
    if link.remote_version in (None, change.remote_version) or batch.stream.version_told(change, link):
        return link
    unsure = replace(link, remote_version=None)
    batch.put_link(unsure)
    return unsure


def _ended(batch: Batch, item: Incoming, link: Link) -> None:
    """A copy that was merged away shows up: a late page, or somebody took it back out of the bin."""
    if item.change.op is not Op.UPSERT or item.evidence < link.evidence or batch.stream.fetcher is None:
        batch.dropped += 1
    elif not item.fetched:
        batch.holds.append(Hold(link.remote_id, "fetch", None))
    elif link.state is LinkState.DUPLICATE:
        message = (
            f"was merged with another record in {link.system}, and is back there; it is left alone: merge or "
            "delete it there"
        )
        batch.notes.append(Note("duplicate", message, link.remote_id, link.record_id))
        batch.put_link(replace(link, gone_by=None))
    else:
        batch.put_link(replace(link, state=LinkState.LIVE, gone_by=None))
        batch.holds.append(Hold(link.remote_id, "fetch", None))


def _scoped(batch: Batch, item: Incoming, link: Link) -> Link | None:
    """The link as it is to be looked at; None where the record takes no part, or nobody can tell yet."""
    stream, outside = batch.stream, link.state is LinkState.OUT_OF_SCOPE
    if stream.settings.where is None and not outside:
        return link
    if link.state in (LinkState.DUPLICATE, LinkState.DETACHED):
        return link
    inside = stream.scope(item.change.fields, link)
    if inside is None and not outside:
        return link
    stale = item.evidence < link.evidence and not item.fetched
    if inside is None or (stale and inside is outside):
        if not item.fetched and stream.fetcher is not None:
            batch.holds.append(Hold(link.remote_id, "fetch", None))
        return None
    if inside:
        return entered(link) if outside else link
    if link.state is LinkState.LIVE or (link.state is LinkState.GONE and item.fetched):
        batch.put_link(left(link, item.evidence))
        batch.applied += 1
    return None


def _stamped(item: Incoming) -> Change:
    return replace(item.change, evidence=item.evidence)


def _suspected(world: World, stream: Stream, item: Incoming) -> Mapping[str, Any]:
    """What a read shows that our writes of that time may have gone over; the next read will tell."""
    found = item.suspects
    change = item.seen()
    for write in world.sent.get((stream.id, change.remote_id), ()):
        found = joined(found, suspects(change, write))
    return found


def _apply(
    world: World,
    batch: Batch,
    item: Incoming,
    change: Change,
    record: Record,
    link: Link,
    *,
    again: bool = False,
) -> None:
    """Let a read take effect. `again`: the copy takes part again, and may be behind."""
    kind = world.kind_of(batch.stream)
    back = link.state is LinkState.GONE or again
    if back:
        batch.returned.add(link.remote_id)
    if link.state is LinkState.GONE:
        link, record = _restored(batch, link, record)
    if batch.stream.back:
        link = without_blanks(link, change.fields, batch.stream.back)
    now = world.clock.monotonic()
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
        flapping=world.flaps.pulled(kind.settings.brakes.flap, record, link.system, now),
    )
    if outcome.changed:
        world.flaps.note(record, link, outcome.record, now, ruled=change.actor == AUTOMATION)
    batch.applied += 1
    if record.deleted and outcome.changed:
        alive, clash = see_edit_of_deleted(outcome.record, outcome.link, kind.against, event=batch.event)
        outcome = replace(outcome, record=alive)
        batch.clashes.append((record.record_id, clash))
        if not alive.deleted:
            batch.changes.setdefault((record.record_id, alive.version), {})[RECORD] = KEEP
        if not alive.deleted and not alive.frozen(RECORD):
            batch.revived.add(record.record_id)  # our delete may have reached other systems before the edit
    batch.take(outcome)
    if world.parked and batch.stream.id in world.parked:
        batch.shown += _first_told(record.record_id, link, change)
    if link.unapplied and not outcome.link.unapplied:
        batch.readable.add(link.remote_id)
    if any(change.fields.get(name, ABSENT) not in (ABSENT, link.shadow.get(name)) for name in link.refused):
        batch.behind.add((batch.stream.id, record.record_id))  # what was refused may be over
    notes(batch, item, outcome.unreadable, record.record_id)
    waiting(world, batch, item, outcome.waiting)
    spread(world, batch, outcome.record, changed=bool(outcome.changed), owes=outcome.owes or back)


def _first_told(record: int, link: Link, change: Change) -> Iterator[tuple[int, str]]:
    """The fields that the remote had never told of this record: (record id, remote field) each."""
    return ((record, name) for name in change.fields if link.shadow.get(name, ABSENT) is ABSENT)


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
    if link.state is LinkState.OUT_OF_SCOPE:  # it took no part, so this is nobody else's matter
        batch.put_link(replace(link, state=LinkState.GONE, gone_by="them"))
    if link.state is LinkState.DUPLICATE and (item.fetched or item.evidence >= link.evidence):
        batch.single.add(link.remote_id)
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
        ours=link.remote_id in batch.cascaded or may_be_ours(link),
    )
    if may_be_ours(link) and not record.deleted and not record.frozen(RECORD):
        batch.anew.add(record.record_id)
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


def _merge_candidate(item: Incoming, other: int) -> Note:
    message = (
        "its create was refused because a record with the same unique value exists, and that one is linked "
        f"to another of our records ({other}): the two may be one, and are never merged by guess"
    )
    body = {"other": other}
    return Note("merge_candidate", message, item.change.remote_id, item.join, direction="out", body=body)
