"""A compiled query run: its rows, and how each looks in the answer."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from typing import TYPE_CHECKING, Any

from connectors.salesforce.sandbox.soql.columns import Column
from connectors.salesforce.sandbox.soql.compile import Compiled, sort
from connectors.salesforce.sandbox.soql.filters import key
from connectors.sandboxes.table import Row

if TYPE_CHECKING:
    from connectors.salesforce.sandbox.org import Org

Told = dict[str, Any]
Show = Callable[[Row], Told]


def rows(
    org: Org, made: Compiled, *, deleted: bool, hidden: Callable[[Row], bool] | None = None
) -> list[Row]:
    """The rows that a query means, in order; `deleted`: also those in the recycle bin."""
    source: Iterable[Row] = made.narrow() if made.narrow is not None else made.table.order
    keep = made.keep
    found = [
        row
        for row in org.live(made.table, source, deleted)
        if (not row.deleted or org.binned(row))
        and (keep is None or keep(row))
        and (hidden is None or not hidden(row))
    ]
    found = sort(found, made.orders)
    query = made.query
    return found[query.offset : None if query.limit is None else query.offset + query.limit]


def show(org: Org, made: Compiled, base: str) -> Show:
    """What tells a row as JSON, under the path of the API's version."""
    own = [column for column in made.columns if not column.steps]
    away = [column for column in made.columns if column.steps]

    def told(row: Row) -> Told:
        made_up: Told = {"attributes": _attributes(base, made.table.name, row)}
        for column in own:
            made_up[column.name] = column.read(row)
        for column in away:
            _put_away(base, made_up, column, row)
        for name, field, child in made.children:
            made_up[name] = _nested(org, child, base, field, row)
        return made_up

    return told


def _attributes(base: str, object: str, row: Row) -> Told:
    return {"type": object, "url": f"{base}/sobjects/{object}/{row.id}"}


def _put_away(base: str, told: Told, column: Column, row: Row) -> None:
    """A parent's field, inside the parent's own object; null where there is no parent."""
    value = column.read(row)
    for step in column.steps:
        there = step.go(row)
        if there is None:
            told.setdefault(step.name, None)
            return
        table, row = there
        if told.get(step.name) is None:
            told[step.name] = {"attributes": _attributes(base, table.name, row)}
        told = told[step.name]
    told[column.name] = value


def _nested(org: Org, child: Compiled, base: str, field: str, row: Row) -> Told | None:
    whole = child.narrow
    child.narrow = lambda: list(child.table.children[field].get(row.id, {}).values())
    try:
        found = rows(org, child, deleted=False)
    finally:
        child.narrow = whole
    if not found:
        return None
    told = show(org, child, base)
    return {"totalSize": len(found), "done": True, "records": [told(one) for one in found]}


def aggregate(made: Compiled, found: list[Row]) -> list[Told]:
    """The rows' groups, with what is counted or summed in each; one group where none are asked for."""
    groups: dict[tuple[Any, ...], list[Row]] = {} if made.groups else {(): found}
    for row in found if made.groups else ():
        mark = tuple(key(column.field, column.read(row)) for _, column in made.groups)
        groups.setdefault(mark, []).append(row)
    return [_group(made, members) for members in groups.values()]


def _group(made: Compiled, members: list[Row]) -> Told:
    told: Told = {"attributes": {"type": "AggregateResult"}}
    for column in made.columns:
        told[column.name] = column.read(members[0]) if members else None
    for function, alias, counted in made.aggregates:
        values = [counted.read(row) for row in members] if counted is not None else list(members)
        told[alias] = _FUNCTIONS[function]([value for value in values if value is not None])
    return told


_FUNCTIONS: dict[str, Callable[[list[Any]], Any]] = {
    "count": len,
    "count_distinct": lambda values: len(set(values)),
    "sum": lambda values: float(sum(values)) if values else None,
    "avg": lambda values: sum(values) / len(values) if values else None,
    "min": lambda values: min(values, default=None),
    "max": lambda values: max(values, default=None),
}
