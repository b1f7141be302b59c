"""Brakes: no more creates or deletes in a window than the owner allows, without a person's word."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime, timedelta
from typing import TYPE_CHECKING

from syncd.config.settings import Brake
from syncd.core.nouns import PushOp
from syncd.engine.world import Stream, World
from syncd.store import queues
from syncd.store.store import Tx

if TYPE_CHECKING:
    from syncd.engine.owed import Todo

_USED = "select coalesce(sum(n), 0) from brake_use where stream = $1 and op = $2 and minute > $3"
_COUNT = """
insert into brake_use (minute, stream, op, n) values (date_trunc('minute', $3::timestamptz), $1, $2, $4)
on conflict (minute, stream, op) do update set n = brake_use.n + excluded.n"""
_OPEN = "select brake from brakes where stream = $1 and op = $2 and ended is null"
_LIVE = "select count(*) from links where stream = $1 and state = 'live'"


class Brakes:
    """The brakes of one stream."""

    def __init__(self, world: World, stream: Stream) -> None:
        self.world, self.stream = world, stream

    async def pass_through(self, todo: list[Todo]) -> list[Todo]:
        """The pushes that may go; the others are held, listed and wait for a person.

        A pulled brake holds everything of its operation. Approved pushes pass, and are not counted; what
        was counted is approved, so that a push that must be tried again, also after a crash, counts once.
        """
        if not todo:
            return todo
        op = "create" if todo[0].op is PushOp.CREATE else "delete"
        brake = self._brake(op)
        if todo[0].op is PushOp.UPDATE or brake is None:
            return todo
        approved = [t for t in todo if t.approved]
        counted = [t for t in todo if not t.approved]
        if not counted:
            return approved
        async with self.world.store.write(numbers=len(counted) + 10) as tx:
            if await self._may(tx, op, brake, len(counted)):
                await tx.execute(_COUNT, self.stream.id, op, self.world.clock.now(), len(counted))
                await queues.approve(tx, [seq for t in counted for seq in t.outbox])
                return todo
            await self._hold(tx, op, brake, counted)
        return approved

    def _brake(self, op: str) -> Brake | None:
        brakes = self.world.kind_of(self.stream).settings.brakes
        return brakes.create if op == "create" else brakes.delete

    async def _may(self, tx: Tx, op: str, brake: Brake, wanted: int) -> bool:
        if await tx.fetchval(_OPEN, self.stream.id, op) is not None:
            return False
        since: datetime = self.world.clock.now() - timedelta(seconds=brake.per)
        used = int(await tx.fetchval(_USED, self.stream.id, op, since))
        limit = brake.count
        if brake.share is not None:
            share = max(1, int(brake.share * await tx.fetchval(_LIVE, self.stream.id)))
            limit = share if limit is None else min(limit, share)
        return limit is None or used + wanted <= limit

    async def _hold(self, tx: Tx, op: str, brake: Brake, todo: Sequence[Todo]) -> None:
        number = await tx.fetchval(_OPEN, self.stream.id, op)
        if number is None:
            number = self.world.store.seq()
            why = f"more than {_said(brake)} {op}s in {brake.per:.0f} s"
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
