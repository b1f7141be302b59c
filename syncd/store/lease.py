"""One daemon per store: a lease with a token that only rises, and a lock that dies with its holder.

The token is the fence: every transaction of the engine checks it under a row lock that a takeover must
wait for. The lease's expiry frees the store from a daemon that stalls; the session lock, one per token,
frees it at once from a daemon that died.
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from typing import Any

import asyncpg

from syncd.core.clock import Clock
from syncd.core.errors import Fenced, StoreUnavailable
from syncd.store.pool import guarded, place

_LOCK_CLASS = 0x73796E63
_LOOK = """select holder, token, extract(epoch from expires - now())::float8 as left,
    pg_try_advisory_xact_lock($1, (token & 2147483647)::int) as dead from lease where name = 'engine'"""
_FIRST = """insert into lease (name, holder, token, expires) values ('engine', '', 0, 'epoch')
    on conflict do nothing"""
_TAKE = """update lease set holder = $1, token = token + 1, expires = now() + make_interval(secs => $2)
    where name = 'engine' returning token"""
_RENEW = """update lease set expires = now() + make_interval(secs => $1)
    where name = 'engine' and token = $2 returning 1"""
_LOCK = "select pg_try_advisory_lock($1, ($2::bigint & 2147483647)::int)"

_END = """select pg_terminate_backend(a.pid) from pg_locks l join pg_stat_activity a using (pid)
    where l.relation = 'lease'::regclass and a.datname = current_database() and a.pid <> pg_backend_pid()
    and a.application_name = 'syncd' and a.usename = current_user
    and a.xact_start < clock_timestamp() - make_interval(secs => $1)"""
"""End the transactions that passed the fence and do not end by themselves, once the lease has run out.

The server does it for one that is idle, but not for one whose client stalled in the middle of a statement
(PostgreSQL's extended protocol: parsed, not yet executed). Nothing of it was committed.
"""


class Lease:
    """This process's claim on the store, kept over a connection of its own."""

    def __init__(self, url: str, *, holder: str, seconds: float, clock: Clock) -> None:
        self._url = url
        self._where = place(url)
        self._holder = holder
        self._seconds = seconds
        self._clock = clock
        self._con: Any = None
        self._locked = False
        self._until = 0.0
        self._turn = asyncio.Lock()
        self.token: int | None = None

    def left(self) -> float:
        """Seconds until others may take over, by our own stopwatch, counted from before the renewal left."""
        return max(0.0, self._until - self._clock.monotonic()) if self.token is not None else 0.0

    def fence(self) -> str:
        """SQL that finds one row while the lease is ours, and holds off a takeover until commit.

        KEY SHARE conflicts with the takeover's FOR UPDATE, not with the renewal's plain update.
        """
        if self.token is None:
            raise Fenced(f"this process holds no lease on the store at {self._where}")
        return f"select 1 from lease where name = 'engine' and token = {self.token} for key share"

    async def acquire(self, wait: float) -> None:
        """Take the lease, waiting up to `wait` seconds for a live holder; then raises `Fenced`."""
        end = self._clock.monotonic() + wait
        while (rival := await self._attempt()) is not None:
            if self._clock.monotonic() >= end:
                raise Fenced(
                    f"the store at {self._where} is held by another daemon ({rival[0]}) for another "
                    f"{rival[1]:.0f} s. Stop that one, or give this one a store of its own."
                )
            await self._clock.sleep(min(1.0, max(rival[1], 0.05)))

    async def renew(self, beside: Callable[[], Awaitable[None]]) -> None:
        """Keep the lease for ever, and do `beside` each time.

        Raises `Fenced` when it was taken, `StoreUnavailable` when it ran out with the store away.
        """
        while True:
            await self._clock.sleep(self._seconds / 3)
            try:
                async with self._turn:
                    await self._renew()
                    await beside()
            except StoreUnavailable:
                if self.left() <= 0:
                    raise

    async def renew_once(self) -> None:
        """One renewal; raises `Fenced` or `StoreUnavailable`."""
        async with self._turn:
            await self._renew()

    async def ensure(self, seconds: float) -> None:
        """Renew it where less is left: what is begun now may take so long. Raises as `renew_once`."""
        async with self._turn:
            while self.left() < seconds:  # also after a stall within the renewal itself
                await self._renew()

    async def _renew(self) -> None:
        before = self._clock.monotonic()
        with guarded(self._where):
            con = await self.connection()
            if not await con.fetchval(_RENEW, self._seconds, self.token):
                self.token = None
                raise Fenced(f"another daemon took over the store at {self._where}")
            if not self._locked:
                self._locked = await con.fetchval(_LOCK, _LOCK_CLASS, self.token)
        self._until = before + self._seconds

    async def release(self) -> None:
        """Give the lease back at once, and the connection. Safe to call twice, and with the store away."""
        token, self.token = self.token, None
        con, self._con = self._con, None
        if con is None or con.is_closed():
            return
        try:
            with guarded(self._where):
                await con.execute(
                    "update lease set expires = now() where name = 'engine' and token = $1", token
                )
                await con.close(timeout=5)
        except StoreUnavailable:
            con.terminate()

    async def connection(self) -> Any:
        """The lease's own connection, so that a renewal never queues behind the engine's work."""
        if self._con is None or self._con.is_closed():
            self._con = await asyncpg.connect(
                self._url, timeout=20, command_timeout=self._seconds, server_settings=_settings()
            )
            self._locked = False  # the server may still believe that the lost session lives and holds it
        return self._con

    async def _attempt(self, *, again: bool = True) -> tuple[str, float] | None:
        """None when the lease is ours now, else who holds it and for how many seconds yet."""
        before = self._clock.monotonic()
        with guarded(self._where):
            con = await self.connection()
            rival = await self._look(con, "")  # without a lock, lest waiting disturb the one who works
            if rival is None:
                try:
                    async with con.transaction():
                        await con.execute(f"set local lock_timeout = {int(self._seconds * 1000 / 3)}")
                        rival = await self._look(con, " for update")
                        if rival is None:
                            await self._take(con, before)
                except asyncpg.LockNotAvailableError:
                    await con.execute(_END, self._seconds / 3)
                    rival = await self._attempt(again=False) if again else ("stalled in a transaction", 0)
        return rival

    async def _look(self, con: Any, lock: str) -> tuple[str, float] | None:
        row = await con.fetchrow(_LOOK + lock, _LOCK_CLASS)
        if row is None:
            await con.execute(_FIRST)
            return await self._look(con, lock)
        if row["left"] <= 0 or row["dead"]:
            return None
        return str(row["holder"]), float(row["left"])

    async def _take(self, con: Any, before: float) -> None:
        token = await con.fetchval(_TAKE, self._holder, self._seconds)
        self._locked = await con.fetchval(_LOCK, _LOCK_CLASS, token)
        self.token = token
        self._until = before + self._seconds


def _settings() -> dict[str, str]:
    return {"application_name": "syncd lease", "idle_in_transaction_session_timeout": "10000"}
