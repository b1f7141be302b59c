"""Plan: run the whole way of a change on a copy of the store, with real reads and rehearsed writes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any, cast

from connectors.base import Connector
from syncd.config import Settings
from syncd.core.clock import Clock
from syncd.core.errors import CursorLost, SyncdError
from syncd.core.nouns import Fields
from syncd.engine.build import build_world, in_order
from syncd.engine.forecast import ClashCount, Forecast, Held, PairPlan, ParkedCount, Sample
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.inbox import Inbox
from syncd.engine.intake import Intake
from syncd.engine.push import Pusher
from syncd.engine.recover import recover
from syncd.engine.rehearsal import Rehearsal, rehearse
from syncd.engine.sweep import Sweeper
from syncd.engine.world import Stream, World
from syncd.store.rows import link_from, load_by_remote
from syncd.store.scratch import scratch
from syncd.store.store import Store

ROUNDS = 200
ASLEEP = "it cannot be used now; `syncd check` says why"

_OLD_LAYOUT = """
select exists (select from links where stream = $1 and state = 'live' and layout <> $2)
or exists (select from streams where stream = $1 and swept_at < '1971-01-01')"""
_LINKS = "select stream, count(*) as n from links group by 1"
_RECORDS = "select kind, count(*) as n from records where record_id > $1 group by 1"
_CLASHES = """
select r.kind, c.field, coalesce(c.verdict ->> 'rule', 'ask') as rule, count(*) as n,
(array_agg(json_build_object('record_id', c.record_id, 'why', c.why, 'candidates', c.candidates,
  'verdict', c.verdict) order by c.conflict))[1:$2] as samples
from conflicts c join records r using (record_id) where c.conflict > $1 group by 1, 2, 3 order by 4 desc"""
_HELD = """
select s.kind, s.system, b.op, b.why, b.brake > $1 as new, count(h.record_id) as n
from brakes b join streams s using (stream) left join held h using (brake) where b.ended is null
group by s.kind, s.system, b.brake, b.op, b.why order by b.brake"""
_PARKED = """
select s.kind, s.system, p.code, min(p.message) as message, count(*) as n
from parked p join streams s using (stream) where p.parked > $1 group by 1, 2, 3 order by 5 desc"""


async def plan(
    store: Store,
    settings: Settings,
    connectors: Mapping[str, Connector],
    keepers: Mapping[str, Gatekeeper],
    clock: Clock,
    *,
    asleep: frozenset[tuple[str, str]] = frozenset(),
    sweep: bool = False,
    limit: int = 10,
) -> Forecast:
    """What the daemon would do now. Writes nothing to a remote, and nothing to the tables of `store`.

    `asleep` are (system, kind) that cannot be used; `sweep` reads everything, and not only what changed;
    `limit` samples are kept of each sort. Memory grows with the number of planned writes, by an id each.
    Raises what a connector raises.
    """
    stands = {name: rehearse(name, inner, keepers[name], limit) for name, inner in connectors.items()}
    async with scratch(store, clock) as copy:
        actors = {name: cast("Connector", stand) for name, stand in stands.items()}
        world = await build_world(copy, settings, actors, clock)
        world.asleep = {s.id for s in world.streams.values() if (s.system, s.kind) in asleep}
        return await Planner(world, stands, limit).run(sweep=sweep)


class Planner:
    """Plays a world to its end. Its connectors are rehearsals."""

    def __init__(self, world: World, stands: Mapping[str, Rehearsal], limit: int) -> None:
        self.world, self.stands, self.limit = world, stands, limit
        self.keepers = {name: Gatekeeper(name, world.clock) for name in stands}
        for stand in stands.values():
            stand.peek = self._peek_in(stand.system)
        streams = [stream for kind in in_order(world.kinds) for stream in kind.streams]
        self.streams = [stream for stream in streams if stream.id not in world.asleep]
        self.idle = [stream for stream in streams if stream.id in world.asleep]

    async def run(self, *, sweep: bool = False) -> Forecast:
        """Read, apply, and write in rehearsal until nothing is left to do."""
        forecast = Forecast(self.world.clock.now())
        async with self.world.store.write(numbers=10):
            began = self.world.store.seq()
        links = await self._links()
        await recover(self.world)
        for stream in self.streams:
            if stream.reads:
                await self._read(stream, sweep=sweep)
        await self._play()
        await self._fill(forecast, began, links)
        return forecast

    async def _read(self, stream: Stream, *, sweep: bool) -> None:
        intake = Intake(self.world, stream, self.keepers[stream.system])
        first = await intake.cursor() is None
        try:
            await intake.read()
        except CursorLost:
            await intake.read()
        async with self.world.store.read() as con:
            remapped = await con.fetchval(_OLD_LAYOUT, stream.id, stream.names.layout)
        if (sweep and not first) or remapped:
            await Sweeper(self.world, stream, self.keepers[stream.system]).sweep()

    async def _play(self) -> None:
        inboxes = [Inbox(self.world, s, self.keepers[s.system]) for s in self.streams]
        pushers = [Pusher(self.world, s, self.keepers[s.system]) for s in self.streams if s.writes]
        for _ in range(ROUNDS):
            done = sum([await inbox.work() for inbox in inboxes])
            done += sum([await pusher.push() for pusher in pushers])
            if not done:
                return
        raise SyncdError(
            f"the plan came to no end in {ROUNDS} rounds: two rules or mappings undo each other's values. "
            "Look at what was edited last, or report this"
        )

    def _peek_in(self, system: str) -> Any:
        async def peek(object: str, ids: Sequence[str]) -> dict[str, Fields]:
            found: dict[str, Fields] = {}
            for stream in self.world.streams.values():
                if (stream.system, stream.object) == (system, object):
                    async with self.world.store.read() as con:
                        rows = await load_by_remote(con, stream.id, ids)
                    found.update({row["remote_id"]: link_from(row, stream.names).shadow for row in rows})
            return found

        return peek

    async def _links(self) -> dict[int, int]:
        async with self.world.store.plain() as con:
            return {row["stream"]: row["n"] for row in await con.fetch(_LINKS)}

    # -- what came of it -----------------------------------------------------------------------------

    async def _fill(self, forecast: Forecast, began: int, before: Mapping[int, int]) -> None:
        after = await self._links()
        pairs = [self._pair(s, after.get(s.id, 0) - before.get(s.id, 0), began) for s in self.streams]
        pairs += [PairPlan(s.kind, s.system, s.object, why_not=ASLEEP) for s in self.idle]
        forecast.pairs = pairs
        forecast.uncertain = len(self.world.doubts)
        async with self.world.store.plain() as con:
            forecast.records = {row["kind"]: row["n"] for row in await con.fetch(_RECORDS, began)}
            forecast.clashes = [
                ClashCount(row["kind"], row["field"], row["rule"], row["n"], row["samples"] or ())
                for row in await con.fetch(_CLASHES, began, self.limit)
            ]
            forecast.brakes = [
                Held(row["kind"], row["system"], row["op"], row["why"], row["n"], row["new"])
                for row in await con.fetch(_HELD, began)
            ]
            forecast.parked = [
                ParkedCount(row["kind"], row["system"], row["code"], row["n"], row["message"])
                for row in await con.fetch(_PARKED, began)
            ]
        for kind in self.world.kinds:
            linked = sum(pair.linked for pair in pairs if pair.kind == kind)
            forecast.matched = {**forecast.matched, kind: linked - forecast.records.get(kind, 0)}

    def _pair(self, stream: Stream, grown: int, began: int) -> PairPlan:
        notes = self.stands[stream.system].noted(stream.object)
        pair = PairPlan(stream.kind, stream.system, stream.object)
        pair.count(notes.pushes)
        pair.linked = max(0, grown - pair.creates)
        pair.along = self.world.counters[stream.id].along
        pair.changes = dict(notes.fields.most_common())
        pair.reads, pair.writes = notes.reads, notes.writes
        pair.samples = [Sample.of(push, began) for kept in notes.samples.values() for push in kept]
        return pair
