"""The reference connector: small, and exact about every promise of the contract."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Mapping, Sequence
from dataclasses import replace
from typing import Any, TypeVar

import orjson
from pydantic import BaseModel, ConfigDict, Field

from connectors.base import Capabilities, Delivery, ObjectInfo, ObjectSpec, Schema
from connectors.memory.remote import MemoryRemote
from connectors.memory.save import save
from connectors.memory.table import Refusal
from connectors.memory.wire import Listing, Outcome, Position, Sent, Wire, WireError, Write
from connectors.signatures import HEADERS, SignedOptions, receive_signed
from syncd.core.errors import CursorLost, NeedsOperator, RetryLater
from syncd.core.nouns import (
    UNKNOWN_FIELD,
    Accepted,
    Change,
    Cursor,
    Exists,
    Fields,
    Missing,
    Op,
    Page,
    Push,
    PushOp,
    PushResult,
    Rejected,
    Stale,
    StoredBy,
    Uncertain,
    Value,
)
from syncd.core.turn import check_turn

T = TypeVar("T")


class MemoryOptions(BaseModel):
    """`remote` names a `MemoryRemote` that this process has registered; `page` is rows per read.

    `webhooks` are signed as `connectors.signatures` says.
    """

    model_config = ConfigDict(extra="forbid", frozen=True)

    remote: str
    page: int = Field(default=100, ge=1)
    webhooks: SignedOptions | None = None


class MemoryObjectOptions(BaseModel):
    """No settings of its own per object."""

    model_config = ConfigDict(extra="forbid", frozen=True)


class MemoryConnector:
    """Talks to one `MemoryRemote`; see `connectors.base` for what each call promises."""

    OPTIONS = MemoryOptions
    OBJECT_OPTIONS = MemoryObjectOptions

    def __init__(self, name: str, settings: Fields, objects: Sequence[ObjectSpec]) -> None:
        self.name = name
        self.options = MemoryOptions.model_validate(dict(settings))
        self.specs = {spec.name: spec for spec in objects}
        remote = MemoryRemote.named(self.options.remote)
        if remote is None:
            raise NeedsOperator(
                f"system {name}: no CRM in memory is called {self.options.remote!r}",
                "It lives only in tests and simulations; use another connector",
            )
        self.remote = remote
        self._wire = Wire(remote)
        self._schema: Mapping[str, ObjectInfo] = {}
        self._rung = asyncio.Event()

    @property
    def capabilities(self) -> Capabilities:
        """What the remote offers just now."""
        has = self.remote.features
        keyed = all(
            self.remote.tables[name].shape.key_field for name in self.specs if name in self.remote.tables
        )
        return Capabilities(
            deletes_reported=has.deletes_reported,
            deletes_found_by_scan=not self._wire.restricted(),
            partial_fields=has.partial_fields,
            compare_and_set=has.compare_and_set and not self.remote.quirks.no_stamps,
            upsert_key=has.client_ids or (has.upsert_key and keyed),
            client_ids=has.client_ids,
            archives=has.archives,
            stored_in_answer=has.stored_in_answer,
            read_lag=has.read_lag,
            find_lag=has.find_lag,
            read_batch=has.read_batch,
            write_batch=has.write_batch,
            delivery_headers=HEADERS,
            cascades=self._cascades(),
        )

    def _cascades(self) -> dict[str, list[str]]:
        found: dict[str, list[str]] = {}
        for child, table in self.remote.tables.items():
            for shape in table.fields.values():
                if shape.references is not None and shape.on_delete == "cascade":
                    found.setdefault(shape.references, []).append(child)
        return found

    async def describe(self) -> Schema:
        self._schema = await self._call(self._wire.describe(), "describe")
        return Schema(self._schema)

    async def read_changes(self, object: str, since: Cursor | None) -> AsyncIterator[Page]:
        position, base = _position(since)
        more = True
        while more:
            listing = await self._list(self._wire.changes(object, position, self.options.page, base), object)
            more = listing.more
            if listing.last is not None:
                position = listing.last
                changes = [self._change(object, row) for row in listing.rows]
                if not more:
                    base = position[0] if listing.untold is None else min(position[0], listing.untold)
                yield Page(changes, _cursor(position, base))
            await self.remote.faults.reach("read.page", object)

    async def scan(self, object: str) -> AsyncIterator[Page]:
        after: str | None = None
        more = True
        while more:
            listing = await self._list(self._wire.listing(object, after, self.options.page), object)
            more = listing.more
            after = listing.last[1] if listing.last is not None else after
            changes = [self._change(object, row) for row in listing.rows]
            yield Page(changes, Cursor(orjson.dumps([after]).decode()), complete=not more)
            await self.remote.faults.reach("read.page", object)

    async def fetch(self, object: str, ids: Sequence[str]) -> Sequence[Change]:
        found = {str(row.id): self._change(object, row) for row in await self._get(object, ids)}
        gone = [] if self._wire.restricted() else [i for i in dict.fromkeys(ids) if i not in found]
        return [*found.values(), *(Change(self.name, object, i, Op.DELETE) for i in gone)]

    async def _get(self, object: str, ids: Sequence[str]) -> list[Sent]:
        """Read by id, one by one where a missing id fails the whole call."""
        try:
            return await self._wire.get(object, list(dict.fromkeys(ids)))
        except WireError as error:
            if error.code != "missing_record":
                raise self._next_step(error, f"read {object}") from None
        if len(ids) == 1:
            return []
        return [row for i in dict.fromkeys(ids) for row in await self._get(object, [i])]

    async def find(self, object: str, keys: Sequence[str]) -> Mapping[str, Change]:
        key_field = self._key_field(object)
        rows = await self._call(self._wire.find(object, key_field, keys), f"find in {object}")
        return {str(row.fields[key_field]): self._change(object, row) for row in rows}

    def receive(self, delivery: Delivery) -> Sequence[Change]:
        return receive_signed(self.name, self.options.webhooks, delivery)

    async def bell(self) -> None:
        if self._rung.set not in self.remote.listeners:
            self.remote.listeners.append(self._rung.set)
        await self._rung.wait()
        self._rung.clear()

    async def aclose(self) -> None:
        if self._rung.set in self.remote.listeners:
            self.remote.listeners.remove(self._rung.set)

    async def write(self, batch: Sequence[Push]) -> Sequence[PushResult]:
        if not batch:
            return []
        object = batch[0].object
        known = await self._fields(object)
        refused = [r for p in batch if (r := _unknown(p, known)) is not None]
        out = {r.push_id for r in refused}
        writes = [_write(p) for p in batch if p.push_id not in out]
        check_turn(self.name)
        answers = await self._call(save(self._wire, object, writes), f"write {object}", write=True)
        pushes = {p.push_id: p for p in batch}
        return [*refused, *(self._result(pushes[a.ref], a) for a in answers)]

    def _result(self, push: Push, answer: Outcome) -> PushResult:
        if answer.lost:
            return Uncertain(push.push_id, "the answer to this row was lost")
        if answer.error is not None:
            return self._refused(push, answer.error, answer.row)
        return self._accepted(push, answer.row)

    def _accepted(self, push: Push, row: Sent | None) -> Accepted:
        if row is None:
            return Accepted(push.push_id, str(push.remote_id))
        change = self._change(push.object, row)
        told = self.remote.features.stored_in_answer
        return Accepted(
            push.push_id,
            change.remote_id,
            change.remote_version,
            change.fields if told else {},
            StoredBy.ANSWER if told else StoredBy.UNKNOWN,
        )

    def _refused(self, push: Push, error: Refusal, row: Sent | None) -> PushResult:
        if error.code == "stale":
            return Stale(push.push_id)
        if error.code == "not_found":
            return Missing(push.push_id)
        if error.code == "duplicate" and push.op is PushOp.CREATE and row is not None:
            same = self.capabilities.upsert_key and self._ours(push, row)
            return self._accepted(push, row) if same else Exists(push.push_id, str(row.id))
        return Rejected(push.push_id, error.code, str(error), error.field)

    def _ours(self, push: Push, row: Sent) -> bool:
        """Whether this is our own create, as sent. An edited one must be read, not taken for our write."""
        key = str(row.id) if self.remote.features.client_ids else row.fields.get(self._key_field(push.object))
        values = self._change(push.object, row).fields
        return key == push.key and all(values.get(name) == value for name, value in push.fields.items())

    def _key_field(self, object: str) -> str:
        table = self.remote.tables.get(object)
        if table is None or table.shape.key_field is None:
            raise NeedsOperator(
                f"system {self.name}: {object} has no key field", "Set key_field, or remove it"
            )
        return table.shape.key_field

    async def _fields(self, object: str) -> Mapping[str, Any]:
        """The object's fields as they are now: this remote ignores unknown ones in silence."""
        schema = await self._call(self._wire.describe(), "describe")
        if object not in schema:
            raise NeedsOperator(f"system {self.name}: there is no object {object}", "Mend the mapping")
        self._schema = schema
        return schema[object].fields

    def _change(self, object: str, row: Sent) -> Change:
        if row.deleted:
            op = Op.DELETE if row.heir is None else Op.MERGE if row.heir[0] == object else Op.CONVERT
            to, left = row.heir or (None, None)
            gone = Change(self.name, object, str(row.id), op, occurred_at=row.stamp)
            return replace(gone, survivor_id=left, survivor_object=to)
        return Change(
            self.name,
            object,
            str(row.id),
            Op.UPSERT,
            self._wanted(object, row.fields),
            partial=row.partial,
            remote_version=row.version,
            occurred_at=row.stamp,
        )

    def _wanted(self, object: str, fields: Mapping[str, Value]) -> Fields:
        spec, shapes = self.specs.get(object), self.remote.tables[object].fields
        key_field = self.remote.tables[object].shape.key_field
        names = fields if spec is None else [*spec.fields, *([key_field] if key_field else [])]
        return {n: _emptied(fields[n], shapes[n].type) for n in names if n in fields and n in shapes}

    async def _list(self, call: Awaitable[Listing], object: str) -> Listing:
        try:
            listing = await call
        except WireError as error:
            if error.code == "no_records":
                return Listing((), 0, more=False)
            raise self._next_step(error, f"read {object}") from None
        if listing.count != len(listing.rows):
            raise RetryLater(f"system {self.name}: a page of {object} was cut short; it will be read again")
        return listing

    async def _call(self, call: Awaitable[T], what: str, *, write: bool = False) -> T:
        try:
            return await call
        except WireError as error:
            raise self._next_step(error, what, write=write) from None

    def _next_step(self, error: WireError, what: str, *, write: bool = False) -> Exception:
        where = f"system {self.name}: cannot {what}"
        if error.status == 401:
            return NeedsOperator(f"{where}: the log-in is refused", "Give it a valid log-in")
        if error.code == "no_object":
            return NeedsOperator(
                f"{where}: the object is not there", "Mend the mapping or restore the object"
            )
        lost = write and error.code == "no_answer" and self.remote.online
        return RetryLater(f"{where}: {error.code}", uncertain=lost)


def _unknown(push: Push, known: Mapping[str, Any]) -> Rejected | None:
    name = next((n for n in push.fields if n not in known), None)
    if name is None:
        return None
    return Rejected(push.push_id, UNKNOWN_FIELD, f"{push.object} has no field {name}", name)


def _write(push: Push) -> Write:
    return Write(push.push_id, push.op, push.fields, push.remote_id, push.expected_version, push.key)


def _emptied(value: Value, kind: str) -> Value:
    """Some CRMs say false where they mean nothing."""
    return None if value is False and kind != "boolean" else value


def _cursor(position: Position, base: int) -> Cursor:
    """`base` is where the walk began: a record that moves on during it was not told before."""
    return Cursor(orjson.dumps([*position, base]).decode())


def _position(since: Cursor | None) -> tuple[Position, int]:
    if since is None:
        return (0, ""), 0
    try:
        txn, remote_id, base = orjson.loads(since.token)
        return (int(txn), str(remote_id)), int(base)
    except (ValueError, TypeError):
        raise CursorLost("the cursor is not one of this connector") from None
