"""The inbox: changes that had to wait are applied, ids that are in doubt are read again."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, replace
from typing import Any

import orjson

from conflict.suspects import joined
from connectors.base import CanFetch
from syncd.core.nouns import Change
from syncd.engine.apply import apply, incoming
from syncd.engine.batch import Incoming
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.wire import change_from
from syncd.engine.world import Stream, World
from syncd.store import queues

_ROWS = """
select seq, remote_id, reason, evidence, change, suspects from inbox
where stream = $1 and (not_before is null or not_before <= $2) order by seq limit $3"""


@dataclass(frozen=True, slots=True)
class Wanted:
    """An id to be read again, with all the rows that ask for it."""

    remote_id: str
    rows: list[Any]


class Inbox:
    """Works off one stream's inbox."""

    def __init__(self, world: World, stream: Stream, keeper: Gatekeeper) -> None:
        self.world, self.stream, self.keeper = world, stream, keeper

    async def work(self) -> int:
        """Apply what need not wait any longer; returns the number of rows worked off."""
        total = 0
        while rows := await self._ready():
            changes = [row for row in rows if row["change"] is not None]
            if changes:
                total += await self._apply_waiting(changes)
            else:
                total += await self._read_again(rows)
        return total

    async def _ready(self) -> list[Any]:
        """The oldest rows whose record no write is under way to."""
        async with self.world.store.read() as con:
            rows = await con.fetch(_ROWS, self.stream.id, self.world.clock.now(), 500)
        return [row for row in rows if not self._waits(row)]

    def _waits(self, row: Any) -> bool:
        if row["reason"] == "create_open" and self.world.create_open(self.stream.id):
            return True
        return (self.stream.id, row["remote_id"]) in self.world.flying_ids

    async def _apply_waiting(self, rows: Sequence[Any]) -> int:
        """Held changes, oldest first; those of an id keep their order."""
        stream, world = self.stream, self.world
        items = [self._item(row) for row in rows]
        places = [(stream.id, row["remote_id"]) for row in rows]
        queued = {place: world.queued.pop(place) for place in places if place in world.queued}
        try:
            async with world.store.write(numbers=6 * len(items) + 100) as tx:
                await apply(tx, world, stream, items, source="inbox", evidence=rows[0]["evidence"])
        except BaseException:
            world.queued = {**queued, **world.queued}
            raise
        return len(rows)

    def _item(self, row: Any) -> Incoming:
        change = change_from(row["change"], self.stream.system, self.stream.object)
        suspects = orjson.loads(row["suspects"]) if row["suspects"] else {}
        item = incoming(self.stream, [change], change.evidence)[0]
        return replace(item, inbox=row["seq"], suspects=suspects)

    async def _read_again(self, rows: Sequence[Any]) -> int:
        """Fetch ids in batches and apply what they show now."""
        connector = self.stream.connector
        by_id: dict[str, list[Any]] = {}
        for row in rows:
            asked = by_id.setdefault(row["remote_id"], [])
            if row["reason"] != "exists" or all(other["reason"] != "exists" for other in asked):
                asked.append(row)  # one record at a time is joined to an id; the next has its turn
        wanted = [Wanted(remote_id, asked) for remote_id, asked in by_id.items()]
        wanted = wanted[: self.stream.can.read_batch]
        changes: Sequence[Change] = []
        evidence = self.world.store.seq()
        if isinstance(connector, CanFetch):
            ids = [want.remote_id for want in wanted]
            changes = await self.keeper.call(lambda: connector.fetch(self.stream.object, ids))
            self.world.counters[self.stream.id].calls += 1
        return await self._take(wanted, changes, evidence)

    async def _take(self, wanted: Sequence[Wanted], changes: Sequence[Change], evidence: int) -> int:
        stream, world = self.stream, self.world
        shown = {change.remote_id: change for change in changes}
        items = [
            self._fetched(want, shown[want.remote_id], evidence) for want in wanted if want.remote_id in shown
        ]
        seqs = [row["seq"] for want in wanted for row in want.rows]
        places = {(stream.id, want.remote_id) for want in wanted}
        world.refetch -= places  # before the look, which may ask for another one
        try:
            async with world.store.write(numbers=6 * len(items) + 100) as tx:
                await apply(tx, world, stream, items, source="fetch", evidence=evidence)
                await queues.drop_inbox(tx, seqs)
        except BaseException:
            world.refetch |= places
            raise
        return len(seqs)

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
