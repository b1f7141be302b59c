"""HubSpot read: what its objects are, what changed, everything, and records by id and by key."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Collection, Mapping, Sequence
from contextlib import suppress
from typing import Any

from connectors.base import Meter, ObjectSpec, Schema
from connectors.hubspot.associations import Association, Associations, wanted
from connectors.hubspot.associations_follow import PairFeed
from connectors.hubspot.associations_pairs import parted
from connectors.hubspot.associations_refresh import Refreshed
from connectors.hubspot.associations_stream import AssociationReader, Follow
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.feed import Feed
from connectors.hubspot.follow import JournalFeed
from connectors.hubspot.history import histories
from connectors.hubspot.journal import Journal
from connectors.hubspot.lookup import BATCH, Lookup
from connectors.hubspot.memory import Memory
from connectors.hubspot.names import Names
from connectors.hubspot.options import HubSpotObjectOptions, HubSpotOptions
from connectors.hubspot.record import HubRecord, described
from connectors.hubspot.record import by_name as properties
from connectors.hubspot.values import millis
from connectors.hubspot.whole import Whole
from connectors.hubspot.words import Words
from connectors.specs import by_name
from syncd.core.errors import NeedsOperator
from syncd.core.nouns import Change, Cursor, Fields, Page, Past

READ_BATCH = BATCH


class HubSpotReader:
    """See `connectors.base` for what each call promises."""

    OPTIONS = HubSpotOptions
    OBJECT_OPTIONS = HubSpotObjectOptions

    def __init__(self, name: str, settings: Fields, objects: Sequence[ObjectSpec]) -> None:
        self.name = name
        self.options = HubSpotOptions.model_validate(dict(settings))
        self.specs, pairs = parted(by_name(objects))
        self.client = HubSpotClient(name, self.options)
        self.pairs = {n: AssociationReader(name, self.client, self.options, s) for n, s in pairs.items()}
        self.names = Names(self.specs)
        self.journal = Journal(name, self.options) if self.options.capture == "journal" else None
        self._portal = ""
        self._linked_types: dict[str, str] = {}
        self._records: dict[str, HubRecord] = {}
        self._memories: defaultdict[str, Memory] = defaultdict(Memory)
        self._lock = asyncio.Lock()

    def meter(self) -> Meter:
        """The requests of this connector, and what HubSpot said last of the day's calls."""
        return self.client.counted.meter

    async def describe(self) -> Schema:
        """The objects as the portal shows them to this app, asked anew."""
        async with self._lock:
            found = {name: await self._described(spec) for name, spec in self.specs.items()}
            self._records = found
        infos = {name: record.info() for name, record in found.items()}
        pairs = {name: await pair.describe() for name, pair in self.pairs.items()}
        return Schema(infos | {name: info for name, info in pairs.items() if info is not None})

    async def read_changes(self, object: str, since: Cursor | None) -> AsyncIterator[Page]:
        if object in self.pairs:
            pair = self.pairs[object]
            async for page in pair.read_changes(since, await self._follow(pair)):
                yield page
            return
        record = await self._record(object)
        whole = self._whole(record)
        said = self.options
        feed = await self._feed(record, whole)
        walks = bool(record.links) and said.refresh > 0
        way = Refreshed(feed, whole, said.refresh) if walks else feed
        async for page in way.pages(since):
            yield page

    async def scan(self, object: str) -> AsyncIterator[Page]:
        pair = self.pairs.get(object)
        whole = pair or self._whole(await self._record(object))
        async for page in whole.scan():
            yield page

    async def fetch(self, object: str, ids: Sequence[str]) -> Sequence[Change]:
        if object in self.pairs:
            return await self.pairs[object].fetch(ids)
        return await self._lookup(await self._record(object)).fetch(ids)

    async def find(self, object: str, keys: Sequence[str]) -> Mapping[str, Change]:
        return await self._lookup(await self._record(object)).find(keys)

    async def field_history(
        self, object: str, wanted: Mapping[str, Collection[str]]
    ) -> Mapping[str, Mapping[str, Sequence[Past]]]:
        if object in self.pairs:
            return {}
        return await histories(self.client, await self._record(object), wanted)

    def moment(self, version: str) -> float | None:
        """A version is when the record was changed last."""
        at = millis(version)
        return None if at is None else at / 1000

    async def aclose(self) -> None:
        if self.journal is not None:
            await self.journal.aclose()
        await self.client.aclose()

    # -- parts -----------------------------------------------------------------------------------------

    async def _feed(self, record: HubRecord, whole: Whole) -> Feed | JournalFeed:
        said, lookup, memory = self.options, self._lookup(record), self._memories[record.name]
        if self.journal is None:
            return Feed(self.client, record, lookup, whole, said.overlap, said.page, memory)
        type_id = await self.type_of(record.name)
        others = [await self._linked(link.to) for link in record.links.values()]
        known = [type_id for type_id in others if type_id]
        return JournalFeed(self.journal, record, lookup, whole, await self.portal(), type_id, known)

    async def _follow(self, pair: AssociationReader) -> Follow | None:
        """How associations follow the journal; None where they do not, or where HubSpot does not tell this
        app by which types events name their ends.
        """
        journal = self.journal
        types = [await self._linked(end) for end in (pair.one, pair.other)] if journal is not None else [""]
        if journal is None or not all(types):
            return None
        portal = await self.portal()

        def feed(record: HubRecord, lookup: Lookup, whole: Whole) -> PairFeed:
            return PairFeed(journal, record, lookup, whole, portal, types[0], types[1:])

        return feed

    async def _linked(self, object: str) -> str:
        """The type id of an object that is a field of another; empty where the app may not know it: then the
        walks of `refresh` alone find such associations.
        """
        if object not in self._linked_types:
            names = Names([object])
            if not names.type_of(object):
                with suppress(NeedsOperator):
                    names.learn(object, await self._schema(object))
            self._linked_types[object] = names.type_of(object)
        return self._linked_types[object]

    async def type_of(self, object: str) -> str:
        """The type id of an object, that of a custom one asked for once. Raises what a read raises."""
        if not self.names.type_of(object):
            self.names.learn(object, await self._schema(object))
        return self.names.type_of(object)

    async def _schema(self, object: str) -> Mapping[str, Any]:
        _, body = await self.client.get(self.client.path("schemas", object), f"schema of {object}")
        return body if isinstance(body, dict) else {}

    async def portal(self) -> str:
        """The portal's id, asked for once."""
        if not self._portal:
            self._portal = str((await self.details())["portalId"])
        return self._portal

    async def details(self) -> Mapping[str, Any]:
        """Of the account. Raises `NeedsOperator` where they name no portal."""
        _, body = await self.client.get(self.client.path("account", "details"), "account")
        if not isinstance(body, dict) or not body.get("portalId"):
            raise NeedsOperator(f"{self.client.name}: the account's details name no portal", "Check `url`")
        self._portal = str(body["portalId"])
        return body

    async def _described(self, spec: ObjectSpec) -> HubRecord:
        what, path = f"properties of {spec.name}", self.client.path("properties", spec.name)
        _, body = await self.client.get(path, what)
        told = self.client.results(body, what)
        words = Words(self.client, spec.name, spec.fields, properties(spec, told))
        await words.load()
        return described(self.name, spec, told, await self._links(spec), words)

    async def _links(self, spec: ObjectSpec) -> list[Association]:
        """The associations that the mapping wants of an object, those that there are."""
        asking = Associations(self.client, spec.name)
        found = {to: await asking.types(to) for to in wanted(spec.fields)}
        return [Association(to, types) for to, types in found.items() if types is not None]

    async def _record(self, object: str) -> HubRecord:
        """An object, described once; `describe` asks anew."""
        async with self._lock:
            found = self._records.get(object)
            if found is None:
                found = await self._described(self.specs.get(object) or ObjectSpec(object, ()))
                self._records[object] = found
        return found

    def _whole(self, record: HubRecord) -> Whole:
        return Whole(self.client, record, self.options.page, self._memories[record.name].own)

    def _lookup(self, record: HubRecord) -> Lookup:
        own = self._memories[record.name].own
        return Lookup(self.client, record, sees_all=self.options.sees_all, own=own)
