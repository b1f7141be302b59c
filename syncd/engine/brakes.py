"""Brakes: no more creates, updates or deletes in a window than the owner allows, without a person's word."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.config.settings import Brake
from syncd.core.nouns import PushOp
from syncd.engine.cascade import taken_along
from syncd.engine.world import Stream, World
from syncd.store import queues
from syncd.store.store import Tx

if TYPE_CHECKING:
    from syncd.engine.owed import Todo

_USED = """
select coalesce(sum(n), 0) from brake_use
where stream = $1 and op = $2 and minute > $3::timestamptz - interval '1 minute'"""  # begun before
_COUNT = """
insert into brake_use (minute, stream, op, n) values (date_trunc('minute', $3::timestamptz), $1, $2, $4)
on conflict (minute, stream, op) do update set n = brake_use.n + excluded.n"""
_OPEN = "select brake from brakes where stream = $1 and op = $2 and ended is null"
_LIVE = "select count(*) from links where stream = any($1::smallint[]) and state = 'live'"

_OPS = {PushOp.CREATE: "create", PushOp.UPDATE: "update"}


def brake_of(op: PushOp) -> str:
    """What its brake calls an operation."""
    return _OPS.get(op, "delete")


class Brakes:
    """The brakes of one stream."""

    def __init__(self, world: World, stream: Stream) -> None:
        self.world, self.stream = world, stream

    async def pass_through(self, todo: list[Todo]) -> list[Todo]:
        """The pushes that may go; the others are held, listed and wait for a person.

        A pulled brake holds everything of its operation. Approved pushes pass, and are not counted; what
        was counted is approved, so that a push that must be tried again, also after a crash, counts once.
        It is approved for its operation: where the record is deleted before its update is sent, the delete
        counts. What a system deletes along with a record of ours counts as well.
        """
        if not todo:
            return todo
        op = brake_of(todo[0].op)
        brake = self._brake(op)
        if brake is None:
            return todo
        approved = [t for t in todo if t.approved]
        counted = [t for t in todo if not t.approved]
        if not counted:
            return approved
        async with self.world.store.write(numbers=len(counted) + 10) as tx:
            along = await self._along(tx, counted)
            wanted = len(counted) + sum(along.values())
            if await self._may(tx, op, brake, wanted, along.keys()):
                await tx.execute(_COUNT, self.stream.id, op, self.world.clock.now(), wanted)
                await queues.approve(tx, [seq for t in counted for seq in t.outbox], op)
                for stream, number in along.items():
                    self.world.counters[stream].along += number
                return todo
            await self._hold(tx, op, brake, counted, sum(along.values()))
        return approved

    async def _along(self, tx: Tx, todo: Sequence[Todo]) -> dict[int, int]:
        ids = [t.link.remote_id for t in todo if t.op is PushOp.DELETE and t.link is not None]
        return await taken_along(tx, self.world, self.stream, ids)

    def _brake(self, op: str) -> Brake | None:
        brakes = self.world.kind_of(self.stream).settings.brakes
        return {"create": brakes.create, "update": brakes.update}.get(op, brakes.delete)

    async def _may(self, tx: Tx, op: str, brake: Brake, wanted: int, also: Iterable[int]) -> bool:
        """`also` are the streams of what goes along: a share is one of all copies concerned."""
        if await tx.fetchval(_OPEN, self.stream.id, op) is not None:
            return False
        since: datetime = self.world.clock.now() - timedelta(seconds=brake.per)
        used = int(await tx.fetchval(_USED, self.stream.id, op, since))
        limit = brake.count
        if brake.share is not None:
            share = max(1, int(brake.share * await tx.fetchval(_LIVE, [self.stream.id, *also])))
            limit = share if limit is None else min(limit, share)
        return limit is None or used + wanted <= limit

    async def _hold(self, tx: Tx, op: str, brake: Brake, todo: Sequence[Todo], along: int) -> None:
        number = await tx.fetchval(_OPEN, self.stream.id, op)
        if number is None:
            number = self.world.store.seq()
            why = f"more than {_said(brake)} {op}s in {brake.per:.0f} s"
            why += f", for {along} records of other kinds would go along" if along else ""
            sql = "insert into brakes (brake, stream, op, why, at) values ($1, $2, $3, $4, $5)"
            await tx.execute(sql, number, self.stream.id, op, why, self.world.clock.now())
        rows = [(t.record.record_id, number, t.record.version) for t in todo]
        sql = """insert into held (record_id, brake, version)
        select * from unnest($1::bigint[], $2::bigint[], $3::bigint[])
        on conflict (record_id, brake) do update set version = excluded.version"""
        await tx.execute(sql, *[list(column) for column in zip(*rows, strict=True)])
        await queues.drop_outbox(tx, [seq for t in todo for seq in t.outbox])


def _said(brake: Brake) -> str:
    parts = [str(brake.count)] if brake.count is not None else []
    parts += [f"{brake.share:.0%} of all"] if brake.share is not None else []
    return " or ".join(parts)
