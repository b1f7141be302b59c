"""Capture by an updated-at column, exact in spite of ties, late commits and stamps of the future.

`now()` is when a transaction began, so a commit may appear far behind rows that were read before it. The
cursor's stamp `at` therefore never passes `cap`, below which no running transaction can write; what lies
above it is looked through at each poll, and the transaction numbers (see `reader`) drop what was told.
The cap that a poll computes holds for later statements only, so it is used by the next poll: a quiet poll
is one statement and no rows.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime
from typing import Any

from connectors.sql.reader import Reader, Walk, check_age, cursor, recent, state_of, unseen
from connectors.sql.statements import SNAPSHOT, after_stamp, cap
from syncd.core.nouns import Cursor, Page

_MOVE_AFTER = 60.0  # seconds: how far a quiet cursor falls behind before it is worth a page without rows
State = dict[str, Any]


async def read_stamped(reader: Reader, since: Cursor | None) -> AsyncIterator[Page]:
    """First everything by id, then what changed."""
    state = state_of(since, "updated_at")
    if "at" not in state:
        async for page in _first(reader, state):
            yield page
        return
    async for page in _poll(reader, state):
        yield page


async def _first(reader: Reader, state: State) -> AsyncIterator[Page]:
    """Everything that is there; where to go on from is taken before the first row is read."""
    if not state:
        sql = f"with {SNAPSHOT} select {cap(reader.shape, '$1')} as cap, lo from m"
        head = (await reader.rows(sql, reader.session.options.overlap))[0]
        state = {"mode": "updated_at", "cap": head["cap"], "x": head["lo"]}
    more = True
    while more:
        walk = await reader.by_id(state.get("id"), None)
        more = walk.more
        state = state | {"id": walk.rows[-1]["id_"] if walk.rows else state.get("id")}
        done = {"mode": "updated_at", "at": state["cap"], "cap": state["cap"], "x": state["x"]}
        yield Page(reader.changes(walk.rows), cursor(state if more else done))


async def _poll(reader: Reader, state: State) -> AsyncIterator[Page]:
    """What was written since the last poll, in the order of stamps."""
    on, seen, more = state.get("walk"), state.get("seen", {}), True
    while more:
        walk = await _page(reader, state, on)
        check_age(state["x"], walk.high)
        more, single = walk.more, on is None and not walk.more
        on = _step(walk, on)
        now = state | {"walk": on} if more else _done(state, on, recent(walk, on["x"]) if single else {})
        fresh = unseen(walk.rows, seen)
        if fresh or more or not single or (seen and now["x"] != state["x"]) or _moved(state, now):
            yield Page(reader.changes(fresh), cursor(now))


async def _page(reader: Reader, state: State, on: State | None) -> Walk:
    sql, overlap = after_stamp(reader.shape, first=on is None), reader.session.options.overlap
    place = [state["at"]] if on is None else [on["stamp"], on["id"]]
    return await reader.walk(sql, state["x"], overlap, *place)


def _step(walk: Walk, on: State | None) -> State:
    """Where a walk of several pages stands; its cap and number are those of its first page."""
    if on is None:
        on = {"cap": walk.head["cap"], "x": walk.low}
    if not walk.rows:
        return on
    return on | {"stamp": walk.rows[-1]["stamp_"], "id": walk.rows[-1]["id_"]}


def _done(state: State, on: State, seen: dict[str, str]) -> State:
    """All that was written with a stamp below the last poll's cap has been told now."""
    return {"mode": "updated_at", "at": state["cap"], "cap": on["cap"], "x": on["x"], "seen": seen or None}


def _moved(state: State, now: State) -> bool:
    if "cap" not in now or now["cap"] == state["cap"]:
        return False
    gap = datetime.fromisoformat(now["cap"]) - datetime.fromisoformat(state["cap"])
    return abs(gap.total_seconds()) >= _MOVE_AFTER
