"""What a stream's copies owe: outbox rows turned into the writes that bring them up to date."""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field, replace

from conflict.due import Due, due, due_on_create
from syncd.core.fieldmap import Refs
from syncd.core.nouns import LinkState, Push, PushOp
from syncd.core.state import Link, Record
from syncd.engine.load import load_targets
from syncd.engine.world import Stream, World
from syncd.store import queues
from syncd.store.rows import load_links, load_records
from syncd.store.store import Conn

CLAIM = 500
"""Outbox rows that are planned together."""


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
    over: list[tuple[int, str | None]] = field(default_factory=list)


class Owed:
    """Finds what one stream's copies owe."""

    def __init__(self, world: World, stream: Stream) -> None:
        self.world, self.stream = world, stream
        self._low = 0

    def begin(self) -> None:
        """Look from the first row again, for sequence order is not commit order."""
        self._low = 0

    async def claim(self) -> list[tuple[int, int, bool]]:
        """The next rows: sequence, record id, whether it passed a brake."""
        async with self.world.store.read() as con:
            rows = await queues.claim_outbox(con, self.stream.id, self._low, CLAIM)
        if rows:
            self._low = rows[-1]["seq"]
        return [(row["seq"], row["record_id"], row["approved"]) for row in rows]

    async def plan(self, rows: Sequence[tuple[int, int, bool]]) -> Plan:
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
        creatable = world.creatable(stream.id, seqs.keys() - links.keys())
        for record_id, outbox in seqs.items():
            record, link = records.get(record_id), links.get(record_id)
            if record is None or record_id in unknown:
                plan.done += outbox
            elif link is None and stream.uncreatable and not record.deleted:
                continue  # its row waits until the remote can take new records again
            elif link is None and record_id not in creatable:
                continue  # its row waits until the inbox was worked off, which rings
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
            plan.over += self._over(record, link, refs)
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

    def _over(self, record: Record, link: Link | None, refs: Refs) -> list[tuple[int, str | None]]:
        """Refusals that are over, for the copy says what the record says again; its parked fields."""
        if link is None or not link.refused:
            return []
        owes = due(record, replace(link, refused={}), self.stream.due_map, refs).fields.keys()
        return [] if owes & link.refused.keys() else [(record.record_id, n) for n in (None, *link.refused)]

    def _delete_op(self) -> PushOp:
        archives = self.world.kind_of(self.stream).policy.value == "archive" and self.stream.can.archives
        return PushOp.ARCHIVE if archives else PushOp.DELETE

    def _wait(self, plan: Plan, record: Record, target: object) -> None:
        kinds = self.world.kind_of(self.stream).refs
        for name, kind in kinds.items():
            sibling = self.world.sibling(self.stream, kind)
            if sibling is not None and record.fields.get(name) == target and isinstance(target, int):
                plan.waits.add((target, sibling.id, record.record_id, self.stream.id))
