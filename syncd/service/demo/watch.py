"""Looks into syncd's store from outside: what is linked, what is behind, what waits for a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd.store import server
from syncd.store.home import find_home
from syncd.store.pool import open_plain

_STATE = """
select (select count(*) from outbox) as behind,
  (select count(*) from inbox) + (select count(*) from sends) as waiting,
  (select count(*) from conflicts where state = 'open') as open,
  (select count(*) from conflicts where state = 'decided') as decided,
  (select count(*) from parked) as parked,
  (select count(*) from streams where cursor is null) as unread"""
_PAIRS = """
select a.remote_id::bigint as crm, b.remote_id::bigint as erp
from links a join streams s on s.stream = a.stream and s.system = 'crm' and s.kind = $1
join links b on b.record_id = a.record_id and b.state = 'live'
join streams t on t.stream = b.stream and t.system = 'erp'
where a.state = 'live' order by 1"""
_BOTH = """
select s.kind, count(*) as both from links a join streams s on s.stream = a.stream and s.system = 'crm'
join links b on b.record_id = a.record_id and b.state = 'live' and b.stream <> a.stream
where a.state = 'live' group by 1"""


@dataclass(frozen=True, slots=True)
class State:
    """Counts: copies that owe a write, changes that wait, conflicts, parked items, streams never read."""

    behind: int
    waiting: int
    open: int
    decided: int
    parked: int
    unread: int

    @property
    def quiet(self) -> bool:
        """Whether nothing is on its way."""
        return not (self.behind or self.waiting or self.unread)


class Watch:
    """A connection to the store of the daemon that keeps its state in `folder`."""

    def __init__(self, folder: Path) -> None:
        self._folder = folder
        self._pool: Any = None

    async def state(self) -> State | None:
        """Null while there is no store to look into."""
        row = await self._ask(lambda pool: pool.fetchrow(_STATE))
        return None if row is None else State(**dict(row))

    async def pairs(self, kind: str) -> list[tuple[int, int]]:
        """Ids in the crm and the erp of records that both have."""
        rows = await self._ask(lambda pool: pool.fetch(_PAIRS, kind)) or ()
        return [(row["crm"], row["erp"]) for row in rows]

    async def both(self) -> dict[str, int]:
        """How many records of each kind both systems have."""
        rows = await self._ask(lambda pool: pool.fetch(_BOTH)) or ()
        return {row["kind"]: row["both"] for row in rows}

    async def conflict(self, kind: str, crm_id: int, field: str) -> dict[str, Any] | None:
        """The newest conflict about one field of a record that the crm has under an id."""
        sql = """select c.conflict, c.state, c.why, c.candidates from conflicts c
        join links l on l.record_id = c.record_id and l.remote_id = $2::text
        join streams s on s.stream = l.stream and s.system = 'crm' and s.kind = $1
        where c.field = $3 order by c.conflict desc limit 1"""
        row = await self._ask(lambda pool: pool.fetchrow(sql, kind, str(crm_id), field))
        return None if row is None else dict(row)

    async def aclose(self) -> None:
        """Hang up; a later question connects anew."""
        pool, self._pool = self._pool, None
        if pool is not None:
            pool.terminate()
            await asyncio.sleep(0)

    async def _ask(self, question: Callable[[Any], Any]) -> Any:
        """The answer; None where the store cannot be asked now, as while it starts."""
        try:
            if self._pool is None:
                home = find_home(self._folder)
                if not server.is_ready(home):
                    return None
                self._pool = await open_plain(server.url_of(home), size=2)
            async with asyncio.timeout(10):
                return await question(self._pool)
        except Exception:  # whatever a store says that starts, stops or has no tables yet
            await self.aclose()
            return None
