"""SQL as text, from the catalog: every identifier is quoted, every value a parameter.

Values leave as JSON values by casts in the select list, so that Python has nothing to do per value. They
come back as one JSON array that `json_to_recordset` reads with the columns' own types; types carry no
length here, since an explicit cast to varchar(3) would cut in silence where an assignment complains.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass

from connectors.sql.catalog import FORM, Column, Table

_NATURAL = {"bool", "int2", "int4", "int8", "text", "varchar", "json", "jsonb"}
_FLOATS = {"float4", "float8"}
_JSON_ELEMENTS = {"_bool", "_int2", "_int4", "_int8", "_text", "_varchar"}
_SECOND = 'YYYY-MM-DD"T"HH24:MI:SS.US'

_ZULU = f'{_SECOND}"Z"'

SNAPSHOT = """m as materialized (
  select pg_snapshot_xmin(s)::text::bigint as lo, pg_snapshot_xmax(s)::text::bigint as hi
  from (select pg_current_snapshot() as s) z)"""
"""Transactions below `lo` are over; `hi` is the first number that this statement cannot see."""

XID = """(t.xmin::text::bigint + (select hi - (hi & 4294967295) from m)
  - case when t.xmin::text::bigint > (select hi & 4294967295 from m) then 4294967296 else 0 end)"""
"""The whole number of the transaction that wrote a row; `xmin` holds its lower half."""


def ident(name: str) -> str:
    """A quoted identifier."""
    return '"' + name.replace('"', '""') + '"'


@dataclass(frozen=True, slots=True)
class Shape:
    """One object as it is read and written: a table, its id column, and the fields that are wanted.

    `make_id` is SQL for the next id; without it ids are chosen by us (`chosen`) or known only afterwards.
    """

    object: str
    table: Table
    id: Column
    fields: tuple[str, ...]
    key_field: str | None = None
    make_id: str | None = None
    chosen: bool = False
    stamp: Column | None = None
    zone: str = "UTC"
    notes: tuple[str, ...] = ()

    @property
    def relation(self) -> str:
        """The table's name as SQL."""
        return f"{ident(self.table.schema)}.{ident(self.table.name)}"

    @property
    def form(self) -> str:
        """The table's form, as SQL; see `FORM`."""
        return f"({FORM}{literal(self.relation)}::regclass)"

    @property
    def id_column(self) -> str:
        """The id column as SQL, of the row `t`."""
        return f"t.{ident(self.id.name)}"

    @property
    def id_type(self) -> str:
        """A type that holds every id, as SQL."""
        return "bigint" if self.id.base in ("int2", "int4", "int8") else self.id.native

    @property
    def key(self) -> str | None:
        """The column that carries our key on a create, if any."""
        return self.id.name if self.chosen else self.key_field

    def columns(self) -> str:
        """The select list of `t`: the fields, then `id_`, `version_` and `at_`."""
        shown = [f"{value(self.table.columns[n], self.id.name)} as f{i}" for i, n in enumerate(self.fields)]
        meta = [f"{self.id_column}::text as id_", "t.xmin::text as version_", f"{self._occurred()} as at_"]
        return ", ".join(shown + meta)

    def _occurred(self) -> str:
        if self.stamp is None:
            return "null::timestamptz"
        at = f"t.{ident(self.stamp.name)}"
        zoned = at if self.stamp.base == "timestamptz" else f"{at} at time zone {literal(self.zone)}"
        return f"case when {_sane(at)} then {zoned} end"


def literal(text: str) -> str:
    """A quoted text."""
    quoted = text.replace("'", "''")
    return f"'{quoted}'" if "\\" not in text else "E'" + quoted.replace("\\", "\\\\") + "'"


def value(column: Column, id_name: str) -> str:
    """A column of `t` as a JSON value."""
    at = f"t.{ident(column.name)}"
    if column.name == id_name or column.as_text:
        return f"{at}::text"
    if column.is_array:
        return f"to_json({at})" if column.base in _JSON_ELEMENTS else f"to_json({at}::text[])"
    if column.base in _NATURAL:
        return at if column.native in _PLAIN else f"{at}::{column.base}"
    if column.base in _FLOATS:
        return f"to_json({at})"  # says "NaN" as a text, where a JSON number cannot
    if column.base == "timestamptz":
        return f"case when {_sane(at)} then to_char({at} at time zone 'UTC', '{_ZULU}') else {at}::text end"
    if column.base == "timestamp":
        return f"case when {_sane(at)} then to_char({at}, '{_SECOND}') else {at}::text end"
    if column.base == "money":
        return f"{at}::numeric::text"
    return f"{at}::text"


_PLAIN = {"boolean", "smallint", "integer", "bigint", "text", "character varying", "json", "jsonb"}


def _sane(at: str) -> str:
    """Whether RFC 3339 can say it: not infinite, not before Christ, not after the year 9999."""
    return f"{at} >= '0001-01-01' and {at} < '10000-01-01'"


def by_id(shape: Shape) -> str:
    """Rows of the ids $1 (text[])."""
    return (
        f"select {shape.columns()}, {shape.form} as form_ from {shape.relation} t"
        f" where {shape.id_column} = any($1::text[]::{shape.id_type}[])"
    )


def by_key(shape: Shape, key: str) -> str:
    """Rows whose column `key` is one of $1 (text[])."""
    column = shape.table.columns[key]
    return (
        f"select {shape.columns()}, t.{ident(key)}::text as key_ from {shape.relation} t"
        f" where t.{ident(key)} = any($1::text[]::{column.native}[])"
    )


def after_id(shape: Shape, *, first: bool, floor: bool) -> str:
    """A page by id: $1 the limit, $2 the lowest transaction number, $3 the id to go on after."""
    where = [f"{XID} >= $2"] if floor else []
    where += [] if first else [f"{shape.id_column} > $3::text::{shape.id_type}"]
    return _page(shape, SNAPSHOT, where, f"order by {shape.id_column}", "m.lo, m.hi")


def after_stamp(shape: Shape, *, first: bool) -> str:
    """A page by (updated-at, id): $1 limit, $2 lowest transaction number, $3 overlap (s), $4 stamp, $5 id.

    The page also says `cap`: later statements see all that was written with a stamp below it, since every
    transaction that may yet commit one began after it. It is evaluated after this statement's snapshot,
    so for this statement itself it proves nothing.
    """
    assert shape.stamp is not None
    at = f"t.{ident(shape.stamp.name)}"
    kind = shape.stamp.native
    place = f"{at} >= $4::text::{kind}"
    if not first:
        place = f"({at}, {shape.id_column}) > ($4::text::{kind}, $5::text::{shape.id_type})"
    with_cap = f"{SNAPSHOT}, k as materialized (select {cap(shape)} as cap)"
    return _page(
        shape,
        with_cap,
        [place, f"{XID} >= $2"],
        f"order by {at}, {shape.id_column}",
        "m.lo, m.hi, k.cap",
        f", {at}::text as stamp_",
        " cross join k",
    )


def cap(shape: Shape, overlap: str = "$3") -> str:
    """The stamp below which nothing more will appear, as text in the column's own terms."""
    zone = f" at time zone {literal(shape.zone)}" if shape.stamp and shape.stamp.base == "timestamp" else ""
    oldest = """select min(xact_start) from pg_stat_activity
      where datname = current_database() and pid <> pg_backend_pid()
        and backend_type not in ('autovacuum worker', 'walsender')"""
    return f"((least(clock_timestamp(), ({oldest})) - {overlap}::float8 * interval '1 second'){zone})::text"


def _page(
    shape: Shape, head: str, where: Sequence[str], order: str, meta: str, more: str = "", join: str = ""
) -> str:
    condition = f"where {' and '.join(where)}" if where else ""
    return (
        f"with {head} select r.*, {meta}, {shape.form} as form_ from m{join}"
        f" left join lateral (select {shape.columns()}{more}"
        f" from {shape.relation} t {condition} {order} limit $1) r on true"
    )


def from_log(shape: Shape) -> str:
    """A page of the log that the triggers write: $1 table's oid, $2 and $3 the position, $4 the limit.

    Of each id the row as it is now and the last thing logged; which was last is told by `seq`, since a row's
    lock is held while it is logged. Transactions appear in the log only when all older ones are over.
    """
    return f"""with {SNAPSHOT},
  l as materialized (
    select g.txid, g.seq, g.op, g.id, g.at, g.actor from syncd_capture.log g
    where g.tbl = $1::oid and (g.txid, g.seq) > ($2::text::xid8, $3::bigint)
      and g.txid < (select lo::text::xid8 from m)
    order by g.txid, g.seq limit $4),
  e as materialized (
    select count(*) as n, coalesce(bool_or(op = 'T'), false) as emptied,
           (array_agg(txid::text order by txid desc, seq desc))[1] as txid,
           (array_agg(seq order by txid desc, seq desc))[1] as seq from l),
  d as (select distinct on (id) id, op, at, actor from l where id is not null order by id, seq desc),
  s as (select (select oid::bigint from pg_trigger where tgrelid = $1::oid and tgname = 'syncd_row'
                and tgenabled in ('O', 'A')) as installed,
               exists (select from syncd_capture.pruned p where p.tbl = $1::oid
                       and (p.txid, p.seq) > ($2::text::xid8, $3::bigint)) as lost)
select r.*, {shape.form} as form_, m.lo, m.hi, e.n, e.emptied, e.txid, e.seq, s.installed, s.lost
from m cross join e cross join s left join lateral (
  select {shape.columns()}, d.id as logged_, d.op::text as op_, d.at as logged_at_, d.actor as actor_
  from d left join {shape.relation} t on {shape.id_column} = d.id::{shape.id_type}) r on true"""
