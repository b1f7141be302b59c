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
from syncd.core.turn import check_turn

_KEYS = uuid.UUID("6ba8ae8a-6d2e-4f37-9a54-0a8d3f9d7b11")


class SchemaMovedError(Exception):
    """The table is not what the catalog said when it was last read."""


@dataclass(slots=True)
class Group:
    """Pushes that one statement can do: the same thing, to the same fields, of different records."""

    op: PushOp
    names: tuple[str, ...]
    pushes: list[Push] = field(default_factory=list)
    body: str | None = None


@dataclass(slots=True)
class Writer:
    """Writes to one table. `archive` says how a row is archived."""

    session: Session
    shape: Shape
    archive: Archive | None = None

    async def write(self, batch: Sequence[Push]) -> list[PushResult]:
        """One result per push. Raises `SchemaMovedError` before anything is written."""
        refused, groups = self._sorted(batch)
        if not all(map(self._sendable, groups)):
            refused, groups = self._sorted(batch, careful=True)
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
                check_turn(self._what())
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
        grant = f"Run: GRANT SELECT, INSERT, UPDATE, DELETE ON {table} TO the url's role"
        step = next_step(error, self._what(), self.session.where, grant)
        return RetryLater(str(step), uncertain=True) if uncertain else step

    def _what(self) -> str:
        return f"system {self.session.system}: cannot write {self.shape.object}"

    def _sorted(
        self, batch: Sequence[Push], *, careful: bool = False
    ) -> tuple[list[PushResult], list[Group]]:
        """Groups in which each record occurs once; a record's pushes keep their order across groups.

        `careful` looks at every value for what cannot be sent at all.
        """
        refused: list[PushResult] = []
        groups: dict[tuple[int, PushOp, tuple[str, ...]], Group] = {}
        times: dict[str, int] = {}
        judged: dict[tuple[PushOp, tuple[str, ...]], tuple[str, str, str | None] | None] = {}
        for push in batch:
            what = (push.op, self._names(push))
            if what not in judged:
                judged[what] = self._wrong(*what)
            wrong = judged[what]
            result: PushResult | None = None if wrong is None else Rejected(push.push_id, *wrong)
            if result is None and push.op is not PushOp.CREATE:
                result = None if possible_id(self.shape, push.remote_id or "") else Missing(push.push_id)
            if result is None and careful:
                result = refusals.unsendable(push)
            if result is not None:
                refused.append(result)
                continue
            turn = 0
            if push.remote_id is not None:
                turn = times[push.remote_id] = times.get(push.remote_id, -1) + 1
            place = (turn, *what)
            if place not in groups:
                groups[place] = Group(*what)
            groups[place].pushes.append(push)
        return refused, [groups[place] for place in sorted(groups, key=lambda place: place[0])]

    def _wrong(self, op: PushOp, names: Sequence[str]) -> tuple[str, str, str | None] | None:
        """What can be said of pushes without asking the database: code, message, field."""
        if op is PushOp.ARCHIVE and self.archive is None:
            return "no_archive", "this table has no `archive` column configured", None
        columns = self.shape.table.columns
        for name in names:
            if name not in columns:
                return "unknown_field", f"there is no column {name}", name
            if columns[name].info.read_only and name != self.shape.id.name:
                return "read_only", f"column {name} cannot be written", name
        return None

    def _sendable(self, group: Group) -> bool:
        """Write the group's values out, all at once; whether nothing in them fails the whole call."""
        try:
            group.body = self._json(group.names, group.pushes)
        except TypeError:
            return False
        return "\\u0000" not in group.body

    def _names(self, push: Push) -> tuple[str, ...]:
        """The columns that a push writes; our key comes last."""
        if push.op is PushOp.DELETE:
            return ()
        if push.op is PushOp.ARCHIVE:
            return () if self.archive is None else (self.archive.column,)
        key = self._key_of(push)
        return tuple(push.fields) if key is None else (*push.fields, key)

    def _values(self, push: Push) -> Sequence[object]:
        if push.op is PushOp.ARCHIVE:
            return () if self.archive is None else (self.archive.value,)
        return [*push.fields.values(), push.key]  # pairing with the names drops a key that is not written

    def _fields(self, push: Push) -> Fields:
        return dict(zip(self._names(push), self._values(push), strict=False))

    def _key_of(self, push: Push) -> str | None:
        """The column that takes our key, where the push carries one."""
        wanted = push.op is PushOp.CREATE and push.key is not None
        return self.shape.key_field if wanted else None

    def _json(self, names: Sequence[str], pushes: Sequence[Push]) -> str:
        columns = [f"c{i}" for i in range(len(names))]
        listed = []
        for n, push in enumerate(pushes):
            row = dict(zip(columns, self._values(push), strict=False))
            row["n"], row["i"], row["v"] = n, self._id_of(push), push.expected_version
            listed.append(row)
        return orjson.dumps(listed).decode()

    def _body(self, group: Group) -> str:
        return self._json(group.names, group.pushes) if group.body is None else group.body

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
            rows = await conn.fetch(changing.delete(self.shape), self._body(group))
        elif not group.names:
            return [Accepted(p.push_id, p.remote_id or "") for p in group.pushes]
        else:
            sql = changing.update(self.shape, group.names)
            rows = await conn.fetch(sql, self._body(group))
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
        rows = await conn.fetch(changing.insert(self.shape, group.names), self._body(group))
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
        args = [self._json(group.names, [push])] if group.names else []
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
