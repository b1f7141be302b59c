"""A query's tree made ready to run: which rows, in which order, and how each is shown."""

from __future__ import annotations

from collections.abc import Callable, Iterable
from dataclasses import dataclass, field
from datetime import datetime
from typing import TYPE_CHECKING, Any

from connectors.salesforce.sandbox.fields import TEXTS, OrgField
from connectors.salesforce.sandbox.refusals import Refused
from connectors.salesforce.sandbox.soql.columns import Column, Columns
from connectors.salesforce.sandbox.soql.filters import Literals, Test, key
from connectors.salesforce.sandbox.soql.lex import at, malformed
from connectors.salesforce.sandbox.soql.tree import Compare, Condition, Not, Order, Path, Query, Selected
from connectors.salesforce.sandbox.soql.wrong import no_children, no_object
from connectors.salesforce.sandbox.table import OrgTable
from connectors.sandboxes.table import Row

if TYPE_CHECKING:
    from connectors.salesforce.sandbox.org import Org

Keep = Callable[[Row], bool]
OFFSET, FIELDS_LIMIT = 2000, 200
_STAMP = OrgField(type="datetime")


@dataclass(slots=True)
class Compiled:
    """One query over one table; `narrow` names rows to look at where not all need be."""

    query: Query
    table: OrgTable
    columns: list[Column] = field(default_factory=list)
    children: list[tuple[str, str, Compiled]] = field(default_factory=list)
    aggregates: list[tuple[str, str, Column | None]] = field(default_factory=list)
    groups: list[tuple[str, Column]] = field(default_factory=list)
    keep: Keep | None = None
    orders: list[tuple[Order, Column]] = field(default_factory=list)
    narrow: Callable[[], Iterable[Row]] | None = None
    by_ids: tuple[str, ...] | None = None
    by_key: bool = False

    @property
    def counts(self) -> bool:
        """Whether it is `SELECT COUNT()`, which gives a size alone."""
        return self.query.selected == (Selected(function="count"),)


class Compiler:
    """Queries of one org as its API user may make them."""

    def __init__(self, org: Org, *, tooling: bool = False) -> None:
        self.org, self.tooling = org, tooling

    def query(self, query: Query, table: OrgTable | None = None) -> Compiled:
        """Ready to run; `Refused` for what is not there, or is of another type."""
        table = table or self._table(query)
        made = Compiled(query, table)
        columns = Columns(self.org, table, query.text, query.alias)
        literals = Literals(query.text, self.org.clock.now().date())
        self._check_size(query)
        for one in query.selected:
            self._select(made, columns, one)
        made.groups = [(path.words[-1], columns.column(path)) for path in query.groups]
        self._check_aggregates(made)
        if query.where is not None:
            made.keep = self.condition(columns, literals, query.where)
            self._narrow(made, columns, literals, query.where)
        made.orders = [(order, self._sortable(columns, order.path)) for order in query.orders]
        return made

    def _table(self, query: Query) -> OrgTable:
        word = query.source.words[-1]
        name = next((name for name in self.org.tables if name.lower() == word.lower()), None)
        if name is not None and len(query.source.words) == 1:
            table = self.org.org_table(name)
            if table.shape.tooling == self.tooling:
                return table
        raise no_object(query.text, query.source.place, word)

    def _check_size(self, query: Query) -> None:
        if query.offset > OFFSET:
            raise Refused("NUMBER_OUTSIDE_VALID_RANGE", f"Maximum SOQL offset allowed is {OFFSET}")
        if any(one.all for one in query.selected) and (query.limit is None or query.limit > FIELDS_LIMIT):
            said = f"The SOQL FIELDS function must have a LIMIT of at most {FIELDS_LIMIT}"
            raise malformed(query.text, query.source.place, said)

    # select ------------------------------------------------------------------------------------------------

    def _select(self, made: Compiled, columns: Columns, one: Selected) -> None:
        if one.children is not None:
            made.children.append(self._children(made.table, one.children))
        elif one.all:
            made.columns += [
                columns.plain(name)
                for name in made.table.fields
                if self.org.sees(made.table, name)
                and (one.all == "ALL" or name.endswith("__c") == (one.all == "CUSTOM"))
            ]
        elif one.function:
            alias = one.alias or f"expr{sum(1 for _ in made.aggregates)}"
            column = None if one.path is None else columns.column(one.path)
            made.aggregates.append((one.function, alias, column))
        elif one.path is not None:
            column = columns.column(one.path)
            if any(column.name == other.name and _way(column) == _way(other) for other in made.columns):
                said = f"duplicate field selected: {'.'.join(one.path.words)}"
                raise malformed(made.query.text, one.path.place, said)
            made.columns.append(column)

    def _check_aggregates(self, made: Compiled) -> None:
        if not made.aggregates and not made.groups:
            return
        grouped = {(column.name, _way(column)) for _, column in made.groups}
        for column in made.columns:
            if (column.name, _way(column)) not in grouped:
                said = f"Field must be grouped or aggregated: {column.name}"
                raise malformed(made.query.text, made.query.source.place, said)

    def _children(self, table: OrgTable, query: Query) -> tuple[str, str, Compiled]:
        word = query.source.words[-1]
        for name in self.org.tables:
            child = self.org.org_table(name)
            for field_name, told in child.fields.items():
                if told.references == table.name and told.children.lower() == word.lower():
                    return told.children, field_name, self.query(query, child)
        raise no_children(query.text, query.source.place, word)

    def _sortable(self, columns: Columns, path: Path) -> Column:
        column = columns.column(path)
        long = column.field.type == "textarea" and (column.field.length or 0) > 255
        if long or column.field.type in ("multipicklist", "address"):
            said = f"field '{column.name}' can not be sorted in a query call"
            raise Refused("INVALID_FIELD", at(columns.text, path.place, said))
        return column

    # where -------------------------------------------------------------------------------------------------

    def condition(self, columns: Columns, literals: Literals, condition: Condition) -> Keep:
        """What keeps the rows that a condition means."""
        if isinstance(condition, Compare):
            return self._compare(columns, literals, condition)
        if isinstance(condition, Not):
            inner = self.condition(columns, literals, condition.one)
            return lambda row: not inner(row)
        tests = [self.condition(columns, literals, one) for one in condition.all]
        if condition.word == "and":
            return lambda row: all(test(row) for test in tests)
        return lambda row: any(test(row) for test in tests)

    def _compare(self, columns: Columns, literals: Literals, one: Compare) -> Keep:
        column = columns.column(one.path)
        self._check_filter(columns, one, column.field)
        read, test = column.read, self._test(literals, one, column)
        return lambda row: test(read(row))

    def _check_filter(self, columns: Columns, one: Compare, field: OrgField) -> None:
        said = None
        if (field.type == "textarea" and (field.length or 0) > 255) or field.type == "address":
            said = f"field '{one.path.words[-1]}' can not be filtered in a query call"
        elif one.op == "like" and field.type not in TEXTS - {"multipicklist"}:
            said = f"invalid operator on {field.type} field"
        elif one.op in ("includes", "excludes") and field.type != "multipicklist":
            said = f"{one.op} operator is not valid on {field.type} field"
        elif one.op in ("<", "<=", ">", ">=") and field.type in ("boolean", "multipicklist"):
            said = f"invalid operator on {field.type} field"
        if said is not None:
            raise Refused("INVALID_FIELD", at(columns.text, one.path.place, said))

    def _test(self, literals: Literals, one: Compare, column: Column) -> Test:
        value = one.value
        if isinstance(value, Query):
            wanted = self._inner(value)
            return (lambda v: v in wanted) if one.op == "in" else (lambda v: v not in wanted)
        if not isinstance(value, tuple):
            return literals.test(column.name, column.field, one.op, value)
        if one.op in ("includes", "excludes"):
            test = literals.includes(value)
            return test if one.op == "includes" else lambda v: not test(v)
        test = literals.among(column.name, column.field, value)
        return test if one.op == "in" else lambda v: not test(v)

    def _inner(self, query: Query) -> set[Any]:
        made = self.query(query)
        if len(made.columns) != 1:
            raise malformed(
                query.text, query.source.place, "Inner select field must be an id or reference field"
            )
        read, keep = made.columns[0].read, made.keep
        rows = self.org.live(made.table, made.table.order)
        return {read(row) for row in rows if keep is None or keep(row)} - {None}

    # short cuts --------------------------------------------------------------------------------------------

    def _narrow(self, made: Compiled, columns: Columns, literals: Literals, condition: Condition) -> None:
        """Where what must hold names ids, keys, parents or a time, only those rows are looked at."""
        for one in _all_of(condition):
            if len(one.path.words) > 1 or isinstance(one.value, Query):
                continue
            column = columns.column(one.path)
            values = one.value if isinstance(one.value, tuple) else (one.value,)
            if one.op in ("=", "in") and all(value.kind != "range" for value in values):
                self._by_values(made, column, [literals.read(column.name, column.field, v) for v in values])
            if made.by_ids is not None:
                return
        since = _since(literals, condition)
        if made.narrow is None and since is not None:
            stamp = int(datetime.fromisoformat(since).timestamp() * 1000)
            made.narrow = lambda: made.table.after((stamp, -1))

    def _by_values(self, made: Compiled, column: Column, values: list[Any]) -> None:
        table, name = made.table, column.name
        if name == "Id":
            made.by_ids = tuple(value for value in values if value is not None)
            made.narrow = lambda: [table.rows[id] for id in made.by_ids or () if id in table.rows]
        elif None in values or made.query.all_rows:
            return
        elif name in table.keys:
            folded = {table.folded(name, value) for value in values}
            made.by_key = True
            made.narrow = lambda: [row for one in folded for row in table.keys[name].get(one, {}).values()]
        elif name in table.children and made.narrow is None:
            made.narrow = lambda: [
                row for one in dict.fromkeys(values) for row in table.children[name].get(one, {}).values()
            ]


def _all_of(condition: Condition) -> list[Compare]:
    """The comparisons that must hold."""
    if isinstance(condition, Compare):
        return [condition]
    if isinstance(condition, Not) or condition.word == "or":
        return []
    return [found for one in condition.all for found in _all_of(one)]


def _since(literals: Literals, condition: Condition) -> str | None:
    """The SystemModstamp before which no row can be meant; None where there is none."""
    if isinstance(condition, Compare):
        value, known = condition.value, condition.op in ("=", ">", ">=")
        stamped = [word.lower() for word in condition.path.words] == ["systemmodstamp"]
        if not (stamped and known) or isinstance(value, tuple | Query) or value.kind != "datetime":
            return None
        return str(literals.read("SystemModstamp", _STAMP, value))
    if isinstance(condition, Not):
        return None
    found = [_since(literals, one) for one in condition.all]
    if condition.word == "or":
        return None if None in found else min(one for one in found if one is not None)
    return max((one for one in found if one is not None), default=None)


def _way(column: Column) -> tuple[str, ...]:
    return tuple(step.name for step in column.steps)


def sort(rows: list[Row], orders: list[tuple[Order, Column]]) -> list[Row]:
    """In the order asked for, else by id; empty values first unless said otherwise."""
    rows.sort(key=lambda row: row.id)
    for order, column in reversed(orders):
        read, told = column.read, column.field
        filled = [row for row in rows if read(row) is not None]
        empty = [row for row in rows if read(row) is None]
        filled.sort(key=lambda row, read=read, told=told: key(told, read(row)), reverse=order.descending)  # type: ignore[misc]
        rows = [*filled, *empty] if order.nulls_last else [*empty, *filled]
    return rows
