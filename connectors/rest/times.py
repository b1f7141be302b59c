"""Reading changes by their time stamps, late ones too, through ties larger than a page."""

from __future__ import annotations

from collections.abc import AsyncIterator
from datetime import datetime, timedelta
from typing import Any

from connectors.rest.feed import Feed, State, cursor, stand
from connectors.rest.listing import Leaf, Listing
from connectors.rest.marks import TIMES, Marks, Window, at_from, at_text, window_from
from connectors.rest.moments import Form, form_of
from connectors.rest.paging import COUNTED
from connectors.rest.shape import Shape
from syncd.core.errors import CursorLost
from syncd.core.nouns import Change, Cursor, Op, Page

MOVE_AFTER = 60.0
"""Seconds by which a quiet cursor falls behind before it is worth a page without changes."""


def since_form(shape: Shape) -> Form:
    """How `{since}` is written."""
    said = shape.words.feed
    return form_of(said.modified_form if said.form is None else said.form, said.zone)


class Poll:
    """One poll: a walk through what changed since the window's begin, then through what was deleted."""

    def __init__(self, feed: Feed, state: State) -> None:
        self.feed, self.shape, self.state = feed, feed.shape, state
        self.walk: State | None = state.get("walk")
        self.form = since_form(feed.shape)
        try:
            self.window = self._window(state)
            self.old: Marks = dict(self.window.marks)
            self.low = self.window.since()
            self.at = at_from((self.walk or {}).get("low")) or self.low
        except (ValueError, TypeError, KeyError):
            raise CursorLost("the cursor cannot be read") from None
        self.listing = self._listing(self.walk)

    def _window(self, state: State) -> Window:
        said, record = self.shape.words.feed, self.shape.words.record
        exact = record.version not in (None, record.modified) and not str(record.version).startswith(
            "header:"
        )
        margin, dated = timedelta(seconds=said.overlap + said.resolution), record.modified is not None
        return window_from(state, margin, trusts_version=exact, dated=dated)

    def _listing(self, walk: State | None) -> Listing:
        calls = self.shape.calls
        first = "changes" not in calls or (self.low is None and "list" in calls)
        return self.feed.listing("list" if first else "changes", walk)

    async def pages(self) -> AsyncIterator[Page]:
        """The pages of this poll."""
        leaf = await self.feed.resumed(self.listing, self._values(), fresh=self.walk is None)
        if leaf is None:
            self.walk, self.at = None, self.low
            self.listing = self._listing(None)
            leaf = await self.listing.page(self._values())
        self.window.marks = {}
        self.window.ordered = self._ordered()
        self._began(leaf)
        told = False
        while True:
            fresh = self.window.take(self.feed.changes(leaf), self.old)
            told = told or bool(fresh) or leaf.more
            more = self._turn(leaf)
            if not more:
                break
            yield Page(fresh, self._mid())
            leaf = await self.listing.page(self._values())
        gone = [change async for change in self._deleted()]
        if fresh or gone or told or self._moved():
            yield Page([*fresh, *gone], cursor({"mode": "time", **self.window.state()}))

    def _began(self, leaf: Leaf) -> None:
        if self.walk is None:
            self.window.began(leaf.reply.answer.date())
        else:
            self.window.resume(self.walk)

    def _ordered(self) -> bool:
        """Whether this walk asks for changes and comes by time: what moves meanwhile is met at its end."""
        comes = self.shape.words.feed.ordered or self.shape.words.paging.by == "keyset"
        return comes and "since" in self.listing.call.names

    def _values(self) -> State:
        """The placeholders, but for the page."""
        return {"since": self.shape.words.feed.first if self.at is None else self.form.write(self.at)}

    def _turn(self, leaf: Leaf) -> bool:
        """Whether to go on; in an ordered feed from the last stamp, so that what moves cannot slip by.

        Within one stamp the pages go on as they are: ties larger than a page are walked, not asked for ever.
        """
        by = self.shape.words.paging.by
        if not leaf.more or by not in (*COUNTED, "keyset") or not self._ordered():
            return leaf.more
        last = self._last(leaf)
        if last is None or (self.at is not None and self.form.write(last) == self.form.write(self.at)):
            return True
        if self.at is None or last > self.at:
            self.at = last
            if by != "keyset":
                self.listing.pager.at, self.listing.pager.seen = None, 0
                self.listing.rounds.begin_anew()
        return True

    def _last(self, leaf: Leaf) -> datetime | None:
        record = self.shape.record
        found = record.moment(record.item(leaf.items[-1])) if leaf.items else None
        return found if isinstance(found, datetime) else None

    def _mid(self) -> Cursor:
        """In mid-walk the marks are left out: after a crash some changes are told twice, none is lost."""
        walk = stand(self.listing) | {"low": at_text(self.at)}
        walk |= self.window.place()
        kept: State = {k: self.state[k] for k in (*TIMES, "back") if k in self.state}
        return cursor(kept | {"mode": "time", "walk": walk})

    async def _deleted(self) -> AsyncIterator[Change]:
        """Ids from the list of deleted records; there is none to tell on the first read."""
        if "deleted" not in self.shape.calls or self.low is None:
            return
        listing, more = self.feed.listing("deleted"), True
        while more:
            leaf = await listing.page({"since": self.form.write(self.low)})
            more = leaf.more
            for change in self.window.take([self._gone(item) for item in leaf.items], self.old):
                yield change

    def _gone(self, item: Any) -> Change:
        record = self.shape.record
        listed = record.item(item)
        plain = not isinstance(listed, dict)
        remote_id = record.id_text(listed if plain else record.id_at(listed))
        at = None if plain else record.moment(listed)
        return Change(record.system, record.object, remote_id, Op.DELETE, occurred_at=at)

    def _moved(self) -> bool:
        """Whether a quiet poll is worth writing down."""
        old, new = at_from(self.state.get("high")), self.window.high
        if old is None or new is None:
            return old is not new
        return (new - old).total_seconds() >= MOVE_AFTER or (new > old and self.window.rests)


def read_by_time(feed: Feed, state: State) -> AsyncIterator[Page]:
    """What changed since the window's begin."""
    return Poll(feed, state).pages()
