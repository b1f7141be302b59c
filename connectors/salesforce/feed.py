"""Reading changes: which way a cursor goes on, and the formula fields between."""

from __future__ import annotations

from collections.abc import AsyncIterator
from dataclasses import dataclass
from datetime import datetime

from connectors.salesforce import refresh
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.cursors import State, cursor, polled, state_of
from connectors.salesforce.poll import Poll
from connectors.salesforce.sobject import SObject
from connectors.salesforce.whole import Whole
from syncd.core.errors import NeedsOperator
from syncd.core.nouns import Cursor, Page


@dataclass(frozen=True, slots=True)
class Pace:
    """How one object is read. Times in seconds; `bulk_above` and `page` in records."""

    overlap: float
    refresh: float
    bulk_above: int
    page: int


class Feed:
    """Reads one object's changes by its stamps."""

    def __init__(self, client: SalesforceClient, sobject: SObject, whole: Whole, pace: Pace) -> None:
        self.client, self.sobject, self.whole, self.pace = client, sobject, whole, pace
        self.org = client.place.org

    async def pages(self, since: Cursor | None) -> AsyncIterator[Page]:
        """The pages after a cursor, to the end of what there is."""
        state = polled(state_of(since, self.org))
        async for page, _ in self.from_state(state or await self.beginning()):
            yield page

    async def beginning(self) -> State:
        """The state before anything was read."""
        if not self.sobject.ordered:
            message = f"system {self.sobject.system}: {self.sobject.name} has no SystemModstamp"
            raise NeedsOperator(f"{message} to read changes by", "Map another object, or only write to it")
        large = await self.whole.is_large(self.pace.bulk_above)
        return {"mode": "bulk" if large else "poll", "org": self.org}

    async def from_state(self, state: State) -> AsyncIterator[tuple[Page, State]]:
        """Pages from a place of a bulk job or a poll, each with its state; to the end."""
        if state["mode"] == "bulk":
            async for page, after in self.whole.first(state):
                state = after
                yield page, after
        pace = self.pace
        poll = Poll(self.client, self.sobject, state, overlap=pace.overlap, page=pace.page)
        passive = bool(self.sobject.passive) and self.pace.refresh > 0
        if passive and "refresh" not in poll.kept:
            poll.passive = True
        async for page, after in poll.pages():
            yield page, after
        async for page, after in self._refreshed(poll.state()):
            yield page, after

    async def _refreshed(self, state: State) -> AsyncIterator[tuple[Page, State]]:
        """The fields that change without a stamp, where it is time."""
        told, now = state.get("refresh"), _now(state)
        if now is None or not self.sobject.passive or not refresh.due(told, now, self.pace.refresh):
            return
        assert told is not None
        async for changes, after in refresh.walk(self.client, self.sobject, told, now, self.pace.page):
            state = {**state, "refresh": after}
            yield Page(changes, cursor(state)), state


def _now(state: State) -> datetime | None:
    """The server's clock when the poll began."""
    return datetime.fromisoformat(state["date"]) if state.get("date") else None
