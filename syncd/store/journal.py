"""All that the store keeps of the past, line by line: what came in, versions, decisions with their inputs.

One moment of the store is read, in slices, so that memory does not grow with it. All values of all records
are in here, and nothing of the configuration but the kinds and their rules, as they are written.
"""

from __future__ import annotations

from base64 import b64encode
from collections import Counter
from collections.abc import AsyncIterator, Mapping, Sequence
from itertools import groupby
from typing import Any

from syncd.store.prune import kept
from syncd.store.store import Conn, Store

FORMAT = 1
SLICE = 500
"""Records read at once, with all their versions and decisions."""
PAGES = 50
"""Pages read at once: each may be megabytes."""
OF_KIND = ("fields", "conflicts", "deletes")
"""What a decision may depend on, in a kind of the configuration."""

Line = dict[str, Any]

_CONFIGS = "select config, hash, at, body from configs order by config"
_RECORDS = """select record_id as record, kind, version, deleted, fields from records
where record_id > $1 order by record_id limit $2"""
_VERSIONS = """select version, record_id as record, system, event, config, at, changes from versions
where record_id = any($1::bigint[]) order by record_id, version"""
_DECISIONS = """select conflict as decision, record_id as record, field, state, why, base, candidates,
verdict, config, opened, closed from conflicts
where record_id = any($1::bigint[]) order by record_id, conflict"""
_PAGES = """select p.seq as event, s.system, s.kind, s.object, p.source, p.seen_at, p.evidence, p.body
from pages p join streams s using (stream) where p.seq > $1 order by p.seq limit $2"""


async def journal(store: Store, *, events: bool = True) -> AsyncIterator[Line]:
    """The lines, the first with the format, the last with how many there were of each sort.

    `events`: with what came in. The sort of a line is its first key.
    """
    counts: Counter[str] = Counter()
    async with store.snapshot() as con:
        reach = await kept(con)
        yield {"journal": FORMAT, "journal_from": reach.journal, "history_from": reach.history}
        parts = [_configs(con), _records(con), *([_events(con)] if events else [])]
        for part in parts:
            async for line in part:
                counts[next(iter(line))] += 1
                yield line
    yield {"end": dict(counts)}


async def _configs(con: Conn) -> AsyncIterator[Line]:
    for row in await con.fetch(_CONFIGS):
        kinds = row["body"].get("kinds", {})
        told = {name: {key: kind[key] for key in OF_KIND if key in kind} for name, kind in kinds.items()}
        yield {"config": row["config"], "hash": row["hash"], "at": row["at"], "kinds": told}


async def _records(con: Conn) -> AsyncIterator[Line]:
    """Each record as it is, then its versions, then its decisions."""
    above = -1
    while rows := await con.fetch(_RECORDS, above, SLICE):
        ids = [row["record"] for row in rows]
        versions, decisions = (
            _by_record(await con.fetch(_VERSIONS, ids)),
            _by_record(await con.fetch(_DECISIONS, ids)),
        )
        for row in rows:
            yield dict(row)
            for line in (*versions.get(row["record"], ()), *decisions.get(row["record"], ())):
                yield line
        above = ids[-1]


def _by_record(rows: Sequence[Any]) -> Mapping[int, list[Line]]:
    return {
        record: [dict(row) for row in found] for record, found in groupby(rows, lambda row: row["record"])
    }


async def _events(con: Conn) -> AsyncIterator[Line]:
    above = -1
    while rows := await con.fetch(_PAGES, above, PAGES):
        for row in rows:
            yield {**row, **_body(row["body"])}
        above = rows[-1]["event"]


def _body(raw: bytes) -> Line:
    """What came in as text, or in base64 where it is none."""
    try:
        return {"body": raw.decode()}
    except UnicodeDecodeError:
        return {"body": None, "base64": b64encode(raw).decode()}
