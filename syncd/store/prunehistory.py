"""Versions and tombstones, pruned on one walk through the history, from the newest record to the oldest.

What is kept of a field are all versions of the time that the history reaches back, and the last one before
it: so the value at every moment of that time is known. A record that is deleted everywhere goes as a whole,
once its copies are gone for longer than anything could come in again that speaks of them.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from datetime import datetime
from typing import Any

from syncd.store.prune import SLICE, say_pruned
from syncd.store.store import Store, Tx

_LOOK = """
select v.record_id, v.version, v.at, v.config, array(select json_object_keys(v.changes)) as fields,
exists (select from conflicts c where c.record_id = v.record_id and c.state = 'open') as contested
from versions v where (v.record_id, v.version) < ($1, $2)
order by v.record_id desc, v.version desc limit $3"""
_DROP = """
delete from versions v using unnest($1::bigint[], $2::bigint[]) as u(record_id, version)
where v.record_id = u.record_id and v.version = u.version"""
_QUEUED = "select distinct record_id from outbox where record_id = any($1::bigint[])"
_DEAD = """
select r.record_id from records r where r.record_id = any($1::bigint[]) and r.deleted
and not exists (select from links l where l.record_id = r.record_id
    and (l.state <> 'gone' or l.evidence >= $2
        or exists (select from inbox i where i.remote_id = l.remote_id and i.stream = l.stream)))
and not exists (select from parked p where p.record_id = r.record_id)
and not exists (select from held h where h.record_id = r.record_id)
and not exists (select from conflicts c where c.record_id = r.record_id and c.state = 'open')"""
_OF_RECORD = ("match_keys", "links", "versions", "conflicts", "records")
LAST = 2**63 - 1


class History:
    """The walk. `history` and `tombstones` are times before which rows may go, None: they stay for ever.

    `gone_by` is the sequence at the time `tombstones`; `forget` is told of each record in the transaction
    that removes it. After the last step `configs` are those that any version names.
    """

    def __init__(
        self,
        store: Store,
        history: datetime | None,
        tombstones: datetime | None,
        gone_by: int,
        forget: Callable[[Tx, Sequence[int]], None],
    ) -> None:
        self.store, self.history, self.tombstones, self.gone_by = store, history, tombstones, gone_by
        self.forget = forget
        self.configs: set[int] = set()
        self._below = (LAST, LAST)
        self._superseded: set[str] = set()

    async def step(self) -> tuple[dict[str, int], bool]:
        async with self.store.read() as con:
            rows = await con.fetch(_LOOK, *self._below, SLICE)
        doomed = [(row["record_id"], row["version"]) for row in self._walk(rows)]
        dead = await self._dead(self._candidates(rows))
        if rows:
            self._below = rows[-1]["record_id"], rows[-1]["version"]
        removed = {}
        if doomed or dead:
            async with self.store.write(numbers=1) as tx:
                removed = await self._drop(tx, doomed, dead)
        return removed, len(rows) == SLICE

    def _walk(self, rows: Sequence[Any]) -> list[Any]:
        """The versions of which each field was superseded before the history begins."""
        found = []
        record = self._below[0]
        for row in rows:
            if row["record_id"] != record:
                record = row["record_id"]
                self._superseded.clear()
            self.configs.add(row["config"])
            if self.history is None or row["contested"] or row["at"] >= self.history:
                continue
            if self._superseded.issuperset(row["fields"]):
                found.append(row)
            self._superseded.update(row["fields"])
        return found

    def _candidates(self, rows: Sequence[Any]) -> list[int]:
        """Records whose newest version is older than the tombstones reach back."""
        before, last, found = self.tombstones, self._below[0], []
        for row in rows if before is not None else ():
            if row["record_id"] != last and row["at"] < before:
                found.append(row["record_id"])
            last = row["record_id"]
        return found

    async def _dead(self, candidates: list[int]) -> list[int]:
        """Those that are deleted everywhere, with nothing left to do about them."""
        if not candidates:
            return []
        async with self.store.read() as con:
            dead = [row["record_id"] for row in await con.fetch(_DEAD, candidates, self.gone_by)]
            queued = {row["record_id"] for row in await con.fetch(_QUEUED, dead)} if dead else set()
        return [record for record in dead if record not in queued]

    async def _drop(self, tx: Tx, doomed: list[tuple[int, int]], dead: list[int]) -> dict[str, int]:
        removed: dict[str, int] = {}
        if doomed:
            records, versions = zip(*doomed, strict=True)
            await tx.execute(_DROP, list(records), list(versions))
            removed["versions"] = len(doomed)
            assert self.history is not None
            await say_pruned(tx, "history", self.history)
        if dead:
            sure = [row["record_id"] for row in await tx.fetch(_DEAD, dead, self.gone_by)]
            for table in _OF_RECORD:
                sql = f"delete from {table} where record_id = any($1::bigint[])"
                status = await tx.execute(sql, sure)
                removed[table] = removed.get(table, 0) + int(status.rsplit(" ", 1)[1])
            self.forget(tx, sure)
            assert self.tombstones is not None
            await say_pruned(tx, "tombstones", self.tombstones)
        return removed
