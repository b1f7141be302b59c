"""Reading changes: the list first, then search by the modified property, whose hits are read by id.

The index of search lags behind, so a hit only says which record to look at; and a change may show up late,
so each poll goes back by `overlap` and drops what it told. Search gives no more than 10,000 results, and
takes one sort only: so no offset is ever used. Each page is a query of its own from the last stamp on, and
where one stamp fills a page, the records of that stamp are walked by their ids.

A quiet cursor moves on by how far both HubSpot's clock (the `Date` header) and ours went since: one that is
ahead, for once or for good, hides nothing.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import AsyncIterator, Mapping
from dataclasses import replace
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson

from connectors.hubspot.client import HubSpotClient, after
from connectors.hubspot.lookup import Lookup
from connectors.hubspot.memory import Memory
from connectors.hubspot.record import HubRecord
from connectors.hubspot.values import EPOCH
from connectors.hubspot.whole import Rows, Whole
from syncd.core.errors import CursorLost
from syncd.core.nouns import Change, Cursor, Op, Page

State = dict[str, Any]
KEPT = 5000
"""Records that are remembered as told, at most."""
WHOLE = 1000
"""Milliseconds by which two `Date` headers, of whole seconds, may say too much."""
AHEAD = 5000
"""Milliseconds by which HubSpot's clock is believed to have gone further than twice what ours did."""
MOVE_AFTER = 30_000
"""Milliseconds by which a quiet cursor falls behind before it is worth a page without changes."""
SETTLED = 3000
"""Milliseconds after a stamp from which on a read shows all that happened under it."""
Hits = list[tuple[str, int]]
"""Ids with stamps (ms), as the index has them."""
LONGEST = 2900
"""Characters of a search that asks for values: HubSpot takes 3,000."""


class Feed:
    """Reads one object's changes. `overlap` in seconds.

    `memory` outlives this: what polls go back over need not be read, or even asked for, again each time.
    """

    def __init__(
        self,
        client: HubSpotClient,
        record: HubRecord,
        lookup: Lookup,
        whole: Whole,
        overlap: float,
        page: int,
        memory: Memory,
    ) -> None:
        self.client, self.record, self.lookup, self.whole = client, record, lookup, whole
        self.memory, self.settled = memory, memory.settled
        self.values: dict[str, Mapping[str, Any]] = {}
        self.overlap, self.page = int(overlap * 1000), page
        self.what = f"changes of {record.name}"
        self.date: int | None = None
        self.own = 0
        self.last: tuple[int | None, int | None] = None, None
        """The two clocks of the cursor: HubSpot's and ours, in ms."""

    async def pages(self, since: Cursor | None) -> AsyncIterator[Page]:
        """The pages after a cursor, to the end of what there is."""
        state = _state_of(since)
        if state["mode"] == "list":
            async for page, after_ in self._listed(state):
                state = after_
                yield page
        async for page in self._polled(state):
            yield page

    # -- the first read --------------------------------------------------------------------------------

    async def _listed(self, state: State) -> AsyncIterator[tuple[Page, State]]:
        """Everything; what changed since it began is left to the poll that follows."""
        async for rows, place, date in self.whole.walk(state.get("after")):
            own = state.get("own") or self._now()
            began = state.get("began") or self._believed(date, own)
            floor = (began or 0) - self.overlap
            marks = {**state.get("seen", {}), **self._marks(rows, floor)}
            on = {"mode": "poll", "high": began, "date": began} if place is None else {"mode": "list"}
            more = {"after": place, "began": began} if place is not None else {}
            state = {**on, "own": own, "seen": marks, **more}
            yield Page([self.record.change(row) for row in rows], _cursor(state)), state

    def _marks(self, rows: Rows, floor: int) -> dict[str, list[Any]]:
        """What the poll need not tell again."""
        stamps = {str(row["id"]): (self.record.stamp(row), row) for row in rows}
        return {id: [at, self._digest(row)] for id, (at, row) in stamps.items() if at >= floor}

    def _digest(self, row: Mapping[str, Any]) -> str:
        """A hash of what the mapping wants of a record: a stamp that moved alone is no news."""
        values = row.get("properties") or {}
        told = {name: values.get(name) for name in self.record.shown if name != self.record.modified}
        raw = orjson.dumps([told, bool(row.get("archived"))], option=orjson.OPT_SORT_KEYS)
        return b64encode(blake2b(raw, digest_size=6).digest()).decode()

    # -- polls -----------------------------------------------------------------------------------------

    async def _polled(self, state: State) -> AsyncIterator[Page]:
        high, date, own, marks = _read(state)
        self.last = date, own
        low = None if high is None else self.memory.reach(high, self.overlap)
        was, told, met = high, False, 0
        async for hits in self._met(low, date):
            met += len(hits)
            changes = await self._news(hits, marks)
            self.memory.frontier = max([self.memory.frontier, *(stamp for _, stamp in hits)])
            high = max([high or 0, *(stamp for _, stamp in hits)])
            if changes:
                told = True
                yield Page(changes, _cursor(self._state(high, self.date or date, marks)))
        self.memory.went(low, was, self.overlap, met)
        if high is not None and was is not None and date is not None and self.date is not None:
            # not on from what is met now, which is new; nor beyond now, for a walk may have met what is newer
            # than its own beginning
            gone = min(self.date - date, self.own - own if own is not None else 0)
            high = max(high, min(was + gone - WHOLE, self.date))
        if high is None:
            high = self.date
        state = self._state(high, self.date or date, marks)
        floor = (high or 0) - self.overlap
        for id in [id for id, (stamp, _) in self.settled.items() if stamp < floor]:
            del self.settled[id]
        if told or was is None or (high is not None and high - was >= MOVE_AFTER):
            yield Page([], _cursor(state))

    def _state(self, high: int | None, date: int | None, marks: Mapping[str, list[Any]]) -> State:
        floor = (high or 0) - self.overlap
        kept = {id: mark for id, mark in marks.items() if mark[0] >= floor}
        if len(kept) > KEPT:
            kept = dict(sorted(kept.items(), key=lambda item: int(item[1][0]))[-KEPT:])
        own = self.own or self.last[1]
        return {"mode": "poll", "high": high, "date": date, "own": own, "seen": kept}

    def _now(self) -> int:
        return _millis(self.client.now()) or 0

    def _believed(self, date: datetime | None, now: int) -> int | None:
        """HubSpot's clock as far as ours bears it out: a first answer by the clock that is behind."""
        told, (was, own) = _millis(date), self.last
        if told is None:
            return None
        if was is None:
            return min(told, now)
        return max(was, min(told, was + 2 * max(now - (own or now), 0) + AHEAD))

    async def _news(self, hits: Hits, marks: dict[str, list[Any]]) -> list[Change]:
        """What the hits are now, without what was told as it is. Those that are gone are looked at by id."""
        hits = [hit for hit in hits if not self._as_told(hit, marks) and not self._as_left(hit)]
        ours = {id: self.values[id] for id, stamp in hits if self._ours(id, stamp)}
        if self.record.words is not None:
            await self.record.words.fill(list(ours.values()))
        rows = {**ours, **await self.lookup.rows([id for id, _ in hits if id not in ours])}
        changes: list[Change] = []
        for id, stamp in hits:
            row = rows.get(id)
            if row is None:
                continue
            mark = self._digest(row)
            if marks.get(id, [0, ""])[1] != mark:
                changes += [*self.record.merges(row), replace(self.record.change(row), partial=id in ours)]
            marks[id] = [max(stamp, self.record.stamp(row)), mark]
            if self.date is not None and self.date - marks[id][0] >= SETTLED:
                self.settled[id] = (marks[id][0], mark)
        lost = [id for id, _ in hits if id not in rows]
        gone = await self.lookup.fetch(lost) if lost else []
        return changes + [change for change in gone if change.op is not Op.UPSERT]

    def _as_told(self, hit: tuple[str, int], marks: Mapping[str, list[Any]]) -> bool:
        """Whether a hit was read when nothing more could happen under its stamp, and told as it was."""
        stamp, mark = self.settled.get(hit[0], (-1, ""))
        return stamp >= hit[1] and marks.get(hit[0], [0, None])[1] == mark

    def _as_left(self, hit: tuple[str, int]) -> bool:
        """Whether a hit shows what our own write left, whose answer told of all that is asked for."""
        return self._ours(*hit) and self.memory.own.whole(hit[0], self.record)

    def _ours(self, id: str, stamp: int) -> bool:
        """The same, but the answer may have left out what is empty: then the hit tells of it, once."""
        return self.memory.own.shows(id, stamp, self.values.get(id, {}).get("properties") or {})

    # -- search ----------------------------------------------------------------------------------------

    async def _met(self, low: int | None, date: int | None) -> AsyncIterator[Hits]:
        """The hits; an empty answer after a long while is asked for twice, before it moves the cursor on."""
        met = False
        async for hits in self._walk(low):
            met = met or bool(hits)
            yield hits
        if not met and date is not None and self.date is not None and self.date - date > self.overlap:
            async for hits in self._walk(low):
                yield hits

    async def _walk(self, low: int | None) -> AsyncIterator[Hits]:
        """All that the index has from a stamp on, in its order, each record once under one stamp."""
        seen: set[tuple[str, int]] = set()
        low = low if low is not None else 0
        while True:
            hits, more = await self._search([_filter(self.record.modified, "GTE", low)], self.record.modified)
            if more and hits[0][1] == hits[-1][1]:
                async for some in self._tied(hits[0][1]):
                    yield [hit for hit in some if hit not in seen]
                low = hits[0][1] + 1
                continue
            yield [hit for hit in hits if hit not in seen]
            if not more:
                return
            seen = set(hits)
            low = hits[-1][1]

    async def _tied(self, stamp: int) -> AsyncIterator[Hits]:
        last = 0
        while True:
            at = _filter(self.record.modified, "EQ", stamp)
            hits, more = await self._search([at, _filter("hs_object_id", "GT", last)], "hs_object_id")
            yield hits
            if not more:
                return
            last = int(hits[-1][0])

    async def _search(self, filters: list[dict[str, str]], sort: str) -> tuple[Hits, bool]:
        """One page, and whether there is more."""
        body = {
            "filterGroups": [{"filters": filters}],
            "sorts": [{"propertyName": sort, "direction": "ASCENDING"}],
            "properties": self.record.asked,
            "limit": self.page,
        }
        if len(orjson.dumps(body)) > LONGEST:
            body["properties"] = [self.record.modified]
        path = self.client.path("objects", self.record.name, "search")
        answer, told = await self.client.search(path, self.what, body)
        rows = self.client.results(told, self.what)
        if self.date is None:
            self.own = self._now()
            self.date = self._believed(answer.date(), self.own)
        hits = [(str(row["id"]), self.record.stamp(row)) for row in rows]
        self.values = {str(row["id"]): row for row in rows}
        more = after(told) is not None or _total(told) > len(hits)
        return hits, bool(hits) and more


def _filter(name: str, operator: str, value: int) -> dict[str, str]:
    return {"propertyName": name, "operator": operator, "value": str(value)}


def _total(told: Mapping[str, Any]) -> int:
    """How many hits there are: a page that forgets to name the next one is not the last."""
    total = told.get("total")
    return total if isinstance(total, int) else 0


def _millis(at: datetime | None) -> int | None:
    return None if at is None else (at - EPOCH) // timedelta(milliseconds=1)


def _cursor(state: State) -> Cursor:
    return Cursor(orjson.dumps(state).decode())


def _state_of(since: Cursor | None) -> State:
    if since is None:
        return {"mode": "list"}
    try:
        state = orjson.loads(since.token)
    except orjson.JSONDecodeError:
        state = None
    if not isinstance(state, dict) or state.get("mode") not in ("list", "poll"):
        raise CursorLost("the cursor was made by another way of reading")
    return state


def _read(state: State) -> tuple[int | None, int | None, int | None, dict[str, list[Any]]]:
    try:
        high, date, own = (_number(state.get(name)) for name in ("high", "date", "own"))
        marks = {str(id): [int(mark[0]), str(mark[1])] for id, mark in dict(state.get("seen") or {}).items()}
        return high, date, own, marks
    except (TypeError, ValueError, IndexError, KeyError):
        raise CursorLost("the cursor cannot be read") from None


def _number(told: Any) -> int | None:
    return None if told is None else int(told)
