"""Salesforce as a system: what it can do follows from the org, the user's rights and the configuration."""

from __future__ import annotations

import asyncio
import time
from collections.abc import AsyncIterator, Callable, Mapping, Sequence
from contextlib import suppress

from connectors.base import Capabilities, Meter, ObjectInfo, ObjectSpec, Schema
from connectors.http import OAuth, OAuthLogin
from connectors.login import Account, Login
from connectors.salesforce.auth import REVOKE_PATH, browser_of
from connectors.salesforce.bulk import BulkQuery, Sleep
from connectors.salesforce.capture import EventFeed
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.cursors import of_events
from connectors.salesforce.describe import Describer
from connectors.salesforce.example import EXAMPLE
from connectors.salesforce.feed import Feed, Pace
from connectors.salesforce.ingest import BulkWriter, Unfinished
from connectors.salesforce.listening import Listening
from connectors.salesforce.lookup import Lookup
from connectors.salesforce.options import SalesforceObjectOptions, SalesforceOptions
from connectors.salesforce.parents import Parents
from connectors.salesforce.people import Names
from connectors.salesforce.rights import views_all
from connectors.salesforce.settling import Settling
from connectors.salesforce.sobject import CONVERTED, SObject
from connectors.salesforce.whole import Whole
from connectors.salesforce.writer import TOGETHER, Writer
from connectors.specs import by_name
from syncd.core.errors import RetryLater, SyncdError
from syncd.core.nouns import Change, Cursor, Fields, Page, Push, PushResult

READ_BATCH = 300
"""Ids of one read: so many fit into one query's address."""
PARTING = 3.0
"""Seconds that the end waits, at most, for bulk jobs to be aborted that were left behind."""


class SalesforceConnector:
    """See `connectors.base` for what each call promises; `describe` completes the capabilities."""

    OPTIONS = SalesforceOptions
    OBJECT_OPTIONS = SalesforceObjectOptions
    ARCHIVES = "archive"
    EXAMPLE = EXAMPLE

    def __init__(self, name: str, settings: Fields, objects: Sequence[ObjectSpec]) -> None:
        self.name = name
        self.options = SalesforceOptions.model_validate(dict(settings))
        self.specs = by_name(objects)
        self.client = SalesforceClient(name, self.options)
        self.names = Names(self.client, lambda: self.clock())
        self.sleep: Sleep = asyncio.sleep
        self.clock: Callable[[], float] = time.monotonic
        self.parents = Parents()
        self.unfinished = Unfinished(self.client, lambda seconds: self.sleep(seconds), lambda: self.clock())
        self._bulk = BulkQuery(self.client, lambda seconds: self.sleep(seconds))
        self._sobjects: dict[str, SObject] = {}
        self._describer = Describer(name, self.client)
        self._lock = asyncio.Lock()
        self.listening = Listening(self.client, self.options, [spec.name for spec in objects])

    @property
    def capabilities(self) -> Capabilities:
        """What holds for all objects of the configuration."""
        keyed = [spec.key_field is not None for spec in self.specs.values()]
        known = [self._sobjects[name] for name in self.specs if name in self._sobjects]
        above = self.options.bulk_writes
        return Capabilities(
            deletes_reported=True,
            partial_fields=False,
            compare_and_set=False,
            upsert_key=bool(keyed) and all(keyed),
            stored_in_answer=self.options.read_back,
            late=self.options.overlap,
            archives=any(spec.options.get("archive") for spec in self.specs.values()),
            clock_skew=1.0,
            read_batch=READ_BATCH,
            write_batch=self.options.write_batch or (TOGETHER if above is None else max(TOGETHER, 2 * above)),
            cascades={sobject.name: _cascades(sobject, self.specs) for sobject in known},
        )

    @property
    def login(self) -> Login | None:
        """The log-in whose tokens are kept, where the flow has any to keep."""
        auth = self.client.auth
        browser = browser_of(self.options)
        if browser is None or not isinstance(auth, OAuth):
            return None
        return OAuthLogin(self.client, auth, browser, self.options.login_url + REVOKE_PATH)

    async def identify(self) -> Account | None:
        """The org and the user of this log-in."""
        return await self.client.who()

    def meter(self) -> Meter:
        """The requests of this connector, and what the org said last of the day's calls."""
        return self.client.counted.meter

    async def describe(self) -> Schema:
        """The objects as the org shows them to this user, asked anew."""
        async with self._lock:
            describer = Describer(self.name, self.client)
            found = {name: await describer.sobject(spec) for name, spec in self.specs.items()}
            if any(self.listening.capture(sobject) != "poll" for sobject in found.values()):
                await self.listening.ask(anew=True)
            self._describer, self._sobjects = describer, found
        return Schema({name: self._info(one, await self._doubts(one)) for name, one in found.items()})

    async def read_changes(self, object: str, since: Cursor | None) -> AsyncIterator[Page]:
        sobject = await self._sobject(object)
        feed = Feed(self.client, sobject, self._whole(sobject), self._pace(sobject))
        by_events = await self.listening.wanted(sobject, of_events(since))
        way = EventFeed(feed, self._lookup(sobject), self.listening.door()) if by_events else feed
        async for page in way.pages(since):
            yield page

    async def scan(self, object: str) -> AsyncIterator[Page]:
        whole = self._whole(await self._sobject(object))
        large = await whole.is_large(self.options.bulk_above)
        async for page in whole.scan_in_bulk() if large else whole.scan():
            yield page

    async def fetch(self, object: str, ids: Sequence[str]) -> Sequence[Change]:
        return await self._lookup(await self._sobject(object)).fetch(ids)

    async def find(self, object: str, keys: Sequence[str]) -> Mapping[str, Change]:
        return await self._lookup(await self._sobject(object)).find(keys)

    async def write(self, batch: Sequence[Push]) -> Sequence[PushResult]:
        if not batch:
            return []
        sobject = await self._sobject(batch[0].object)
        said, user = self.options, self.client.place.user
        writer = Writer(
            self.client,
            sobject,
            Settling(sobject, self._lookup(sobject), user, read_back=said.read_back),
            self.names,
            self.parents,
            BulkWriter(
                self.client, sobject, self.unfinished, lambda seconds: self.sleep(seconds), self.clock
            ),
            allow=said.duplicates == "allow",
            bulk_above=said.bulk_writes,
        )
        return await writer.write(batch)

    async def bell(self) -> None:
        """Rings when change events wait to be read; where there are none, never."""
        await self.listening.bell()

    def notes(self) -> Sequence[str]:
        """Which change events are away, and since when."""
        return self.listening.notes()

    async def aclose(self) -> None:
        await self.listening.aclose()
        with suppress(SyncdError, TimeoutError):
            async with asyncio.timeout(PARTING):
                await self.unfinished.end(patience=0.0)
        if isinstance(self.client.auth, OAuth):
            await self.client.auth.aclose()
        await self.client.aclose()

    # -- parts -----------------------------------------------------------------------------------------

    async def _sobject(self, object: str) -> SObject:
        """An object, described once; `describe` asks anew."""
        found = self._sobjects.get(object)
        if found is None:
            async with self._lock:
                found = self._sobjects.get(object)
                if found is None:
                    spec = self.specs.get(object) or ObjectSpec(object, ())
                    found = self._sobjects[object] = await self._describer.sobject(spec)
        if not self.client.place.user:
            await self.client.who()
        return found

    # -- describes -------------------------------------------------------------------------------------

    async def _doubts(self, sobject: SObject) -> list[str]:
        """What is configured, and neither the user's rights nor the service of change events bear out."""
        away = await self.listening.out_of_reach(sobject)
        found = [away] if away is not None else []
        with suppress(RetryLater):
            if self.options.sees_all and not await views_all(self.client, sobject.name):
                said = "`sees_all` is not believed: this user is not known to have View All Records on it"
                found.append(said)
        return found

    def _info(self, sobject: SObject, doubts: Sequence[str]) -> ObjectInfo:
        notes = list(doubts)
        for right, word in (("createable", "create"), ("updateable", "change"), ("deletable", "delete")):
            if not sobject.told.get(right, True):
                notes.append(f"this user may not {word} records of it")
        if sobject.passive and not self._pace(sobject).refresh:
            names = ", ".join(column.name for column in sobject.passive)
            notes.append(f"{names} change without a stamp, and `refresh` is off: only sweeps see that")
        hidden = [name for name in CONVERTED if name not in sobject.columns]
        if sobject.converts and hidden and "Contact" in self.specs:
            notes.append(f"this user may not see {' and '.join(hidden)}: converted leads cannot be followed")
        told = self.listening.note(sobject)
        notes += [told] if told is not None else []
        return sobject.info(notes)

    def _pace(self, sobject: SObject) -> Pace:
        own = sobject.spec.options.get("refresh")
        said = self.options
        return Pace(said.overlap, said.refresh if own is None else float(own), said.bulk_above, said.page)

    def _whole(self, sobject: SObject) -> Whole:
        said = self.options
        lookup = self._lookup(sobject)
        return Whole(self.client, lookup, self._bulk, page=said.page, overlap=said.overlap)

    def _lookup(self, sobject: SObject) -> Lookup:
        return Lookup(self.client, sobject, sees_all=self.options.sees_all, page=self.options.page)


def _cascades(sobject: SObject, specs: Mapping[str, ObjectSpec]) -> list[str]:
    """The mapped objects whose records go with a record of this one."""
    told = sobject.told.get("childRelationships") or ()
    return sorted({str(c["childSObject"]) for c in told if c.get("cascadeDelete")} & specs.keys())
