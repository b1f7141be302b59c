"""Load what a batch of changes touches: links with their records, references, match keys."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Sequence
from typing import Any

from conflict.deletes import Policy
from syncd.core.fieldmap import NO_REFS, Refs
from syncd.core.nouns import LinkState, Op
from syncd.engine.batch import CREATE_UNKNOWN, Batch, Incoming, Known
from syncd.engine.reading import Reading
from syncd.engine.world import Kind, Stream, World
from syncd.store import queues
from syncd.store.joins import survivors
from syncd.store.rows import load_by_remote, load_records, unlinked
from syncd.store.store import Conn

_BY_REMOTE = """
select remote_id, record_id from links
where remote_id = any($1::text[]) and stream = any($2::smallint[])"""
_BY_RECORD = """
select record_id, remote_id from links
where record_id = any($1::bigint[]) and stream = any($2::smallint[]) and state = 'live'"""
_KEYS = "select key, record_id from match_keys where key = any($1::text[]) and kind = $2"
_LINKED = """
select record_id, remote_id, stream, state from links
where record_id = any($1::bigint[]) and stream = any($2::smallint[]) and state <> 'duplicate'"""


async def load_known(con: Conn, batch: Batch, items: Sequence[Incoming]) -> None:
    """The stored rows of those remote ids that are linked."""
    ids = {item.change.remote_id for item in items}
    for row in await load_by_remote(con, batch.stream.id, ids):
        batch.known[row["remote_id"]] = Known(row, None, row["record_id"])


async def load_refs(con: Conn, world: World, stream: Stream, values: Iterable[dict[str, Any]]) -> Refs:
    """The records that the remote reference values of a batch stand for."""
    if not stream.refs:
        return NO_REFS
    wanted: dict[str, set[str]] = {}
    for fields in values:
        for name, kind in stream.refs.items():
            if fields.get(name) is not None:
                wanted.setdefault(kind, set()).add(str(fields[name]))
    inward: dict[tuple[str, str], int] = {}
    for kind, ids in wanted.items():
        inward |= await _inward(con, kind, ids, stream.targets.get(kind, ()))
    return Refs(inward, {record: remote for (_, remote), record in inward.items()})


async def _inward(
    con: Conn, kind: str, ids: Collection[str], targets: Sequence[Stream]
) -> dict[tuple[str, str], int]:
    """The records of remote ids; an id that stands for two of them in two objects stands for none."""
    found: dict[tuple[str, str], int] = {}
    twice: set[tuple[str, str]] = set()
    rows = await con.fetch(_BY_REMOTE, list(ids), [target.id for target in targets]) if targets else ()
    for row in rows:
        place = (kind, row["remote_id"])
        if found.setdefault(place, row["record_id"]) != row["record_id"]:
            twice.add(place)
    return {place: record for place, record in found.items() if place not in twice}


async def load_targets(
    con: Conn, world: World, stream: Stream, kind: Kind, fields: Iterable[Any], known: Refs = NO_REFS
) -> Refs:
    """The ids, in this system, of the records that canonical reference values point at."""
    if not kind.refs:
        return known
    wanted: dict[str, set[int]] = {}
    for values in fields:
        for name, pointed in kind.refs.items():
            if values.get(name) is not None:
                wanted.setdefault(pointed, set()).add(values[name])
    outward = dict(known.outward)
    for target_kind, ids in wanted.items():
        targets = [target.id for target in stream.targets.get(target_kind, ())]
        missing = [i for i in ids if i not in outward]
        if targets and missing:
            outward |= await _outward(con, missing, targets)
    return Refs(known.inward, outward)


async def _outward(con: Conn, records: Collection[int], targets: Sequence[int]) -> dict[int, str]:
    """The ids of records in a system; one that became one with another has the other's."""
    rows = await con.fetch(_BY_RECORD, list(records), targets)
    found: dict[int, str] = {row["record_id"]: row["remote_id"] for row in rows}
    joined = await survivors(con, set(records) - found.keys())
    if joined:
        rows = await con.fetch(_BY_RECORD, list(set(joined.values())), targets)
        heirs = {row["record_id"]: row["remote_id"] for row in rows}
        found |= {old: heirs[new] for old, new in joined.items() if new in heirs}
    return found


async def load_strangers(con: Conn, world: World, batch: Batch, items: Sequence[Incoming]) -> None:
    """For unknown ids: the records that carry their match keys, and those whose key of ours they carry."""
    stream, kind = batch.stream, world.kind_of(batch.stream)
    own = {key for item in items if (key := own_key(world, stream, item)) is not None}
    own |= {item.join for item in items if item.join is not None}
    batch.redirected = await survivors(con, own)
    own = {batch.redirected.get(record, record) for record in own}
    batch.unlinked = await unlinked(con, own) if kind.policy is Policy.UNLINK else set()
    keys = {key for item in items if item.change.op is Op.UPSERT for key in _read(batch, kind, item).keys}
    for row in await con.fetch(_KEYS, list(keys), kind.name) if keys else ():
        batch.keys.setdefault(row["key"], set()).add(row["record_id"])
    candidates = {record for found in batch.keys.values() for record in found}
    if own | candidates:
        rows = await con.fetch(_LINKED, list(own | candidates), stream.peer_ids)
        batch.linked_here = {row["record_id"] for row in rows}
        live = [row for row in rows if row["state"] == LinkState.LIVE]
        batch.linked_beside = {row["record_id"] for row in live if row["stream"] != stream.id}
        batch.copies = {row["record_id"]: row["remote_id"] for row in live if row["stream"] == stream.id}
    if candidates and stream.id in world.parked:
        batch.unanswered = await queues.unanswered_creates(con, stream.id, CREATE_UNKNOWN, candidates)
    wanted = (own | candidates) - batch.records.keys()
    for record in (await load_records(con, wanted)).values():
        batch.put_record(record)
        batch.read.setdefault(record.record_id, record)


def own_key(world: World, stream: Stream, item: Incoming) -> int | None:
    """Our record id in the object's key field, where we put one; without one, in an id of our choosing."""
    name = stream.settings.key_field
    if name is None:
        return world.record_of(item.change.remote_id) if stream.can.client_ids else None
    return world.record_of(item.change.fields.get(name))


def _read(batch: Batch, kind: Kind, item: Incoming) -> Reading:
    """Read a change once; deciding uses the same reading. Several changes of one record are read each."""
    reading = batch.stream.reader.read(item.fields, batch.refs)
    reading.keys = kind.matcher.keys(reading.values)
    batch.readings[id(item)] = reading
    return reading
