"""The door to the database: one writer at a time, fenced; readers beside it; numbers for everything."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager, suppress
from functools import cache
from itertools import chain
from typing import Any, Self

import asyncpg

from syncd.core.clock import Clock
from syncd.core.errors import Fenced, SyncdError
from syncd.store.lease import Lease
from syncd.store.pool import guarded, open_hot, open_plain, place
from syncd.store.sequence import Numbers

AHEAD = 5000
"""Numbers that a transaction may take when it does not say how many it needs."""
FEW = 3
"""Rows up to which an insert is cheaper than COPY."""
TAKEN_OVER = "another daemon took over the store: this one must stop and write nothing"


class Conn:
    """A connection for the length of a block: asyncpg's calls, counted. On hot ones `json` is bytes."""

    __slots__ = ("_con", "_store")

    def __init__(self, con: Any, store: Store) -> None:
        self._con = con
        self._store = store

    # plain functions that hand on asyncpg's coroutine: a wrapping coroutine would cost a frame per statement

    def execute(self, sql: str, *args: Any) -> Any:
        """Awaitable status text, such as `UPDATE 3`."""
        self._store.statements += 1
        return self._con.execute(sql, *args)

    def executemany(self, sql: str, rows: Any) -> Any:
        """Awaitable None; one round trip, one execution per row."""
        self._store.statements += 1
        return self._con.executemany(sql, rows)

    def fetch(self, sql: str, *args: Any) -> Any:
        """Awaitable list of records."""
        self._store.statements += 1
        return self._con.fetch(sql, *args)

    def fetchrow(self, sql: str, *args: Any) -> Any:
        """Awaitable first record, or None."""
        self._store.statements += 1
        return self._con.fetchrow(sql, *args)

    def fetchval(self, sql: str, *args: Any) -> Any:
        """Awaitable first column of the first record, or None."""
        self._store.statements += 1
        return self._con.fetchval(sql, *args)

    def insert(self, table: str, rows: Sequence[tuple[Any, ...]], columns: Sequence[str]) -> Any:
        """Awaitable status. `rows` are tuples in the order of `columns`; there is at least one.

        COPY costs least for each row, but a round trip more than an insert.
        """
        self._store.statements += 1
        if len(rows) <= FEW:
            return self._con.execute(_insert(table, tuple(columns), len(rows)), *chain.from_iterable(rows))
        return self._con.copy_records_to_table(table, records=rows, columns=columns)


@cache
def _insert(table: str, columns: tuple[str, ...], rows: int) -> str:
    width = len(columns)
    values = (
        "(" + ", ".join(f"${row * width + column + 1}" for column in range(width)) + ")"
        for row in range(rows)
    )
    return f"insert into {table} ({', '.join(columns)}) values {', '.join(values)}"


class Tx(Conn):
    """A transaction."""

    __slots__ = ("_hooks",)

    def __init__(self, con: Any, store: Store) -> None:
        super().__init__(con, store)
        self._hooks: list[Callable[[], object]] = []

    def after_commit(self, hook: Callable[[], object]) -> None:
        """Call `hook` once the commit is durable; never after a rollback."""
        self._hooks.append(hook)

    async def begin(self, fence: str | None) -> None:
        """Begin and check the fence in one round trip; raises `Fenced`."""
        status = await self.execute("begin" if fence is None else f"begin; {fence}")
        if fence is not None and status != "SELECT 1":
            raise Fenced(TAKEN_OVER)

    async def commit(self) -> None:
        """Commit, then run the hooks."""
        if await self.execute("commit") != "COMMIT":  # PostgreSQL answers ROLLBACK, and calls it success
            raise SyncdError("a statement failed and its caller went on: nothing was committed")
        for hook in self._hooks:
            hook()

    async def rollback(self) -> None:
        """Undo what is open; a lost connection has undone it already."""
        with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, asyncpg.InternalClientError, OSError):
            if self._con.is_in_transaction():
                await self.execute("rollback")


class Alone(Conn):
    """The writer's turn for one statement that is its own transaction."""

    __slots__ = ("_fence",)

    def __init__(self, con: Any, store: Store, fence: str) -> None:
        super().__init__(con, store)
        self._fence = fence

    async def insert_fenced(self, table: str, row: tuple[Any, ...], columns: Sequence[str]) -> None:
        """One row, durable on return; raises `Fenced`."""
        places = ", ".join(f"${n + 1}" for n in range(len(row)))
        sql = f"insert into {table} ({', '.join(columns)}) select {places} from ({self._fence}) fence"
        if await self.execute(sql, *row) != "INSERT 0 1":
            raise Fenced(TAKEN_OVER)


class Store:
    """An open store. Make one with `Store.open`; it is an async context manager that closes itself."""

    def __init__(self, url: str, hot: Any, plain: Any, lease: Lease) -> None:
        self.url = url
        self.where = place(url)
        self.statements = 0
        self._hot = hot
        self._plain = plain
        self._lease = lease
        self._numbers = Numbers()
        self._writer = asyncio.Lock()

    @classmethod
    async def open(
        cls, url: str, *, holder: str, clock: Clock, lease_seconds: float = 30.0, pool_size: int = 4
    ) -> Self:
        """Connect to `url` (postgresql://…). `holder` names this process to people.

        Raises `StoreUnavailable`. Takes no lease, and does not look at the schema's version.
        """
        where = place(url)
        with guarded(where):
            hot = await open_hot(url, size=pool_size, stall=max(lease_seconds, 1.0))
            plain = await open_plain(url, size=pool_size)
        return cls(url, hot, plain, Lease(url, holder=holder, seconds=lease_seconds, clock=clock))

    async def close(self) -> None:
        """Give back the lease and all connections. Safe to call twice."""
        await self._lease.release()
        for pool in (self._hot, self._plain):
            with suppress(asyncpg.PostgresError, asyncpg.InterfaceError, OSError):
                await pool.close()

    async def __aenter__(self) -> Self:
        return self

    async def __aexit__(self, *_: object) -> None:
        await self.close()

    @asynccontextmanager
    async def write(self, *, fenced: bool = True, numbers: int = AHEAD) -> AsyncIterator[Tx]:
        """The one open transaction of this process; commits at the end of the block, or rolls back.

        `fenced` (the engine) raises `Fenced` unless this process holds the lease; a command that only
        leaves an intent writes unfenced. `numbers` is how many `seq()` the block may take. Raises
        `StoreUnavailable`; other database errors (a unique key, a deadlock) come through as asyncpg's.
        """
        with guarded(self.where):
            async with self._writer, self._hot.acquire() as con:
                tx = Tx(con, self)
                await self._numbers.fill(tx, numbers)
                try:
                    await tx.begin(self._lease.fence() if fenced else None)
                    yield tx
                    await tx.commit()
                except BaseException:
                    await tx.rollback()
                    raise

    @asynccontextmanager
    async def alone(self, *, numbers: int = AHEAD) -> AsyncIterator[Alone]:
        """The writer's turn as in `write`, for a single fenced statement: two round trips less."""
        with guarded(self.where):
            async with self._writer, self._hot.acquire() as con:
                alone = Alone(con, self, self._lease.fence())
                await self._numbers.fill(alone, numbers)
                yield alone

    @asynccontextmanager
    async def read(self) -> AsyncIterator[Conn]:
        """A hot connection without lock or transaction: each statement sees what is committed then."""
        with guarded(self.where):
            async with self._hot.acquire() as con:
                yield Conn(con, self)

    @asynccontextmanager
    async def plain(self) -> AsyncIterator[Conn]:
        """A connection for reports: planner unpinned, `json` decoded."""
        with guarded(self.where):
            async with self._plain.acquire() as con:
                yield Conn(con, self)

    @asynccontextmanager
    async def snapshot(self) -> AsyncIterator[Conn]:
        """The same for a report of many statements: all see one moment of the store."""
        with guarded(self.where):
            async with (
                self._plain.acquire() as con,
                con.transaction(isolation="repeatable_read", readonly=True),
            ):
                yield Conn(con, self)

    def seq(self) -> int:
        """The next number: higher than all that this process, or a holder of the lease before it, took.

        Numbers of a process that writes unfenced are unique, but not in order with the daemon's.
        """
        return self._numbers.take()

    async def acquire_lease(self, *, wait: float = 0.0) -> None:
        """Become the store's daemon; raises `Fenced` when another holds it after `wait` seconds."""
        await self._lease.acquire(wait)
        self._numbers.drop()
        await self._top_up()

    async def renew(self) -> None:
        """Keep the lease, and numbers at hand, until cancelled; raises `Fenced` or `StoreUnavailable`."""
        await self._lease.renew(self._top_up)

    def lease_left(self) -> float:
        """Seconds for which nobody else can hold the store; 0 without a lease."""
        return self._lease.left()

    async def ensure_lease(self, seconds: float) -> None:
        """Let nobody take over for `seconds`, at most the lease's; raises `Fenced` or `StoreUnavailable`."""
        await self._lease.ensure(seconds)

    async def release_lease(self) -> None:
        """Let a successor in at once."""
        await self._lease.release()

    async def _top_up(self) -> None:
        with guarded(self.where):
            await self._numbers.fill(await self._lease.connection(), AHEAD)
