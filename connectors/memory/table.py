"""The records of one object of a CRM in memory: checks, unique values, versions and the order of changes."""

from __future__ import annotations

from bisect import bisect_left, bisect_right, insort
from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass, field, replace
from datetime import datetime
from math import inf

from connectors.memory.shape import FieldDef, ObjectDef, normalised
from syncd.core.nouns import Value


class Refusal(Exception):
    """The CRM refuses one row. `other` is the record that already has the unique value."""

    def __init__(self, code: str, message: str, field: str | None = None, other: str | None = None) -> None:
        super().__init__(message)
        self.code = code
        self.field = field
        self.other = other


@dataclass(slots=True)
class Row:
    """One record as the CRM holds it. `txn` orders changes; several rows may share one.

    `heir`, (object, id), is the record that a deleted one was merged with or made into. `born` is when it was
    made, or taken out of the bin: an index lags behind that, and shows a later edit's old state meanwhile.
    """

    id: str
    fields: dict[str, Value]
    version: int = 1
    txn: int = 0
    stamp: datetime | None = None
    committed: datetime | None = None
    born: datetime | None = None
    deleted: bool = False
    archived: bool = False
    heir: tuple[str, str] | None = None
    touched: dict[str, int] = field(default_factory=dict)


def place(remote_id: str) -> tuple[int, str]:
    """Where an id stands in the order of ids: 10 after 9."""
    return len(remote_id), remote_id


@dataclass(slots=True)
class Table:
    """The rows of one object."""

    shape: ObjectDef
    fields: dict[str, FieldDef] = field(init=False)
    rows: dict[str, Row] = field(default_factory=dict)
    log: list[tuple[int, str]] = field(default_factory=list)
    order: list[tuple[int, str]] = field(default_factory=list)
    unique: dict[str, dict[Value, str]] = field(init=False)
    _held: dict[tuple[str, str], Value] = field(default_factory=dict)
    last_id: int = 0

    def __post_init__(self) -> None:
        self.fields = self.shape.all_fields()
        self.unique = {name: {} for name, f in self.fields.items() if f.unique}
        if self.shape.key_field is not None:
            self.unique[self.shape.key_field] = {}

    def live(self, remote_id: str) -> Row | None:
        """The row, unless it is deleted."""
        row = self.rows.get(remote_id)
        return None if row is None or row.deleted else row

    def new_id(self) -> str:
        """The next running number."""
        self.last_id += 1
        return f"{self.shape.id_prefix}{self.last_id}"

    def stored(self, fields: dict[str, Value]) -> dict[str, Value]:
        """What would be stored for these values; raises `Refusal` for one that does not fit."""
        return {name: self._one(name, value) for name, value in fields.items()}

    def _one(self, name: str, value: Value) -> Value:
        shape = self.fields.get(name)
        if shape is None:
            raise Refusal("unknown_field", f"there is no field {name}", name)
        value = normalised(value, shape.normalise)
        if shape.required and value in (None, ""):
            raise Refusal("required", f"{name} must have a value", name)
        if shape.length is not None and isinstance(value, str) and len(value) > shape.length:
            raise Refusal("too_long", f"{name} holds {shape.length} characters", name)
        if shape.options is not None and value is not None and value not in shape.options:
            raise Refusal("bad_option", f"{name} takes one of {len(shape.options)} options", name)
        return value

    def reshape(self, fields: Mapping[str, FieldDef]) -> None:
        """Take on other fields."""
        self.shape = replace(self.shape, fields=fields)
        self.fields = self.shape.all_fields()
        for row in self.rows.values():  # a field that records did not have when they were made is empty there
            row.fields.update(dict.fromkeys(self.fields.keys() - row.fields.keys()))

    def check_unique(self, remote_id: str, fields: dict[str, Value]) -> None:
        """Raise `Refusal` where another live row has one of these values."""
        for name, taken in self.unique.items():
            value = fields.get(name)
            other = taken.get(value) if value is not None else None
            if other is not None and other != remote_id:
                raise Refusal("duplicate", f"{name} must be unique", name, other)

    def check_required(self, fields: dict[str, Value]) -> None:
        """Raise `Refusal` for a new row that lacks a value."""
        for name, shape in self.fields.items():
            if shape.required and fields.get(name) in (None, ""):
                raise Refusal("required", f"{name} must have a value", name)

    def put(self, row: Row, moved: Iterable[str]) -> None:
        """Take a new or changed row into the indexes; `moved` names the fields that changed."""
        if row.id not in self.rows:
            insort(self.order, place(row.id))
        self.rows[row.id] = row
        for name in moved:
            row.touched[name] = row.txn
        for name in self.unique:
            self._index(name, row)
        insort(self.log, (row.txn, row.id))

    def forget(self, row: Row) -> None:
        """Remove a row without a trace."""
        del self.rows[row.id]
        del self.order[bisect_left(self.order, place(row.id))]
        row.deleted = True
        for name in self.unique:
            self._index(name, row)

    def _index(self, name: str, row: Row) -> None:
        held = self._held.pop((name, row.id), None)
        if held is not None:
            del self.unique[name][held]
        value = None if row.deleted else row.fields.get(name)
        if value is not None:
            self.unique[name][value] = row.id
            self._held[name, row.id] = value

    def after(self, remote_id: str | None) -> Iterator[Row]:
        """All rows after an id, in the order of ids."""
        start = 0 if remote_id is None else bisect_right(self.order, place(remote_id))
        for _, found in self.order[start:]:
            yield self.rows[found]

    def changed_after(self, position: tuple[int, str], before: float = inf) -> Iterator[Row]:
        """Rows whose last change lies after a position and before a transaction number, in that order."""
        for index in range(bisect_right(self.log, position), len(self.log)):
            txn, remote_id = self.log[index]
            if txn >= before:
                return
            row = self.rows.get(remote_id)
            if row is not None and row.txn == txn:
                yield row
