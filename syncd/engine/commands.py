"""A person's words, carried out: conflicts decided, brakes released, parked items tried again."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from typing import Any

import orjson

from conflict.deletes import DELETE, KEEP, RECORD, decide
from conflict.verdict import Moved, verdict
from syncd.core.errors import Fenced, StoreUnavailable, SyncdError
from syncd.core.state import Record
from syncd.core.types import Ref
from syncd.engine.load import load_refs, load_targets
from syncd.engine.schemas import FINDING, accept_schema
from syncd.engine.theirs import take_theirs
from syncd.engine.world import Stream, World
from syncd.store import intents, queues
from syncd.store.history import values_then
from syncd.store.intents import Intent
from syncd.store.rows import forget_deletes, load_links, load_records, update_links, update_records
from syncd.store.store import Tx

Done = tuple[bool, str]

_FORGET_REFUSALS = """
update links set extras = jsonb_set(extras::jsonb, '{refused}', '{}')::json
where record_id = $1 and stream = $2 and extras is not null"""
_UNREAD_STILL = """
select exists (select from links where stream = $1 and remote_id = $2 and state = 'live'
and (extras::jsonb -> 'unapplied') ? $3)"""


class Commands:
    """Picks up what people asked for, one at a time. `reload` reads the configuration anew."""

    def __init__(self, world: World, reload: Callable[[], Awaitable[Done]] | None = None) -> None:
        self.world = world
        self._reload = reload
        self._handlers: Mapping[str, Callable[[Tx, Mapping[str, Any]], Awaitable[Done]]] = {
            "decide": self._decide,
            "retry": self._retry,
            "drop": self._drop,
            "release": self._release,
            "discard": self._discard,
            "sweep": self._sweep,
        }

    async def work(self) -> int:
        """Carry out what waits; returns how many requests there were."""
        async with self.world.store.read() as con:
            waiting = await intents.waiting(con)
        for intent in waiting:
            if intent.name == "reload" and self._reload is not None:
                await self._answer(intent, await self._reload())
                continue
            async with self.world.store.write(numbers=10_000) as tx:
                ok, result = await self._carry_out(tx, intent)
                await intents.done(tx, intent, ok=ok, result=result)
                tx.after_commit(lambda: self.world.bells.ring_push(list(self.world.streams)))
        return len(waiting)

    async def _answer(self, intent: Intent, said: Done) -> None:
        async with self.world.store.write(numbers=0) as tx:
            await intents.done(tx, intent, ok=said[0], result=said[1])

    async def _carry_out(self, tx: Tx, intent: Intent) -> Done:
        """Do all of a request or nothing of it; a refusal says why."""
        handler = self._handlers.get(intent.name)
        if handler is None:
            return False, f"this daemon knows no request {intent.name}: is it older than the command?"
        await tx.execute("savepoint request")
        try:
            return await handler(tx, intent.args)
        except (Fenced, StoreUnavailable):
            raise
        except Exception as error:
            await tx.execute("rollback to savepoint request")
            if isinstance(error, SyncdError):
                return False, str(error)
            return False, f"it failed unexpectedly ({type(error).__name__}); nothing was changed"

    # -- conflicts -----------------------------------------------------------------------------------

    async def _decide(self, tx: Tx, args: Mapping[str, Any]) -> Done:
        """`conflict`, and `candidate` (an index) or `value`; `saw` are the versions that were shown."""
        sql = "select record_id, field, state, candidates, verdict from conflicts where conflict = $1"
        row = await tx.fetchrow(sql, args["conflict"])
        if row is None:
            return False, "there is no conflict of that number; `syncd conflicts` lists them"
        if row["state"] != "open":
            rule = orjson.loads(row["verdict"] or b"{}").get("rule")
            return False, queues.closed_why(args["conflict"], row["state"], rule)
        candidates = orjson.loads(row["candidates"])
        record = (await load_records(tx, [row["record_id"]]))[row["record_id"]]
        if record.kind not in self.world.kinds:
            return False, f"this daemon runs no kind {record.kind}; put it back into the configuration first"
        if "value" in args:
            value = await self._typed(tx, record.kind, row["field"], args["value"])
        else:
            value = candidates[args["candidate"]]["value"]
        saw = args.get("saw", [c["version"] for c in candidates])
        try:
            after = self._verdict(record, row["field"], value, saw)
        except Moved:
            return False, "it has other candidates now than you were shown; look again and decide anew"
        await self._write(tx, record, after, {row["field"]: value})
        said = orjson.dumps({"rule": "person", "winner": args.get("candidate"), "value": value})
        sql = "update conflicts set state = 'decided', closed = now(), verdict = $2 where conflict = $1"
        await tx.execute(sql, args["conflict"], said)
        return True, "decided; every system that holds another value is told"

    async def _typed(self, tx: Tx, kind: str, field: str, value: Any) -> Any:
        """A value that a person typed, as the field's type reads it; raises `SyncdError` where it cannot."""
        if field == RECORD:
            if value not in (KEEP, DELETE):
                raise SyncdError(f"about the record itself, say {KEEP} or {DELETE}")
            return value
        known = self.world.kinds[kind].settings.field_types[field]
        if not isinstance(known, Ref) or value is None:
            return known.parse(value)
        target = int(value) if str(value).isascii() and str(value).isdigit() else None
        sql = "select true from records where record_id = $1 and kind = $2"
        if target is None or not await tx.fetchval(sql, target, known.kind):
            raise SyncdError(f"{field} points at a {known.kind}: give the number of one of our records")
        return target

    def _verdict(self, record: Record, field: str, value: Any, saw: list[int]) -> Record:
        if field == RECORD:
            return decide(record, delete=value == DELETE)
        now = self.world.clock.now().timestamp()
        return verdict(record, field, value, saw, time=now, event=self.world.store.seq())

    async def _write(self, tx: Tx, old: Record, new: Record, changes: Mapping[str, Any]) -> None:
        self.world.touch(tx, [new.record_id])
        await update_records(tx, [(old.version, new)])
        row = (new.record_id, new.version, "person", 0, self.world.config, orjson.dumps(changes))
        columns = ("record_id", "version", "system", "event", "config", "changes")
        await tx.insert("versions", [row], columns)
        if changes.get(RECORD) == KEEP:
            await forget_deletes(tx, [new.record_id])  # what we deleted of it already is made again
        if not self.world.kinds[new.kind].matcher.fields.isdisjoint(changes):
            await self._rekey(tx, new)
        await self._behind(tx, [new.record_id], new.kind)

    async def _rekey(self, tx: Tx, record: Record) -> None:
        await tx.execute("delete from match_keys where record_id = $1", record.record_id)
        keys = set(self.world.kinds[record.kind].matcher.keys(record.fields))
        rows = [(key, record.kind, record.record_id) for key in keys]
        columns = ("key", "kind", "record_id")
        await tx.insert("match_keys", rows, columns)

    async def _behind(self, tx: Tx, records: list[int], kind: str) -> None:
        streams = [s for s in self.world.kinds[kind].streams if s.writes]
        pairs = [(stream.id, record) for stream in streams for record in records]
        await queues.add_outbox(tx, self.world.store, pairs)

    # -- parked --------------------------------------------------------------------------------------

    async def _retry(self, tx: Tx, args: Mapping[str, Any]) -> Done:
        """`parked`: send it, or read it, once more. What cannot be read still stays listed."""
        row = await tx.fetchrow("select * from parked where parked = $1", args["parked"])
        if row is None:
            return False, "there is no parked item of that number; `syncd parked` lists them"
        if row["stream"] not in self.world.streams:
            raise SyncdError("its system or kind is not in this daemon's configuration any more")
        place = (row["stream"], row["remote_id"], row["field"])
        if row["code"] != "unreadable" or not await tx.fetchval(_UNREAD_STILL, *place):
            await tx.execute("delete from parked where parked = $1", args["parked"])
        if row["code"] == FINDING:
            await accept_schema(tx, self.world.streams[row["stream"]])
            tx.after_commit(lambda: self.world.bells.ring_schema(self.world.streams[row["stream"]].system))
            return True, "it is taken as it is now, where it is there"
        if row["direction"] == "out" and row["record_id"] is not None:
            self.world.touch(tx, [row["record_id"]])
            await tx.execute(_FORGET_REFUSALS, row["record_id"], row["stream"])
            pairs = [(row["stream"], row["record_id"])]
            await queues.add_outbox(tx, self.world.store, pairs, approved=queues.ANY)
        elif row["remote_id"] is not None:
            fetch = (self.world.store.seq(), row["stream"], row["remote_id"], "entry", 0, None, None, None)
            await queues.add_inbox(tx, [fetch])
            await queues.take_up_inbox(tx, row["stream"], row["remote_id"])
            tx.after_commit(lambda: self.world.bells.ring_inbox(row["stream"]))
        return True, "it is tried again"

    async def _drop(self, tx: Tx, args: Mapping[str, Any]) -> Done:
        """`parked`: take it off the list; nothing else changes."""
        status = await tx.execute("delete from parked where parked = $1", args["parked"])
        found = status != "DELETE 0"
        return found, "taken off the list" if found else "there is no parked item of that number"

    # -- brakes --------------------------------------------------------------------------------------

    async def _release(self, tx: Tx, args: Mapping[str, Any]) -> Done:
        """`brake`: let what it holds go, except records that changed since."""
        brake = await self._end_brake(tx, args["brake"], "released")
        sql = """delete from held h using records r where h.brake = $1 and r.record_id = h.record_id
        returning h.record_id, r.version = h.version as same"""
        rows = await tx.fetch(sql, args["brake"])
        same = [(brake["stream"], row["record_id"]) for row in rows if row["same"]]
        moved = [(brake["stream"], row["record_id"]) for row in rows if not row["same"]]
        await queues.add_outbox(tx, self.world.store, same, approved=brake["op"])
        await queues.add_outbox(tx, self.world.store, moved)
        said = f"{len(same)} released"
        return True, said + (f"; {len(moved)} changed meanwhile and are judged anew" if moved else "")

    async def _discard(self, tx: Tx, args: Mapping[str, Any]) -> Done:
        """`brake` and `how`: `take_theirs` (deletes: the record lives on; updates: it takes over what the
        system holds), `detach` (left alone for good)."""
        brake = await self._end_brake(tx, args["brake"], "discarded")
        sql = "delete from held where brake = $1 returning record_id"
        ids = [row["record_id"] for row in await tx.fetch(sql, args["brake"])]
        if args.get("how", "detach") == "take_theirs" and brake["op"] == "delete":
            for record in (await load_records(tx, ids)).values():
                await self._write(tx, record, decide(record, delete=False), {RECORD: KEEP})
            return True, f"{len(ids)} records are kept; where they were deleted the copy stays gone"
        if args.get("how", "detach") == "take_theirs" and brake["op"] == "update":
            await self._take_theirs(tx, self.world.streams[brake["stream"]], ids)
            return True, f"{len(ids)} records hold now what they hold in their system; the others are told"
        await self._detach(tx, brake["stream"], ids)
        return True, f"{len(ids)} records are detached from {self.world.streams[brake['stream']].system}"

    async def _take_theirs(self, tx: Tx, stream: Stream, ids: list[int]) -> None:
        links = await load_links(tx, stream.names, ids)
        records = await load_records(tx, links)
        kind, values = self.world.kind_of(stream), [link.shadow for link in links.values()]
        refs = await load_refs(tx, self.world, stream, [dict(fields) for fields in values])
        refs = await load_targets(tx, self.world, stream, kind, (r.fields for r in records.values()), refs)
        now = self.world.clock.now().timestamp()
        agreed = [(n, name, x.agreed.of(name)) for n, x in links.items() for name in records[n].fields]
        then = await values_then(tx, agreed)
        for number, link in links.items():
            event = self.world.store.seq()
            past = then.get(number, {})
            after, told, changes = take_theirs(
                records[number], link, stream, refs, past, time=now, event=event
            )
            await update_links(tx, stream.names, [told])
            await self._write(tx, records[number], after, changes)

    async def _detach(self, tx: Tx, stream: int, ids: list[int]) -> None:
        self.world.touch(tx, ids)
        sql = """update links set state = 'detached'
        where record_id = any($1::bigint[]) and stream = $2 and state <> 'duplicate'"""
        await tx.execute(sql, ids, stream)
        sql = """insert into links
        (remote_id, stream, record_id, state, evidence, layout, agreed, shadow)
        select 'detached:' || r, $2, r, 'detached', 0, $3, '[0]', $4 from unnest($1::bigint[]) r
        where not exists (
            select from links l where l.record_id = r and l.stream = $2 and l.state <> 'duplicate')"""
        names = self.world.streams[stream].names
        blank = orjson.dumps([{"$": "absent"}] * len(names.fields))
        await tx.execute(sql, ids, stream, names.layout, blank)
        await queues.close_if_gone(tx, ids)

    async def _end_brake(self, tx: Tx, number: int, how: str) -> Any:
        sql = """update brakes set ended = $2, verdict = $3 where brake = $1 and ended is null
        returning stream, op"""
        row = await tx.fetchrow(sql, number, self.world.clock.now(), how)
        if row is None:
            raise SyncdError("there is no pulled brake of that number; `syncd brakes` lists them")
        return row

    # -- sweeps --------------------------------------------------------------------------------------

    async def _sweep(self, tx: Tx, args: Mapping[str, Any]) -> Done:
        """Scan every stream of `system` (or all) at the next occasion."""
        streams = [s.id for s in self.world.streams.values() if args.get("system") in (None, s.system)]
        sql = "update streams set swept_at = 'epoch' where stream = any($1::smallint[])"
        await tx.execute(sql, streams)
        tx.after_commit(lambda: self.world.bells.ring_sweep(streams))
        return True, f"{len(streams)} sweeps begin"
