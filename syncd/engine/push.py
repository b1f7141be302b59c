"""Push: find what is behind, build it, guard it, write it in batches, settle each result on its own."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from conflict.due import Due, due, due_on_create
from connectors.base import CanFetch, CanFind
from syncd.core.errors import BatchRefused, Fenced, NeedsOperator, RetryLater, StoreUnavailable
from syncd.core.fieldmap import Refs
from syncd.core.nouns import LinkState, Op, Push, PushOp, PushResult, Rejected, Uncertain
from syncd.core.state import Link, Record
from syncd.engine.apply import apply, incoming
from syncd.engine.batch import Hold, Incoming, Note
from syncd.engine.brakes import Brakes
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.load import load_targets
from syncd.engine.recover import reopen
from syncd.engine.save import hold, park_notes
from syncd.engine.settle import settle
from syncd.engine.world import Stream, World
from syncd.store import queues
from syncd.store.rows import load_links, load_records
from syncd.store.sends import Send, SentItem, begin_send, end_send
from syncd.store.store import Conn, Tx

CLAIM = 500
FAILURES_BEFORE_HALVING = 5
"""Calls that fail in a row before the batch is halved, so that one bad record is left alone at last."""


@dataclass(slots=True)
class Todo:
    """One copy that is behind, and the write that brings it up."""

    record: Record
    link: Link | None
    op: PushOp
    due: Due
    outbox: list[int]
    approved: bool = False
    push: Push | None = None


@dataclass(slots=True)
class Plan:
    """What a claim comes to: writes by operation, rows with nothing to do, references that must wait."""

    todo: dict[PushOp, list[Todo]] = field(default_factory=dict)
    done: list[int] = field(default_factory=list)
    waits: set[tuple[int, int, int, int]] = field(default_factory=set)
    sure: list[int] = field(default_factory=list)
    at: int = 0
    unsayable: list[tuple[int, str, str]] = field(default_factory=list)


class Pusher:
    """Writes what one stream's copies owe."""

    def __init__(self, world: World, stream: Stream, keeper: Gatekeeper) -> None:
        self.world, self.stream, self.keeper = world, stream, keeper
        self.brakes = Brakes(world, stream)
        self._low = 0
        self._limit = stream.can.write_batch
        self._failures = 0

    async def push(self) -> int:
        """Write until nothing is behind that can be written now; returns the number of pushes settled."""
        total, self._low = 0, 0
        while True:
            rows = await self._claim()
            if not rows:
                return total
            plan = await self._plan(rows)
            await self._close(plan)
            for op in (PushOp.CREATE, PushOp.UPDATE, PushOp.ARCHIVE, PushOp.DELETE):
                total += await self._write_all(plan.todo.get(op, []))
            if len(rows) < CLAIM:  # what came since rings the bell
                return total

    async def _claim(self) -> list[tuple[int, int, bool]]:
        """The next rows. Every `push` begins at the start, for sequence order is not commit order."""
        async with self.world.store.read() as con:
            rows = await queues.claim_outbox(con, self.stream.id, self._low, CLAIM)
        if rows:
            self._low = rows[-1]["seq"]
        return [(row["seq"], row["record_id"], row["approved"]) for row in rows]

    async def _plan(self, rows: Sequence[tuple[int, int, bool]]) -> Plan:
        """Load what the rows speak of, and judge what is due now."""
        world, stream, kind = self.world, self.stream, self.world.kind_of(self.stream)
        plan = Plan(at=world.store.seq())
        world.planning[stream.id] = plan.at
        seqs: dict[int, list[int]] = {}
        for seq, record_id, _ in rows:
            if (stream.id, record_id) not in world.flying:
                seqs.setdefault(record_id, []).append(seq)
        approved = {record_id for _, record_id, passed in rows if passed}
        async with world.store.read() as con:
            records = {record: world.fresh[record] for record in seqs if record in world.fresh}
            records |= await load_records(con, seqs.keys() - records.keys())
            links = await load_links(con, stream.names, seqs)
            unknown = await self._unknown(con, seqs.keys() - links.keys())
            refs = await load_targets(con, world, stream, kind, (r.fields for r in records.values()))
        for record_id, outbox in seqs.items():
            record, link = records.get(record_id), links.get(record_id)
            if record is None or record_id in unknown:
                plan.done += outbox
            elif link is None and stream.uncreatable and not record.deleted:
                continue  # its row waits until the remote can take new records again
            elif link is None or not self._rereading(link):
                self._judge(plan, record, link, outbox, refs, approved=record_id in approved)
        return plan

    async def _unknown(self, con: Conn, unlinked: Collection[int]) -> set[int]:
        """Those of which nobody knows whether they were made: only a person has them made again."""
        if not unlinked or self.stream.id not in self.world.parked:
            return set()
        return await queues.parked_as(con, self.stream.id, "create_unknown", unlinked)

    def _rereading(self, link: Link) -> bool:
        """A record that is to be read again is not written before that."""
        place = (self.stream.id, link.remote_id)
        return place in self.world.refetch or place in self.world.queued

    def _judge(
        self, plan: Plan, record: Record, link: Link | None, outbox: list[int], refs: Refs, *, approved: bool
    ) -> None:
        op, found = self._due(record, link, refs)
        if op is not PushOp.CREATE:
            plan.sure.append(record.record_id)
        for target in found.blocked:
            self._wait(plan, record, target)
        plan.unsayable += [(record.record_id, name, why) for name, why in found.unsayable]
        if op is None:
            plan.done += outbox
        else:
            plan.todo.setdefault(op, []).append(Todo(record, link, op, found, outbox, approved))

    def _due(self, record: Record, link: Link | None, refs: Refs) -> tuple[PushOp | None, Due]:
        settings = self.stream.settings
        if link is None:
            if record.deleted or settings.create != "yes" or not self.stream.writes:
                return None, Due()
            return PushOp.CREATE, due_on_create(record, self.stream.due_map, refs)
        if link.state is not LinkState.LIVE:
            return None, Due()
        if record.deleted:
            return self._delete_op(), Due()
        found = due(record, link, self.stream.due_map, refs)
        return (PushOp.UPDATE if found.fields else None), found

    def _delete_op(self) -> PushOp:
        archives = self.world.kind_of(self.stream).policy.value == "archive" and self.stream.can.archives
        return PushOp.ARCHIVE if archives else PushOp.DELETE

    def _wait(self, plan: Plan, record: Record, target: object) -> None:
        kinds = self.world.kind_of(self.stream).refs
        for name, kind in kinds.items():
            sibling = self.world.sibling(self.stream, kind)
            if sibling is not None and record.fields.get(name) == target and isinstance(target, int):
                plan.waits.add((target, sibling.id, record.record_id, self.stream.id))

    async def _close(self, plan: Plan) -> None:
        """Drop rows with nothing to do, and remember what waits for a reference's target."""
        if not (plan.done or plan.waits or plan.unsayable):
            return
        async with self.world.store.write(numbers=len(plan.unsayable) + len(plan.waits) + 10) as tx:
            await queues.drop_outbox(tx, plan.done)
            await self._no_longer_doubted(tx, plan.sure)
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
            batch, todo = todo[: self._limit], todo[self._limit :]
            clean = await self._guard(batch)
            if clean:
                done += await self._send(clean)
        return done

    async def _look_first(self, todo: list[Todo]) -> list[Todo]:
        """Creates whose answer was lost: look for our key, once it can be seen, before trying again."""
        stream, world = self.stream, self.world
        connector = stream.connector
        doubted = {t.record.record_id: t for t in todo if (stream.id, t.record.record_id) in world.doubts}
        sure = [t for t in todo if t.record.record_id not in doubted]
        now = world.clock.monotonic()
        ripe = [t for record, t in doubted.items() if world.doubts[stream.id, record].at <= now]
        if not ripe or not isinstance(connector, CanFind):
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
        connector = stream.connector
        linked = [todo for todo in batch if todo.link is not None]
        if stream.guard == "compare":
            linked = [t for t in linked if t.link is not None and t.link.remote_version is None]
        if stream.guard == "none" or not linked or not isinstance(connector, CanFetch):
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

    async def _send(self, batch: list[Todo]) -> int:
        """One call: intent, call, settlement."""
        send = await self._intend(batch)
        if send is None:
            return 0
        pushes = [todo.push for todo in batch if todo.push is not None]
        try:
            results = await self.keeper.call(lambda: self.stream.connector.write(pushes))
        except BatchRefused as error:
            return await self._bisect(send, batch, error)
        except (RetryLater, NeedsOperator) as error:
            if not (isinstance(error, RetryLater) and error.uncertain):
                await self._give_back(send, batch)
                self._failed(batch)
                raise
            results = [Uncertain(push.push_id, str(error)) for push in pushes]
        self._failures = 0
        self._limit = min(self.stream.can.write_batch, self._limit * 2)
        return await self._settle(send, batch, results)

    async def _settle(self, send: Send, batch: list[Todo], results: Sequence[PushResult]) -> int:
        """Settle a call. A settlement that fails must not leave its records in the air until a restart."""
        try:
            return await settle(self.world, self.stream, send, batch, results)
        except (Fenced, StoreUnavailable):
            raise
        except Exception:
            self.world.land(send)
            await reopen(self.world, send)
            raise

    async def _intend(self, batch: list[Todo]) -> Send | None:
        """Write down what is about to be sent; from here on no read is applied to these links.

        What was written since it was planned is left out of `batch`: its outbox row stays, and it is
        planned anew.
        """
        store, stream, world = self.world.store, self.stream, self.world
        async with store.alone(numbers=len(batch) + 10) as one:
            planned = world.planning[stream.id]
            batch[:] = [t for t in batch if world.touched.get(t.record.record_id, 0) < planned]
            if not batch:
                return None
            for todo in batch:
                todo.push = self._build(todo)
            send = Send(store.seq(), stream.id, batch[0].op, [_item(todo) for todo in batch])
            await begin_send(one, send)
            world.take_off(send)
        world.counters[stream.id].calls += 1
        return send

    def _build(self, todo: Todo) -> Push:
        link = todo.link
        return Push(
            self.world.store.seq(),
            self.stream.object,
            todo.op,
            todo.record.record_id,
            todo.record.version,
            todo.due.fields,
            remote_id=link.remote_id if link else None,
            key=self.world.key_of(todo.record.record_id) if todo.op is PushOp.CREATE else None,
            expected_version=link.remote_version if link and self.stream.guard != "none" else None,
            expected={name: link.shadow.get(name) for name in todo.due.fields} if link else {},
        )

    async def _give_back(self, send: Send, batch: Sequence[Todo]) -> None:
        """Nothing was written: the intent goes, the outbox rows stay."""
        async with self.world.store.write(numbers=10) as tx:
            await end_send(tx, send.batch)
        self.world.land(send)

    def _failed(self, batch: list[Todo]) -> None:
        """One bad record must not hold up the others for ever: after some failures, smaller batches."""
        self._failures += 1
        if self._failures >= FAILURES_BEFORE_HALVING:
            self._failures = 0
            self._limit = max(1, min(self._limit, len(batch)) // 2)

    async def _bisect(self, send: Send, batch: list[Todo], error: BatchRefused) -> int:
        """The remote refused the whole batch for one row that it does not name: halve until it is alone."""
        if len(batch) == 1:
            push = batch[0].push
            assert push is not None
            refusal: Sequence[PushResult] = [Rejected(push.push_id, error.code, str(error))]
            return await self._settle(send, batch, refusal)
        await self._give_back(send, batch)
        middle = len(batch) // 2
        return await self._send(batch[:middle]) + await self._send(batch[middle:])


def _met(record_id: int, remote_id: str) -> Hold:
    """Read a remote record again that turned out to be what a create of ours made."""
    return Hold(remote_id, "exists", None, {"record": record_id})


def _item(todo: Todo) -> SentItem:
    if todo.link is None:  # whether a create landed is told by its key or id, never by its values
        return SentItem(todo.record.record_id, None, {}, {}, todo.outbox)
    due = todo.due
    return SentItem(todo.record.record_id, todo.link.remote_id, due.fields, due.versions, todo.outbox)


def _moved(link: Link, shown: Incoming | None) -> bool:
    """Whether a guard read differs from what we know; a record that the read left out counts as moved."""
    if shown is None or shown.change.op is not Op.UPSERT:
        return True
    return not shown.fields.items() <= link.shadow.items()
