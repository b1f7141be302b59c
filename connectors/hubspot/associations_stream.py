"""Associations as records of their own: the object `deals-to-contacts`, one record for each pair.

A record's id is made of both ids, `501-7001`; its fields are `from`, `to`, `label` and `labels`. Nothing has
a modified date here, so what is read are the records of the first object, each with all its associations:
those that changed, and all of them on a timer. What a complete answer about one record does not show is gone;
a sweep finds it, or a webhook, and a look at the record itself confirms it. The journal names associations
themselves: these are looked at, those that are gone, too.
"""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable, Iterable, Iterator, Mapping, Sequence
from itertools import product
from math import inf
from typing import Any

from connectors.base import ObjectInfo, ObjectSpec
from connectors.hubspot.associations import Associations
from connectors.hubspot.associations_follow import PairFeed
from connectors.hubspot.associations_pairs import Every, Sides, ends_of, fields_of, pair_of
from connectors.hubspot.associations_refresh import Refreshed, begin
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.feed import Feed
from connectors.hubspot.lookup import Lookup
from connectors.hubspot.memory import Memory
from connectors.hubspot.options import HubSpotOptions
from connectors.hubspot.record import MERGED, HubRecord, absorbed, described
from connectors.hubspot.whole import Whole
from syncd.core.fieldmap import ASSOCIATIONS
from syncd.core.nouns import Change, Cursor, Op, Page

Follow = Callable[[HubRecord, Lookup, Whole], PairFeed]
"""Makes the feed by the journal."""
KEPT = 200_000
"""Ids whose merges are remembered, at most."""


class AssociationReader:
    """Reads one object of associations."""

    def __init__(self, system: str, client: HubSpotClient, options: HubSpotOptions, spec: ObjectSpec) -> None:
        ends = ends_of(spec.name)
        assert ends is not None
        self.system, self.client, self.options, self.spec = system, client, options, spec
        self.one, self.other = ends
        self.memory = Memory()
        self._sides: Sides | None = None
        self._field = ASSOCIATIONS + self.other
        self._absorbed: dict[str, tuple[str, ...]] = {}
        self._joined: set[str] = set()
        self._doubt = False

    async def describe(self) -> ObjectInfo | None:
        """Asked anew; None where HubSpot knows no such objects, and for an object with itself."""
        sides = await self.sides(anew=True)
        if not sides.types or self.one == self.other:
            return None
        return sides.info(self.spec.name)

    async def read_changes(self, since: Cursor | None, follow: Follow | None = None) -> AsyncIterator[Page]:
        """As `Connector.read_changes`; with `follow` by the journal."""
        said, record = self.options, (await self.sides()).record
        whole, lookup = Whole(self.client, record, said.page), self._lookup(record)
        feed: Feed | PairFeed
        if follow is None:
            feed = Feed(self.client, record, lookup, whole, said.overlap, said.page, self.memory)
        else:
            feed = follow(record, lookup, whole)
        if self._doubt and since is not None:
            since = begin(since)
        self._doubt = False
        async for page in Refreshed(feed, whole, said.refresh or inf).pages(since):
            changes = await self._changes(page.changes)
            if isinstance(feed, PairFeed):
                changes += await self._named(feed, changes)
            yield self._told(page, changes)

    async def scan(self) -> AsyncIterator[Page]:
        """As `CanScan.scan`."""
        async for page in Whole(self.client, (await self.sides()).record, self.options.page).scan():
            yield self._told(page, await self._changes(page.changes))

    async def fetch(self, ids: Sequence[str]) -> list[Change]:
        """As `CanFetch.fetch`: what stands between two that are there is certain.

        One whose records were merged is left out until a walk, which is begun at once, has told its old ids.
        """
        sides = await self.sides()
        pairs = {id: pair_of(id) for id in dict.fromkeys(ids)}
        firsts = list(dict.fromkeys(pair[0] for pair in pairs.values() if pair is not None))
        rows = await self._lookup(sides.record).rows(firsts)
        asked = [sides.record.change(row) for row in rows.values()]
        told = await self._changes(asked, [pair for pair in pairs.values() if pair is not None])
        moved = {str(c.survivor_id) for c in told if c.op is Op.MERGE} - self._joined
        there = {c.remote_id: c for c in told if c.op is Op.UPSERT}
        self._doubt = self._doubt or not moved.isdisjoint(pairs)
        lost = {id: pair for id, pair in pairs.items() if id not in there and pair is not None}
        gone = await self._gone(sides, lost) if lost else {}
        odd = {id: self._change(id, Op.DELETE) for id in pairs if pairs[id] is None}
        known = {id: change for id, change in {**there, **gone, **odd}.items() if id not in moved}
        return [known[id] for id in pairs if id in known]

    async def sides(self, *, anew: bool = False) -> Sides:
        """Described once; `describe` asks anew."""
        if self._sides is None or anew:
            what, path = f"properties of {self.one}", self.client.path("properties", self.one)
            _, body = await self.client.get(path, what)
            types = await Associations(self.client, self.one).types(self.other) or ()
            every = [Every(self.other, types)]
            record = described(
                self.system, ObjectSpec(self.one, (MERGED,)), self.client.results(body, what), every
            )
            target = described(self.system, ObjectSpec(self.other, ()), ())
            self._sides = Sides(record, target, types)
        return self._sides

    # -- parts -----------------------------------------------------------------------------------------

    async def _named(self, feed: PairFeed, told: Sequence[Change]) -> list[Change]:
        """What the journal names beside the records of the first object, and was not told with these."""
        pairs, seconds = feed.named()
        found: list[Change] = []
        if seconds:
            around = await Associations(self.client, self.other).others(self.one, seconds)
            firsts = list(dict.fromkeys(one for ones in around.values() for one in ones))
            rows = await self._lookup((await self.sides()).record).rows(firsts)
            found = await self._changes([feed.record.change(row) for row in rows.values()])
        known = {change.remote_id for change in (*told, *found)}
        left = [pair for pair in pairs if pair not in known]
        return found + (await self.fetch(left) if left else [])

    async def _gone(self, sides: Sides, lost: Mapping[str, tuple[str, str]]) -> dict[str, Change]:
        """Those that no longer stand: gone, or moved because one of the two was merged into another."""
        ones = await self._survivors(sides.record, [one for one, _ in lost.values()])
        others = await self._survivors(sides.target, [other for _, other in lost.values()])
        moved = {id: (ones.get(a, a), others.get(b, b)) for id, (a, b) in lost.items()}
        moved = {id: pair for id, pair in moved.items() if pair != lost[id]}
        firsts = list({one for one, _ in moved.values()})
        around = await Associations(self.client, self.one).others(self.other, firsts) if firsts else {}
        left = {id: "-".join(pair) for id, pair in moved.items() if pair[1] in around[pair[0]]}
        return {
            id: self._change(id, Op.MERGE, survivor_id=left[id])
            if id in left
            else self._change(id, Op.DELETE)
            for id in lost
        }

    async def _survivors(self, record: HubRecord, ids: Sequence[str]) -> dict[str, str]:
        """Into which others records were merged."""
        found = await self._lookup(record).fetch(list(dict.fromkeys(ids)))
        return {c.remote_id: str(c.survivor_id) for c in found if c.op is Op.MERGE}

    def _told(self, page: Page, changes: list[Change]) -> Page:
        """A page of associations, after which those that were merged are known by their new ids."""
        self._joined |= {str(change.survivor_id) for change in changes if change.op is Op.MERGE}
        return Page(changes, page.cursor, complete=page.complete)

    async def _changes(
        self, changes: Sequence[Change], wanted: Sequence[tuple[str, str]] | None = None
    ) -> list[Change]:
        """The associations of records that were read, all or those `wanted`; before each the ids that it had,
        if one of the two was merged: else it would be taken for a second one.
        """
        pairs = [pair for pair in self._pairs(changes) if wanted is None or pair[:2] in wanted]
        olds = {c.remote_id: absorbed({"properties": c.fields}) for c in changes}
        await self._learn([other for _, other, _ in pairs])
        told: list[Change] = []
        for one, other, labels in pairs:
            id = f"{one}-{other}"
            was = product((one, *olds[one]), (other, *self._absorbed.get(other, ())))
            ids = dict.fromkeys(f"{a}-{b}" for a, b in was)
            told += [self._change(old, Op.MERGE, survivor_id=id) for old in ids if old != id]
            told.append(self._upsert(one, other, labels))
        return told

    async def _learn(self, others: Iterable[str]) -> None:
        """Which records went into these, asked once: a merge makes a new record."""
        unknown = list(dict.fromkeys(id for id in others if id not in self._absorbed))
        if len(self._absorbed) + len(unknown) > KEPT:
            self._absorbed.clear()
        rows = await self._lookup((await self.sides()).target).rows(unknown)
        self._absorbed |= {id: tuple(absorbed(rows[id])) if id in rows else () for id in unknown}

    def _pairs(self, changes: Iterable[Change]) -> Iterator[tuple[str, str, list[str]]]:
        """The associations of records: both ids, and the labels."""
        for change in changes:
            for other, labels in change.fields.get(self._field, ()) if change.op is Op.UPSERT else ():
                yield change.remote_id, other, labels

    def _upsert(self, one: str, other: str, labels: Sequence[str]) -> Change:
        told = fields_of(one, other, labels)
        fields = {name: value for name, value in told.items() if name in self.spec.fields}
        return self._change(f"{one}-{other}", Op.UPSERT, fields=fields)

    def _change(self, id: str, op: Op, **words: Any) -> Change:
        return Change(self.system, self.spec.name, id, op, **words)

    def _lookup(self, record: HubRecord) -> Lookup:
        return Lookup(self.client, record, sees_all=self.options.sees_all)
