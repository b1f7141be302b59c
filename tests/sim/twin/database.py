"""The store of the twin: the real one on a real PostgreSQL, one database for all runs of a worker.

The connections stay open from run to run, and each statement passes two points of the process's life.
"""

from __future__ import annotations

import asyncio
import re
import zlib
from collections.abc import AsyncIterator, Iterator
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from functools import cache
from typing import TYPE_CHECKING, Any, cast

import asyncpg

from syncd.core.clock import Clock
from syncd.store import pool
from syncd.store.lease import Lease
from syncd.store.store import Store
from tests.sim.twin.life import Dead, Life
from tests.sim.twin.loop import TwinLoop
from tests.sim.twin.seats import LEASE_SILENCE, POOL, Line, Seat, in_the_way, wanted

if TYPE_CHECKING:
    from tests.sim.twin.store_troubles import StoreTroubles

KEPT = {"max_cached_statement_lifetime": 0}
"""A prepared statement sets no timer."""
_TAG = "left(md5(gen_random_uuid()::text), 8)"
"""The one value that the store has PostgreSQL draw by lot."""
_LOCK_TIMEOUT = re.compile(r"set local lock_timeout = (\d+)")
CLOSED = "connection is closed"


class Server:
    """The connections of one worker to its database; `order` is who did what with the store, in turn.

    A seat is the connections of one daemon; there is one, and a second where two daemons want one store.
    """

    def __init__(self, url: str) -> None:
        self.url = url
        self.seats: list[Seat] = []
        self.judge: Any = None
        self.tables: list[str] = []
        self.order: list[tuple[str, int]] = []
        self.troubles: StoreTroubles | None = None

    async def open(self, loop: TwinLoop) -> None:
        """Connect; the pools are asyncpg's no more, their settings and codecs are the store's."""
        await loop.alone(self._open())

    async def _open(self) -> None:
        self.seats.append(await self._seat())
        self.judge = await asyncpg.connect(self.url, **KEPT)
        await pool._json_decoded(self.judge)
        sql = "select tablename from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'"
        self.tables = [f'"{row["tablename"]}"' for row in await self.judge.fetch(sql)]

    async def _seat(self) -> Seat:
        hot = {"application_name": "syncd", **pool.PINS}
        seat = Seat(Line(await asyncpg.connect(self.url, **KEPT), LEASE_SILENCE))
        for _ in range(POOL):
            con = await asyncpg.connect(self.url, server_settings=hot, **KEPT)
            await pool._json_as_bytes(con)
            seat.hot.append(Line(con))
            con = await asyncpg.connect(self.url, **KEPT)
            await pool._json_decoded(con)
            seat.plain.append(Line(con))
        return seat

    async def make_room(self, loop: TwinLoop, daemons: int) -> None:
        """A seat for each."""
        while len(self.seats) < daemons:
            self.seats.append(await loop.alone(self._seat()))

    async def empty(self, loop: TwinLoop) -> None:
        """Forget everything but the schema."""
        for number in range(len(self.seats)):
            await loop.alone(self.let_go(number))
        await loop.alone(self.judge.execute(self.emptying))
        self.order, self.troubles = [], None

    @property
    def emptying(self) -> str:
        """SQL that leaves only the schema."""
        return f"truncate {', '.join(self.tables)}; alter sequence store_seq restart"

    @property
    def holder(self) -> int:
        """The number of the life that took the store last, 0 for none."""
        return next((life for what, life in reversed(self.order) if what == "takes"), 0)

    async def let_go(self, seat: int = 0) -> None:
        """What the server does when a process dies: open transactions end, session locks are freed."""
        mine = self.seats[seat]
        for line in mine.lines:
            await line.let_go()
        await mine.lease.con.execute("select pg_advisory_unlock_all()")

    async def lose(self, seat: int | None = None) -> None:
        """All connections of a daemon, or of all daemons, are lost."""
        for each in self.seats if seat is None else [self.seats[seat]]:
            for line in each.lines:
                await line.lose()

    async def close(self, loop: TwinLoop) -> None:
        for con in (*(line.con for seat in self.seats for line in seat.lines), self.judge):
            await loop.alone(con.close())

    async def ask(self, loop: TwinLoop, sql: str, *args: Any) -> list[Any]:
        """What the judge wants to know."""
        return cast(list[Any], await loop.alone(self.judge.fetch(sql, *args)))

    async def tell(self, loop: TwinLoop, sql: str, *args: Any) -> None:
        """What a person's tool writes into the store beside the daemon."""
        await loop.alone(self.judge.execute(sql, *args))


@cache
def _short(sql: str) -> str:
    return re.sub(r"\s+", " ", sql[:60])


def _sorted(args: tuple[Any, ...]) -> list[Any]:
    """What is asked about in any order, such as the ids of a set, is said in one."""
    return [sorted(a) if isinstance(a, list) and all(isinstance(x, str) for x in a) else a for a in args]


def _in_order(rows: list[Any], sql: str) -> list[Any]:
    """Rows whose order nobody asked for come in one: PostgreSQL's own moves with each vacuum."""
    return rows if "order by" in sql.lower() else sorted(rows, key=_key)


def _key(row: Any) -> list[tuple[bool, int, str]]:
    """What tells rows apart, without the server's own times; numbers keep the order of their drawing."""
    values = [value for value in row.values() if not isinstance(value, datetime)]
    return [(True, v, "") if isinstance(v, int) else (False, 0, repr(v)) for v in values]


class Wired:
    """A connection of one life: asyncpg's calls, with a point before and after each."""

    def __init__(self, line: Line, door: Door) -> None:
        self.line, self.door, self._life, self._loop = line, door, door.life, door.loop
        self._session, self._lock_timeout = line.session, 0.0

    async def _do(self, name: str, sql: str, args: tuple[Any, ...], words: dict[str, Any]) -> Any:
        life = self._life
        if _TAG in sql:
            sql = sql.replace(_TAG, f"'{life.number:08x}'")
        what = _short(sql)
        try:
            await life.reach(f"before {what}")
            said = zlib.crc32(repr((_sorted(args) if name == "fetch" else args, words)).encode())
            life.say(f"sql {name} {what} {said:08x}")
            await self._let_through(sql)
            answer = await self._made(name, sql, args, words)
            await life.reach(f"after {what}")
        except Dead:
            raise asyncpg.InterfaceError(CLOSED) from None
        return answer

    async def _made(self, name: str, sql: str, args: tuple[Any, ...], words: dict[str, Any]) -> Any:
        troubles, told = self.door.server.troubles, sql
        sort = f"copy {sql}" if name == "copy_records_to_table" else sql
        if troubles is not None:
            await troubles.before(self, sort)
        if "pg_terminate_backend" in sql:
            return await self._ended(args[0])
        if "now()" in sql and "lease" in sql:  # the lease runs by the virtual time
            told, args = (
                sql.replace("now()", f"${len(args) + 1}::timestamptz"),
                (*args, self.door.clock.now()),
            )
        was_open = self.line.open
        try:
            answer = await self._loop.alone(getattr(self.line.con, name)(told, *args, **words))
        finally:
            self._note(sql, was_open=was_open)
        if not was_open and wanted(sql) == "share" and answer == "INSERT 0 1":
            self.door.server.order.append(("commits", self._life.number))
        if troubles is not None:
            await troubles.after(self, sort)
        return answer

    # -- what a server does that hears of two daemons ---------------------------------------------------

    async def _let_through(self, sql: str) -> None:
        """Wait for the other daemon's locks. Raises what asyncpg raises."""
        line, now = self.line, self._loop.time()
        quiet = line.silence is not None and line.open and now - line.heard > line.silence
        if quiet and len(self.door.server.seats) > 1:
            await self._loop.alone(line.lose())
        if self.is_closed():
            raise asyncpg.InterfaceError(CLOSED)
        want, end = wanted(sql), now + (self._lock_timeout or float("inf"))
        while want and (others := in_the_way(want, self.door.others())):
            now = self._loop.time()
            late = [o for o in others if o.silence is not None and now - o.heard > o.silence]
            for other in late:
                await self._loop.alone(other.lose())
            if not late and now >= end:
                line.heard = now
                await self._loop.alone(line.refuse("55P03", "canceling statement due to lock timeout"))
            await asyncio.sleep(0.05)
            if self._life.dead:
                raise Dead
        if (found := _LOCK_TIMEOUT.match(sql)) is not None:
            self._lock_timeout = int(found[1]) / 1000

    async def _ended(self, seconds: float) -> str:
        """The server ends transactions that hold the fence for so long."""
        now = self._loop.time()
        old = [o for o in self.door.others() if o.lock == "share" and o.open and now - o.began > seconds]
        for line in old:
            await self._loop.alone(line.lose())
        return f"SELECT {len(old)}"

    def _note(self, sql: str, *, was_open: bool) -> None:
        line, want, order = self.line, wanted(sql), self.door.server.order
        line.heard = self._loop.time()
        if not line.open:
            if sql == "commit" and (line.takes or line.lock == "share"):
                order.append(("takes" if line.takes else "commits", self._life.number))
            line.lock, line.takes = "", False
            return
        if not was_open:
            line.began = line.heard
        line.lock = want if want in ("share", "all") else line.lock
        line.takes |= sql.startswith("update lease set holder")

    async def execute(self, sql: str, *args: Any, **_: Any) -> Any:
        return await self._do("execute", sql, args, {})

    async def executemany(self, sql: str, rows: Any) -> Any:
        return await self._do("executemany", sql, (list(rows),), {})

    async def fetch(self, sql: str, *args: Any) -> Any:
        return _in_order(await self._do("fetch", sql, args, {}), sql)

    async def fetchrow(self, sql: str, *args: Any) -> Any:
        return await self._do("fetchrow", sql, args, {})

    async def fetchval(self, sql: str, *args: Any) -> Any:
        return await self._do("fetchval", sql, args, {})

    async def copy_records_to_table(self, table: str, *, records: Any, columns: Any) -> Any:
        return await self._do(
            "copy_records_to_table", table, (), {"records": list(records), "columns": columns}
        )

    @asynccontextmanager
    async def transaction(self) -> AsyncIterator[None]:
        await self.execute("begin")
        try:
            yield
        except BaseException:
            if not self.is_closed():
                await self.execute("rollback")
            raise
        await self.execute("commit")

    def is_in_transaction(self) -> bool:
        return not self.is_closed() and self.line.open

    def is_closed(self) -> bool:
        return self._life.dead or self._session != self.line.session

    def anew(self) -> Wired:
        """This connection, or the one that takes its place when it was lost; raises where there is none."""
        if self._session == self.line.session:
            return self
        if self.door.server.troubles is not None:
            self.door.server.troubles.connect()
        return Wired(self.line, self.door)

    def terminate(self) -> None: ...

    async def close(self, **_: Any) -> None:
        if not self.is_closed():
            await self.fetch("select pg_advisory_unlock_all()")


@dataclass(frozen=True, slots=True)
class Door:
    """By which one life reaches the server."""

    server: Server
    life: Life
    loop: TwinLoop
    clock: Clock

    def others(self) -> Iterator[Line]:
        """The connections of other daemons."""
        for number, seat in enumerate(self.server.seats):
            if number != self.life.seat:
                yield from seat.lines


class _Pool:
    """Connections that were opened before this life."""

    def __init__(self, lines: list[Line], door: Door) -> None:
        self._free = [Wired(line, door) for line in reversed(lines)]
        self._room = asyncio.Semaphore(len(lines))

    @asynccontextmanager
    async def acquire(self) -> AsyncIterator[Wired]:
        async with self._room:
            con = self._free.pop()
            try:
                con = con.anew()
                yield con
            finally:
                self._free.append(con)

    async def close(self) -> None: ...

    def terminate(self) -> None: ...


class _Lease(Lease):
    """A lease on the worker's own connection."""

    wired: Wired

    async def connection(self) -> Any:
        with_us, self.wired = self.wired, self.wired.anew()
        self._locked = self._locked and with_us is self.wired
        self._con = self.wired
        return self.wired


def open_store(server: Server, life: Life, loop: TwinLoop, clock: Clock, seconds: float = 30.0) -> Store:
    """The real store, for one life."""
    door, seat = Door(server, life, loop, clock), server.seats[life.seat]
    lease = _Lease(server.url, holder=f"life {life.number}", seconds=seconds, clock=clock)
    lease.wired = Wired(seat.lease, door)
    for line in seat.hot:
        line.silence = max(seconds, 1.0)
    return Store(server.url, _Pool(seat.hot, door), _Pool(seat.plain, door), lease)
