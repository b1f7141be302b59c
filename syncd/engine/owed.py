"""What a stream's copies owe: outbox rows turned into the writes that bring them up to date."""

from __future__ import annotations

from collections.abc import Callable, Collection, Sequence
from dataclasses import dataclass, field, replace

from conflict.deletes import Policy
from conflict.due import Due, due, due_on_create
from syncd.core.fieldmap import FieldMap, Refs
from syncd.core.nouns import LinkState, Push, PushOp
from syncd.core.state import Link, Record
from syncd.engine.batch import CREATE_UNKNOWN
from syncd.engine.brakes import brake_of
from syncd.engine.load import load_targets
from syncd.engine.pointed import must_wait
from syncd.engine.world import Stream, World
from syncd.store import queues
from syncd.store.rows import linked_in, load_links, load_records, unlinked
from syncd.store.store import Conn

CLAIM = 500
"""Outbox rows that are planned together, or as many more as fill the last call."""
Row = tuple[int, int, str | None]
"""Of the outbox: sequence, record id, the operation that passed its brake."""


@dataclass(slots=True)
class Todo:
    """One copy that is behind, and the write that brings it up.

    `version`: what the look before it showed, where the look left out a field. This write goes over none of
    what was left out, so it may compare with that version; the next one must look again. `fmap` is the
    mapping that it was planned by, without the fields that wait.
    """

    record: Record
    link: Link | None
    op: PushOp
    due: Due
    outbox: list[int]
    fmap: FieldMap
    approved: bool = False
    push: Push | None = None
    version: str | None = None


@dataclass(slots=True)
class Plan:
    """What a claim comes to: writes by operation, rows without one by record, references that must wait.

    `unread` are remote ids that must be read before all that they owe can be written.
    """

    todo: dict[PushOp, list[Todo]] = field(default_factory=dict)
    done: dict[int, list[int]] = field(default_factory=dict)
    waits: set[tuple[int, int, int, int]] = field(default_factory=set)
    sure: list[int] = field(default_factory=list)
    unsayable: list[tuple[int, str, str]] = field(default_factory=list)
    over: list[tuple[int, str | None]] = field(default_factory=list)
    unread: list[tuple[str, int, list[str]]] = field(default_factory=list)

    def keep_those_that_stand(self, stands: Callable[[int], bool]) -> None:
        """Forget what was found about records that moved since; writes are looked at when they are sent."""
        self.done = {record: seqs for record, seqs in self.done.items() if stands(record)}
        self.waits = {wait for wait in self.waits if stands(wait[2])}
        self.sure = [record for record in self.sure if stands(record)]
        self.unsayable = [found for found in self.unsayable if stands(found[0])]
        self.over = [found for found in self.over if stands(found[0])]
        self.unread = [found for found in self.unread if stands(found[1])]


class Owed:
    """Finds what one stream's copies owe."""

    def __init__(self, world: World, stream: Stream) -> None:
        self.world, self.stream = world, stream
        self.size = -(-CLAIM // stream.can.write_batch) * stream.can.write_batch
        self._low = 0

    def begin(self) -> None:
        """Look from the first row again, for sequence order is not commit order."""
        self._low = 0

    async def claim(self) -> list[Row]:
        """The next rows."""
        async with self.world.store.read() as con:
            rows = await queues.claim_outbox(con, self.stream.id, self._low, self.size)
        if rows:
            self._low = rows[-1]["seq"]
        return [(row["seq"], row["record_id"], row["approved"]) for row in rows]

    async def plan(self, rows: Sequence[Row]) -> Plan:
        """Load what the rows speak of, and judge what is due now."""
        world, stream, kind = self.world, self.stream, self.world.kind_of(self.stream)
        plan = Plan()
        world.touched.plan(stream.id, world.store.seq())
        seqs: dict[int, list[int]] = {}
        for seq, record_id, _ in rows:
            if (stream.id, record_id) not in world.flying:
                seqs.setdefault(record_id, []).append(seq)
        approved = {(record_id, op) for _, record_id, op in rows if op is not None}
        async with world.store.read() as con:
            records = {record: world.fresh[record] for record in seqs if record in world.fresh}
            records |= await load_records(con, seqs.keys() - records.keys())
            links = await load_links(con, stream.names, seqs)
            linkless = seqs.keys() - links.keys()
            unknown = await self._unknown(con, linkless)
            unknown |= await self._elsewhere(con, linkless)
            met = await self._met(con, linkless)
            alone = await unlinked(con, linkless) if kind.policy is Policy.UNLINK else ()
            refs = await load_targets(con, world, stream, kind, (r.fields for r in records.values()))
        creatable = world.creatable(stream.id, linkless)
        for record_id, outbox in seqs.items():
            record, link = records.get(record_id), links.get(record_id)
            if record is None or record_id in unknown:
                plan.done[record_id] = outbox
            elif record_id in alone and (stream.id, record_id) not in world.retrying:
                # a copy would be alone for ever; where only a second try tells of it, it is made
                plan.done[record_id] = outbox
                plan.sure.append(record_id)
            elif link is None and stream.uncreatable and not record.deleted:
                continue  # its row waits until the remote can take new records again
            elif link is None and record_id not in creatable:
                continue  # its row waits until the inbox was worked off, which rings
            elif link is None and record_id in met:
                continue  # so does one whose copy was found there, and is to be read
            elif must_wait(world, stream.id, record_id):
                continue  # so does one whose reference was refused: its target is to be looked at
            elif link is None or not self._rereading(link):
                self._judge(plan, record, link, outbox, refs, approved)
        return plan

    async def _unknown(self, con: Conn, unlinked: Collection[int]) -> set[int]:
        """Those of which nobody knows whether they were made: only a person has them made again."""
        if not unlinked or self.stream.id not in self.world.parked:
            return set()
        return await queues.parked_as(con, self.stream.id, CREATE_UNKNOWN, unlinked)

    async def _met(self, con: Conn, unlinked: Collection[int]) -> set[int]:
        """Those whose copy was found, and is to be read: where no key is unique, another could be made."""
        if not unlinked or not (self.world.refetch or self.world.given_up):
            return set()
        return await queues.to_be_joined(con, self.stream.id)

    async def _elsewhere(self, con: Conn, unlinked: Collection[int]) -> set[int]:
        """Those whose copy is in another object of the system: one copy there is enough."""
        peers = [peer for peer in self.stream.peer_ids if peer != self.stream.id]
        return await linked_in(con, peers, unlinked) if peers and unlinked else set()

    def _rereading(self, link: Link) -> bool:
        """A record that is to be read again is not written before that."""
        place = (self.stream.id, link.remote_id)
        return place in self.world.refetch or place in self.world.queued

    def _judge(
        self,
        plan: Plan,
        record: Record,
        link: Link | None,
        outbox: list[int],
        refs: Refs,
        approved: set[tuple[int, str]],
    ) -> None:
        op, found = self._due(record, link, refs)
        if op is not PushOp.CREATE:
            plan.sure.append(record.record_id)
        for target in found.blocked:
            self._wait(plan, record, target)
        plan.unsayable += [(record.record_id, name, why) for name, why in found.unsayable]
        if found.unread and link is not None and self.stream.fetcher is not None:
            plan.unread.append((link.remote_id, record.record_id, found.unread))
        if link is not None and self.world.unanswered:
            self.world.unanswered.pop((self.stream.id, record.record_id), None)
        if op is None:
            self.world.tries.pop((self.stream.id, record.record_id), None)
            plan.done[record.record_id] = outbox
            plan.over += self._over(record, link, refs)
        else:
            may = bool({(record.record_id, brake_of(op)), (record.record_id, queues.ANY)} & approved)
            todo = Todo(record, link, op, found, outbox, self.stream.due_map, may)
            plan.todo.setdefault(op, []).append(todo)

    def _due(self, record: Record, link: Link | None, refs: Refs) -> tuple[PushOp | None, Due]:
        settings = self.stream.settings
        if link is None:
            if record.deleted or settings.create != "yes" or not self.stream.writes:
                return None, Due()
            made = due_on_create(record, self.stream.due_map, refs)
            where = settings.where
            if where is not None and where.judge(made.fields) is False:
                return None, Due()  # it would take no part there
            return PushOp.CREATE, made
        if link.state is not LinkState.LIVE:
            return None, Due()
        if record.deleted:
            return self._delete_op(), Due()
        found = due(record, link, self.stream.due_map, refs)
        return (PushOp.UPDATE if found.fields else None), found

    def _over(self, record: Record, link: Link | None, refs: Refs) -> list[tuple[int, str | None]]:
        """Refusals that are over, for the copy says what the record says again; its parked fields."""
        if link is None or self.stream.id not in self.world.parked:
            return []
        if not link.refused:
            return [(record.record_id, None)]
        owes = due(record, replace(link, refused={}), self.stream.due_map, refs).fields.keys()
        return [] if owes & link.refused.keys() else [(record.record_id, n) for n in (None, *link.refused)]

    def _delete_op(self) -> PushOp:
        archives = self.world.kind_of(self.stream).policy.value == "archive" and self.stream.can.archives
        return PushOp.ARCHIVE if archives else PushOp.DELETE

    def _wait(self, plan: Plan, record: Record, target: object) -> None:
        kinds = self.world.kind_of(self.stream).refs
        for name, kind in kinds.items():
            if record.fields.get(name) == target and isinstance(target, int):
                for there in self.stream.targets.get(kind, ()):
                    plan.waits.add((target, there.id, record.record_id, self.stream.id))
