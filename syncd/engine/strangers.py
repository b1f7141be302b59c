"""Remote ids that are not linked: ours come back, somebody else's to be matched, or a new record."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from conflict.due import due_on_create
from conflict.link import see
from conflict.settle import found
from syncd.core.equality import reduces
from syncd.core.nouns import Fields, LinkState, Op
from syncd.core.state import Agreed, Link, Record
from syncd.engine import decide
from syncd.engine.batch import Batch, Hold, Incoming, Note
from syncd.engine.load import own_key
from syncd.engine.reading import Reading
from syncd.engine.retyped import aliens
from syncd.engine.world import World
from syncd.identity import Ambiguous, Match, Matcher, rule_of
from syncd.identity import decide as match_decide


def stranger(world: World, batch: Batch, item: Incoming) -> None:
    """Decide what an unknown remote record is."""
    stream, change = batch.stream, item.change
    if change.op is not Op.UPSERT or not stream.reads:
        return
    own = item.join if item.join is not None else own_key(world, stream, item)
    own = batch.redirected.get(own, own) if own is not None else None
    inside = stream.scope(change.fields)
    if inside is not True:
        _outside(world, batch, item, own, inside=inside)
    elif own is not None and own in batch.records and own not in batch.new_records:
        _ours(world, batch, item, own)
    elif world.create_open(stream.id):
        batch.holds.append(Hold(change.remote_id, "create_open", replace(change, evidence=item.evidence)))
    elif change.partial and not stream.mapped <= item.fields.keys() and stream.fetcher is not None:
        batch.holds.append(Hold(change.remote_id, "fetch", None))  # who it is may be in what it does not tell
    else:
        _matched_or_new(world, batch, item)


def comes_back(world: World, batch: Batch, item: Incoming) -> bool:
    """Whether a look shows the id of a deleted record again: it came back, or another has its id now."""
    record, link = decide.decode(batch, batch.known[item.change.remote_id])
    shown = item.fetched and item.change.op is Op.UPSERT and item.evidence >= link.evidence
    gone = record.deleted and link.state is LinkState.GONE
    return shown and gone and own_key(world, batch.stream, item) is None


def inherits(batch: Batch, item: Incoming) -> bool:
    """Whether what came back is another record of ours, by its match keys, that has no copy here yet."""
    return isinstance(match_decide({key: _free(batch, key) for key in batch.readings[id(item)].keys}), Match)


def _outside(world: World, batch: Batch, item: Incoming, own: int | None, *, inside: bool | None) -> None:
    """A record that takes no part is nobody's; one of ours stays known, so that it is not made again."""
    stream, change = batch.stream, item.change
    if world.create_open(stream.id) or any((peer, own) in world.flying for peer in stream.peer_ids):
        batch.holds.append(Hold(change.remote_id, "create_open", replace(change, evidence=item.evidence)))
    elif inside is None and not item.fetched and stream.fetcher is not None:
        batch.holds.append(Hold(change.remote_id, "fetch", None))
    elif own is not None and own in batch.records and own not in batch.linked_here:
        batch.linked_here.add(own)
        batch.put_link(_empty(batch, item, own, LinkState.OUT_OF_SCOPE))
    elif inside is None:
        message = (
            f"nobody can tell whether it takes part: {stream.system} does not show a field of `where`, or "
            "shows it in another form; mend the expression, or the field's rights"
        )
        batch.notes.append(Note("where_unknown", message, change.remote_id))
    else:
        batch.dropped += 1


def _ours(world: World, batch: Batch, item: Incoming, own: int) -> None:
    """A record that carries our key: a create of ours whose answer is not known, or a copy of one."""
    stream, change = batch.stream, item.change
    if any((peer, own) in world.flying for peer in stream.peer_ids):
        batch.holds.append(Hold(change.remote_id, "create_open", replace(change, evidence=item.evidence)))
    elif own in batch.unlinked and own not in batch.linked_here:
        batch.linked_here.add(own)
        batch.put_link(_empty(batch, item, own, LinkState.DETACHED))
    elif own not in batch.linked_here:
        _join(world, batch, item, batch.records[own], ours=own_key(world, stream, item) is not None)
    else:
        said = "carries our key of one that is linked already"
        _second(batch, item, own, said, "delete one of the two there, or clear the copy's key")


def _second(batch: Batch, item: Incoming, record: int, said: str, what_to_do: str) -> None:
    """A second copy of a record in one system: listed, and left alone."""
    message = f"a second record in {batch.stream.system} {said}; it is left alone: {what_to_do}"
    batch.notes.append(Note("duplicate", message, item.change.remote_id, record))
    batch.put_link(_empty(batch, item, record, LinkState.DUPLICATE))


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
    reading = batch.readings[id(item)]
    found = match_decide({key: _free(batch, key) for key in reading.keys})
    made = found.record_id if isinstance(found, Match) else None
    if isinstance(found, Ambiguous):
        made = _made_unheard(batch, item, found.record_ids)
    if made is not None:
        _join(world, batch, item, batch.records[made])
        return
    beside = match_decide({key: _beside(batch, key) for key in reading.keys})
    if isinstance(beside, Match) and not isinstance(found, Ambiguous):
        said = "matches one whose copy in another object of it is linked"
        _second(batch, item, beside.record_id, said, "merge or convert one of the two there")
        return
    record = _add(world, batch, item, reading)
    decide.notes(batch, item, reading.unreadable, record.record_id)
    decide.waiting(world, batch, item, reading.waits)
    if isinstance(found, Ambiguous):
        batch.notes.append(_ambiguous(batch, item, record, sorted(found.record_ids)))
    elif twin := _twin(batch, world.kind_of(batch.stream).matcher, reading.keys):
        batch.notes.append(_twins(batch, item, record, twin))


def _made_unheard(batch: Batch, item: Incoming, records: Collection[int]) -> int | None:
    """The one of some records whose create nobody answered and that said just what this one shows."""
    shown, said = item.fields, batch.unanswered
    made = [
        record
        for record in records
        if record in said and all(n not in shown or reduces(shown[n], v) for n, v in said[record][0].items())
    ]
    return made[0] if len(made) == 1 else None


def _free(batch: Batch, key: str) -> set[int]:
    """The records that carry a key and have no copy here: duplicates in one system never collapse."""
    return {
        record
        for record in batch.keys.get(key, ())
        if record not in batch.linked_here and not batch.records[record].deleted
    }


def _beside(batch: Batch, key: str) -> set[int]:
    """The records that carry a key and have their copy in another object of this system."""
    return {
        record
        for record in batch.keys.get(key, ())
        if record in batch.linked_beside and not batch.records[record].deleted
    }


def _twin(batch: Batch, matcher: Matcher, keys: Sequence[str]) -> int | None:
    """The record that the strongest key names, where another system told of it and it has a copy here.

    Nobody can know which of the two copies here is meant there. It is so where a person typed this one in
    the moment in which we made the other.
    """
    for key in keys:
        names = matcher.rules[rule_of(key)]
        for number in sorted(batch.keys.get(key, set()) & batch.copies.keys()):
            other = batch.records[number]
            told = {other.stamps.of(name).system for name in names}
            if not other.deleted and told != {batch.stream.system}:
                return number
    return None


def _twins(batch: Batch, item: Incoming, record: Record, other: int) -> Note:
    """Two records that may be one: each has copies of its own, and a person is told."""
    message = (
        f"matches record {other}, which has a copy in {batch.stream.system} already ({batch.copies[other]}): "
        "it is kept the same as a record of its own; merge or delete one of the two there, or make their "
        "match keys differ"
    )
    return Note("duplicate", message, item.change.remote_id, record.record_id, body={"other": other})


def _join(world: World, batch: Batch, item: Incoming, record: Record, *, ours: bool = False) -> None:
    """Link a remote record to a record of ours: the first link, with no base but what we made there."""
    kind, stream = world.kind_of(batch.stream), batch.stream
    batch.linked_here.add(record.record_id)
    batch.copies[record.record_id] = item.change.remote_id
    link = _empty(batch, item, record.record_id)
    if ours or record.record_id in batch.unanswered:
        link = found(link, *_told(world, batch, record), item.fields, stream.map)
    alien = aliens(kind, stream, record, link, item.fields)
    outcome = see(
        record, link, item.seen(), stream.map, kind.book, refs=batch.refs, event=batch.event, alien=alien
    )
    batch.applied += 1
    batch.take(outcome)
    decide.notes(batch, item, outcome.unreadable, record.record_id)
    decide.waiting(world, batch, item, outcome.waiting)
    decide.spread(world, batch, outcome.record, changed=bool(outcome.changed), owes=True)


def _told(world: World, batch: Batch, record: Record) -> tuple[Fields, Mapping[str, int]]:
    """What a create of ours said, and under which versions: that nobody answered, or else as it would now."""
    said = batch.unanswered.get(record.record_id)
    said = said or world.unanswered.get((batch.stream.id, record.record_id))
    if said is not None:
        return said
    doubt = world.doubts.get((batch.stream.id, record.record_id))
    if doubt is not None:
        return doubt.fields, doubt.versions
    made = due_on_create(record, batch.stream.due_map, batch.refs)
    return made.fields, made.versions


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
