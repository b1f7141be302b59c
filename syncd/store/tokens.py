"""Rows of log-ins: sealed tokens, who renews them now, and whose data each system holds.

Each call is one statement and its own transaction, beside the engine's: a token that was renewed must be
durable whatever the engine is at. All times are the database's.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime
from typing import Any

from syncd.store.store import Store

_ROWS = """
select system, client, key, body, version, connected, renewed, refused, account
from tokens left join accounts using (system)"""
_PUT = """
insert into tokens (system, client, key, body, version) values ($1, $2, $3, $4, 1)
on conflict (system) do update set client = $2, key = $3, body = $4, version = tokens.version + 1,
  connected = now(), renewed = now(), refused = null, holder = null, held_until = null"""
_PLACE = """
insert into tokens (system, client, version) values ($1, $2, 0) on conflict (system) do nothing"""
_HOLD = """
update tokens set holder = $3, held_until = now() + make_interval(secs => $4)
where system = $1 and version = $2 and (held_until is null or held_until < now()) returning 1"""
_SAVE = """
update tokens set client = $3, key = $4, body = $5, version = version + 1, renewed = now(), refused = null,
  connected = case when client = $3 and body is not null then connected else now() end,
  holder = null, held_until = null
where system = $1 and version = $2 returning 1"""
_LET_GO = """
update tokens set holder = null, held_until = null,
  refused = case when $3 then coalesce(refused, now()) else refused end
where system = $1 and holder = $2"""
_SEAL_ANEW = "update tokens set key = $3, body = $4 where system = $1 and version = $2"
_OWN = """
with moved as (
  insert into meta (key, value)
  select 'moved:' || system, $2 from accounts where system = $1 and account <> $2
  on conflict (key) do update set value = excluded.value)
insert into accounts (system, account, name, person) values ($1, $2, $3, $4)
on conflict (system) do update set account = $2, name = $3, person = $4,
  since = case when accounts.account = $2 then accounts.since else now() end"""


@dataclass(frozen=True, slots=True)
class Sealed:
    """A system's tokens as they are kept; `body` is None while a first answer is waited for.

    `account` is whose data the system holds, as far as it is known.
    """

    system: str
    client: str
    key: str | None
    body: bytes | None = field(repr=False)
    version: int
    connected: datetime
    renewed: datetime
    refused: datetime | None
    account: str | None


@dataclass(frozen=True, slots=True)
class Owner:
    """Whose data a system holds; `person` logged in there. `since` is None until it is stored."""

    system: str
    account: str
    name: str
    person: str
    since: datetime | None = None


async def load(store: Store, system: str) -> Sealed | None:
    """A system's tokens."""
    async with store.plain() as con:
        row = await con.fetchrow(f"{_ROWS} where system = $1", system)
    return None if row is None else Sealed(*row)


async def every(store: Store) -> dict[str, Sealed]:
    """All tokens, by system."""
    async with store.plain() as con:
        rows = await con.fetch(f"{_ROWS} where body is not null order by system")
    return {row["system"]: Sealed(*row) for row in rows}


async def put(store: Store, system: str, client: str, key: str, body: bytes, owner: Owner | None) -> None:
    """A new log-in, in place of any before, and whose data it shows, where that is known: both or none."""
    async with store.write(fenced=False, numbers=0) as tx:
        await tx.execute(_PUT, system, client, key, body)
        if owner is not None:
            await tx.execute(_OWN, *_row(owner))


async def hold(store: Store, system: str, client: str, version: int, holder: str, seconds: float) -> bool:
    """Become the one who renews `version` (0: there was none); False where another does, or did."""
    async with store.plain() as con:
        if version == 0:
            await con.execute(_PLACE, system, client)
        return bool(await con.fetchval(_HOLD, system, version, holder, seconds))


async def save(store: Store, system: str, client: str, version: int, key: str, body: bytes) -> bool:
    """What follows `version`, durable on return; False where that is no longer the newest."""
    async with store.plain() as con:
        return bool(await con.fetchval(_SAVE, system, version, client, key, body))


async def let_go(store: Store, system: str, holder: str, *, refused: bool) -> None:
    """Renewing failed; `refused`: the vendor will not renew these."""
    await _done(store, _LET_GO, system, holder, refused)


async def seal_anew(store: Store, row: Sealed, key: str, body: bytes) -> None:
    """The same tokens under another key, unless newer ones came meanwhile."""
    await _done(store, _SEAL_ANEW, row.system, row.version, key, body)


async def remove(store: Store, system: str) -> None:
    """Forget a system's tokens; whose data it holds stays known."""
    await _done(store, "delete from tokens where system = $1", system)


async def owners(store: Store) -> dict[str, Owner]:
    """Whose data each system holds, as far as it is known."""
    async with store.plain() as con:
        rows = await con.fetch("select system, account, name, person, since from accounts")
    return {row["system"]: Owner(*row) for row in rows}


async def own(store: Store, owner: Owner) -> None:
    """Write down whose data a system holds, in place of what stood there.

    Where that was another account, the next world that is built reads the system from the beginning.
    """
    await _done(store, _OWN, *_row(owner))


def _row(owner: Owner) -> tuple[str, ...]:
    return owner.system, owner.account, owner.name, owner.person


async def _done(store: Store, sql: str, *args: Any) -> None:
    async with store.plain() as con:
        await con.execute(sql, *args)
