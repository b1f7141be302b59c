"""Schemas that move while we run: a field that is not what it was is left alone, the rest flows."""

from __future__ import annotations

from collections.abc import Sequence

from loguru import logger

from connectors.base import Schema
from syncd.core.nouns import UNKNOWN_FIELD
from syncd.engine.batch import CREATE_UNKNOWN, Note
from syncd.engine.drift import Known, judge, taken_up
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.retries import owe
from syncd.engine.save import park_notes
from syncd.engine.world import Stream, World
from syncd.store import queues
from syncd.store.store import AHEAD, Conn, Tx

LOOK_EVERY = 300.0
"""Seconds between looks at a schema that nobody doubts."""
FINDING = "schema"
"""The code under which findings are parked, one per field."""
_PUT = "insert into meta (key, value) values ($1, $2) on conflict (key) do update set value = excluded.value"
_FORGET_REFUSALS = """
update links set extras = jsonb_set(extras::jsonb, '{refused}', '{}')::json
where stream = $1 and extras is not null and (extras->'refused')::text <> '{}'"""
_OWED = """
select l.record_id from links l join records r using (record_id)
where l.stream = $1 and l.state = 'live' and l.record_id > $2
and ((l.agreed->>0)::bigint < r.version or l.agreed->1 is not null)
order by l.record_id limit $3"""


async def remembered(con: Conn, system: str) -> dict[tuple[str, str], Known]:
    """What is remembered of a system's objects, by (kind, object)."""
    sql = """select s.kind, s.object, m.value from streams s join meta m on m.key = 'schema:' || s.stream
    where s.system = $1"""
    rows = await con.fetch(sql, system)
    loaded = {(row["kind"], row["object"]): Known.load(row["value"]) for row in rows}
    return {place: known for place, known in loaded.items() if known is not None}


async def load_quarantine(con: Conn | Tx, stream: Stream) -> None:
    """Leave alone what was left alone before, while the mapping is the same."""
    known = await _known(con, stream)
    if known is not None and known.map == stream.map.hash:
        stream.quarantine(known.away, known.back, known.uncreatable)


async def accept_schema(tx: Tx, stream: Stream) -> None:
    """Take the fields as they are at the next look; those that are not there stay away."""
    known = await _known(tx, stream)
    if known is not None:
        known.fields, known.required = {}, []
        known.away = dict.fromkeys(known.away, "")  # what is still wrong then is listed again
        known.uncreatable = ""
        await tx.execute(_PUT, _key(stream), known.dump())


async def take_back(world: World, stream: Stream) -> int:
    """After a sweep: write again to the fields that had come back, beginning with what they missed.

    They are written to before it is said what they are owed, else a push would find that nothing is due and
    cross it off. What is remembered of them ends last, so that a crash meanwhile begins anew.
    """
    back = stream.back
    if not back:
        return 0
    stream.quarantine(stream.away, (), stream.uncreatable)
    # a create that was planned without the fields is settled before this, or asks by itself (`settle`)
    owed = await owe(world, stream, _OWED)
    async with world.store.write() as tx:
        known = await _known(tx, stream)
        if known is not None:
            known.back = [name for name in known.back if name not in back]
            await tx.execute(_FORGET_REFUSALS, stream.id)
            refused = await queues.unpark_code(tx, stream.id, UNKNOWN_FIELD, back)
            await queues.add_outbox(tx, world.store, [(stream.id, record) for record in refused])
            await tx.execute(_PUT, _key(stream), known.dump())
        tx.after_commit(lambda: stream.quarantine(stream.away, stream.back - back, stream.uncreatable))
        tx.after_commit(lambda: world.bells.ring_push([stream.id]))
    return owed


async def _known(con: Conn | Tx, stream: Stream) -> Known | None:
    return Known.load(await con.fetchval("select value from meta where key = $1", _key(stream)))


def _key(stream: Stream) -> str:
    return f"schema:{stream.id}"


class SchemaWatch:
    """Looks at one system's schema: when it is in doubt, and now and then."""

    def __init__(self, world: World, system: str, streams: Sequence[Stream], keeper: Gatekeeper) -> None:
        self.world, self.system, self.streams, self.keeper = world, system, streams, keeper
        self._next = 0.0
        keeper.watched = True
        world.bells.schema[system] = keeper.doubt

    async def work(self) -> int:
        """Look if it is time; returns how many streams fare otherwise than before."""
        now = self.world.clock.monotonic()
        doubted = self.keeper.doubt.is_set()
        if not doubted and now < self._next:
            return 0
        connector = self.streams[0].connector
        schema = await self.keeper.call(connector.describe, looking=True)
        moved = [await self._judge(stream, schema) for stream in self.streams]
        for stream in self.streams:  # what was doubted is not doubted again before the next look in turn
            stream.sound = set(stream.mapped) if doubted else set()
        self.keeper.doubt.clear()
        self._next = now + LOOK_EVERY
        return sum(moved)

    async def _judge(self, stream: Stream, schema: Schema) -> bool:
        described = schema.objects.get(stream.object)
        if described is None:
            return False  # its reads say so themselves
        async with self.world.store.read() as con:
            stored = await _known(con, stream)
            listed = await con.fetchval("select count(*) from parked where stream = $1", stream.id)
        known = stored
        if known is None or known.map != stream.map.hash:
            known = taken_up(stream, described)
        elif not known.fields:
            fresh = taken_up(stream, described)
            known = Known(fresh.map, fresh.fields, fresh.required, known.away, known.back)
        found = judge(stream, known, described)
        if found == stored:
            return False
        async with self.world.store.write(numbers=AHEAD + listed) as tx:
            await self._write_down(tx, stream, stored, found)
        return True

    async def _write_down(self, tx: Tx, stream: Stream, before: Known | None, now: Known) -> None:
        said = {**before.away, "": before.uncreatable} if before is not None else {}
        told = {**now.away, "": now.uncreatable}
        new = {name: why for name, why in told.items() if why and why != said.get(name)}
        over = [name for name, why in said.items() if why and not told.get(name)]
        await tx.execute(_PUT, _key(stream), now.dump())
        await queues.unpark_code(tx, stream.id, FINDING, [*new, *over])
        await park_notes(
            tx, self.world, stream.id, [_finding(stream, name, why) for name, why in new.items()]
        )
        if "" in over:  # what was refused before anybody had looked is refused no more
            refused = await queues.unpark_creates(tx, stream.id, CREATE_UNKNOWN)
            await queues.add_outbox(tx, self.world.store, [(stream.id, record) for record in refused])
        if set(now.back) - set(before.back if before is not None else ()):
            await tx.execute("update streams set swept_at = 'epoch' where stream = $1", stream.id)
            tx.after_commit(lambda: self.world.bells.ring_sweep([stream.id]))
        tx.after_commit(lambda: stream.quarantine(now.away, now.back, now.uncreatable))
        tx.after_commit(lambda: self.world.bells.ring_push([stream.id]))
        tx.after_commit(lambda: self._say(stream, new, over))

    def _say(self, stream: Stream, new: dict[str, str], over: Sequence[str]) -> None:
        for name, why in new.items():
            logger.warning("{}.{}: {}", stream.system, stream.kind, _sentence(stream, name, why))
        for name in over:
            what = f"{stream.object}.{name}" if name else f"creates in {stream.object}"
            logger.info("{}.{}: {} can be used again", stream.system, stream.kind, what)


def _finding(stream: Stream, name: str, why: str) -> Note:
    todo = "mend it there or change the mapping; `syncd parked retry` takes it as it is"
    return Note(FINDING, f"{_sentence(stream, name, why)}; {todo}", None, None, name or None)


def _sentence(stream: Stream, name: str, why: str) -> str:
    if not name:
        return f"nothing is created in {stream.object}: {why}"
    return f"the field {name} of {stream.object} is left alone: {why}"
