"""The pool of connections, made when first needed, and what was read of the catalog."""

from __future__ import annotations

import asyncio
import re
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field, replace

import asyncpg
import orjson

from connectors.base import ObjectSpec
from connectors.sql.catalog import Column, Conn, Names, Table, load_cascades, load_tables
from connectors.sql.errors import LOST, guarded
from connectors.sql.options import SqlObjectOptions, SqlOptions
from connectors.sql.statements import Shape
from syncd.core.errors import NeedsOperator

_ID_TYPES = ("int2", "int4", "int8", "uuid", "text", "varchar", "bpchar", "citext")
_CHOSEN_TYPES = ("uuid", "text", "varchar", "bpchar", "citext")


class _Connection(asyncpg.Connection):  # type: ignore[misc]
    """A connection that costs no round trip when it goes back to the pool: nothing is set per use."""

    def get_reset_query(self) -> str:
        return ""


@dataclass(slots=True)
class Session:
    """One system's way to its database."""

    system: str
    options: SqlOptions
    specs: Mapping[str, ObjectSpec]
    shapes: dict[str, Shape] = field(default_factory=dict)
    cascades: dict[str, list[str]] = field(default_factory=dict)
    _stale: set[str] = field(default_factory=set)
    _making: asyncio.Lock = field(default_factory=asyncio.Lock)
    _pool: asyncpg.Pool[asyncpg.Record] | None = None

    @property
    def where(self) -> str:
        """The database, for messages."""
        return self.options.place()

    @asynccontextmanager
    async def connection(self) -> AsyncIterator[Conn]:
        """A connection from the pool."""
        async with (await self._ready()).acquire() as conn:
            yield conn

    async def _ready(self) -> asyncpg.Pool[asyncpg.Record]:
        async with self._making:  # two tasks may be the first at once
            if self._pool is None:
                self._pool = await self._make()
            return self._pool

    async def _make(self) -> asyncpg.Pool[asyncpg.Record]:
        return await asyncpg.create_pool(
            self.options.url.get_secret_value(),
            min_size=0,
            max_size=self.options.pool_size,
            connection_class=_Connection,
            init=_prepare,
            timeout=self.options.connect_timeout,
            command_timeout=self.options.statement_timeout + 5,
            server_settings=self.settings(),
        )

    def settings(self) -> dict[str, str]:
        """What every connection says of itself; texts of times must not depend on the server's taste."""
        return {
            "application_name": "syncd",
            "timezone": "UTC",
            "datestyle": "ISO",
            "intervalstyle": "iso_8601",
            "statement_timeout": str(int(self.options.statement_timeout * 1000)),
            "lock_timeout": str(int(self.options.lock_timeout * 1000)),
        }

    async def aclose(self) -> None:
        """Close the pool, by force when it takes longer than two seconds."""
        pool, self._pool = self._pool, None
        if pool is None:
            return
        try:
            async with asyncio.timeout(2):
                await pool.close()
        except (TimeoutError, asyncpg.PostgresError, *LOST):
            pool.terminate()

    def names(self) -> Names:
        """The configured objects by (schema, table)."""
        return {self._split(name): name for name in self.specs}

    def _split(self, name: str) -> tuple[str, str]:
        schema, dot, table = name.partition(".")
        return (schema, table) if dot else (self.options.table_schema, name)

    async def tables(self) -> dict[str, Table]:
        """All tables of the schema and all configured ones, read anew."""
        with guarded(f"system {self.system}: cannot read the catalog", self.where):
            async with self.connection() as conn:
                found = await load_tables(conn, self.options.table_schema, self.names(), whole_schema=True)
                await self._take(conn, found)
        return found

    async def shape(self, object: str) -> Shape:
        """One object as last read from the catalog."""
        if object not in self.shapes or object in self._stale:
            with guarded(f"system {self.system}: cannot read the catalog", self.where):
                async with self.connection() as conn:
                    await self._load(conn, object)
        return self.shapes[object]

    def forget(self) -> None:
        """Read the catalog again before the next use: a statement found it changed.

        What was known stays until then, for the capabilities.
        """
        self._stale |= set(self.shapes)

    async def _load(self, conn: Conn, object: str) -> None:
        names = {**self.names(), self._split(object): object}
        found = await load_tables(conn, self.options.table_schema, names)
        await self._take(conn, found)
        if object not in found or object not in self.shapes:
            self.shapes.pop(object, None)
            raise NeedsOperator(
                f"system {self.system}: there is no table {object} at {self.where}",
                "Mend the object's name in the configuration, or create the table",
            )

    async def _take(self, conn: Conn, found: Mapping[str, Table]) -> None:
        oids = [t.oid for t in found.values()]
        self.cascades |= await load_cascades(conn, self.options.table_schema, self.names(), oids)
        watcher = await conn.fetchval("select pg_has_role('pg_read_all_stats', 'usage')")
        for name in found:
            spec = self.specs.get(name, ObjectSpec(name, tuple(found[name].columns)))
            if name in self.specs or self._id(found[name], spec) is not None:
                self.shapes[name] = self._shape(found[name], spec, watcher=bool(watcher))
                self._stale.discard(name)

    def _id(self, table: Table, spec: ObjectSpec) -> Column | None:
        options = SqlObjectOptions.model_validate(dict(spec.options))
        column = table.columns.get(options.id or table.primary or "")
        return column if column is not None and column.base in _ID_TYPES else None

    def _shape(self, table: Table, spec: ObjectSpec, *, watcher: bool) -> Shape:
        options = SqlObjectOptions.model_validate(dict(spec.options))
        column = self._id(table, spec)
        if column is None or not table.unique(column.name):
            raise NeedsOperator(
                f"system {self.system}: table {spec.name} has no usable id",
                "It needs a unique column of type integer, bigint, uuid or text: set `id`, or a primary key",
            )
        wanted = dict.fromkeys([*spec.fields, *([spec.key_field] if spec.key_field else [])])
        readable = tuple(n for n in wanted if n in table.columns and table.columns[n].readable)
        self._check_key(table, spec)
        made = Shape(
            spec.name,
            table,
            column,
            readable,
            spec.key_field,
            column.make,
            chosen=column.make is None and not column.identity and column.base in _CHOSEN_TYPES,
            stamp=self._stamp(table, spec, options),
            zone=options.zone,
        )
        return replace(made, notes=tuple(self._notes(made, watcher=watcher)))

    def _check_key(self, table: Table, spec: ObjectSpec) -> None:
        key = spec.key_field
        if key is None:
            return
        if key not in table.columns:
            raise NeedsOperator(
                f"system {self.system}: table {spec.name} has no column {key} for key_field",
                f'Run: ALTER TABLE {table.schema}.{table.name} ADD COLUMN "{key}" text UNIQUE',
            )
        if not table.unique(key):
            raise NeedsOperator(
                f"system {self.system}: key_field {key} of {spec.name} is not unique, so no create is safe",
                f'Run: CREATE UNIQUE INDEX ON {table.schema}.{table.name} ("{key}")',
            )

    def _stamp(self, table: Table, spec: ObjectSpec, options: SqlObjectOptions) -> Column | None:
        column = table.columns.get(options.updated_at or "")
        if column is not None and column.base in ("timestamp", "timestamptz") and column.readable:
            return column
        if options.updated_at is None and self.options.capture != "updated_at":
            return None
        if spec.name not in self.specs:
            return None
        raise NeedsOperator(
            f"system {self.system}: table {spec.name} has no readable time column for `updated_at`",
            "Set it to a timestamp column that every writer moves, or use capture: triggers or scan",
        )

    def _notes(self, shape: Shape, *, watcher: bool) -> Sequence[str]:
        notes = []
        if shape.table.secured:
            notes.append(
                "row security applies to this role: rows that it hides look like deleted ones, so none"
                " is taken for deleted; run ALTER ROLE … BYPASSRLS, or use capture: triggers"
            )
        if self.options.capture == "updated_at" and not watcher:
            notes.append(
                "other roles' transactions are hidden, so what commits later than `overlap` after it began"
                " waits for the next sweep; run GRANT pg_read_all_stats TO the url's role"
            )
        if self.options.capture == "updated_at" and shape.stamp is not None and shape.stamp.nullable:
            notes.append(f"rows whose {shape.stamp.name} is null are found by sweeps only")
        return notes


async def _prepare(conn: Conn) -> None:
    for kind in ("json", "jsonb"):
        await conn.set_type_codec(kind, schema="pg_catalog", encoder=_dumped, decoder=orjson.loads)


def _dumped(value: object) -> str:
    return orjson.dumps(value).decode()


_INTEGER = re.compile(r"-?\d{1,18}\Z")
_UUID = re.compile(r"[0-9a-fA-F]{8}(-[0-9a-fA-F]{4}){3}-[0-9a-fA-F]{12}\Z")


def possible_id(shape: Shape, remote_id: str) -> bool:
    """Whether the id column could hold this at all; what it cannot hold is not there."""
    if shape.id_type == "bigint":
        return _INTEGER.match(remote_id) is not None
    if shape.id.base == "uuid":
        return _UUID.match(remote_id) is not None
    return "\0" not in remote_id
