"""Reading changes by the webhooks journal: the list first, then what the journal names, read by id."""

from __future__ import annotations

from collections.abc import AsyncIterator, Iterator, Mapping, Sequence
from datetime import timedelta
from typing import Any

import orjson

from connectors.hubspot.journal import File, Journal
from connectors.hubspot.lookup import Lookup
from connectors.hubspot.record import MERGED, HubRecord
from connectors.hubspot.values import EPOCH
from connectors.hubspot.whole import Whole
from syncd.core.errors import CursorLost
from syncd.core.nouns import Cursor, Page

State = dict[str, Any]
ACTIONS = ("CREATE", "UPDATE", "DELETE", "MERGE", "RESTORE")
ASSOCIATED = ("ASSOCIATION_ADDED", "ASSOCIATION_REMOVED")
KEPT = 2 * 86_400_000
"""Milliseconds for which files are there for sure: HubSpot says three days."""
NAMING = ("objectId", "primaryObjectId", "mergedObjectIds", "newObjectId", "fromObjectId")
"""Where an event names records of its object."""


class JournalFeed:
    """Reads one object's changes in one portal. `type_id`: how events name the object.

    An event says which record to look at; values that it carries are not believed.
    """

    def __init__(
        self,
        journal: Journal,
        record: HubRecord,
        lookup: Lookup,
        whole: Whole,
        portal: str,
        type_id: str,
        others: list[str],
    ) -> None:
        self.journal, self.record, self.lookup, self.whole = journal, record, lookup, whole
        self.portal, self.type_id, self.others = portal, type_id, others

    @property
    def date(self) -> int | None:
        """The server's clock, in ms."""
        at = self.journal.date
        return None if at is None else (at - EPOCH) // timedelta(milliseconds=1)

    async def pages(self, since: Cursor | None) -> AsyncIterator[Page]:
        """The pages after a cursor, to the end of the journal."""
        state = _state_of(since)
        if not await self._subscribed() and since is not None:
            raise CursorLost(
                "subscriptions were missing, so the journal does not tell what happened meanwhile"
            )
        if state["mode"] == "journal-list":
            async for page, after in self._listed(state):
                state = after
                yield page
        async for page in self._followed(state):
            yield page

    async def _followed(self, state: State) -> AsyncIterator[Page]:
        """What the journal tells after a place. A cursor says by `at` when its place was read, and by `empty`
        when nothing came after it.
        """
        while files := await self._after(state):
            ids = list(dict.fromkeys(id for file in files for id in self._ids(file)))
            changes = await self.lookup.fetch(ids) if ids else []
            state = {"mode": "journal", "offset": files[-1].offset, "at": self.date}
            yield Page(changes, _cursor(state))
        if self._since(max(int(state.get(word) or 0) for word in ("at", "empty"))) > KEPT // 3:
            yield Page([], _cursor({"mode": "journal", "offset": state["offset"], "empty": self.date}))

    async def _after(self, state: State) -> list[File]:
        """The next files. Where the place is gone, as nothing happened for long, the first ones: these came
        after the journal was last seen to end there. Such a place is taken out of the state.
        """
        ended = int(state.get("empty") or 0)
        if state["offset"]:
            try:
                return await self.journal.after(str(state["offset"]))
            except CursorLost:
                if self._since(ended) > KEPT:
                    raise
                state["offset"] = ""
        files = await self.journal.after("")
        if files and self._since(ended) > KEPT:
            raise CursorLost("the journal was empty, and nobody looked for longer than it keeps its files")
        return files

    def _since(self, at: int) -> int:
        """Milliseconds; too many where the server tells no time."""
        return KEPT + 1 if self.date is None else self.date - at

    async def _listed(self, state: State) -> AsyncIterator[tuple[Page, State]]:
        """Everything; the journal is followed from where it was when this began."""
        if "offset" not in state:
            state = {**state, "offset": await self.journal.latest(), "empty": self.date}
        async for rows, place, _ in self.whole.walk(state.get("after")):
            state = {"mode": "journal", "offset": state["offset"], "empty": state.get("empty")}
            if place is not None:
                state = {**state, "mode": "journal-list", "after": place}
            yield Page([self.record.change(row) for row in rows], _cursor(state)), state

    async def _subscribed(self) -> bool:
        """See that all that is followed is told; False where some kind of event was not until now."""
        return all([await self.journal.subscribe(wanted) for wanted in self._wanted()])

    def _wanted(self) -> Iterator[dict[str, Any]]:
        """The subscriptions, as the API takes them."""
        about = {"portalId": int(self.portal), "objectTypeId": self.type_id}
        named = [name for name in self.record.asked if name != self.record.modified]
        yield self._of_objects(self.type_id, ACTIONS, *named)
        if self.type_id == "0-1":
            yield {**about, "subscriptionType": "GDPR_PRIVACY_DELETION"}
        if self.others:
            told = {"subscriptionType": "ASSOCIATION", "actions": list(ASSOCIATED)}
            yield {**about, **told, "associatedObjectTypeIds": self.others}

    def _of_objects(self, type_id: str, actions: Sequence[str], *properties: str) -> dict[str, Any]:
        """The subscription to what happens to records of a type."""
        about = {"portalId": int(self.portal), "objectTypeId": type_id, "subscriptionType": "OBJECT"}
        return {**about, "actions": list(actions), "properties": list(dict.fromkeys((*properties, MERGED)))}

    def _ids(self, file: File) -> Iterator[str]:
        """The records of this object that a file names."""
        for event in file.events:
            if str(event.get("objectTypeId")) == self.type_id and self._is_here(event):
                yield from self._named(event)

    def _named(self, event: Mapping[str, Any]) -> Iterator[str]:
        """The records that an event names."""
        for name in NAMING:
            told = event.get(name)
            for one in told if isinstance(told, list) else [told]:
                if str(one).isascii() and str(one).isdigit():
                    yield str(one)

    def _is_here(self, event: Mapping[str, Any]) -> bool:
        return str(event.get("portalId")) == self.portal


def _cursor(state: State) -> Cursor:
    return Cursor(orjson.dumps(state).decode())


def _state_of(since: Cursor | None) -> State:
    if since is None:
        return {"mode": "journal-list"}
    try:
        state = orjson.loads(since.token)
    except orjson.JSONDecodeError:
        state = None
    good = isinstance(state, dict) and state.get("mode") in ("journal", "journal-list")
    if not good or "offset" not in state:
        raise CursorLost("the cursor was made by another way of reading")
    return dict(state)
