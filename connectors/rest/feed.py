"""What the three ways of reading changes have in common, and the plainest: everything, each time."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass, field
from hashlib import blake2b
from typing import Any

import orjson

from connectors.http import HttpClient
from connectors.rest.listing import Known, Leaf, Listing, PageRefused
from connectors.rest.paging import Pager
from connectors.rest.shape import Shape
from syncd.core.errors import CursorLost
from syncd.core.nouns import Change, Cursor, Page

State = dict[str, Any]
HASHED = 2000
"""Pages of a full read that are remembered by a hash."""


def cursor(state: State) -> Cursor:
    """A state as a token."""
    return Cursor(orjson.dumps(state).decode())


def state_of(since: Cursor | None, mode: str) -> State:
    """A token as a state; `CursorLost` for one that is none, or of another way of reading."""
    if since is None:
        return {"mode": mode}
    try:
        state = orjson.loads(since.token)
        if isinstance(state, dict) and state.get("mode") == mode:
            return state
    except orjson.JSONDecodeError:
        pass
    raise CursorLost("the cursor was made by another way of reading")


@dataclass(slots=True)
class Feed:
    """Reads one object; `walk` is where a walk that was broken off stood."""

    client: HttpClient
    shape: Shape
    known: Known = field(default_factory=Known)

    def listing(self, name: str, walk: State | None = None) -> Listing:
        """A walk through a call, from where it stood."""
        call = self.shape.call(name)
        told = walk or {}
        pager = Pager(self.shape.words.paging, self.client, told.get("at"), told.get("count", 0))
        return Listing(self.client, self.shape, call, pager, self.known)

    def changes(self, leaf: Leaf) -> list[Change]:
        """A page's records."""
        return self.shape.record.changes(leaf.items)

    async def resumed(self, listing: Listing, values: State, *, fresh: bool) -> Leaf | None:
        """The first page of a walk; None where the server no longer knows the place of a broken walk."""
        try:
            return await listing.page(values)
        except (PageRefused, CursorLost):
            if fresh:
                raise
            return None


def stand(listing: Listing) -> State:
    """Where a walk stands."""
    return {"at": listing.pager.at, "count": listing.pager.seen}


async def read_all(feed: Feed, state: State) -> AsyncIterator[Page]:
    """All pages; those that are byte for byte as they were bring no changes, and leave the cursor as it was.

    They are told all the same: whoever reads has a say between any two requests.
    """
    walk, on = state.get("walk"), cursor(state)
    old, new = list(state.get("pages") or ()), list((walk or {}).get("pages") or ())
    first = feed.shape.words.feed.first
    began = feed.known.writes
    if feed.known.walked != began:
        old = []
    listing = feed.listing("list", walk)
    leaf = await feed.resumed(listing, {"since": first}, fresh=walk is None)
    if leaf is None:
        listing, new = feed.listing("list"), []
        leaf = await listing.page({"since": first})
    while True:
        digest = blake2b(leaf.reply.answer.body, digest_size=8).hexdigest()
        same = not listing.thin and len(new) < len(old) and old[len(new)] == digest
        new.append(digest)
        kept = new[:HASHED]
        if leaf.more:
            if not same:
                place = stand(listing) | {"pages": kept}
                on = cursor({"mode": "all", "pages": old, "walk": place})
            yield Page([] if same else feed.changes(leaf), on)
        elif kept != old or not same or walk is not None:
            yield Page([] if same else feed.changes(leaf), cursor({"mode": "all", "pages": kept}))
        if not leaf.more:
            feed.known.walked = began
            return
        leaf = await listing.page({"since": first})
