"""What people want to know of the store, for commands, metrics and pages. Reads only, on the plain pool.

Every function answers dataclasses or dicts of JSON values and `datetime`s; values of records appear only
where a view says so.
"""

from __future__ import annotations

from collections.abc import Collection, Sequence
from dataclasses import dataclass, field
from datetime import UTC, datetime
from typing import Any

from syncd.store.store import Conn, Store

ASKED = datetime(1970, 1, 1, 0, 0, 1, tzinfo=UTC)
"""Until this date: a sweep that is asked for, or was and has not come to its end."""


@dataclass(slots=True)
class StreamView:
    """How one kind fares in one system. `links` counts by state; `read_at` is when news last came in.

    `behind` are copies that owe a write, `inbox` changes that wait, `held` writes that a brake holds.
    """

    stream: int
    system: str
    kind: str
    object: str
    read_at: datetime | None
    swept_at: datetime | None
    sweep_asked: bool
    links: dict[str, int] = field(default_factory=dict)
    behind: int = 0
    inbox: int = 0
    waiting: int = 0
    parked: int = 0
    held: int = 0
    brakes: list[str] = field(default_factory=list)


@dataclass(frozen=True, slots=True)
class KindView:
    """A kind's records, those that are deleted, and its open conflicts."""

    kind: str
    records: int
    deleted: int
    conflicts: int


@dataclass(frozen=True, slots=True)
class Holder:
    """Who holds the store's lease, and for how many seconds yet; 0 means that no daemon runs."""

    holder: str
    left: float

    @property
    def runs(self) -> bool:
        return self.left > 0


async def streams(store: Store, *, count_links: bool = True) -> list[StreamView]:
    """All streams that the store knows. Counting links reads them all: leave it out where speed matters."""
    async with store.plain() as con:
        rows = await con.fetch(_STREAMS)
        found = {row["stream"]: _stream(row) for row in rows}
        for name, sql in _COUNTS.items():
            for row in await con.fetch(sql):
                if row["stream"] in found:
                    setattr(found[row["stream"]], name, row["n"])
        for row in await con.fetch(_PULLED):
            if row["stream"] in found:
                found[row["stream"]].brakes.append(row["op"])
        if count_links:
            for row in await con.fetch(_LINKS):
                if row["stream"] in found:
                    found[row["stream"]].links[row["state"]] = row["n"]
    return list(found.values())


_STREAMS = """
select stream, system, kind, object, read_at, swept_at from streams order by kind, system, object"""
_PULLED = "select stream, op from brakes where ended is null order by op"
_LINKS = "select stream, state, count(*) as n from links group by 1, 2 order by 2"
_COUNTS = {
    "behind": "select stream, count(distinct record_id) as n from outbox group by 1",
    "inbox": "select stream, count(*) as n from inbox group by 1",
    "waiting": """select stream, count(*) as n from (
        select stream, remote_id as id from waits_in union select stream, record_id::text from waits_out
        ) w group by 1""",
    "parked": "select stream, count(*) as n from parked group by 1",
    "held": "select b.stream, count(*) as n from held h join brakes b using (brake) group by 1",
}


def _stream(row: Any) -> StreamView:
    swept = row["swept_at"]
    asked = swept is not None and swept <= ASKED
    return StreamView(
        row["stream"],
        row["system"],
        row["kind"],
        row["object"],
        row["read_at"],
        None if asked else swept,
        asked,
    )


async def kinds(store: Store) -> list[KindView]:
    """Every kind of which there are records."""
    sql = """select r.kind, count(*) filter (where not r.deleted) as records,
    count(*) filter (where r.deleted) as deleted, coalesce(max(c.n), 0) as conflicts
    from records r left join (
        select r.kind, count(*) as n from conflicts c join records r using (record_id)
        where c.state = 'open' group by 1) c on c.kind = r.kind
    group by 1 order by 1"""
    async with store.plain() as con:
        return [KindView(**dict(row)) for row in await con.fetch(sql)]


async def open_conflicts(store: Store) -> dict[str, int]:
    """How many conflicts wait for a person, by kind."""
    sql = """select r.kind, count(*) as n from conflicts c join records r using (record_id)
    where c.state = 'open' group by 1"""
    async with store.plain() as con:
        return {row["kind"]: row["n"] for row in await con.fetch(sql)}


async def holder(store: Store) -> Holder:
    """Who runs the store's daemon."""
    sql = """select holder, extract(epoch from expires - now())::float8 as left
    from lease where name = 'engine'"""
    async with store.plain() as con:
        row = await con.fetchrow(sql)
    return Holder("", 0.0) if row is None else Holder(row["holder"], max(0.0, row["left"]))


async def size(store: Store) -> int:
    """The bytes that the store's database takes on its disk."""
    async with store.plain() as con:
        return int(await con.fetchval("select pg_database_size(current_database())"))


async def conflicts(
    store: Store, *, state: str | None = "open", kind: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """Conflicts, newest first, with all their values and the record's ids in each system."""
    sql = f"""{_CONFLICT} where ($1::text is null or c.state = $1) and ($2::text is null or r.kind = $2)
    order by c.conflict desc limit $3"""
    async with store.plain() as con:
        found = [dict(row) for row in await con.fetch(sql, state, kind, limit)]
        await _add_ids(con, found)
    return found


async def conflict(store: Store, number: int) -> dict[str, Any] | None:
    """One conflict."""
    async with store.plain() as con:
        found = [dict(row) for row in await con.fetch(f"{_CONFLICT} where c.conflict = $1", number)]
        await _add_ids(con, found)
    return found[0] if found else None


_CONFLICT = """
select c.conflict, c.record_id, r.kind, c.field, c.state, c.why, c.base, c.candidates, c.verdict, c.config,
c.opened, c.closed from conflicts c left join records r using (record_id)"""


async def targets(store: Store, records: Collection[int], names: Sequence[str]) -> dict[str, dict[str, Any]]:
    """What references point at, by record id as text: `kind`, `name` and `ids`; {system: remote ids}.

    The name is the first of the fields `names` that has a text (a person's value: show it to its owner).
    """
    sql = "select record_id, kind, deleted, fields from records where record_id = any($1::bigint[])"
    async with store.plain() as con:
        rows = [dict(row) for row in await con.fetch(sql, list(records))]
        await _add_ids(con, rows)
    for row in rows:
        fields = row.pop("fields")
        row["name"] = next((fields[n] for n in names if isinstance(fields.get(n), str)), None)
    return {str(row["record_id"]): row for row in rows}


async def parked(
    store: Store, *, system: str | None = None, kind: str | None = None, limit: int = 100
) -> list[dict[str, Any]]:
    """What was set aside, newest first. Holds reasons and ids, no values."""
    sql = f"""{_PARKED} where ($1::text is null or s.system = $1) and ($2::text is null or s.kind = $2)
    order by p.parked desc limit $3"""
    async with store.plain() as con:
        return [dict(row) for row in await con.fetch(sql, system, kind, limit)]


async def parked_item(store: Store, number: int) -> dict[str, Any] | None:
    """One item, with the `body` that was kept of it (values) and its record's ids in each system."""
    async with store.plain() as con:
        sql = f"{_PARKED} where p.parked = $1"
        found = [dict(row) for row in await con.fetch(sql, number)]
        for row in found:
            row["body"] = await con.fetchval("select body from parked where parked = $1", number)
        await _add_ids(con, found)
    return found[0] if found else None


_PARKED = """
select p.parked, s.system, s.kind, s.object, p.direction, p.remote_id, p.record_id, p.field, p.code,
p.message, p.at from parked p join streams s using (stream)"""


async def brakes(store: Store, *, ended: bool = False, limit: int = 100) -> list[dict[str, Any]]:
    """Pulled brakes, newest first, with how many writes each holds; with `ended` also those of the past."""
    sql = f"{_BRAKE} where $1 or b.ended is null order by b.brake desc limit $2"
    async with store.plain() as con:
        return [dict(row) for row in await con.fetch(sql, ended, limit)]


async def brake(store: Store, number: int, *, limit: int = 1000) -> dict[str, Any] | None:
    """One brake, and under `writes` what it holds: record, versions then and now, ids, match keys."""
    async with store.plain() as con:
        row = await con.fetchrow(f"{_BRAKE} where b.brake = $1", number)
        if row is None:
            return None
        writes = [dict(held) for held in await con.fetch(_HELD, number, limit)]
        await _add_ids(con, writes)
    return {**dict(row), "writes": writes}


_BRAKE = """
select b.brake, s.system, s.kind, s.object, b.op, b.why, b.at, b.ended, b.verdict,
(select count(*) from held h where h.brake = b.brake) as held from brakes b join streams s using (stream)"""
_HELD = """
select h.record_id, h.version, r.version as version_now,
array(select k.key from match_keys k where k.record_id = h.record_id order by k.key) as keys
from held h left join records r using (record_id) where h.brake = $1 order by h.record_id limit $2"""


async def _add_ids(con: Conn, rows: Sequence[dict[str, Any]]) -> None:
    """Put `ids`, {system: remote id or a list of them}, into rows with a `record_id`."""
    wanted = [row["record_id"] for row in rows if row["record_id"] is not None]
    sql = """select l.record_id, s.system, l.remote_id from links l join streams s using (stream)
    where l.record_id = any($1::bigint[]) and l.remote_id not like 'detached:%' order by 1, 2, 3"""
    ids: dict[int, dict[str, list[str]]] = {}
    for link in await con.fetch(sql, wanted) if wanted else ():
        ids.setdefault(link["record_id"], {}).setdefault(link["system"], []).append(link["remote_id"])
    for row in rows:
        row["ids"] = ids.get(row["record_id"], {})
