"""Edits that appear together in a CRM in memory, and what they do to its records."""

from __future__ import annotations

from collections.abc import Callable, Iterable, Mapping
from dataclasses import dataclass, field
from datetime import datetime
from functools import partial
from typing import TYPE_CHECKING

from connectors.memory.table import Refusal, Row, Table
from syncd.core.nouns import Fields, Value

if TYPE_CHECKING:
    from connectors.memory.remote import MemoryRemote


@dataclass(slots=True)
class Transaction:
    """Edits that appear together when it commits. As a context manager it commits at the end."""

    remote: MemoryRemote
    number: int
    stamp: datetime
    _edits: list[Callable[[], Row | None]] = field(default_factory=list)

    def __enter__(self) -> Transaction:
        return self

    def __exit__(self, kind: object, *_: object) -> None:
        if kind is None:
            self.commit()
        else:
            self.rollback()

    def create(self, object: str, fields: Fields, remote_id: str | None = None) -> str:
        """Queue a new record; its id is known at once."""
        made = remote_id or self.remote.tables[object].new_id()
        self._edits.append(partial(self._create, object, made, dict(fields)))
        return made

    def update(self, object: str, remote_id: str, fields: Fields) -> None:
        """Queue an edit."""
        self._edits.append(partial(self._update, object, remote_id, dict(fields)))

    def delete(self, object: str, remote_id: str) -> None:
        """Queue a delete."""
        self._edits.append(partial(self._delete, object, remote_id))

    def archive(self, object: str, remote_id: str) -> None:
        """Queue an archiving: the record stays, but listings and look-ups hide it."""
        self._edits.append(partial(self._flag, object, remote_id, "archived", True))

    def restore(self, object: str, remote_id: str) -> None:
        """Queue the way back from deleted or archived."""
        self._edits.append(partial(self._restore, object, remote_id))

    def merge(self, object: str, loser: str, winner: str, fields: Fields | None = None) -> None:
        """Queue a merge: the loser goes, the winner takes `fields` and what referred to the loser."""
        self._edits.append(partial(self._merge, object, loser, (object, winner), dict(fields or {})))

    def convert(
        self, object: str, remote_id: str, to: str, fields: Fields | None = None, into: str | None = None
    ) -> str:
        """Queue a conversion into a new record of the object `to`, or `into` one that is there; its id.

        What both objects have is taken along, unless the other one is there already.
        """
        made = into or self.remote.tables[to].new_id()
        self._edits.append(partial(self._convert, object, remote_id, (to, made), dict(fields or {}), into))
        return made

    def commit(self) -> list[Row | None]:
        """Let all edits appear; returns the row of each, None for one that is gone."""
        try:
            return [edit() for edit in self._edits]
        finally:
            self.remote.closed(self.number)

    def rollback(self) -> None:
        """Let none appear."""
        self.remote.closed(self.number)

    def _create(self, object: str, remote_id: str, fields: dict[str, Value]) -> Row:
        table = self.remote.tables[object]
        if (known := table.live(remote_id)) is not None:
            raise Refusal("duplicate", "the id is taken", None, known.id)
        full = {name: shape.default for name, shape in table.fields.items()} | table.stored(fields)
        table.check_required(full)
        table.check_unique(remote_id, full)
        old = table.rows.get(remote_id)
        row = Row(remote_id, full, version=old.version if old else 0)
        return self._changed(table, row, full)

    def _update(self, object: str, remote_id: str, fields: dict[str, Value]) -> Row:
        table = self.remote.tables[object]
        row = self._live(table, remote_id)
        values = table.stored(fields)
        table.check_unique(remote_id, values)
        moved = {name for name, value in values.items() if row.fields.get(name) != value}
        quirks = self.remote.quirks
        row.fields.update(values)
        if not moved and not quirks.noop_bumps:
            return row
        if not moved:
            quirks.fired.add(4)
        if moved and moved <= quirks.silent_fields:
            quirks.fired |= {6, 18}
            return row
        return self._changed(table, row, moved)

    def _delete(self, object: str, remote_id: str) -> Row | None:
        table = self.remote.tables[object]
        row = self._live(table, remote_id)
        self._let_go(object, remote_id)
        if not self.remote.features.deletes_reported:
            table.forget(row)
            self.remote.quirks.fired.add(10)
            return None
        row.deleted = True
        return self._changed(table, row, (), bump_children=False)

    def _let_go(self, object: str, remote_id: str) -> None:
        """Do to the records that refer to this one what their fields say."""
        for name, table in self.remote.tables.items():
            for child, column, rule in list(_children(table, object, remote_id)):
                if rule == "restrict":
                    raise Refusal("referenced", f"records of {name} refer to it", column)
                if rule == "cascade":
                    self._delete(name, child)
                else:
                    self._update(name, child, {column: None})

    def _merge(self, object: str, loser: str, heir: tuple[str, str], fields: dict[str, Value]) -> Row | None:
        gone = self._live(self.remote.tables[object], loser)
        left = self._live(self.remote.tables[heir[0]], heir[1])
        for name, table in self.remote.tables.items():
            for child, column, _ in list(_children(table, object, loser)):
                self._update(name, child, {column: heir[1]})
        gone.heir = heir
        self._delete(object, loser)
        return self._update(heir[0], left.id, fields)

    def _convert(
        self, object: str, remote_id: str, heir: tuple[str, str], fields: dict[str, Value], into: str | None
    ) -> Row | None:
        source, target = self._live(self.remote.tables[object], remote_id), self.remote.tables[heir[0]]
        if into is None:
            shared = target.fields.keys() - {target.shape.key_field}
            taken = {name: value for name, value in source.fields.items() if name in shared}
            self._create(heir[0], heir[1], {**taken, **fields})
            fields = {}
        return self._merge(object, remote_id, heir, fields)

    def _flag(self, object: str, remote_id: str, flag: str, value: bool) -> Row:
        table = self.remote.tables[object]
        row = self._live(table, remote_id)
        setattr(row, flag, value)
        if flag == "archived":
            self.remote.quirks.fired.add(9)
        return self._changed(table, row, ())

    def _restore(self, object: str, remote_id: str) -> Row:
        table = self.remote.tables[object]
        row = table.rows.get(remote_id)
        if row is None:
            raise Refusal("not_found", "there is no such record")
        row.deleted = row.archived = False
        row.heir = row.born = None
        return self._changed(table, row, row.fields)

    def _changed(self, table: Table, row: Row, moved: Iterable[str], *, bump_children: bool = True) -> Row:
        row.version += 1
        row.txn = self.number
        row.stamp = self.stamp
        row.committed = self.remote.clock()
        row.born = row.born or row.committed
        table.put(row, moved)
        if bump_children and self.remote.quirks.bump_children:
            self._bump_children(table.shape.name, row.id)
        return row

    def _bump_children(self, object: str, remote_id: str) -> None:
        for table in self.remote.tables.values():
            for child, _, _ in list(_children(table, object, remote_id)):
                self.remote.quirks.fired.add(5)
                self._changed(table, table.rows[child], (), bump_children=False)

    def _live(self, table: Table, remote_id: str) -> Row:
        row = table.live(remote_id)
        if row is None:
            raise Refusal("not_found", "there is no such record")
        return row


def _children(table: Table, object: str, remote_id: str) -> Iterable[tuple[str, str, str]]:
    """(id, field, rule) of the live rows of `table` that refer to a record."""
    columns: Mapping[str, str] = {
        name: shape.on_delete for name, shape in table.fields.items() if shape.references == object
    }
    for column, rule in columns.items():
        for row in table.rows.values():
            if not row.deleted and row.fields.get(column) == remote_id:
                yield row.id, column, rule
