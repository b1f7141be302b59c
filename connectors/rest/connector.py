"""Any JSON API as a system: what it can do follows from the words of its configuration."""

from __future__ import annotations

import asyncio
from collections import defaultdict
from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from connectors.base import (
    Capabilities,
    Delivery,
    FieldInfo,
    Greeting,
    Looked,
    Meter,
    ObjectInfo,
    ObjectSpec,
    Refused,
    Schema,
)
from connectors.http import HttpClient, RateHeaders
from connectors.login import Account, Login
from connectors.rest import account as _account
from connectors.rest import fields as _fields
from connectors.rest import probe
from connectors.rest.feed import Feed, read_all, state_of
from connectors.rest.judged import judged
from connectors.rest.listing import Known, Leaf, scan
from connectors.rest.login import auth_of, login_of
from connectors.rest.lookup import Lookup
from connectors.rest.options import RestObjectOptions, RestOptions, merged
from connectors.rest.shape import Shape, compile_shape
from connectors.rest.times import read_by_time
from connectors.rest.tokens import read_by_token
from connectors.rest.webhooks import Receiver, telling
from connectors.rest.writer import Writer
from syncd.core.errors import NeedsOperator
from syncd.core.nouns import Change, Cursor, Fields, Op, Page, Push, PushOp, PushResult

_READ = {"all": read_all, "token": read_by_token, "time": read_by_time}
ALONE = 10
"""Records per write where each is a request of its own."""


class RestConnector:
    """See `connectors.base` for what each call promises; `describe` completes the capabilities."""

    OPTIONS = RestOptions
    OBJECT_OPTIONS = RestObjectOptions
    ARCHIVES = "archive"

    def __init__(self, name: str, settings: Fields, objects: Sequence[ObjectSpec]) -> None:
        self.name = name
        self.options = RestOptions.model_validate(dict(settings))
        self.specs = {spec.name: spec for spec in objects}
        tls = self.options.tls.model_dump() if self.options.tls is not None else None
        self.client = HttpClient(
            f"system {name}",
            self.options.url,
            auth=auth_of(name, self.options),
            headers=self.options.headers,
            timeout=self.options.timeout,
            concurrency=self.options.concurrency,
            tls=tls,
            rate=None if self.options.rate is None else RateHeaders(**self.options.rate.model_dump()),
        )
        self.login: Login | None = login_of(self.client, self.options)
        known = dict.fromkeys([*self.options.objects, *self.specs])
        self.shapes = {n: self._compiled(n, _fields.declared(merged(self.options, n))) for n in known}
        self._told: set[str] = set()
        self._notes: dict[str, tuple[str, ...]] = {}
        self._locks = {n: asyncio.Lock() for n in self.shapes}
        self._known: defaultdict[str, Known] = defaultdict(Known)
        hooks = self.options.webhooks
        self._receiver = None if hooks is None else Receiver(name, hooks, list(self.specs))

    def _compiled(self, object: str, infos: Mapping[str, FieldInfo], *, closed: bool = False) -> Shape:
        spec = self.specs.get(object) or ObjectSpec(object, ())
        return compile_shape(
            self.name, spec, merged(self.options, object), infos, closed=closed, clean=self.client.clean
        )

    @property
    def capabilities(self) -> Capabilities:
        """What holds for all objects of the configuration."""
        shapes = [self.shapes[n] for n in self.specs] or list(self.shapes.values())
        feeds = [s.words.feed for s in shapes]
        sizes = [b.words.size for s in shapes for b in s.batches.values()]
        return Capabilities(
            deletes_reported=bool(shapes) and all(_reports_deletes(s) for s in shapes),
            deletes_found_by_scan=all(s.words.record.missing == "deleted" for s in shapes),
            compare_and_set=bool(shapes) and all(s.compares for s in shapes),
            upsert_key=bool(shapes) and all(s.key_is_unique for s in shapes),
            client_ids=bool(shapes) and all(s.words.record.client_ids for s in shapes),
            archives=any(self._archive(n) is not None for n in self.specs),
            feed=all(s.feed is not None for s in shapes),
            read_lag=max((f.lag for f in feeds), default=0.0),
            late=max((s.words.feed.overlap for s in shapes if _by_time(s)), default=0.0),
            find_lag=max((f.find_lag for f in feeds), default=0.0),
            read_batch=self.options.read_batch,
            delivery_headers=() if self.options.webhooks is None else telling(self.options.webhooks),
            write_batch=self.options.write_batch or (min(sizes) if sizes else ALONE),
        )

    async def describe(self) -> Schema:
        """The fields, told or seen; with notes on what a few reads showed."""
        infos = [await self._describe(name) for name in self.specs]
        return Schema({info.name: info for info in infos})

    async def _describe(self, name: str) -> ObjectInfo:
        self._told.discard(name)
        shape = await self._shape(name)
        leaf = await probe.sample(self.client, shape)
        infos = dict(shape.infos)
        if leaf is not None and not shape.closed:
            infos |= _fields.seen(probe.items_in(shape, leaf), infos)
            infos |= {
                n: FieldInfo(n, "text", native="unseen") for n in _unseen(shape, leaf) if n not in infos
            }
        if name not in self._notes:
            self._notes[name] = tuple(await self._noted(shape, leaf))
        records = None if leaf is None else len(leaf.items)
        return ObjectInfo(name, infos, self._notes[name], records)

    async def _noted(self, shape: Shape, leaf: Leaf | None) -> list[str]:
        if self.options.probe:
            return await probe.notes(self.client, shape, leaf)
        return [] if leaf is None else await judged(self.client, shape, leaf, reads=False)

    async def read_changes(self, object: str, since: Cursor | None) -> AsyncIterator[Page]:
        shape = await self._shape(object)
        mode = "all" if shape.feed is None else "token" if shape.words.feed.next is not None else "time"
        async for page in _READ[mode](Feed(self.client, shape, self._known[object]), state_of(since, mode)):
            yield page

    async def scan(self, object: str) -> AsyncIterator[Page]:
        shape = await self._shape(object)
        async for leaf in scan(self.client, shape, self._known[object]):
            changes = [c for c in shape.record.changes(leaf.items) if c.op is Op.UPSERT]
            yield Page(changes, Cursor(""), complete=not leaf.more)

    async def fetch(self, object: str, ids: Sequence[str]) -> Sequence[Change]:
        return await self._lookup(await self._shape(object)).fetch(ids)

    async def fetch_each(self, object: str, ids: Sequence[str]) -> Looked:
        return await self._lookup(await self._shape(object)).fetch_each(ids)

    async def find(self, object: str, keys: Sequence[str]) -> Mapping[str, Change]:
        shape = await self._shape(object)
        told = {shape.key_value(key): key for key in keys}
        if shape.words.record.client_ids and shape.spec.key_field is None:
            there = await self._lookup(shape).fetch(list(told))
            return {told[c.remote_id]: c for c in there if c.op is Op.UPSERT}
        if shape.spec.key_field is None:
            raise NeedsOperator(f"{shape.what} has no key_field", "Set key_field")
        found = await self._lookup(shape).find(shape.spec.key_field, list(told))
        return {told[key]: change for key, change in found.items()}

    async def write(self, batch: Sequence[Push]) -> Sequence[PushResult]:
        if not batch:
            return []
        shape = await self._shape(batch[0].object)
        self._known[shape.object].writes += 1
        archive = self._archive(shape.object) if any(p.op is PushOp.ARCHIVE for p in batch) else None
        return await Writer(self.client, shape, self._lookup(shape), archive).write(batch)

    def receive(self, delivery: Delivery) -> Sequence[Change]:
        """What a webhook names; without `webhooks` configured, everything is refused."""
        if self._receiver is None:
            raise Refused("unknown", f"system {self.name} has no `webhooks` configured")
        return self._receiver.receive(delivery)

    async def identify(self) -> Account | None:
        """Whose data this is; None without `account` in the configuration."""
        words = self.options.account
        what = f"system {self.name}: account"
        return None if words is None else await _account.account(self.client, words, what)

    def meter(self) -> Meter:
        """What was sent, and what the server said of how much may be."""
        return self.client.counted.meter

    def greet(self, delivery: Delivery) -> Greeting | None:
        """The answer to a vendor's question whether the address is ours."""
        return None if self._receiver is None else self._receiver.greet(delivery)

    async def aclose(self) -> None:
        await self.client.aclose()

    def _lookup(self, shape: Shape) -> Lookup:
        return Lookup(self.client, shape, self.options.read_batch)

    def _archive(self, object: str) -> Mapping[str, Any] | None:
        """What archiving a record sets, None where it cannot be archived."""
        spec = self.specs.get(object)
        return RestObjectOptions.model_validate(dict(spec.options)).archive if spec is not None else None

    async def _shape(self, object: str) -> Shape:
        """The object, with the fields that the API tells of, where it is asked for them."""
        shape = self.shapes.get(object)
        if shape is None:
            known = ", ".join(self.shapes) or "none"
            raise NeedsOperator(f"system {self.name} has no object {object}", f"Configured are: {known}")
        if shape.words.fields.source is None or object in self._told:
            return shape
        async with self._locks[object]:
            if object not in self._told:
                told = await _fields.told(self.client, shape)
                infos = {**told, **_fields.declared(shape.words)}
                self.shapes[object] = self._compiled(object, infos, closed=True)
                self._told.add(object)
        return self.shapes[object]


def _unseen(shape: Shape, leaf: Leaf) -> Sequence[str]:
    """Mapped fields that may exist although no record of the first page shows them."""
    return shape.record.names if not leaf.items or shape.words.record.absent == "null" else ()


def _by_time(shape: Shape) -> bool:
    return shape.feed is not None and shape.words.feed.next is None


def _reports_deletes(shape: Shape) -> bool:
    return shape.feed is not None and (shape.words.record.deleted is not None or "deleted" in shape.calls)
