"""Make the engine's world of a configuration: register its streams and layouts in the store."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

import orjson

from conflict.deletes import Against, Policy
from conflict.rules import RuleBook
from connectors.base import CanFetch, Connector
from syncd.config import KindSettings, KindSystemSettings, Settings
from syncd.core.clock import Clock
from syncd.core.fieldmap import Direction
from syncd.core.types import Ref
from syncd.engine.reading import Reader
from syncd.engine.schemas import load_quarantine
from syncd.engine.world import Counters, Kind, Stream, World
from syncd.store.codec import layout_fields, still_known
from syncd.store.rows import LinkNames
from syncd.store.store import Store, Tx

_LAST = """
select coalesce((select value::int from meta where key = $2),
  (select max(layout) from layouts where stream = $1))"""
_IN_FORCE = """insert into meta (key, value) values ($1, $2)
on conflict (key) do update set value = excluded.value"""

_READ_ANEW = """
with moved as (delete from meta where key like 'moved:%' returning substr(key, 7) as system)
update streams set cursor = null, swept_at = case when cursor is null then swept_at else 'epoch' end
where system in (select system from moved)"""
"""Cursors are places in an account; another one, which a person took for the same, has none of them."""


async def build_world(
    store: Store, settings: Settings, connectors: Mapping[str, Connector], clock: Clock
) -> World:
    """The world of `settings`, whose maps were compiled with the remotes' schemas.

    `connectors` are by system name. Streams keep their number for ever: system, kind and object name it.
    """
    async with store.write(numbers=100) as tx:
        return await _world(tx, store, settings, connectors, clock)


async def look_world(
    store: Store, settings: Settings, connectors: Mapping[str, Connector], clock: Clock
) -> World:
    """The same for reports, without a lease and beside a daemon: nothing is registered in the store."""
    try:
        async with store.write(fenced=False, numbers=100) as tx:
            world = await _world(tx, store, settings, connectors, clock)
            raise _SeenEnough
    except _SeenEnough:
        return world


class _SeenEnough(Exception):
    """Rolls back what was registered only to be looked at."""


async def _world(
    tx: Tx, store: Store, settings: Settings, connectors: Mapping[str, Connector], clock: Clock
) -> World:
    config = await _config(tx, settings)
    streams: dict[int, Stream] = {}
    kinds: dict[str, Kind] = {}
    for kind in settings.kinds.values():
        mine = [await _stream(tx, settings, kind, spec, connectors[spec.system]) for spec in kind.objects]
        streams.update({stream.id: stream for stream in mine})
        kinds[kind.name] = _kind(kind, mine)
    for stream in streams.values():
        stream.peers = [s for s in kinds[stream.kind].streams if s.system == stream.system]
        pointed = set(kinds[stream.kind].refs.values())
        stream.targets = {name: _targets(stream, kinds[name]) for name in pointed}
    world = World(store, clock, config, streams, kinds, await _tags(tx, store))
    for number in streams:
        world.counters[number] = Counters()
        world.bells.add(number)
    await tx.execute(_READ_ANEW)
    return world


async def _tags(tx: Tx, store: Store) -> list[tuple[int, str]]:
    """The tags of all runs, this one's added: each counts from a number on."""
    sql = "insert into meta (key, value) values ($1, left(md5(gen_random_uuid()::text), 8))"
    await tx.execute(sql, f"tag:{store.seq()}")
    rows = await tx.fetch("select key, value from meta where key like 'tag:%'")
    return sorted((int(row["key"][4:]), row["value"]) for row in rows)


async def _config(tx: Tx, settings: Settings) -> int:
    """The number of this configuration, the same as before where it means the same."""
    found = await tx.fetchval("select config from configs where hash = $1", settings.config_hash)
    if found is not None:
        return int(found)
    number = int(await tx.fetchval("select coalesce(max(config), 0) + 1 from configs"))
    body = orjson.dumps(settings.written, default=str)
    sql = "insert into configs (config, hash, body) values ($1, $2, $3)"
    await tx.execute(sql, number, settings.config_hash, body)
    return number


async def _stream(
    tx: Tx, settings: Settings, kind: KindSettings, spec: KindSystemSettings, connector: Connector
) -> Stream:
    number = await _stream_number(tx, spec.system, kind.name, spec.object)
    meanings = _meanings(kind, spec)
    layout = await _layout(tx, number, spec, meanings)
    rows = await tx.fetch("select layout, fields from layouts where stream = $1", number)
    layouts = {row["layout"]: still_known(layout_fields(row["fields"]), meanings) for row in rows}
    can = connector.capabilities
    guard = spec.guard or settings.systems[spec.system].guard or _best_guard(connector)
    made = Stream(
        number,
        spec.system,
        kind.name,
        spec.object,
        spec.map,
        LinkNames(number, spec.system, spec.object, layouts, layout),
        connector,
        can,
        spec,
        guard,
        _remote_refs(spec),
        frozenset(spec.map.remote_fields),
        Reader([entry for entry in spec.map.entries if entry.direction is not Direction.OUT]),
    )
    await _remember_where(tx, number, spec)
    await load_quarantine(tx, made)
    return made


async def _remember_where(tx: Tx, stream: int, spec: KindSystemSettings) -> None:
    """Where another filter was in force, who takes part by this one is found by a sweep, soon."""
    text = spec.where.text if spec.where is not None else ""
    last = await tx.fetchval("select value from meta where key = $1", f"where:{stream}")
    if text != (last or ""):
        await tx.execute(_IN_FORCE, f"where:{stream}", text)
        sql = "update streams set swept_at = 'epoch' where stream = $1 and cursor is not null"
        await tx.execute(sql, stream)


def _best_guard(connector: Connector) -> str:
    if connector.capabilities.compare_and_set:
        return "compare"
    return "read" if isinstance(connector, CanFetch) else "none"


def _remote_refs(spec: KindSystemSettings) -> dict[str, str]:
    found: dict[str, str] = {}
    for entry in spec.map.entries:
        for target in entry.refs.values():
            found.update(dict.fromkeys(entry.remote, target))
    return found


def _targets(stream: Stream, kind: Kind) -> list[Stream]:
    """The objects that references of a kind may point into: those that the fields name, else all."""
    there = [other for other in kind.streams if other.system == stream.system]
    fields = [name for name, pointed in stream.refs.items() if pointed == kind.name]
    named = {stream.settings.pointed.get(name) for name in fields}
    return [other for other in there if other.object in named] if named and None not in named else there


async def _stream_number(tx: Tx, system: str, kind: str, object: str) -> int:
    sql = "select stream from streams where system = $1 and kind = $2 and object = $3"
    found = await tx.fetchval(sql, system, kind, object)
    if found is not None:
        return int(found)
    sql = """insert into streams (stream, system, kind, object)
    values ((select coalesce(max(stream), 0) + 1 from streams), $1, $2, $3) returning stream"""
    return int(await tx.fetchval(sql, system, kind, object))


def _meanings(kind: KindSettings, spec: KindSystemSettings) -> dict[str, str]:
    """What each remote field is read as: which canonical fields, and their types."""
    found: dict[str, list[Any]] = {name: [] for name in spec.map.remote_fields}
    for entry in spec.map.entries:
        types = [kind.field_types[name].signature for name in entry.canon]
        for name in entry.remote:
            found[name].append((entry.canon, types, entry.direction is not Direction.OUT))
    return {name: repr(meaning) for name, meaning in found.items()}


async def _layout(tx: Tx, stream: int, spec: KindSystemSettings, meanings: Mapping[str, str]) -> int:
    """The number of this mapping's layout.

    Where another mapping was in force before, what this one reads differently is found by a sweep, soon:
    also where this is an earlier one, for nobody has read by it meanwhile.
    """
    last = await tx.fetchval(_LAST, stream, f"layout:{stream}")
    sql = "select layout from layouts where hash = $1 and stream = $2"
    number = await tx.fetchval(sql, spec.map.hash, stream)
    if number is None:
        sql = """insert into layouts (layout, stream, hash, fields)
        values ((select coalesce(max(layout), 0) + 1 from layouts), $1, $2, $3) returning layout"""
        number = await tx.fetchval(sql, stream, spec.map.hash, orjson.dumps(list(meanings.items())))
    if last not in (None, number):
        await tx.execute("update streams set swept_at = 'epoch' where stream = $1", stream)
    if last != number:
        await tx.execute(_IN_FORCE, f"layout:{stream}", str(number))
    return int(number)


def _kind(kind: KindSettings, streams: list[Stream]) -> Kind:
    refs: dict[str, str] = {
        name: field.kind for name, field in kind.field_types.items() if isinstance(field, Ref)
    }
    return Kind(
        kind.name,
        RuleBook(kind.rules),
        kind.matcher,
        Policy(kind.deletes.policy),
        Against(kind.deletes.against_edit),
        kind,
        streams,
        refs,
    )


def in_order(kinds: Mapping[str, Kind]) -> list[Kind]:
    """The kinds so that what is pointed at comes first, as far as references have no cycle."""
    done: list[Kind] = []
    left: dict[str, Any] = dict(kinds)
    while left:
        ready = [k for k in left.values() if all(t not in left or t == k.name for t in k.refs.values())]
        done += [left.pop(kind.name) for kind in ready or [next(iter(left.values()))]]
    return done
