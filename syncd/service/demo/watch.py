"""Looks into syncd's store from outside: what is linked, what is behind, what waits for a person."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from syncd.service.demo.systems import Copies, Systems
from syncd.store import server
from syncd.store.home import find_home
from syncd.store.pool import open_plain

_STATE = """
select (select count(*) from outbox) as behind,
  (select count(*) from inbox) + (select count(*) from sends) as waiting,
  (select count(*) from conflicts where state = 'open') as open,
  (select count(*) from conflicts where state = 'decided') as decided,
  (select count(*) from parked) as parked,
  (select count(*) from streams where cursor is not null) as read"""
_COPIES = """
select json_object_agg(s.system, l.remote_id) from links l join streams s using (stream)
where l.state = 'live' and s.kind = $1 group by l.record_id
having count(*) = (select count(*) from streams where kind = $1) order by l.record_id"""
_PROGRESS = """
select kind, sum(copies)::int as linked, count(*)::int as records,
  count(*) filter (where copies = (select count(*) from streams t where t.kind = found.kind))::int as whole
from (select s.kind, l.record_id, count(*) as copies from links l join streams s using (stream)
  where l.state = 'live' group by 1, 2) found group by 1"""


@dataclass(frozen=True, slots=True)
class Linked:
    """Of one kind: copies that are linked, records, and those of them that every system has."""

    linked: int = 0
    records: int = 0
    whole: int = 0


@dataclass(frozen=True, slots=True)
class State:
    """Counts: copies that owe a write, changes that wait, conflicts, parked items, streams that were read."""

    behind: int
    waiting: int
    open: int
    decided: int
    parked: int
    read: int

    def quiet(self, streams: int) -> bool:
        """Whether nothing is on its way, and each of so many streams was read."""
        return self.read == streams and not (self.behind or self.waiting)


class Watch:
    """A connection to the store of the daemon that keeps its state in `folder`."""

    def __init__(self, folder: Path, systems: Systems) -> None:
        self._folder, self._systems = folder, systems
        self._pool: Any = None

    async def state(self) -> State | None:
        """Null while there is no store to look into."""
        row = await self._ask(lambda pool: pool.fetchrow(_STATE))
        return None if row is None else State(**dict(row))

    async def copies(self, kind: str) -> list[Copies]:
        """Ids by system of the records that every system of a kind has."""
        rows = await self._ask(lambda pool: pool.fetch(_COPIES, kind)) or ()
        remotes = self._systems.remotes
        return [{system: remotes[system].id(text) for system, text in row[0].items()} for row in rows]

    async def progress(self) -> dict[str, Linked]:
        """How far each kind is."""
        rows = await self._ask(lambda pool: pool.fetch(_PROGRESS)) or ()
        return {row["kind"]: Linked(row["linked"], row["records"], row["whole"]) for row in rows}

    async def conflict(self, kind: str, system: str, id: Any, field: str) -> dict[str, Any] | None:
        """The newest conflict about one field of a record that a system has under an id."""
        sql = """select c.conflict, c.state, c.why, c.candidates from conflicts c
        join links l on l.record_id = c.record_id and l.remote_id = $2::text
        join streams s on s.stream = l.stream and s.system = $4 and s.kind = $1
        where c.field = $3 order by c.conflict desc limit 1"""
        row = await self._ask(lambda pool: pool.fetchrow(sql, kind, str(id), field, system))
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
