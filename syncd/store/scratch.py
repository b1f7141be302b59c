"""A copy of the store to try things on: a schema of its own in the same database, dropped at the end.

Reading the original is all that is done to it. What a killed process left behind, the next one removes.
"""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any
from urllib.parse import urlencode

import asyncpg

from syncd.core.clock import Clock
from syncd.store.pool import guarded
from syncd.store.store import Store
from syncd.store.tables import RecordRow

PREFIX = "syncd_plan_"
_LOCK_CLASS = 0x73796E64
_EMPTY = {"pages", "versions", "sweep_seen", "commands", "lease", "tokens", "accounts"}
"""Tables that are left empty: nothing is decided by them. Tokens are kept in the original alone."""
_ONLY = {"conflicts": "where state = 'open'"}
_AHEAD = 1_000_000
"""How far the copy's numbers begin above the original's."""


@asynccontextmanager
async def scratch(store: Store, clock: Clock) -> AsyncIterator[Store]:
    """A store with the tables and rows of `store`, open and with its lease.

    Its user must be allowed to make schemas. Raises `StoreUnavailable`.
    """
    async with _copied(store) as name:
        url = f"{store.url}{'&' if '?' in store.url else '?'}{urlencode({'search_path': name})}"
        async with await Store.open(url, holder="a plan", clock=clock) as copy:
            await copy.acquire_lease()
            yield copy


@asynccontextmanager
async def _copied(store: Store) -> AsyncIterator[str]:
    """A schema with a copy of everything, for the length of the block; a lock says that we live."""
    mark = secrets.randbits(31)
    name = f"{PREFIX}{mark:08x}"
    with guarded(store.where):
        con = await asyncpg.connect(store.url, timeout=20, server_settings={"application_name": "syncd plan"})
    try:
        with guarded(store.where):
            await _remove_leftovers(con)
            await con.fetchval("select pg_advisory_lock($1, $2)", _LOCK_CLASS, mark)
        try:
            with guarded(store.where):
                await _copy(con, name)
            yield name
        finally:
            with guarded(store.where):
                await con.execute(f"drop schema if exists {name} cascade")
    finally:
        await con.close()


async def _remove_leftovers(con: Any) -> None:
    """Drop the schemas of plans that ended without a word: nobody holds their lock."""
    sql = "select nspname from pg_namespace where nspname ~ $1"
    for row in await con.fetch(sql, f"^{PREFIX}[0-9a-f]{{8}}$"):
        mark = int(row["nspname"][len(PREFIX) :], 16)
        if await con.fetchval("select pg_try_advisory_lock($1, $2)", _LOCK_CLASS, mark):
            await con.execute(f"drop schema if exists {row['nspname']} cascade")
            await con.execute("select pg_advisory_unlock($1, $2)", _LOCK_CLASS, mark)


async def _copy(con: Any, name: str) -> None:
    """Copy all tables as they are at one moment; unlogged, for they end with the plan."""
    home = await con.fetchval(
        "select relnamespace::regnamespace::text from pg_class where oid = 'records'::regclass"
    )
    async with con.transaction(isolation="repeatable_read"):
        await con.execute(f"create schema {name}")
        for table in RecordRow.metadata.tables:
            await con.execute(f"create unlogged table {name}.{table} (like {home}.{table} including all)")
            if table not in _EMPTY:
                rows = f"select * from {home}.{table} {_ONLY.get(table, '')}"
                await con.execute(f"insert into {name}.{table} {rows}")
        last = await con.fetchval(f"select last_value from {home}.store_seq")
        await con.execute(f"create sequence {name}.store_seq increment 1000 start {last + _AHEAD}")
        token = secrets.randbits(30) + (1 << 30)  # far from the daemon's, whose lock is named after its own
        sql = f"insert into {name}.lease (name, holder, token, expires) values ('engine', '', $1, 'epoch')"
        await con.execute(sql, token)
    for table in ("records", "links", "match_keys"):
        await con.execute(f"analyze {name}.{table}")
