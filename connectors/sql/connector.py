"""PostgreSQL tables as a system: compare-and-set by `xmin`, references by foreign keys, three captures."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from dataclasses import replace

from connectors.base import Capabilities, ObjectSpec, Schema
from connectors.sql import install as _install
from connectors.sql.bell import Bell
from connectors.sql.errors import moved
from connectors.sql.log import read_log
from connectors.sql.options import SqlObjectOptions, SqlOptions
from connectors.sql.reader import Reader, read_scanning, scan
from connectors.sql.rows import changes
from connectors.sql.session import Session, possible_id
from connectors.sql.stamps import read_stamped
from connectors.sql.statements import Shape, by_id, by_key
from connectors.sql.writer import SchemaMovedError, Writer
from syncd.core.errors import NeedsOperator, RetryLater, SyncdError
from syncd.core.nouns import Change, Cursor, Fields, Op, Page, Push, PushResult

_READ = {"scan": read_scanning, "updated_at": read_stamped, "triggers": read_log}
_PRUNE_EVERY = 3600.0  # seconds


class SqlConnector:
    """See `connectors.base` for what each call promises; `describe` completes the capabilities."""

    OPTIONS = SqlOptions
    OBJECT_OPTIONS = SqlObjectOptions
    ARCHIVES = "archive"

    def __init__(self, name: str, settings: Fields, objects: Sequence[ObjectSpec]) -> None:
        self.name = name
        self.options = SqlOptions.model_validate(dict(settings))
        self.specs = {spec.name: spec for spec in objects}
        self.session = Session(name, self.options, self.specs)
        self._bell = Bell(self.session)
        self._watched: set[str] = set()
        self._pruned: float | None = None
        self._told: dict[str, str] = {}

    @property
    def capabilities(self) -> Capabilities:
        """What is known of the tables so far; what depends on their ids and keys after `describe`."""
        shapes = [self.session.shapes[n] for n in self.specs if n in self.session.shapes]
        has_key = all(s.key_field for s in self.specs.values())
        logged = self.options.capture == "triggers"
        return Capabilities(
            deletes_reported=logged,
            deletes_found_by_scan=not any(s.table.secured for s in shapes),
            compare_and_set=True,
            upsert_key=all(s.key is not None for s in shapes) if shapes else has_key,
            client_ids=bool(shapes) and all(s.chosen for s in shapes),
            archives=any(self._object(n).archive is not None for n in self.specs),
            stored_in_answer=True,
            feed=self.options.capture != "scan",
            read_batch=self.options.page,
            write_batch=self.options.write_batch,
            cascades=self.session.cascades,
        )

    async def describe(self) -> Schema:
        tables = await self.session.tables()
        lost = next((n for n in self.specs if n not in tables), None)
        if lost is not None:
            await self.session.shape(lost)  # says what is missing
        self._told = {name: table.form for name, table in tables.items()}
        notes = {n: shape.notes for n, shape in self.session.shapes.items()}
        return Schema({n: table.info(n, notes.get(n, ())) for n, table in tables.items()})

    async def read_changes(self, object: str, since: Cursor | None) -> AsyncIterator[Page]:
        reader = await self._reader(object)
        if self.options.capture == "triggers":
            await self._watch(reader.shape)
        try:
            async for page in _READ[self.options.capture](reader, since):
                yield page
        except SyncdError:
            self._look_again()
            raise

    async def scan(self, object: str) -> AsyncIterator[Page]:
        reader = await self._reader(object)
        try:
            async for page in scan(reader):
                yield page
        except SyncdError:
            self._look_again()
            raise

    def _look_again(self) -> None:
        """After a failed read the catalog and the triggers may not be what they were."""
        self.session.forget()
        self._watched.clear()

    async def fetch(self, object: str, ids: Sequence[str]) -> Sequence[Change]:
        reader = await self._reader(object)
        shape = reader.shape
        wanted = list(dict.fromkeys(ids))
        asked = [i for i in wanted if possible_id(shape, i)]
        rows = changes(self.name, shape, await reader.rows(by_id(shape), asked)) if asked else []
        if shape.table.secured:
            return rows
        there = {change.remote_id for change in rows}
        return [*rows, *(Change(self.name, object, i, Op.DELETE) for i in wanted if i not in there)]

    async def find(self, object: str, keys: Sequence[str]) -> Mapping[str, Change]:
        shape = await self._shape(object)
        if shape.key_field is None:
            raise NeedsOperator(f"system {self.name}: {object} has no key_field", "Set key_field")
        reader = Reader(self.session, shape)
        rows = await reader.rows(by_key(shape, shape.key_field), list(keys))
        return {row["key_"]: c for row, c in zip(rows, changes(self.name, shape, rows), strict=True)}

    async def write(self, batch: Sequence[Push]) -> Sequence[PushResult]:
        if not batch:
            return []
        object = batch[0].object
        for _ in range(2):
            writer = Writer(self.session, await self._shape(object), self._object(object).archive)
            try:
                return await writer.write(batch)
            except SchemaMovedError:
                self.session.forget()
        raise RetryLater(f"system {self.name}: table {object} is being altered; it will be tried again")

    async def bell(self) -> None:
        """Only triggers ring; without them this never returns."""
        if self.options.capture != "triggers":
            await asyncio.Event().wait()
        await self._bell.wait()

    async def install(self, objects: Sequence[str] | None = None) -> Sequence[str]:
        """Make the log and triggers for objects (default: all configured); those that got one."""
        shapes = [await self._shape(o) for o in (objects if objects is not None else self.specs)]
        return await _install.install(self.session, shapes)

    async def uninstall(self) -> None:
        """Remove all that `install` made, for all objects."""
        await _install.uninstall(self.session)
        self._watched.clear()

    async def aclose(self) -> None:
        await self._bell.aclose()
        await self.session.aclose()

    async def _watch(self, shape: Shape) -> None:
        """See to the triggers once per object, and to the log's size once per hour."""
        if shape.object not in self._watched:
            if self.options.install:
                await _install.install(self.session, [shape])
            self._watched.add(shape.object)
        now = asyncio.get_running_loop().time()
        if self._pruned is None or now - self._pruned > _PRUNE_EVERY:
            await _install.prune(self.session)
            self._pruned = now

    async def _reader(self, object: str) -> Reader:
        """Reads as the table was described; `SchemaMoved` where it is another one by now."""
        shape = await self._shape(object)
        if shape.table.form != self._told.get(object, shape.table.form):
            raise moved(self.name, object)
        return Reader(self.session, shape)

    async def _shape(self, object: str) -> Shape:
        return replace(await self.session.shape(object), object=object)

    def _object(self, object: str) -> SqlObjectOptions:
        spec = self.specs.get(object)
        return SqlObjectOptions.model_validate(dict(spec.options) if spec is not None else {})
