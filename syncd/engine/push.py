"""Push: take what is behind, guard it, have it written in batches."""

from __future__ import annotations

from collections.abc import Collection, Mapping, Sequence
from dataclasses import replace

from conflict.due import without
from syncd.core.errors import CursorLost, NeedsOperator, RetryLater, SyncdError
from syncd.core.nouns import Op, PushOp
from syncd.core.state import Link
from syncd.engine.apply import apply, incoming
from syncd.engine.batch import Hold, Incoming, Note
from syncd.engine.brakes import Brakes
from syncd.engine.byid import ById
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.intake import Intake
from syncd.engine.owed import Owed, Plan, Todo
from syncd.engine.save import hold, park_notes
from syncd.engine.send import Sender
from syncd.engine.settle import HIDDEN
from syncd.engine.world import Stream, World
from syncd.store import queues
from syncd.store.sends import end_send
from syncd.store.store import Tx


class Pusher:
    """Writes what one stream's copies owe. `intake` is what reads this stream, where anything does."""

    def __init__(
        self, world: World, stream: Stream, keeper: Gatekeeper, intake: Intake | None = None
    ) -> None:
        self.world, self.stream, self.keeper = world, stream, keeper
        self._intake = intake if stream.can.feed else None
        self.brakes = Brakes(world, stream)
        self._owed = Owed(world, stream)
        self._by_id = ById(world, stream, keeper)
        self._sender = Sender(world, stream, keeper)

    async def push(self) -> int:
        """Write until nothing is behind that can be written now; returns the number of pushes settled."""
        try:
            return await self._push()
        except (RetryLater, NeedsOperator):
            self.world.fresh.clear()  # what cannot be written now must not take the others' room
            raise

    async def _push(self) -> int:
        total = 0
        self._owed.begin()
        try:
            while rows := await self._owed.claim():
                plan = await self._owed.plan(rows)
                await self._close(plan)
                failed = await self._read_first(plan)
                for op in (PushOp.CREATE, PushOp.UPDATE, PushOp.ARCHIVE, PushOp.DELETE):
                    total += await self._write_all(plan.todo.get(op, []))
                if failed is not None:
                    raise failed
                if len(rows) < self._owed.size:  # what came since rings the bell
                    break
        finally:
            self.world.touched.end(self.stream.id)
        return total

    async def _read_first(self, plan: Plan) -> SyncdError | None:
        """Before anything is created: what was not read yet here may be the very record, typed by a person.

        One read does for the whole plan, and for those of the next moment. Where it fails, or another takes
        long, nothing is created, and all else goes on; the failure is returned. A feed that lists everything
        is not read for this.
        """
        todo = plan.todo.get(PushOp.CREATE, [])
        doubts = self.world.doubts
        if self._intake is None or all((self.stream.id, t.record.record_id) in doubts for t in todo):
            return None
        failed = None
        try:
            read = await self._intake.read_lately(max(t.record.record_id for t in todo))
        except (RetryLater, NeedsOperator, CursorLost) as error:
            read, failed = False, error
        stands = self.world.touched.stands
        plan.todo[PushOp.CREATE] = [t for t in todo if read and stands(self.stream.id, t.record.record_id)]
        return failed

    async def _close(self, plan: Plan) -> None:
        """Drop rows with nothing to do, and remember what waits for a reference's target.

        A row can be claimed a moment before its writer hears of its commit, and tells us what the record is
        now: what was planned on an older state stays, and is planned anew.
        """
        sure = self.world.open_creates(self.stream.id, plan.sure)
        if not (plan.done or plan.waits or plan.unsayable or plan.unread or sure):
            return
        hidden = sum(1 + len(names) for *_, names in plan.unread)
        numbers = len(plan.unsayable) + len(plan.waits) + hidden + 10
        async with self.world.store.write(numbers=numbers) as tx:
            plan.keep_those_that_stand(lambda record: self.world.touched.stands(self.stream.id, record))
            sure = self.world.open_creates(self.stream.id, plan.sure)
            await queues.drop_outbox(tx, [seq for seqs in plan.done.values() for seq in seqs])
            fetch = [Hold(remote_id, "fetch", None) for remote_id, *_ in plan.unread]
            await hold(tx, self.world, self.stream.id, 0, fetch)
            await self._no_longer_doubted(tx, sure)
            if plan.over and self.stream.id in self.world.parked:
                await queues.unpark(tx, self.stream.id, plan.over)
            if plan.waits:
                await queues.add_waits_out(tx, plan.waits)
                freed = await queues.free_waits_out(tx, self.stream.id, {target for target, *_ in plan.waits})
                await queues.add_outbox(tx, self.world.store, [(self.stream.id, record) for record in freed])
            notes = [self._hidden(at, record, name) for at, record, names in plan.unread for name in names]
            notes += [self._unsayable(*it) for it in plan.unsayable]
            await park_notes(tx, self.world, self.stream.id, notes)

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
            looked = self.world.clock.monotonic() if self.stream.guard == "read" else None
            clean = await self._guard(batch)
            if clean:
                done += await self._sender.send(clean, looked)
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
        found = await self.keeper.call(
            lambda: connector.find(stream.object, list(keys.values())), about=stream.object
        )
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
        """Read before overwrite: what moved goes to the inbox's door instead of being written over.

        What cannot be read is not written: the inbox reads it later, and then it is pushed again.
        """
        stream = self.stream
        linked = [todo for todo in batch if todo.link is not None]
        if stream.guard == "compare":
            linked = [t for t in linked if t.link is not None and t.link.remote_version is None]
        if stream.guard == "none" or not linked or stream.fetcher is None:
            return batch
        evidence = self.world.store.seq()
        ids = [todo.link.remote_id for todo in linked if todo.link is not None]
        looked = await self._by_id.look_all(ids)
        items = incoming(stream, looked.changes, evidence, fetched=True, push_after=True)
        shown = {item.change.remote_id: item for item in items}
        moved = [t for t in linked if t.link is not None and self._moved(t.link, shown)]
        if moved:
            seen = [shown[t.link.remote_id] for t in moved if t.link and t.link.remote_id in shown]
            await self._take_in(moved, seen, looked.failed, evidence)
        held_back = {todo.record.record_id for todo in moved}
        clean = await self._without_hidden([t for t in batch if t.record.record_id not in held_back], shown)
        for todo in clean:
            if todo.link is not None and todo.link.remote_id in shown:
                change = shown[todo.link.remote_id].change
                version = stream.version_told(change, todo.link)
                todo.version = change.remote_version if version is None else None
                if version != todo.link.remote_version:
                    todo.link = replace(todo.link, remote_version=version)
        return clean

    async def _without_hidden(self, batch: list[Todo], shown: Mapping[str, Incoming]) -> list[Todo]:
        """Leave out what the read did not show: nobody knows what would be written over. It stays owed."""
        notes: list[Note] = []
        over: dict[int, list[int]] = {}
        for todo in batch:
            item = shown.get(todo.link.remote_id) if todo.link is not None else None
            if item is None or not (hidden := self.stream.hidden(todo.due.fields.keys(), item.fields)):
                continue
            record = todo.record.record_id
            notes += [self._hidden(item.change.remote_id, record, name) for name in sorted(hidden)]
            todo.due = without(todo.due, hidden, self.stream.map)
            if not todo.due.fields:
                over[record] = todo.outbox
        if notes:
            async with self.world.store.write(numbers=len(notes) + 10) as tx:
                await queues.drop_outbox(tx, [seq for seqs in over.values() for seq in seqs])
                await park_notes(tx, self.world, self.stream.id, notes)
        return [todo for todo in batch if todo.record.record_id not in over]

    def _hidden(self, remote_id: str, record_id: int, name: str) -> Note:
        message = (
            f"{self.stream.system} left {name} out when the record was read, so it is not written: "
            f"an edit there could be lost; let syncd read {name}, and the next sweep writes it"
        )
        return Note(HIDDEN, message, remote_id, record_id, name, "out")

    def _moved(self, link: Link, shown: Mapping[str, Incoming]) -> bool:
        """Whether a guard read differs from what we know, or shows a record that takes part no more."""
        item = shown.get(link.remote_id)
        outside = item is not None and self.stream.scope(item.change.fields, link) is False
        return outside or _moved(link, item)

    async def _take_in(
        self, moved: list[Todo], items: Sequence[Incoming], unread: Collection[str], evidence: int
    ) -> None:
        """What a guard read found goes through the one door; its push comes again afterwards."""
        stream, world = self.stream, self.world
        async with world.store.write(numbers=5 * len(moved) + 100) as tx:
            if items:
                await apply(tx, world, stream, items, source="guard", evidence=evidence)
            await hold(tx, world, stream.id, evidence, [Hold(remote, "repush", None) for remote in unread])
            await queues.drop_outbox(tx, [seq for todo in moved for seq in todo.outbox])


def _met(record_id: int, remote_id: str) -> Hold:
    """Read a remote record again that turned out to be what a create of ours made."""
    return Hold(remote_id, "exists", None, {"record": record_id})


def _moved(link: Link, shown: Incoming | None) -> bool:
    """Whether a guard read differs from what we know; a record that the read left out counts as moved.

    What waits for its reference, or cannot be read, is known: no write goes over it.
    """
    if shown is None or shown.change.op is not Op.UPSERT:
        return True
    known = {**link.shadow, **link.unapplied} if link.unapplied else link.shadow
    return not shown.fields.items() <= known.items()
