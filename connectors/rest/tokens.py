"""Reading changes by the server's own token: a timestamp, a sequence, a sync token, opaque to us."""

from __future__ import annotations

from collections.abc import AsyncIterator
from typing import Any

from connectors.rest.feed import Feed, State, cursor, stand
from connectors.rest.listing import Leaf, Listing
from connectors.rest.paths import MISSING, whereabouts
from syncd.core.errors import NeedsOperator
from syncd.core.nouns import Page


async def read_by_token(feed: Feed, state: State) -> AsyncIterator[Page]:
    """What changed since the token; the first that a walk tells is the next one.

    Pages may each tell a newer one (the collection moves on), or only the last page tells it.
    """
    token, walk = state.get("token"), state.get("walk")
    listing = _listing(feed, token, walk)
    values = {"since": feed.shape.words.feed.first if token is None else token}
    leaf = await feed.resumed(listing, values, fresh=walk is None)
    then = (walk or {}).get("then")
    if leaf is None:
        listing, then = _listing(feed, token, None), None
        leaf = await listing.page(values)
    while True:
        then = _told(feed, leaf) if then is None else then
        changes = feed.changes(leaf)
        if leaf.more:
            on = stand(listing) | {"then": then}
            yield Page(changes, cursor({"mode": "token", "token": token, "walk": on}))
        else:
            if then is None:
                message = f"{feed.shape.what}: no page has what `feed.next` names"
                raise NeedsOperator(message, "Say where the answer has the next {since}")
            if changes or then != token:
                yield Page(changes, cursor({"mode": "token", "token": then}))
            return
        leaf = await listing.page(values)


def _listing(feed: Feed, token: Any, walk: State | None) -> Listing:
    calls = feed.shape.calls
    return feed.listing(
        "list" if "changes" not in calls or (token is None and "list" in calls) else "changes", walk
    )


def _told(feed: Feed, leaf: Leaf) -> Any:
    found = whereabouts(feed.shape.words.feed.next or "")(leaf.reply.body, leaf.reply.answer.headers)
    return None if found is MISSING or found == "" else found
