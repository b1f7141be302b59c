"""Reading pages by id: scans, the first read of every capture mode, and capture by full read.

A row is new to a reader exactly if the transaction that wrote it was not over when the reader last began.
So a cursor keeps the number below which all transactions were over then (`x`), and the database drops the
rest. Above that number rows may be told twice; `seen` keeps the few that were, as id and version.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

import asyncpg
import orjson

from connectors.sql import rows as _rows
from connectors.sql.errors import COLUMNS_MOVED, guarded, moved
from connectors.sql.session import Session
from connectors.sql.statements import Shape, after_id
from syncd.core.errors import CursorLost
from syncd.core.nouns import Change, Cursor, Page

_SEEN = 500
_LOW = 0xFFFFFFFF
State = Mapping[str, Any]


def cursor(state: State) -> Cursor:
    """A state as a token."""
    return Cursor(orjson.dumps({k: v for k, v in state.items() if v is not None}).decode())


def state_of(since: Cursor | None, capture: str) -> dict[str, Any]:
    """A token as a state; `CursorLost` for one of another capture mode."""
    if since is None:
        return {}
    try:
        state = orjson.loads(since.token)
        if isinstance(state, dict) and state.get("mode") == capture:
            return state
    except orjson.JSONDecodeError:
        pass
    raise CursorLost("the cursor was made by another way of capture")


@dataclass(slots=True)
class Walk:
    """One page and what its statement said about transactions."""

    rows: Sequence[asyncpg.Record]
    low: int
    high: int
    more: bool
    head: asyncpg.Record


@dataclass(slots=True)
class Reader:
    """Reads one object of one system."""

    session: Session
    shape: Shape
    page: int = field(init=False)

    def __post_init__(self) -> None:
        self.page = self.session.options.page

    async def rows(self, sql: str, *args: object) -> list[asyncpg.Record]:
        """One statement on a connection of its own."""
        found = await self._rows(sql, *args)
        if found and found[0].get("form_", self.shape.table.form) != self.shape.table.form:
            raise moved(self.session.system, self.shape.object)
        return found

    async def _rows(self, sql: str, *args: object) -> list[asyncpg.Record]:
        what = f"system {self.session.system}: cannot read {self.shape.object}"
        table = f"{self.shape.table.schema}.{self.shape.table.name}"
        with guarded(what, self.session.where, f"Run: GRANT SELECT ON {table} TO the url's role"):
            async with self.session.connection() as conn:
                try:
                    found: list[asyncpg.Record] = await conn.fetch(sql, *args)
                except asyncpg.PostgresError as error:
                    if error.sqlstate in COLUMNS_MOVED:
                        raise moved(self.session.system, self.shape.object) from None
                    raise
                return found

    async def walk(self, sql: str, *args: object) -> Walk:
        """One page of a statement that also tells `lo` and `hi`."""
        got = await self.rows(sql, self.page, *args)
        found = _rows.found(got)
        return Walk(found, got[0]["lo"], got[0]["hi"], len(found) == self.page, got[0])

    def changes(self, rows: Sequence[asyncpg.Record]) -> list[Change]:
        """Rows as upserts."""
        return _rows.changes(self.session.system, self.shape, rows)

    async def by_id(self, after: str | None, floor: int | None) -> Walk:
        """A page by id after an id, of rows written by transactions from `floor` on."""
        sql = after_id(self.shape, first=after is None, floor=True)
        return await self.walk(sql, floor or 0, *([] if after is None else [after]))


async def scan(reader: Reader) -> AsyncIterator[Page]:
    """Every row once, in the order of ids; the last page is complete."""
    after, more = None, True
    while more:
        walk = await reader.by_id(after, None)
        more = walk.more
        after = walk.rows[-1]["id_"] if walk.rows else after
        yield Page(reader.changes(walk.rows), cursor({"mode": "scan", "id": after}), complete=not more)


async def read_scanning(reader: Reader, since: Cursor | None) -> AsyncIterator[Page]:
    """Capture by full read: the rows written since the cursor, wherever they are."""
    state = state_of(since, "scan")
    floor, after, then = state.get("x", 0), state.get("id"), state.get("then")
    seen, more = state.get("seen", {}), True
    while more:
        walk = await reader.by_id(after, floor)
        check_age(floor, walk.high)
        then, more = walk.low if then is None else then, walk.more
        single = after is None and not more
        after = walk.rows[-1]["id_"] if walk.rows else after
        if more:
            now: State = {"mode": "scan", "x": floor, "id": after, "then": then, "seen": seen}
        else:
            now = {"mode": "scan", "x": then, "seen": recent(walk, then) if single else {}}
        fresh = unseen(walk.rows, seen)
        if fresh or more or not single or since is None or (seen and now != state):
            yield Page(reader.changes(fresh), cursor(now))


def check_age(floor: int, high: int) -> None:
    """Refuse a cursor from the future: the database was put back to an earlier time."""
    if floor > high:
        raise CursorLost("the database is older than the cursor: it was restored from a backup")


def recent(walk: Walk, floor: int) -> dict[str, str]:
    """The rows that the next read will be told again, as id to version; none where they are too many."""
    if walk.low == walk.high or len(walk.rows) > _SEEN:
        return {}
    low, base = walk.high & _LOW, walk.high - (walk.high & _LOW)
    found = {}
    for row in walk.rows:
        xmin = int(row["version_"])
        if base + xmin - (0 if xmin <= low else _LOW + 1) >= floor:
            found[row["id_"]] = row["version_"]
    return found


def unseen(rows: Sequence[asyncpg.Record], seen: Mapping[str, str]) -> Sequence[asyncpg.Record]:
    """The rows but those that a cursor remembers as told."""
    return [r for r in rows if seen.get(r["id_"]) != r["version_"]] if seen else rows
