"""Reading changes by Change Data Capture: events say which records to look at, a query says what they are.

An event tells what was committed, which may be hours ago, and an event for each of our own writes comes as
well; so its values are never believed. The records that a batch of events names are read by one query. An
event that changed none of the mapped fields costs nothing, unless a formula or an address is mapped, which
may follow from any field. Before there is a replay id, and where one is lost, records are read by their
stamps, from the time that the last event told; an overflow has the whole object read again. While the bus is
away they are read by their stamps as well, and the replay id is kept: what the events then tell again is
merely looked at once more.

A state holds `replay` and `at`, the time of the last event; `poll` where stamps come first, `away` where they
are read until the bus answers.
"""

from __future__ import annotations

from base64 import b64decode, b64encode
from collections.abc import AsyncIterator, Sequence

from connectors.salesforce import refresh
from connectors.salesforce.aside import Away, Door
from connectors.salesforce.cursors import State, cursor, last_known, state_of
from connectors.salesforce.events import ChangeEvent, ChangeType
from connectors.salesforce.feed import Feed
from connectors.salesforce.lookup import Lookup
from connectors.salesforce.sobject import CONVERTED, GONE
from syncd.core.errors import CursorLost, NeedsOperator, RetryLater
from syncd.core.nouns import Change, Cursor, Op, Page

DELETES = (ChangeType.DELETE, ChangeType.GAP_DELETE)


def topic_of(object: str) -> str:
    """The channel of an object's change events."""
    return f"/data/{object.removesuffix('__c')}{'__' if object.endswith('__c') else ''}ChangeEvent"


class EventFeed:
    """Reads one object's changes by events; `feed` reads by stamps where events cannot."""

    def __init__(self, feed: Feed, lookup: Lookup, door: Door) -> None:
        self.feed, self.lookup, self.door, self.bus = feed, lookup, door, door.bus
        self.sobject, self.client = feed.sobject, feed.client
        self.topic = topic_of(self.sobject.name)
        mapped = self.sobject.mapped
        self._wanted = {column.via or column.name for column in mapped} | {*GONE, *CONVERTED}
        self._all = any(column.compound or (column.passive and column.via is None) for column in mapped)
        self._state: State = {}

    async def pages(self, since: Cursor | None) -> AsyncIterator[Page]:
        """The pages after a cursor, to the end of what there is."""
        self._state = _events_state(state_of(since, self.feed.org), self.feed.org)
        for _ in range(2):  # a lost place, or an overflow, is made good in the same reading
            if self._polls:
                async for page in self._caught_up():
                    yield page
            if self._polls:
                return  # no replay id yet: the next reading polls again
            try:
                async for page in self._read():
                    yield page
            except CursorLost:
                yield self._page((), replay=None, poll=last_known(self._state), away=None)
            except Away as away:
                async for page in self._aside():
                    yield page
                if isinstance(away.why, NeedsOperator):
                    raise away.why from None
                return
            if not self._polls:
                break
        if self._state.get("away") is None:
            async for page in self._refreshed():
                yield page

    @property
    def _polls(self) -> bool:
        """Whether records are to be read by their stamps before events are."""
        return self._state.get("poll") is not None

    def _page(self, changes: Sequence[Change], **state: object) -> Page:
        self._state = {**self._state, **state}
        return Page(changes, cursor(self._state))

    # -- by stamps -------------------------------------------------------------------------------------

    async def _caught_up(self) -> AsyncIterator[Page]:
        """By stamps, to the end. What is committed after the replay id was told comes as an event."""
        trouble = await self._position() if self._state.get("replay") is None else None
        inner: State = {"org": self.feed.org, **self._state["poll"]}
        if inner.get("mode") == "first":
            inner = await self.feed.beginning()
        async for page, after in self.feed.from_state(inner):
            inner = after
            yield self._page(page.changes, poll=after)
        if trouble is not None:
            raise trouble
        if self._state.get("replay") is not None:
            yield self._page((), poll=None, at=inner.get("high"), **_refresh_of(inner))

    async def _position(self) -> NeedsOperator | None:
        """Ask where events are now; what a person must mend there is told after the records were read."""
        first = self._state["poll"].get("mode") == "first"
        try:
            if first:
                await self.bus.check(self.topic)
            position = await self.door.position(self.topic)
        except RetryLater:
            return None  # records are read meanwhile
        except NeedsOperator as error:
            if first:
                raise
            return error
        self._state["replay"] = None if position is None else b64encode(position).decode()
        return None

    async def _aside(self) -> AsyncIterator[Page]:
        """By stamps, from what is known, while the bus is away."""
        inner: State = {"org": self.feed.org, **last_known(self._state)}
        async for page, after in self.feed.from_state(inner):
            yield self._page(page.changes, away=after, **_refresh_of(after))

    # -- by events -------------------------------------------------------------------------------------

    async def _read(self) -> AsyncIterator[Page]:
        """What the events name, batch by batch; ends early where the whole object must be read again."""
        async for batch in self.door.read(self.topic, b64decode(self._state["replay"])):
            told = [event.committed_at for event in batch.events if event.committed_at is not None]
            state: State = {"replay": b64encode(batch.replay_id).decode()}
            state |= {"at": max(told).replace(microsecond=0).isoformat()} if told else {}
            if any(event.lost for event in batch.events):
                again = last_known(self._state).get("high")  # deletes since then are to be told
                state |= {"poll": {"mode": "poll", "again": again}, "away": None}
            yield self._page(await self._looked_at(batch.events), **state)
            if self._polls:
                return
        if self._state.get("away") is None:
            return
        if self.bus.answers(self.topic):
            yield self._page((), away=None)
            return
        async for page in self._aside():  # nobody knows yet whether it is back
            yield page

    async def _looked_at(self, events: Sequence[ChangeEvent]) -> list[Change]:
        """The records that events name, as they are now. One that is nowhere any more is gone for good."""
        last: dict[str, ChangeType] = {}
        for event in events:
            if self._concerns(event):
                last.update(dict.fromkeys(event.record_ids, event.change))
        if not last:
            return []
        rows = await self.lookup.by_id(list(last))
        found = [self.sobject.change(row) for row in rows.values()]
        gone = [id for id, change in last.items() if change in DELETES and id not in rows]
        return found + [Change(self.sobject.system, self.sobject.name, id, Op.DELETE) for id in gone]

    def _concerns(self, event: ChangeEvent) -> bool:
        """Whether an event may have changed what is mapped."""
        if event.lost or event.entity not in ("", self.sobject.name):
            return False
        if event.change is not ChangeType.UPDATE or event.gap or self._all:
            return True
        return not self._wanted.isdisjoint((*event.fields, *event.unsaid))

    async def _refreshed(self) -> AsyncIterator[Page]:
        """The fields that change without a stamp, where it is time by the server's clock."""
        told, now, pace = self._state.get("refresh"), self.client.date, self.feed.pace
        if not self.sobject.passive or now is None or not refresh.due(told, now, pace.refresh):
            return
        async for changes, after in refresh.walk(self.client, self.sobject, told or {}, now, pace.page):
            yield self._page(changes, refresh=after)


def _events_state(state: State | None, org: str) -> State:
    """The state of events; one of another way of reading goes on from where that stood."""
    if state is None:
        return {"mode": "events", "org": org, "replay": None, "poll": {"mode": "first"}}
    if state["mode"] == "events":
        return state
    return {"mode": "events", "org": org, "replay": None, "poll": state}


def _refresh_of(state: State) -> State:
    """When formulas were read last, as a state of polls has it."""
    return {name: state[name] for name in ("refresh",) if name in state}
