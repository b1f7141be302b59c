"""One pair, a kind in a system: everything that the remote lists, and everything that we have of it."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Sequence
from typing import Any

from connectors.base import CanScan, Looked
from syncd.core.errors import RetryLater
from syncd.core.nouns import Change, Op, Page
from syncd.engine.byid import ById
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.judge import Judge, Verdict
from syncd.engine.report import Difference, Pair, Reason, What
from syncd.engine.world import Stream, World
from syncd.store.rows import load_records
from syncd.store.store import Conn

_TABLE = """
create temporary table if not exists reconcile_seen (remote_id text primary key);
truncate reconcile_seen"""
_SEE = """
insert into reconcile_seen select unnest($1::text[]) on conflict do nothing returning remote_id"""
_UNSEEN = """
select l.remote_id from links l
where l.stream = $1 and l.state = 'live' and ($2::text is null or l.remote_id > $2)
and not exists (select from reconcile_seen s where s.remote_id = l.remote_id)
order by l.remote_id limit $3"""
_MISSING = """
select r.record_id from records r
where r.kind = $1 and not r.deleted and r.record_id > $2
and not exists (select from links l where l.record_id = r.record_id
  and l.stream = any($3::smallint[]) and l.state <> 'duplicate')
order by r.record_id limit 500"""

CHUNK = 500
GONE = (Op.DELETE, Op.MERGE, Op.CONVERT)
"""What says of a copy that it is there no more."""


class PairCheck:
    """Checks one stream. `keep` is called with each difference.

    Memory is bounded by a page: the ids that were seen are in a temporary table of the store.
    """

    def __init__(
        self, world: World, stream: Stream, keeper: Gatekeeper, keep: Callable[[Difference], None]
    ) -> None:
        self.world, self.stream, self.keeper, self.keep = world, stream, keeper, keep
        self.pair = Pair(stream.kind, stream.system, stream.object)
        self.judge = Judge(world, stream)
        self._by_id = ById(world, stream, keeper)

    async def run(self, progress: Callable[[int], None]) -> Pair:
        """Scan, then look for what the scan did not show. Raises `RetryLater` when the scan ended early."""
        connector = self.stream.connector
        if not isinstance(connector, CanScan):
            self.pair.why_not = "its connector cannot list all records"
            return self.pair
        async with self.world.store.plain() as con:
            await con.execute(_TABLE)
            await self._scan(con, connector.scan(self.stream.object), progress)
            await con.execute("analyze reconcile_seen")
            await self._unseen(con)
            await con.execute("drop table reconcile_seen")
        await self._missing()
        return self.pair

    async def _scan(self, con: Conn, pages: AsyncIterator[Page], progress: Callable[[int], None]) -> None:
        complete, seen = False, 0
        while (
            page := await self.keeper.call(lambda: anext(pages, None), about=self.stream.object)
        ) is not None:
            there = [change for change in page.changes if change.op is Op.UPSERT]
            for start in range(0, len(there), CHUNK):
                part = there[start : start + CHUNK]
                rows = await con.fetch(_SEE, [change.remote_id for change in part])
                new = {row["remote_id"] for row in rows}
                await self._look(list({c.remote_id: c for c in part if c.remote_id in new}.values()))
            seen += len(there)
            complete = complete or page.complete
            progress(seen)
        if not complete:
            raise RetryLater(
                f"the scan of {self.stream.object} in {self.stream.system} ended early, and tells nothing; "
                "run the comparison again"
            )

    async def _look(self, changes: Sequence[Change]) -> None:
        """Judge a page; what differs is read again by id, for it may have been on its way."""
        verdicts = await self.judge.judge(changes)
        doubtful = [change for change in changes if verdicts[change.remote_id].differences]
        if self.stream.fetcher is not None:
            size = self.stream.can.read_batch
            for start in range(0, len(doubtful), size):
                await self._again(doubtful[start : start + size], verdicts)
        for verdict in verdicts.values():
            self._count(verdict)

    async def _again(self, doubtful: Sequence[Change], verdicts: dict[str, Verdict]) -> None:
        """What cannot be read by its id keeps the verdict on what the list showed."""
        changes = (await self._by_id.look_all([change.remote_id for change in doubtful])).changes
        verdicts.update(await self.judge.judge([change for change in changes if change.op is Op.UPSERT]))
        gone = [change.remote_id for change in changes if change.op in GONE]
        verdicts.update(await self.judge.gone(gone))

    async def _unseen(self, con: Conn) -> None:
        """Linked copies that the scan did not show: read by id before they count as gone."""
        above: str | None = None
        while rows := await con.fetch(_UNSEEN, self.stream.id, above, self.stream.can.read_batch):
            ids: list[str] = [row["remote_id"] for row in rows]
            above = ids[-1]
            looked = Looked(()) if self.stream.fetcher is None else await self._by_id.look_all(ids)
            changes = {change.remote_id: change for change in looked.changes}
            there = [change for change in changes.values() if change.op is Op.UPSERT]
            verdicts = await self.judge.judge(there)
            verdicts |= await self.judge.gone([i for i, c in changes.items() if c.op in GONE])
            unsaid = {i: looked.failed.get(i, "") for i in ids if i not in changes}
            verdicts |= await self.judge.silent(unsaid)
            for verdict in verdicts.values():
                self._count(verdict)

    async def _missing(self) -> None:
        """Records that should have a copy here and have none."""
        stream, above = self.stream, 0
        if not stream.writes or stream.settings.create != "yes":
            return
        while rows := await self._without_copy(above):
            above = rows[-1]["record_id"]
            async with self.world.store.read() as con:
                records = await load_records(con, [row["record_id"] for row in rows])
            for found in await self.judge.missing(list(records.values())):
                self._add(found)

    async def _without_copy(self, above: int) -> list[Any]:
        async with self.world.store.plain() as con:
            rows: list[Any] = await con.fetch(_MISSING, self.stream.kind, above, self.stream.peer_ids)
        return rows

    def _count(self, verdict: Verdict) -> None:
        pair = self.pair
        pair.left_out += verdict.left_out
        if verdict.linked:
            pair.compared += 1
            pair.equal += all(d.what is What.DUPLICATE for d in verdict.differences)
            pair.differing += any(d.what in _BOTH_THERE for d in verdict.differences)
        for found in verdict.differences:
            self._add(found)

    def _add(self, found: Difference) -> None:
        pair = self.pair
        pair.missing += found.what is What.MISSING
        pair.unlinked += found.what is What.UNLINKED
        pair.gone += found.what is What.GONE
        pair.duplicates += found.what is What.DUPLICATE
        pair.reasons[Reason(found.reason)] += 1
        self.keep(found)


_BOTH_THERE = (What.FIELD, What.DELETED, What.RESTORED, What.UNREPORTED)
