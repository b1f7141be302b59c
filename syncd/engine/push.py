"""Push: take what is behind, guard it, have it written in batches."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import replace

from syncd.core.nouns import Op, PushOp
from syncd.core.state import Link
from syncd.engine.apply import apply, incoming
from syncd.engine.batch import Hold, Incoming, Note
from syncd.engine.brakes import Brakes
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.owed import CLAIM, Owed, Plan, Todo
from syncd.engine.save import hold, park_notes
from syncd.engine.send import Sender
from syncd.engine.world import Stream, World
from syncd.store import queues
from syncd.store.sends import end_send
from syncd.store.store import Tx


class Pusher:
    """Writes what one stream's copies owe."""

    def __init__(self, world: World, stream: Stream, keeper: Gatekeeper) -> None:
        self.world, self.stream, self.keeper = world, stream, keeper
        self.brakes = Brakes(world, stream)
        self._owed = Owed(world, stream)
        self._sender = Sender(world, stream, keeper)

    async def push(self) -> int:
        """Write until nothing is behind that can be written now; returns the number of pushes settled."""
        total = 0
        self._owed.begin()
        while True:
            rows = await self._owed.claim()
            if not rows:
                return total
            plan = await self._owed.plan(rows)
            await self._close(plan)
            for op in (PushOp.CREATE, PushOp.UPDATE, PushOp.ARCHIVE, PushOp.DELETE):
                total += await self._write_all(plan.todo.get(op, []))
            if len(rows) < CLAIM:  # what came since rings the bell
                return total

    async def _close(self, plan: Plan) -> None:
        """Drop rows with nothing to do, and remember what waits for a reference's target."""
        if not (plan.done or plan.waits or plan.unsayable):
            return
        async with self.world.store.write(numbers=len(plan.unsayable) + len(plan.waits) + 10) as tx:
            await queues.drop_outbox(tx, plan.done)
            await self._no_longer_doubted(tx, plan.sure)
            if plan.over and self.stream.id in self.world.parked:
                await queues.unpark(tx, self.stream.id, plan.over)
            if plan.waits:
                await queues.add_waits_out(tx, plan.waits)
                freed = await queues.free_waits_out(tx, self.stream.id, {target for target, *_ in plan.waits})
                await queues.add_outbox(tx, self.world.store, [(self.stream.id, record) for record in freed])
            await park_notes(tx, self.world, self.stream.id, [self._unsayable(*it) for it in plan.unsayable])

    def _unsayable(self, record_id: int, name: str, why: str) -> Note:
        message = f"{why}; {self.stream.system} cannot hold it: mend the value or the mapping"
        return Note("unsayable", message, None, record_id, name, "out")

    async def _write_all(self, todo: list[Todo]) -> int:
        """Write one operation's pushes, batch after batch."""
        if todo and todo[0].op is PushOp.CREATE and self.world.doubts:
            todo = await self._look_first(todo)
        todo = await self.brakes.pass_through(todo)
        done = 0
        while todo:
            batch, todo = todo[: self._sender.limit], todo[self._sender.limit :]
            if batch[0].op is PushOp.CREATE:
                now = self.world.creatable(self.stream.id, {t.record.record_id for t in batch})
                batch = [t for t in batch if t.record.record_id in now]
                if not batch:
                    continue
            clean = await self._guard(batch)
            if clean:
                done += await self._sender.send(clean)
        return done

    async def _look_first(self, todo: list[Todo]) -> list[Todo]:
        """Creates whose answer was lost: look for our key, once it can be seen, before trying again."""
        stream, world = self.stream, self.world
        connector = stream.finder
        doubted = {t.record.record_id: t for t in todo if (stream.id, t.record.record_id) in world.doubts}
        sure = [t for t in todo if t.record.record_id not in doubted]
        now = world.clock.monotonic()
        ripe = [t for record, t in doubted.items() if world.doubts[stream.id, record].at <= now]
        if not ripe or connector is None:
            return sure
        keys = {t.record.record_id: world.key_of(t.record.record_id) for t in ripe}
        found = await self.keeper.call(lambda: connector.find(stream.object, list(keys.values())))
        async with world.store.write(numbers=len(ripe) + 10) as tx:
            there = [t for t in ripe if keys[t.record.record_id] in found]
            holds = [_met(t.record.record_id, found[keys[t.record.record_id]].remote_id) for t in there]
            await hold(tx, world, stream.id, 0, holds)
            await queues.drop_outbox(tx, [seq for t in there for seq in t.outbox])
            await self._no_longer_doubted(tx, [t.record.record_id for t in ripe])
        return sure + [t for t in ripe if keys[t.record.record_id] not in found]

    async def _no_longer_doubted(self, tx: Tx, records: Sequence[int]) -> None:
        """It was looked for, or linked meanwhile: a call is settled when none of its creates is in doubt."""
        doubts = self.world.doubts
        gone = {place: doubts[place] for n in records if (place := (self.stream.id, n)) in doubts}
        left = {doubt.batch for place, doubt in doubts.items() if place not in gone}
        for batch in {doubt.batch for doubt in gone.values()} - left:
            await end_send(tx, batch)
        tx.after_commit(lambda: self._sure(records))

    def _sure(self, records: Sequence[int]) -> None:
        for record in records:
            self.world.sure(self.stream.id, record)

    async def _guard(self, batch: list[Todo]) -> list[Todo]:
        """Read before overwrite: what moved goes to the inbox's door instead of being written over."""
        stream = self.stream
        connector = stream.fetcher
        linked = [todo for todo in batch if todo.link is not None]
        if stream.guard == "compare":
            linked = [t for t in linked if t.link is not None and t.link.remote_version is None]
        if stream.guard == "none" or not linked or connector is None:
            return batch
        evidence = self.world.store.seq()
        ids = [todo.link.remote_id for todo in linked if todo.link is not None]
        changes = await self.keeper.call(lambda: connector.fetch(stream.object, ids))
        self.world.counters[stream.id].calls += 1
        items = incoming(stream, changes, evidence, fetched=True, push_after=True)
        shown = {item.change.remote_id: item for item in items}
        moved = [t for t in linked if t.link is not None and _moved(t.link, shown.get(t.link.remote_id))]
        if moved:
            seen = [shown[t.link.remote_id] for t in moved if t.link and t.link.remote_id in shown]
            await self._take_in(moved, seen, evidence)
        held_back = {todo.record.record_id for todo in moved}
        clean = [todo for todo in batch if todo.record.record_id not in held_back]
        for todo in clean:
            if todo.link is not None and todo.link.remote_id in shown:
                version = shown[todo.link.remote_id].change.remote_version
                if version != todo.link.remote_version:
                    todo.link = replace(todo.link, remote_version=version)
        return clean

    async def _take_in(self, moved: list[Todo], items: Sequence[Incoming], evidence: int) -> None:
        """What a guard read found goes through the one door; its push comes again afterwards."""
        async with self.world.store.write(numbers=5 * len(moved) + 100) as tx:
            await apply(tx, self.world, self.stream, items, source="guard", evidence=evidence)
            await queues.drop_outbox(tx, [seq for todo in moved for seq in todo.outbox])


def _met(record_id: int, remote_id: str) -> Hold:
    """Read a remote record again that turned out to be what a create of ours made."""
    return Hold(remote_id, "exists", None, {"record": record_id})


def _moved(link: Link, shown: Incoming | None) -> bool:
    """Whether a guard read differs from what we know; a record that the read left out counts as moved."""
    if shown is None or shown.change.op is not Op.UPSERT:
        return True
    return not shown.fields.items() <= link.shadow.items()
