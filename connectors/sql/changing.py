"""The statements that write, one per batch of rows that set the same fields.

$1 is a JSON array; in each element `n` is the row's place in the batch, `i` its id, `v` the version that it
must still have (null: any), and `c0`, `c1`, … the values.
"""

from __future__ import annotations

from collections.abc import Sequence

from connectors.sql.statements import Shape, ident


def insert(shape: Shape, names: Sequence[str]) -> str:
    """Create rows. The id is known before the row is, so that each answer finds its push by it."""
    sets = [n for n in names if n != shape.id.name]
    columns = ", ".join([ident(shape.id.name), *map(ident, sets)])
    values = ", ".join(["x.id_", *(f"x.c{names.index(n)}" for n in sets)])
    made = shape.make_id if shape.make_id is not None else "j.i"
    override = "overriding system value" if shape.id.identity else ""
    return f"""with x as materialized (select {made} as id_, j.* from {_batch(shape, names)}),
w as (insert into {shape.relation} as t ({columns}) {override} select {values} from x
      {_conflict(shape)} returning {shape.columns()})
select w.*, x.n from w left join x on x.id_::text = w.id_"""


def insert_one(shape: Shape, names: Sequence[str]) -> str:
    """Create a single row whose id only the database knows."""
    if not names:
        return f"insert into {shape.relation} as t default values returning {shape.columns()}, 0 as n"
    columns, values = ", ".join(map(ident, names)), ", ".join(f"j.c{i}" for i in range(len(names)))
    return f"""insert into {shape.relation} as t ({columns}) select {values} from {_batch(shape, names)}
{_conflict(shape)} returning {shape.columns()}, 0 as n"""


def _conflict(shape: Shape) -> str:
    return "" if shape.key is None else f"on conflict ({ident(shape.key)}) do nothing"


def update(shape: Shape, names: Sequence[str]) -> str:
    """Change rows that still have the version that they must have."""
    sets = ", ".join(f"{ident(n)} = j.c{i}" for i, n in enumerate(names))
    return f"""update {shape.relation} as t set {sets} from {_batch(shape, names)}
where {shape.id_column} = j.i and (j.v is null or t.xmin::text = j.v) returning {shape.columns()}, j.n"""


def delete(shape: Shape) -> str:
    """Delete rows that still have the version that they must have."""
    return f"""delete from {shape.relation} as t using {_batch(shape, ())}
where {shape.id_column} = j.i and (j.v is null or t.xmin::text = j.v) returning {shape.columns()}, j.n"""


def present(shape: Shape) -> str:
    """Which of the ids $1 are there."""
    return (
        f"select {shape.id_column}::text as id_ from {shape.relation} t"
        f" where {shape.id_column} = any($1::text[]::{shape.id_type}[])"
    )


def castable(shape: Shape, name: str) -> str:
    """Fails where the value of one field does not fit its type."""
    return f"select j.c0 is null from {_batch(shape, (name,))}"


def holder(shape: Shape, expression: str, condition: str | None) -> str:
    """Which row has the value $1 under a unique index; the expression is the catalog's own SQL."""
    extra = f" and ({condition})" if condition else ""
    return (
        f"select {shape.id_column}::text as id_ from {shape.relation} t"
        f" where ({expression})::text = $1{extra}"
    )


def holder_of(shape: Shape, names: Sequence[str], condition: str | None) -> str:
    """Which row has these values of several columns."""
    same = " and ".join(f"t.{ident(n)} = j.c{i}" for i, n in enumerate(names))
    extra = f" and ({condition})" if condition else ""
    return (
        f"select {shape.id_column}::text as id_ from {shape.relation} t, {_batch(shape, names)}"
        f" where {same}{extra}"
    )


def _batch(shape: Shape, names: Sequence[str]) -> str:
    types = [f"c{i} {shape.table.columns[n].native}" for i, n in enumerate(names)]
    listed = ", ".join(["n int", f"i {shape.id_type}", "v text", *types])
    return f"json_to_recordset($1::text::json) as j({listed})"
