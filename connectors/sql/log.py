"""Capture by the log that our triggers write: every change and delete, in the order of transactions.

A number in the log says when a transaction began to write, not when it was over, so only rows of
transactions below `pg_snapshot_xmin` are read: all older ones are over, and nothing can appear behind
the cursor. A transaction that writes for an hour, in any database of that server, holds the feed back for
that hour; the log keeps its rows, none is lost.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Sequence
from typing import Any

import asyncpg

from connectors.sql.reader import Reader, check_age, cursor, state_of
from connectors.sql.statements import SNAPSHOT, from_log
from syncd.core.errors import CursorLost
from syncd.core.nouns import Change, Cursor, Op, Page

State = dict[str, Any]
_TRIGGER = """select oid::bigint from pg_trigger
  where tgrelid = $1::oid and tgname = 'syncd_row' and tgenabled in ('O', 'A')"""


async def read_log(reader: Reader, since: Cursor | None) -> AsyncIterator[Page]:
    """First everything by id, then what was logged since before that."""
    state = state_of(since, "triggers")
    if not state or "id" in state:
        async for page in _first(reader, state):
            yield page
        return
    more = True
    while more:
        got = await reader.rows(
            from_log(reader.shape), reader.shape.table.oid, str(state["x"]), state["s"], reader.page
        )
        head = got[0]
        _check(reader, state, head)
        more = head["n"] == reader.page
        if head["n"]:
            state = state | {"x": int(head["txid"]), "s": head["seq"]}
            yield Page(_changes(reader, got), cursor(state))


async def _first(reader: Reader, state: State) -> AsyncIterator[Page]:
    """Everything that is there; the log's position is taken before the first row is read."""
    oid = reader.shape.table.oid
    if not state:
        head = (await reader.rows(f"with {SNAPSHOT} select lo, ({_TRIGGER}) as by from m", oid))[0]
        state = {"mode": "triggers", "x": head["lo"], "s": 0, "by": head["by"]}
    more = True
    while more:
        walk = await reader.by_id(state.get("id"), None)
        more = walk.more
        state = state | {"id": walk.rows[-1]["id_"] if walk.rows else state.get("id")}
        done = {k: v for k, v in state.items() if k != "id"}
        yield Page(reader.changes(walk.rows), cursor(state if more else done))


def _check(reader: Reader, state: State, head: asyncpg.Record) -> None:
    check_age(state["x"], head["hi"])
    name = reader.shape.object
    if head["installed"] is None or head["installed"] != state["by"]:
        raise CursorLost(
            f"the triggers on {name} were dropped or disabled: what happened since is not logged"
        )
    if head["lost"]:
        raise CursorLost(f"the log of {name} was pruned beyond the cursor")
    if head["emptied"]:
        raise CursorLost(f"{name} was truncated")


def _changes(reader: Reader, rows: Sequence[asyncpg.Record]) -> list[Change]:
    return [c for row in rows if row["logged_"] is not None and (c := _change(reader, row)) is not None]


def _change(reader: Reader, row: asyncpg.Record) -> Change | None:
    """The row as it is now. One that is hidden from us, or whose delete is yet to be read, says nothing."""
    system, object, names = reader.session.system, reader.shape.object, reader.shape.fields
    if row["id_"] is None:
        if row["op_"] != "D":
            return None
        at, actor = row["logged_at_"], row["actor_"]
        return Change(system, object, row["logged_"], Op.DELETE, occurred_at=at, actor=actor)
    return Change(
        system,
        object,
        row["id_"],
        Op.UPSERT,
        dict(zip(names, row, strict=False)),
        remote_version=row["version_"],
        occurred_at=row["at_"] or row["logged_at_"],
        actor=row["actor_"],
    )
