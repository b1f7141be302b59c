"""The sweep: a full scan that finds what capture missed, and what is gone without a word."""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence

from connectors.base import CanScan
from syncd.core.errors import RetryLater
from syncd.core.nouns import Change, Page
from syncd.engine.apply import apply, incoming
from syncd.engine.byid import ById
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.retries import send_hidden
from syncd.engine.schemas import take_back
from syncd.engine.world import Stream, World

_SEEN = """
insert into sweep_seen (remote_id, stream) select unnest($1::text[]), $2 on conflict do nothing"""
_MISSING = """
select l.remote_id from links l
where l.stream = $1 and l.state = 'live' and l.evidence < $2 and ($3::text is null or l.remote_id > $3)
and not exists (select from sweep_seen s where s.remote_id = l.remote_id and s.stream = l.stream)
order by l.remote_id limit $4"""
_COUNT = """
select count(*) filter (where s.remote_id is null) as missing, count(*) as live
from links l left join sweep_seen s on s.remote_id = l.remote_id and s.stream = l.stream
where l.stream = $1 and l.state = 'live' and l.evidence < $2"""
_BRAKE = """
select b.ended, b.verdict = 'released' and b.ended > coalesce(s.swept_at, '-infinity') as released
from brakes b join streams s using (stream)
where b.stream = $1 and b.op = 'vanish' order by b.at desc limit 1"""
_BEGIN = """
update streams set swept_at = timestamptz 'epoch' + interval '1 second'
where stream = $1 and swept_at = 'epoch'"""
_END = """
update streams set swept_at = $2 where stream = $1 and swept_at is distinct from timestamptz 'epoch'"""
"""A sweep that is asked for while one is under way is one more: what was scanned may have moved since."""


class Sweeper:
    """Sweeps one stream."""

    def __init__(self, world: World, stream: Stream, keeper: Gatekeeper) -> None:
        self.world, self.stream, self.keeper = world, stream, keeper
        self._by_id = ById(world, stream, keeper, sweep=True)

    async def sweep(self) -> int:
        """Scan everything; returns how many records changed something. Raises rather than end early.

        What a complete scan does not show is read by id before it counts as deleted. Links made or
        written after the scan began are not missing from it.
        """
        connector = self.stream.connector
        if not isinstance(connector, CanScan):
            return await self._send_again()
        began = self.world.store.seq()
        async with self.world.store.write(numbers=10) as tx:
            await tx.execute("delete from sweep_seen where stream = $1", self.stream.id)
            await tx.execute(_BEGIN, self.stream.id)
        did = await self._scan(connector.scan(self.stream.object))
        if self.stream.can.deletes_found_by_scan and self.stream.fetcher is not None:
            did += await self._probe_missing(began)
        did += await self._send_again()
        async with self.world.store.write(numbers=10) as tx:
            await tx.execute("delete from sweep_seen where stream = $1", self.stream.id)
            await tx.execute(_END, self.stream.id, self.world.clock.now())
        return did

    async def _send_again(self) -> int:
        """What waited until its fields are back, or told again."""
        return await take_back(self.world, self.stream) + await send_hidden(self.world, self.stream)

    async def _scan(self, pages: AsyncIterator[Page]) -> int:
        did, complete = 0, False
        while True:
            evidence = self.world.store.seq()
            page = await self.keeper.call(lambda: anext(pages, None), about=self.stream.object, sweep=True)
            if page is None:
                break
            did += await self._take(page.changes, evidence, "scan")
            complete = complete or page.complete
        if not complete:
            raise RetryLater(f"the scan of {self.stream.object} in {self.stream.system} ended early")
        return did

    async def _take(self, changes: Sequence[Change], evidence: int, source: str) -> int:
        did = 0
        for start in range(0, len(changes), 500):
            part = changes[start : start + 500]
            items = incoming(self.stream, part, evidence, fetched=source == "fetch")
            async with self.world.store.write(numbers=6 * len(items) + 100) as tx:
                batch = await apply(tx, self.world, self.stream, items, source=source, evidence=evidence)
                if source == "scan":
                    await tx.execute(_SEEN, [change.remote_id for change in part], self.stream.id)
            did += batch.applied
        return did

    async def _probe_missing(self, began: int) -> int:
        if not await self._may_believe(began):
            return 0
        did = 0
        above: str | None = None
        while True:
            async with self.world.store.plain() as con:
                rows = await con.fetch(_MISSING, self.stream.id, began, above, self.stream.can.read_batch)
            if not rows:
                return did
            ids = [row["remote_id"] for row in rows]
            above = ids[-1]
            evidence = self.world.store.seq()
            looked = await self._by_id.look_all(ids)  # the next sweep asks again for what failed
            did += await self._take(looked.changes, evidence, "fetch")

    async def _may_believe(self, began: int) -> bool:
        """A side that suddenly lists little or nothing pulls a brake of its own: no delete is believed."""
        brake = self.world.kind_of(self.stream).settings.brakes.delete
        async with self.world.store.plain() as con:
            counted = await con.fetchrow(_COUNT, self.stream.id, began)
            last = await con.fetchrow(_BRAKE, self.stream.id)
        missing, live = counted["missing"], counted["live"]
        limits = [brake.count] if brake is not None and brake.count is not None else []
        if brake is not None and brake.share is not None:
            limits.append(max(1, int(brake.share * live)))
        if not missing or not limits or missing <= min(limits):
            return True
        if last is not None and last["ended"] is None:
            return False
        if last is not None and last["released"]:
            return True
        await self._pull(missing, live)
        return False

    async def _pull(self, missing: int, live: int) -> None:
        async with self.world.store.write(numbers=10) as tx:
            why = f"a sweep missed {missing} of {live} linked records"
            sql = "insert into brakes (brake, stream, op, why, at) values ($1, $2, 'vanish', $3, $4)"
            number, now = self.world.store.seq(), self.world.clock.now()
            await tx.execute(sql, number, self.stream.id, why, now)
