"""Load what a batch of changes touches: links with their records, references, match keys."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from typing import Any

from syncd.core.fieldmap import NO_REFS, Refs
from syncd.core.nouns import Op
from syncd.engine.batch import Batch, Incoming, Known
from syncd.engine.reading import Reading
from syncd.engine.world import Kind, Stream, World
from syncd.store.rows import load_by_remote, load_links, load_records
from syncd.store.store import Conn

_BY_REMOTE = "select remote_id, record_id from links where remote_id = any($1::text[]) and stream = $2"
_BY_RECORD = """
select record_id, remote_id from links
where record_id = any($1::bigint[]) and stream = $2 and state = 'live'"""
_KEYS = "select key, record_id from match_keys where key = any($1::text[]) and kind = $2"
_LINKED = """
select record_id from links where record_id = any($1::bigint[]) and stream = $2 and state <> 'duplicate'"""


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
        target = world.sibling(stream, kind)
        if target is not None:
            for row in await con.fetch(_BY_REMOTE, list(ids), target.id):
                inward[kind, row["remote_id"]] = row["record_id"]
    return Refs(inward, {record: remote for (_, remote), record in inward.items()})


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
        target = world.sibling(stream, target_kind)
        missing = [i for i in ids if i not in outward]
        if target is not None and missing:
            for row in await con.fetch(_BY_RECORD, missing, target.id):
                outward[row["record_id"]] = row["remote_id"]
    return Refs(known.inward, outward)


async def load_strangers(con: Conn, world: World, batch: Batch, items: Sequence[Incoming]) -> None:
    """For unknown ids: the records that carry their match keys, and those whose key of ours they carry."""
    stream, kind = batch.stream, world.kind_of(batch.stream)
    own = {key for item in items if (key := own_key(world, stream, item)) is not None}
    own |= {item.join for item in items if item.join is not None}
    keys = {key for item in items if item.change.op is Op.UPSERT for key in _read(batch, kind, item).keys}
    for row in await con.fetch(_KEYS, list(keys), kind.name) if keys else ():
        batch.keys.setdefault(row["key"], set()).add(row["record_id"])
    candidates = {record for found in batch.keys.values() for record in found}
    if candidates:
        rows = await con.fetch(_LINKED, list(candidates), stream.id)
        batch.linked_here = {row["record_id"] for row in rows}
    wanted = (own | candidates) - batch.records.keys()
    for record in (await load_records(con, wanted)).values():
        batch.put_record(record)
        batch.read.setdefault(record.record_id, record)
    links = await load_links(con, stream.names, own)
    batch.owned = {record: links[record].remote_id if record in links else None for record in own}


def own_key(world: World, stream: Stream, item: Incoming) -> int | None:
    """Our record id in the object's key field, where we put one."""
    name = stream.settings.key_field
    return world.record_of(item.change.fields.get(name)) if name else None


def _read(batch: Batch, kind: Kind, item: Incoming) -> Reading:
    """Read a remote record once; deciding uses the same reading."""
    reading = batch.stream.reader.read(item.fields, batch.refs)
    reading.keys = kind.matcher.keys(reading.values)
    batch.readings[item.change.remote_id] = reading
    return reading
