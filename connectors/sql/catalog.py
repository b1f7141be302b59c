"""What the database's catalog says about its tables, read with a constant number of statements."""

from __future__ import annotations

import re
from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field, replace
from typing import TypeAlias

import asyncpg
from asyncpg.pool import PoolConnectionProxy

from connectors.base import FieldInfo, ObjectInfo


@dataclass(frozen=True, slots=True)
class Column:
    """One column. `native` is its type without length, as SQL; `base` the type's name below a domain."""

    name: str
    native: str
    base: str
    is_array: bool
    info: FieldInfo
    readable: bool = True
    identity: bool = False
    make: str | None = None
    nullable: bool = True

    @property
    def as_text(self) -> bool:
        """Whether it holds ids, which travel as text whatever their type."""
        return self.info.references is not None


@dataclass(frozen=True, slots=True)
class Index:
    """A unique index: its expressions and condition as SQL, and the plain columns that it covers."""

    name: str
    expressions: tuple[str, ...]
    columns: tuple[str, ...]
    condition: str | None
    primary: bool

    @property
    def column(self) -> str | None:
        """The one plain column that it makes unique without a condition."""
        plain = len(self.columns) == len(self.expressions) == 1 and self.condition is None
        return self.columns[0] if plain else None


@dataclass(frozen=True, slots=True)
class Table:
    """One table as the catalog has it; `rights` holds select, insert, update, delete; `form` is `FORM`."""

    oid: int
    schema: str
    name: str
    columns: Mapping[str, Column]
    indexes: Mapping[str, Index] = field(default_factory=dict)
    constraints: Mapping[str, str] = field(default_factory=dict)
    rights: frozenset[str] = frozenset()
    secured: bool = False
    after_triggers: bool = False
    form: str = ""

    @property
    def primary(self) -> str | None:
        """The primary key's column, where it is a single one."""
        return next((i.column for i in self.indexes.values() if i.primary), None)

    def unique(self, column: str) -> bool:
        """Whether a column alone is unique."""
        return any(i.column == column for i in self.indexes.values())

    def info(self, name: str, notes: Sequence[str] = ()) -> ObjectInfo:
        """The table as `describe` reports it."""
        fields = {c.name: replace(c.info, unique=self.unique(c.name)) for c in self.columns.values()}
        return ObjectInfo(name, fields, tuple(notes))


FORM = """select md5(string_agg(concat_ws(' ', a.attname, a.atttypid, a.atttypmod, a.attnotnull), ','
  order by a.attnum)) from pg_attribute a where a.attnum > 0 and not a.attisdropped and a.attrelid = """
"""With a table's oid behind it: what changes when a column comes, goes, or is another one."""

_TABLES = f"""
select c.oid, ({FORM} c.oid) as form, n.nspname, c.relname, row_security_active(c.oid) as secured,
       array(select r from unnest('{{select,insert,update,delete}}'::text[]) r
             where has_table_privilege(c.oid, r)
                or (r <> 'delete' and has_any_column_privilege(c.oid, r))) as rights,
       exists (select from pg_trigger g where g.tgrelid = c.oid and not g.tgisinternal
               and g.tgtype & 66 = 0 and g.tgtype & 20 <> 0
               and g.tgname not in ('syncd_row', 'syncd_bell')) as after_triggers
from pg_class c join pg_namespace n on n.oid = c.relnamespace
where c.relkind in ('r', 'p')
  and (n.nspname = $1 and $2::bool
       or (n.nspname, c.relname) in (select * from unnest($3::text[], $4::text[])))
order by c.oid
"""

_COLUMNS = """
select a.attrelid as oid, a.attnum, a.attname, format_type(a.atttypid, -1) as native,
       format_type(a.atttypid, a.atttypmod) as shown, a.attnotnull, a.atthasdef,
       a.attidentity::text as identity, a.attgenerated::text as generated,
       b.typname as base, b.typcategory::text as category,
       case when t.typtype = 'd' then t.typtypmod else a.atttypmod end as typmod,
       pg_get_expr(d.adbin, d.adrelid) as expression, s.seq,
       s.seq is not null and has_sequence_privilege(s.seq, 'usage') as may_number,
       (select array_agg(e.enumlabel::text order by e.enumsortorder) from pg_enum e where e.enumtypid = b.oid)
           as labels,
       has_column_privilege(a.attrelid, a.attnum, 'select') as readable,
       has_column_privilege(a.attrelid, a.attnum, 'update')
           or has_column_privilege(a.attrelid, a.attnum, 'insert') as writable
from pg_attribute a
join pg_class c on c.oid = a.attrelid
join pg_namespace n on n.oid = c.relnamespace
join pg_type t on t.oid = a.atttypid
join pg_type b on b.oid = case when t.typtype = 'd' then t.typbasetype else t.oid end
left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
left join lateral (select pg_get_serial_sequence(format('%I.%I', n.nspname, c.relname), a.attname) as seq) s
       on true
where a.attrelid = any($1::oid[]) and a.attnum > 0 and not a.attisdropped
order by a.attrelid, a.attnum
"""

_INDEXES = """
select i.indrelid as oid, c.relname, i.indisprimary,
       array(select pg_get_indexdef(i.indexrelid, k, true) from generate_series(1, i.indnkeyatts) k) as exprs,
       array(select a.attname::text from unnest(i.indkey[0:i.indnkeyatts - 1]) with ordinality u(n, o)
             join pg_attribute a on a.attrelid = i.indrelid and a.attnum = u.n order by u.o) as columns,
       pg_get_expr(i.indpred, i.indrelid) as condition
from pg_index i join pg_class c on c.oid = i.indexrelid
where i.indrelid = any($1::oid[]) and i.indisunique and i.indisvalid
"""

_CONSTRAINTS = """
select k.conrelid as oid, k.conname, k.contype::text as kind, a.attname, pg_get_constraintdef(k.oid) as text,
       fn.nspname as f_schema, f.relname as f_table,
       k.confkey[1] = any(select p.indkey[0] from pg_index p
                          where p.indrelid = k.confrelid and p.indisunique and p.indnkeyatts = 1) as to_key
from pg_constraint k
join pg_attribute a on a.attrelid = k.conrelid and a.attnum = k.conkey[1]
left join pg_class f on f.oid = k.confrelid
left join pg_namespace fn on fn.oid = f.relnamespace
where k.conrelid = any($1::oid[]) and k.contype in ('c', 'f') and array_length(k.conkey, 1) = 1
"""

_CASCADES = """
select pn.nspname as p_schema, p.relname as p_table, cn.nspname as c_schema, c.relname as c_table
from pg_constraint k
join pg_class p on p.oid = k.confrelid join pg_namespace pn on pn.oid = p.relnamespace
join pg_class c on c.oid = k.conrelid join pg_namespace cn on cn.oid = c.relnamespace
where k.contype = 'f' and k.confdeltype = 'c' and k.confrelid = any($1::oid[])
"""

_CANONICAL = {
    "bool": "boolean",
    "int2": "integer",
    "int4": "integer",
    "int8": "integer",
    "numeric": "decimal",
    "money": "decimal",
    "float4": "decimal",
    "float8": "decimal",
    "date": "date",
    "timestamp": "datetime",
    "timestamptz": "datetime",
}

Conn: TypeAlias = "asyncpg.Connection[asyncpg.Record] | PoolConnectionProxy[asyncpg.Record]"
Names = Mapping[tuple[str, str], str]
"""(schema, table) to the object's name."""


async def load_tables(
    conn: Conn,
    schema: str,
    names: Names,
    *,
    whole_schema: bool = False,
) -> dict[str, Table]:
    """The tables that `names` lists, and with `whole_schema` all of a schema, by object name."""
    schemas, tables = [s for s, _ in names], [t for _, t in names]
    heads = await conn.fetch(_TABLES, schema, whole_schema, schemas, tables)
    oids = [h["oid"] for h in heads]
    columns = _grouped(await conn.fetch(_COLUMNS, oids))
    indexes = _grouped(await conn.fetch(_INDEXES, oids))
    constraints = _grouped(await conn.fetch(_CONSTRAINTS, oids))
    made = (
        _table(h, columns.get(h["oid"], []), indexes.get(h["oid"], []), constraints.get(h["oid"], []), names)
        for h in heads
    )
    return {object_name(t.schema, t.name, schema, names): t for t in made}


async def load_cascades(conn: Conn, schema: str, names: Names, oids: Sequence[int]) -> dict[str, list[str]]:
    """Which objects' rows go when a row of an object is deleted."""
    found: dict[str, list[str]] = {}
    for row in await conn.fetch(_CASCADES, oids):
        parent = object_name(row["p_schema"], row["p_table"], schema, names)
        found.setdefault(parent, []).append(object_name(row["c_schema"], row["c_table"], schema, names))
    return found


def object_name(schema: str, table: str, default: str, names: Names) -> str:
    """What an object is called: as configured, else the table's name, with its schema unless the default."""
    known = names.get((schema, table))
    if known is not None:
        return known
    return table if schema == default else f"{schema}.{table}"


def _grouped(rows: Sequence[asyncpg.Record]) -> dict[int, list[asyncpg.Record]]:
    found: dict[int, list[asyncpg.Record]] = {}
    for row in rows:
        found.setdefault(row["oid"], []).append(row)
    return found


def _table(
    head: asyncpg.Record,
    columns: Sequence[asyncpg.Record],
    indexes: Sequence[asyncpg.Record],
    constraints: Sequence[asyncpg.Record],
    names: Names,
) -> Table:
    refs = {k["attname"]: k for k in constraints if k["kind"] == "f" and k["to_key"]}
    lists = {k["attname"]: o for k in constraints if k["kind"] == "c" and (o := _options(k["text"]))}
    made = [
        _column(c, refs.get(c["attname"]), lists.get(c["attname"]), head["nspname"], names) for c in columns
    ]
    return Table(
        head["oid"],
        head["nspname"],
        head["relname"],
        {c.name: c for c in made},
        {i["relname"]: _index(i) for i in indexes},
        {k["conname"]: k["attname"] for k in constraints},
        frozenset(head["rights"]),
        head["secured"],
        head["after_triggers"],
        head["form"] or "",
    )


def _index(row: asyncpg.Record) -> Index:
    return Index(
        row["relname"], tuple(row["exprs"]), tuple(row["columns"]), row["condition"], row["indisprimary"]
    )


def _column(
    row: asyncpg.Record,
    ref: asyncpg.Record | None,
    options: tuple[str, ...] | None,
    schema: str,
    names: Names,
) -> Column:
    target = None if ref is None else object_name(ref["f_schema"], ref["f_table"], schema, names)
    labels = tuple(row["labels"]) if row["labels"] else options
    is_array = row["category"] == "A"
    has_default = row["atthasdef"] or bool(row["identity"])
    info = FieldInfo(
        row["attname"],
        _canonical(row["base"], is_array=is_array, target=target, labels=labels),
        required=row["attnotnull"] and not has_default,
        read_only=bool(row["generated"]) or row["identity"] == "a" or not row["writable"],
        length=_length(row["base"], row["typmod"]),
        scale=_scale(row["base"], row["typmod"]),
        options=labels,
        references=target,
        default=has_default,
        native=row["shown"],
    )
    make = _maker(row)
    return Column(
        row["attname"],
        row["native"],
        row["base"],
        is_array,
        info,
        row["readable"],
        bool(row["identity"]),
        make,
        not row["attnotnull"],
    )


def _maker(row: asyncpg.Record) -> str | None:
    """The SQL that makes the next value of a generated id, where we may use it."""
    if row["generated"]:
        return None
    if row["identity"]:
        quoted = row["seq"].replace("'", "''")
        return f"nextval('{quoted}'::regclass)" if row["may_number"] else None
    return str(row["expression"]) if row["expression"] is not None else None


def _canonical(base: str, *, is_array: bool, target: str | None, labels: tuple[str, ...] | None) -> str:
    if target is not None:
        return "ref"
    if is_array:
        return "set"
    return "enum" if labels else _CANONICAL.get(base, "text")


def _length(base: str, typmod: int) -> int | None:
    return typmod - 4 if base in ("varchar", "bpchar") and typmod > 4 else None


def _scale(base: str, typmod: int) -> int | None:
    if base == "numeric" and typmod > 4:
        return (typmod - 4) & 0x7FF
    return 0 if base in ("int2", "int4", "int8") else None


def _options(constraint: str) -> tuple[str, ...] | None:
    """The values of `check (x in ('a', 'b'))`, as PostgreSQL writes it down."""
    found = re.search(r"= ANY \(+ARRAY\[(.*?)\]\)?", constraint)
    if found is None:
        return None
    return tuple(v.replace("''", "'") for v in re.findall(r"'((?:[^']|'')*)'", found[1])) or None
