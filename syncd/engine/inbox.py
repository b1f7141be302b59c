"""The inbox: changes that had to wait are applied, ids that are in doubt are read again."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from conflict.suspects import joined
from connectors.base import Looked
from syncd.core.nouns import Change
from syncd.engine.apply import apply, incoming
from syncd.engine.batch import Incoming
from syncd.engine.byid import ById
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.hints import known_already
from syncd.engine.places import Place
from syncd.engine.pointed import waiting_for
from syncd.engine.signals import Hint
from syncd.engine.wire import change_from
from syncd.engine.world import Stream, Waiting, World
from syncd.store import queues

_ROWS = """
select seq, remote_id, reason, evidence, change, suspects, coalesce(not_before > $3, false) as later
from inbox where stream = $1 and seq > $2 order by seq limit $4"""
AT_ONCE = 500


@dataclass(frozen=True, slots=True)
class Wanted:
    """An id to be read again, with all the rows that ask for it."""

    remote_id: str
    rows: list[Any]

    def is_plain(self) -> bool:
        """Whether nothing is to be done but the read."""
        return all(row["reason"] == "fetch" and row["suspects"] is None for row in self.rows)


class Inbox:
    """Works off one stream's inbox."""

    def __init__(self, world: World, stream: Stream, keeper: Gatekeeper, *, lingers: bool = False) -> None:
        self.world, self.stream, self.keeper, self.lingers = world, stream, keeper, lingers
        self.by_id = ById(world, stream, keeper)

    async def work(self) -> int:
        """Apply what need not wait any longer; returns the number of rows worked off.

        What comes meanwhile is worked off as well, unless this lingers: then it has rung for a next time.
        """
        total = 0
        while rows := await self._ready():
            changes = [row for row in rows if row["change"] is not None]
            done = await (self._apply_waiting(changes) if changes else self._read_again(rows))
            total += done
            if self.lingers and done >= len(rows):
                break
        if total:
            waits = waiting_for(self.world, self.stream.id)
            self.world.bells.ring_push([self.stream.id, *waits])  # creates wait for what is unknown here
        return total

    async def _ready(self) -> list[Any]:
        """The oldest rows whose record no write is under way to; what an id tells later waits behind."""
        above, now, behind = 0, self.world.clock.now(), set[str]()
        while True:
            async with self.world.store.read() as con:
                rows = await con.fetch(_ROWS, self.stream.id, above, now, AT_ONCE)
            ready = []
            for row in rows:
                if row["remote_id"] not in behind and not self._waits(row):
                    ready.append(row)
                elif row["change"] is not None:
                    behind.add(row["remote_id"])
            if ready or len(rows) < AT_ONCE:
                return ready
            above = rows[-1]["seq"]

    def _waits(self, row: Any) -> bool:
        if row["later"]:
            return True
        if row["reason"] == "create_open" and self.world.create_open(self.stream.id):
            return True
        place = (self.stream.id, row["remote_id"])
        if row["change"] is None and place in self.world.queued:
            return True  # what was told of it before comes first
        return place in self.world.flying_ids or self.world.explained_soon(*place)

    async def _apply_waiting(self, rows: Sequence[Any]) -> int:
        """Held changes, oldest first; those of an id keep their order."""
        stream, world = self.stream, self.world
        items = [self._item(row) for row in rows]
        newest = {(stream.id, row["remote_id"]): row["seq"] for row in rows}
        queued: dict[Place, Waiting] = {}
        try:
            async with world.store.write(numbers=6 * len(items) + 100) as tx:
                queued = world.taken_up(newest)
                await apply(tx, world, stream, items, source="inbox", evidence=rows[0]["evidence"])
        except BaseException:
            for place, waiting in queued.items():
                world.queued.setdefault(place, waiting)
            raise
        return len(rows)

    def _item(self, row: Any) -> Incoming:
        change = change_from(row["change"], self.stream.system, self.stream.object)
        suspects = orjson.loads(row["suspects"]) if row["suspects"] else {}
        item = incoming(self.stream, [change], change.evidence)[0]
        return replace(item, inbox=row["seq"], suspects=suspects)

    async def _read_again(self, rows: Sequence[Any]) -> int:
        """Fetch ids in batches and apply what they show now."""
        by_id: dict[str, list[Any]] = {}
        for row in rows:
            asked = by_id.setdefault(row["remote_id"], [])
            if row["reason"] != "exists" or all(other["reason"] != "exists" for other in asked):
                asked.append(row)  # one record at a time is joined to an id; the next has its turn
        wanted = [Wanted(remote_id, asked) for remote_id, asked in by_id.items()]
        wanted = wanted[: self.stream.can.read_batch]
        reading = self._newest(wanted)
        self.world.fetching.update(reading)
        try:
            known = await self._known(wanted)
            ids = [want.remote_id for want in wanted if want.remote_id not in known]
            evidence = self.world.store.seq()
            looked = Looked(())
            if ids and self.stream.fetcher is not None:
                looked = await self.by_id.look(ids)
            return await self._take(wanted, looked, evidence)
        finally:
            for place in reading:
                self.world.fetching.pop(place, None)

    def _newest(self, wanted: Sequence[Wanted]) -> dict[Place, int]:
        """The ids, each with the newest row that asks for it."""
        return {(self.stream.id, want.remote_id): max(row["seq"] for row in want.rows) for want in wanted}

    async def _known(self, wanted: Sequence[Wanted]) -> Collection[str]:
        """The ids that a webhook named while our own write was under way, which was all it told of."""
        said = {want.remote_id: (self.stream.id, want.remote_id) for want in wanted if want.is_plain()}
        hints = {i: self.world.hints[place] for i, place in said.items() if place in self.world.hints}
        if not any(hint.can_be_known for hint in hints.values()):
            return ()
        async with self.world.store.read() as con:
            return await known_already(con, self.stream, hints)

    async def _take(self, asked: Sequence[Wanted], looked: Looked, evidence: int) -> int:
        """Apply what came. What nobody had time for stays as it is; what failed is tried again later."""
        stream, world = self.stream, self.world
        shown = {change.remote_id: change for change in looked.changes}
        left = {*looked.failed, *looked.unasked}
        rows = {want.remote_id: want.rows for want in asked}
        failed = {i: (why, rows[i]) for i, why in looked.failed.items()}
        wanted = [want for want in asked if want.remote_id not in left]
        items = [
            self._fetched(want, shown[want.remote_id], evidence) for want in wanted if want.remote_id in shown
        ]
        seqs = [row["seq"] for want in wanted for row in want.rows]
        newest, answered = self._newest(wanted), dict[Place, int]()
        hints: dict[Place, Hint] = {}
        try:
            async with world.store.write(numbers=6 * len(items) + len(failed) + 100) as tx:
                answered = world.answered(newest)  # before the look, which may ask for another one
                places = newest.keys() - world.refetch.keys()  # who asked since has a row of its own
                hints = {place: world.hints.pop(place) for place in places if place in world.hints}
                if items:
                    await apply(tx, world, stream, items, source="fetch", evidence=evidence)
                await queues.drop_inbox(tx, seqs)
                if failed:
                    await self.by_id.set_aside(tx, failed)
        except BaseException:
            world.asked(stream.id, [(remote_id, row) for (_, remote_id), row in answered.items()])
            world.hints.update(hints)
            raise
        for want in wanted:
            world.unread.pop((stream.id, want.remote_id), None)
        return len(seqs) + sum(len(rows) for _, rows in failed.values())

    def _fetched(self, want: Wanted, change: Change, evidence: int) -> Incoming:
        suspects: dict[str, Any] = {}
        join = None
        for row in want.rows:
            noted = orjson.loads(row["suspects"]) if row["suspects"] else {}
            if row["reason"] == "exists":
                join = noted["record"]
            else:
                suspects = joined(suspects, noted)
        again = any(row["reason"] in ("repush", "exists", "entry") for row in want.rows)
        item = incoming(self.stream, [change], evidence, fetched=True, push_after=again)[0]
        return replace(item, suspects=suspects, join=join)
