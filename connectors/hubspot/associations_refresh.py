"""Associations change without the modified date of a record, so records that have some mapped are read again
on a timer.

Every `refresh` seconds, by the server's clock, a poll is followed by a walk through all records of the object
in the order of ids. They come whole: what did not change is dropped by whoever compares it. A walk that is
broken off goes on where its cursor says.
"""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

import orjson

from connectors.hubspot.feed import Feed
from connectors.hubspot.follow import JournalFeed
from connectors.hubspot.whole import Whole
from syncd.core.nouns import Cursor, Page

WORD, LAST, AFTER = "refresh", "last", "after"
Told = dict[str, Any]
"""What a cursor has of it: when (ms) the last walk began, and where the one that is under way goes on."""


class Refreshed:
    """The pages of a feed, and of a walk where one is due. `every` in seconds."""

    def __init__(self, feed: Feed | JournalFeed, whole: Whole, every: float) -> None:
        self.feed, self.whole, self.every = feed, whole, every * 1000

    async def pages(self, since: Cursor | None) -> AsyncIterator[Page]:
        """As those of the feed."""
        told = _told(since)
        async for page in self.feed.pages(since):
            since = page.cursor
            yield Page(page.changes, _with(since, told))
        now = self.feed.date
        if now is None or since is None:
            return
        if told is None:  # the first read has read all
            yield Page([], _with(since, {LAST: now}))
        elif told.get(AFTER) is not None or now - int(told[LAST]) >= self.every:
            async for page in self._walk(since, told, now):
                yield page

    async def _walk(self, since: Cursor, told: Told, now: int) -> AsyncIterator[Page]:
        began = now if told.get(AFTER) is None else told.get("began", now)
        async for rows, place, _ in self.whole.walk(told.get(AFTER)):
            on = {LAST: began} if place is None else {**told, "began": began, AFTER: place}
            yield Page([self.whole.record.change(row) for row in rows], _with(since, on))


def begin(since: Cursor) -> Cursor:
    """The same cursor, with a walk to begin at once."""
    return _with(since, {LAST: 0, AFTER: ""})


def _told(since: Cursor | None) -> Told | None:
    """None where the cursor has nothing of it; whatever else may be wrong with it is the feed's to say."""
    try:
        told = orjson.loads(since.token)[WORD] if since is not None else None
        return {**told, LAST: int(told[LAST])} if told is not None else None
    except (orjson.JSONDecodeError, KeyError, TypeError, ValueError):
        return None


def _with(cursor: Cursor, told: Told | None) -> Cursor:
    state = {name: value for name, value in orjson.loads(cursor.token).items() if name != WORD}
    return Cursor(orjson.dumps(state if told is None else {**state, WORD: told}).decode())
