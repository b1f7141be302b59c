"""The records of one object, and the orders in which they are walked.

A row's `fields` is never changed in place: a write puts a new dict there. So whoever holds the old one holds
a snapshot, and no reader copies.
"""

from __future__ import annotations

from bisect import bisect_left, insort
from collections.abc import Iterator
from typing import Any

from connectors.sandboxes.shape import ObjectShape, Refusal
from connectors.sandboxes.values import Check

Position = tuple[int, int]
"""(stamp in ms, place of the row): where a walk in the order of changes stands."""


class Row:
    """One record. `n` is its place among all ever made; `stamp` and `created` are shown, `seen` is when."""

    __slots__ = (
        "archived",
        "by",
        "created",
        "deleted",
        "fields",
        "id",
        "made",
        "n",
        "seen",
        "sent",
        "stamp",
        "version",
    )

    def __init__(self, n: int, id: str, fields: dict[str, Any], stamp: int, by: str, seen: int) -> None:
        self.n, self.id, self.fields, self.by = n, id, fields, by
        self.created = self.stamp = stamp
        self.made = self.seen = seen
        self.version = 1
        self.deleted = self.archived = False
        self.sent: bytes | None = None


class Table:
    """The rows of one object, with unique values, references, and the order of changes."""

    def __init__(self, name: str, shape: ObjectShape) -> None:
        self.name = name
        self.rows: dict[str, Row] = {}
        self.order: list[Row] = []
        self.log: list[tuple[int, int, Row]] = []
        self.moves = 0
        self.last_id = 0
        self._stale = 0
        self._walk: tuple[object, list[Row]] | None = None
        self.checks: dict[str, Check] = {}
        self.plain: dict[str, int] = {}
        self.reshape(shape)

    def reshape(self, shape: ObjectShape) -> None:
        """Take another shape: new fields read as empty, those gone are forgotten."""
        self.shape = shape
        self.blank = {name: field.default for name, field in shape.fields.items()}
        self.locked = {name for name, field in shape.fields.items() if field.read_only}
        self.required = [name for name, field in shape.fields.items() if field.required]
        self.refs = {name: f.references for name, f in shape.fields.items() if f.references}
        self.unique: dict[str, dict[Any, Row]] = {n: {} for n, f in shape.fields.items() if f.unique}
        self.children: dict[str, dict[Any, dict[str, Row]]] = {name: {} for name in self.refs}
        for row in self.rows.values():
            row.fields = {name: row.fields.get(name, blank) for name, blank in self.blank.items()}
            row.sent = None
            if not row.deleted:
                self._index(row, self.blank, row.fields)

    def stored(self, fields: dict[str, Any], *, lenient: bool, forced: bool = False) -> dict[str, Any]:
        """What is kept of these values. `Refusal` for one that does not fit, or unknown and not `lenient`."""
        made, plain = {}, self.plain
        for name, value in fields.items():
            if type(value) is str and 0 < len(value) <= plain.get(name, 0):
                made[name] = value
                continue
            check = self.checks.get(name)
            if check is None:
                if lenient:
                    continue
                raise Refusal(422, "unknown_field", f"{self.name} has no field {name}", name)
            if not forced and name in self.locked:
                raise Refusal(422, "read_only", f"{name} cannot be written", name)
            made[name] = check(value)
        return made

    def check_unique(self, row: Row | None, fields: dict[str, Any]) -> None:
        """`Refusal` where another live record has one of these values."""
        for name, taken in self.unique.items():
            value = fields.get(name)
            if value is not None:
                other = taken.get(value)
                if other is not None and other is not row:
                    raise Refusal(409, "duplicate", f"{name} must be unique", name, other.id)

    def check_required(self, fields: dict[str, Any]) -> None:
        """`Refusal` where a new record lacks a value."""
        for name in self.required:
            if fields.get(name) in (None, ""):
                raise Refusal(422, "required", f"{name} must have a value", name)

    def new_id(self) -> str:
        """The next running number."""
        self.last_id += 1
        return f"{self.shape.prefix}{self.last_id}"

    def add(self, id: str, fields: dict[str, Any], stamp: int, by: str, seen: int) -> Row:
        """A new row, all checks passed."""
        row = Row(len(self.order), id, fields, stamp, by, seen)
        self.rows[id] = row
        self.order.append(row)
        self._index(row, self.blank, fields)
        self._log(row)
        return row

    def change(self, row: Row, fields: dict[str, Any]) -> None:
        """Other values for a row, all checks passed."""
        old, row.fields = row.fields, fields
        if not row.deleted:
            self._index(row, old, fields)
        row.sent = None
        self.moves += 1

    def move(self, row: Row, stamp: int, by: str, seen: int) -> None:
        """A new version and stamp."""
        row.version += 1
        row.by, row.seen, row.sent = by, seen, None
        if stamp != row.stamp:
            row.stamp = stamp
            self._stale += 1
            self._log(row)
        self.moves += 1

    def drop(self, row: Row, deleted: bool = True) -> None:
        """Mark a row as deleted, or as live again."""
        row.deleted, row.sent = deleted, None
        self._index(row, row.fields if deleted else self.blank, self.blank if deleted else row.fields)
        self.moves += 1

    def _log(self, row: Row) -> None:
        entry = (row.stamp, row.n, row)
        if not self.log or self.log[-1] < entry:
            self.log.append(entry)
        else:
            insort(self.log, entry)
        if self._stale > 1000 + len(self.rows):
            self.relog()
        self.moves += 1

    def relog(self) -> None:
        """Make the order of changes anew, without those that later ones made void."""
        self.log = sorted((row.stamp, row.n, row) for row in self.order)
        self._stale = 0
        self.moves += 1

    def _index(self, row: Row, old: dict[str, Any], new: dict[str, Any]) -> None:
        for name, taken in self.unique.items():
            was, now = old.get(name), new.get(name)
            if was != now or now is not None:
                if was is not None and taken.get(was) is row:
                    del taken[was]
                if now is not None:
                    taken[now] = row
        for name, parents in self.children.items():
            was, now = old.get(name), new.get(name)
            if was != now:
                if was is not None and was in parents:
                    parents[was].pop(row.id, None)
                if now is not None:
                    parents.setdefault(now, {})[row.id] = row

    def after(self, position: Position) -> Iterator[Row]:
        """All rows from a position on in the order of changes: (stamp, n + 1) goes on after a row."""
        log = self.log
        for index in range(bisect_left(log, position), len(log)):
            stamp, _, row = log[index]
            if row.stamp == stamp:
                yield row

    def walk(self, key: object, rows: Iterator[Row]) -> list[Row]:
        """The rows as a list, kept until something changes: for walks by number."""
        if self._walk is None or self._walk[0] != (key, self.moves):
            self._walk = ((key, self.moves), list(rows))
        return self._walk[1]
