"""Old rows, removed in small steps. A step reads a bounded slice by its key, then deletes in one transaction.

No step finds rows by their age: that would need an index that the hot path pays for. Rows age in the order
of their numbers, and what does not is walked through.
"""

from __future__ import annotations

from collections.abc import Callable, Collection
from dataclasses import dataclass
from datetime import UTC, datetime
from typing import Any, Protocol

from syncd.store.store import Conn, Store, Tx

SLICE = 500
"""Rows per step: some milliseconds for the writer."""

_SAY = """insert into meta (key, value) values ('pruned:' || $1, $2)
on conflict (key) do update set value = greatest(meta.value, excluded.value)"""
_SAID = "select substr(key, 8) as what, value from meta where key like 'pruned:%'"
_BRAKE_USE = """delete from brake_use b using (
    select minute, stream, op from brake_use where minute < $1 order by minute limit $2) o
where b.minute = o.minute and b.stream = o.stream and b.op = o.op"""


class Part(Protocol):
    """One sort of rows to prune."""

    async def step(self) -> tuple[dict[str, int], bool]:
        """Rows removed, by table, and whether there may be more to do. Raises as `Store.write` does."""


@dataclass(frozen=True, slots=True)
class Kept:
    """What the store still tells of the past: before these times rows were pruned; None: never any."""

    journal: datetime | None = None
    history: datetime | None = None
    tombstones: datetime | None = None


async def kept(con: Conn) -> Kept:
    """How far back the store reaches."""
    said = {row["what"]: datetime.fromisoformat(row["value"]) for row in await con.fetch(_SAID)}
    return Kept(said.get("journal"), said.get("history"), said.get("tombstones"))


async def say_pruned(tx: Tx, what: str, before: datetime) -> None:
    """Remember that rows from before a time are gone, so that nobody takes their absence for a fact."""
    await tx.execute(_SAY, what, before.astimezone(UTC).isoformat(timespec="microseconds"))


AGED = {
    # (key, when it began, whether it is over and when)
    "pages": ("seq", "seen_at", "seen_at"),
    "commands": ("command", "at", "done"),
    "conflicts": ("conflict", "opened", "case state when 'open' then null else coalesce(closed, opened) end"),
    "brakes": ("brake", "at", "ended"),
    "looks": ("look", "at", "at"),
}


class Aged:
    """A table whose rows are older the lower their number. What is not over yet stays, however old it is."""

    def __init__(self, store: Store, table: str, before: datetime, what: str | None = None) -> None:
        self.store, self.table, self.before, self.what = store, table, before, what
        self._key, began, over = AGED[table]
        self._look = f"""select {self._key} as n, {began} < $3 as old, coalesce({over} < $3, false) as over
        from {table} where {self._key} > $1 order by {self._key} limit $2"""
        self._above = -1

    async def step(self) -> tuple[dict[str, int], bool]:
        async with self.store.read() as con:
            rows = await con.fetch(self._look, self._above, SLICE, self.before)
        numbers = [row["n"] for row in rows if row["old"] and row["over"]]
        if numbers:
            async with self.store.write(numbers=0) as tx:
                sql = f"delete from {self.table} where {self._key} = any($1::bigint[])"
                await tx.execute(sql, numbers)
                if self.what is not None:
                    await say_pruned(tx, self.what, self.before)
        more = len(rows) == SLICE and rows[-1]["old"]
        if rows:
            self._above = rows[-1]["n"]
        return {self.table: len(numbers)}, more


class BrakeUse:
    """What the brakes counted longer ago than any of them looks back."""

    def __init__(self, store: Store, before: datetime) -> None:
        self.store, self.before = store, before

    async def step(self) -> tuple[dict[str, int], bool]:
        async with self.store.write(numbers=0) as tx:
            status = await tx.execute(_BRAKE_USE, self.before, SLICE)
        removed = int(status.rsplit(" ", 1)[1])
        return {"brake_use": removed}, removed == SLICE


class Configs:
    """Configurations by which nothing that is kept was decided. `used` are those that versions name."""

    def __init__(self, store: Store, before: datetime, used: Callable[[], Collection[int]]) -> None:
        self.store, self.before, self._used = store, before, used

    async def step(self) -> tuple[dict[str, int], bool]:
        sql = """delete from configs where at < $1 and config <> all($2::smallint[])
        and not exists (select from conflicts c where c.config = configs.config)"""
        async with self.store.write(numbers=0) as tx:
            status: Any = await tx.execute(sql, self.before, list(self._used()))
        return {"configs": int(status.rsplit(" ", 1)[1])}, False
