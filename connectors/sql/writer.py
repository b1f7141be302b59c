"""One write call: one transaction, a constant number of statements while all goes well.

When a statement fails, the call is done again with savepoints, halving the batch until the rows that the
database refuses stand alone; the others land. Only a connection lost while COMMIT was under way leaves us
uncertain: before that the server rolls back by itself.
"""

from __future__ import annotations

import uuid
from collections.abc import AsyncIterator, Sequence
from contextlib import asynccontextmanager, suppress
from dataclasses import dataclass, field

import asyncpg
import orjson

from connectors.sql import changing, refusals
from connectors.sql.catalog import Conn
from connectors.sql.errors import LOST, SCHEMA_MOVED, is_lost, next_step
from connectors.sql.options import Archive
from connectors.sql.session import Session, possible_id
from connectors.sql.statements import Shape, by_id, by_key
from syncd.core.errors import RetryLater
from syncd.core.nouns import (
    Accepted,
    Exists,
    Fields,
    Missing,
    Push,
    PushOp,
    PushResult,
    Rejected,
    Stale,
    StoredBy,
)

_KEYS = uuid.UUID("6ba8ae8a-6d2e-4f37-9a54-0a8d3f9d7b11")


class SchemaMovedError(Exception):
    """The table is not what the catalog said when it was last read."""


@dataclass(slots=True)
class Group:
    """Pushes that one statement can do: the same thing, to the same fields, of different records."""

    op: PushOp
    names: tuple[str, ...]
    pushes: list[Push] = field(default_factory=list)


@dataclass(slots=True)
class Writer:
    """Writes to one table. `archive` says how a row is archived."""

    session: Session
    shape: Shape
    archive: Archive | None = None

    async def write(self, batch: Sequence[Push]) -> list[PushResult]:
        """One result per push. Raises `SchemaMovedError` before anything is written."""
        refused, groups = self._sorted(batch)
        if not groups:
            return refused
        try:
            return refused + await self._all(groups)
        except asyncpg.PostgresError as error:
            if is_lost(error):
                raise self._failed(error) from None
            if error.sqlstate in SCHEMA_MOVED:
                raise SchemaMovedError from None
        except LOST as error:
            raise self._failed(error) from None
        try:
            return refused + await self._all(groups, careful=True)
        except (asyncpg.PostgresError, *LOST) as error:
            raise self._failed(error) from None

    async def _all(self, groups: Sequence[Group], *, careful: bool = False) -> list[PushResult]:
        results: list[PushResult] = []
        async with self._transaction() as conn:
            if careful:
                await conn.execute("set constraints all immediate")
            for group in groups:
                results += await (self._halving(conn, group) if careful else self._group(conn, group))
            if self.shape.table.after_triggers:
                results = await self._read_back(conn, results)
        return results

    @asynccontextmanager
    async def _transaction(self) -> AsyncIterator[Conn]:
        async with self.session.connection() as conn:
            transaction = conn.transaction(isolation="read_committed")
            await transaction.start()
            try:
                yield conn
            except BaseException:
                with suppress(asyncpg.PostgresError, *LOST):
                    await transaction.rollback()
                raise
            try:
                await transaction.commit()
            except (asyncpg.PostgresError, *LOST) as error:
                if is_lost(error):
                    raise self._failed(error, uncertain=True) from None
                raise

    def _failed(self, error: BaseException, *, uncertain: bool = False) -> Exception:
        table = f"{self.shape.table.schema}.{self.shape.table.name}"
        todo = f"Run: GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO the url's role"
        step = next_step(error, self._what(), self.session.where, todo)
        return RetryLater(str(step), uncertain=True) if uncertain else step

    def _what(self) -> str:
        return f"system {self.session.system}: cannot write {self.shape.object}"

    def _sorted(self, batch: Sequence[Push]) -> tuple[list[PushResult], list[Group]]:
        """Groups in which each record occurs once; a record's pushes keep their order across groups."""
        refused: list[PushResult] = []
        groups: dict[tuple[object, ...], Group] = {}
        times: dict[str, int] = {}
        for push in batch:
            wrong = self._wrong(push)
            if wrong is not None:
                refused.append(wrong)
                continue
            turn = 0
            if push.remote_id is not None:
                turn = times[push.remote_id] = times.get(push.remote_id, -1) + 1
            names = tuple(self._fields(push))
            groups.setdefault((turn, push.op, names), Group(push.op, names)).pushes.append(push)
        return refused, [groups[k] for k in sorted(groups, key=lambda k: k[0])]  # type: ignore[arg-type,return-value]

    def _wrong(self, push: Push) -> PushResult | None:
        """What can be said without asking the database."""
        if push.op is PushOp.ARCHIVE and self.archive is None:
            return Rejected(push.push_id, "no_archive", "this table has no `archive` column configured")
        columns = self.shape.table.columns
        for name in self._fields(push):
            if name not in columns:
                return Rejected(push.push_id, "unknown_field", f"there is no column {name}", name)
            if columns[name].info.read_only and name != self.shape.id.name:
                return Rejected(push.push_id, "read_only", f"column {name} cannot be written", name)
        if push.op is not PushOp.CREATE and not possible_id(self.shape, push.remote_id or ""):
            return Missing(push.push_id)
        return refusals.unsendable(push)

    def _fields(self, push: Push) -> Fields:
        if push.op is PushOp.DELETE:
            return {}
        if push.op is PushOp.ARCHIVE and self.archive is not None:
            return {self.archive.column: self.archive.value}
        key = self.shape.key_field
        if push.op is PushOp.CREATE and key is not None and push.key is not None:
            return {**push.fields, key: push.key}
        return push.fields

    def _json(self, group: Group, pushes: Sequence[Push]) -> str:
        listed = []
        for n, push in enumerate(pushes):
            fields = self._fields(push)
            row: dict[str, object] = {"n": n, "i": self._id_of(push), "v": push.expected_version}
            row |= {f"c{i}": fields[name] for i, name in enumerate(group.names)}
            listed.append(row)
        return orjson.dumps(listed).decode()

    def _id_of(self, push: Push) -> str | None:
        if push.op is not PushOp.CREATE or not self.shape.chosen:
            return push.remote_id
        return str(uuid.uuid5(_KEYS, push.key or "")) if self.shape.id.base == "uuid" else push.key

    async def _halving(self, conn: Conn, group: Group) -> list[PushResult]:
        """Do a group under a savepoint; where it fails, its halves, down to the row that is to blame."""
        try:
            async with conn.transaction():
                return await self._group(conn, group)
        except asyncpg.PostgresError as error:
            if is_lost(error) or error.sqlstate in SCHEMA_MOVED:
                raise
            if len(group.pushes) == 1:
                return [await refusals.judge(conn, self.shape, group.pushes[0], self._fields, error)]
        middle = len(group.pushes) // 2
        halves = (group.pushes[:middle], group.pushes[middle:])
        return [r for half in halves for r in await self._halving(conn, Group(group.op, group.names, half))]

    async def _group(self, conn: Conn, group: Group) -> list[PushResult]:
        if group.op is PushOp.CREATE:
            return await self._create(conn, group)
        if group.op is PushOp.DELETE:
            rows = await conn.fetch(changing.delete(self.shape), self._json(group, group.pushes))
        elif not group.names:
            return [Accepted(p.push_id, p.remote_id or "") for p in group.pushes]
        else:
            sql = changing.update(self.shape, group.names)
            rows = await conn.fetch(sql, self._json(group, group.pushes))
        done = [self._accepted(group.pushes[row["n"]], row, group.op) for row in rows]
        return done + await self._untouched(conn, group.pushes, {r.push_id for r in done})

    async def _untouched(self, conn: Conn, pushes: Sequence[Push], done: set[int]) -> list[PushResult]:
        """Rows that no statement matched: another version, or not there."""
        left = [p for p in pushes if p.push_id not in done]
        if not left:
            return []
        rows = await conn.fetch(changing.present(self.shape), [p.remote_id for p in left])
        there = {row["id_"] for row in rows}
        return [Stale(p.push_id) if p.remote_id in there else Missing(p.push_id) for p in left]

    async def _create(self, conn: Conn, group: Group) -> list[PushResult]:
        if self.shape.make_id is None and not self.shape.chosen:
            return [r for p in group.pushes for r in await self._create_one(conn, group, p)]
        rows = await conn.fetch(changing.insert(self.shape, group.names), self._json(group, group.pushes))
        if any(row["n"] is None for row in rows):  # a trigger changed the id: which row is whose is unknown
            if len(group.pushes) > 1:
                raise asyncpg.exceptions.TriggeredActionError("a trigger changes ids")
            done = [self._accepted(group.pushes[0], rows[0], group.op)]
        else:
            done = [self._accepted(group.pushes[row["n"]], row, group.op) for row in rows]
        told = {r.push_id for r in done}
        left = [p for p in group.pushes if p.push_id not in told]
        return done + await self._existing(conn, left)

    async def _create_one(self, conn: Conn, group: Group, push: Push) -> list[PushResult]:
        sql = changing.insert_one(self.shape, group.names)
        args = [self._json(group, [push])] if group.names else []
        rows = await conn.fetch(sql, *args)
        return [self._accepted(push, rows[0], group.op)] if rows else await self._existing(conn, [push])

    async def _existing(self, conn: Conn, left: Sequence[Push]) -> list[PushResult]:
        """Creates that made no row: their key has one already, or a trigger dropped them."""
        if not left:
            return []
        key = self.shape.key
        keys = [self._id_of(p) if self.shape.chosen else p.key for p in left]
        rows = (
            []
            if key is None
            else await conn.fetch(by_key(self.shape, key), [k for k in keys if k is not None])
        )
        known = {row["key_"]: row for row in rows}
        return [self._known(p, known.get(k)) for p, k in zip(left, keys, strict=True)]

    def _known(self, push: Push, row: asyncpg.Record | None) -> PushResult:
        """Our own create of before, if it is as we sent it; an edited one must be read, not taken for it."""
        if row is None:
            return Rejected(push.push_id, "suppressed", "a trigger or rule of the table dropped the row")
        stored = dict(zip(self.shape.fields, row, strict=False))
        if all(name not in stored or _same(stored[name], sent) for name, sent in push.fields.items()):
            return Accepted(push.push_id, row["id_"], row["version_"], stored, StoredBy.READ_BACK)
        return Exists(push.push_id, row["id_"])

    def _accepted(self, push: Push, row: asyncpg.Record, op: PushOp) -> Accepted:
        if op is PushOp.DELETE:
            return Accepted(push.push_id, row["id_"])
        stored = dict(zip(self.shape.fields, row, strict=False))
        return Accepted(push.push_id, row["id_"], row["version_"], stored, StoredBy.ANSWER)

    async def _read_back(self, conn: Conn, results: Sequence[PushResult]) -> list[PushResult]:
        """Read rows again whose table has AFTER triggers: those may have changed what RETURNING told."""
        ids = [r.remote_id for r in results if isinstance(r, Accepted) and r.stored]
        found = {row["id_"]: row for row in await conn.fetch(by_id(self.shape), ids)} if ids else {}
        return [self._as_read(r, found) for r in results]

    def _as_read(self, result: PushResult, found: dict[str, asyncpg.Record]) -> PushResult:
        if not isinstance(result, Accepted) or result.remote_id not in found:
            return result
        row = found[result.remote_id]
        stored = dict(zip(self.shape.fields, row, strict=False))
        return Accepted(result.push_id, row["id_"], row["version_"], stored, StoredBy.READ_BACK)


def _same(stored: object, sent: object) -> bool:
    return stored == sent or (stored is not None and sent is not None and str(stored) == str(sent))
