"""A table of the org: look-ups by keys that ignore case, and rows that can be put back as they were."""

from __future__ import annotations

from typing import Any

from connectors.salesforce.sandbox import ids
from connectors.salesforce.sandbox.fields import OrgField, OrgObject
from connectors.salesforce.sandbox.standard import named
from connectors.salesforce.sandbox.values import Check, check
from connectors.sandboxes.shape import ObjectShape, Refusal
from connectors.sandboxes.table import Row, Table

Image = tuple[dict[str, Any], int, int, int, str, bool]
"""A row's fields, stamp, seen, version, author, whether it is deleted."""


class OrgTable(Table):
    """`keys`: by field that is a key, by folded value, the live rows that have it."""

    shape: OrgObject
    _places = -1

    def __init__(self, name: str, shape: ObjectShape) -> None:
        self.fields: dict[str, OrgField] = {}
        super().__init__(name, shape)

    def reshape(self, shape: ObjectShape) -> None:
        """Take another shape; one made by the kit's words becomes one of the vendor's."""
        if not isinstance(shape, OrgObject):
            shape = OrgObject.model_validate(shape.model_dump())
        shape = shape.model_copy(update={"fields": {n: named(n, f) for n, f in shape.fields.items()}})
        before, self.fields = self.fields, shape.fields
        self.names = {name.lower(): name for name in shape.fields}
        self.keys: dict[str, dict[Any, dict[str, Row]]] = {
            name: {} for name, field in shape.fields.items() if field.external_id or field.unique
        }
        self.relations = {f.relationship.lower(): name for name, f in shape.fields.items() if f.relationship}
        self._retype({n for n, f in self.fields.items() if n in before and before[n].type != f.type})
        super().reshape(shape)
        self.unique = {}

    def _retype(self, names: set[str]) -> None:
        """Values of fields that are of another type now: what cannot be read as one is gone."""
        for name in sorted(names):
            read = check(self.name, name, self.fields[name], lambda: True)
            for row in self.rows.values():
                row.fields = {**row.fields, name: _read(read, row.fields.get(name))}

    def new_id(self) -> str:
        """The next one."""
        self.last_id += 1
        return ids.make(self.shape.prefix, self.last_id)

    def add(self, id: str, fields: dict[str, Any], stamp: int, by: str, seen: int) -> Row:
        """A new row, all checks passed; its place is never given again, also not after `take_out`."""
        self._places += 1
        row = Row(self._places, id, fields, stamp, by, seen)
        self.rows[id] = row
        self.order.append(row)
        self._index(row, self.blank, fields)
        self._log(row)
        return row

    def named(self, name: str) -> str | None:
        """A field's own spelling; names are taken in any case."""
        return self.names.get(name.lower())

    def folded(self, name: str, value: Any) -> Any:
        """What a key is compared by."""
        return value.lower() if isinstance(value, str) and not self.fields[name].case_sensitive else value

    def with_key(self, name: str, value: Any) -> list[Row]:
        """The live rows that have this value in a field that is a key."""
        return list(self.keys[name].get(self.folded(name, value), {}).values())

    def image(self, row: Row) -> Image:
        """How the row is now."""
        return row.fields, row.stamp, row.seen, row.version, row.by, row.deleted

    def put_back(self, row: Row, image: Image) -> None:
        """Make it what it was."""
        was = self.blank if row.deleted else row.fields
        row.fields, row.stamp, row.seen, row.version, row.by, row.deleted = image
        row.sent = None
        self._index(row, was, self.blank if row.deleted else row.fields)
        self.relog()

    def take_out(self, row: Row) -> None:
        """Forget a row for good."""
        if not row.deleted:
            self._index(row, row.fields, self.blank)
        del self.rows[row.id]
        self.order.remove(row)
        self.relog()

    def _index(self, row: Row, old: dict[str, Any], new: dict[str, Any]) -> None:
        for name, taken in self.keys.items():
            was, now = self.folded(name, old.get(name)), self.folded(name, new.get(name))
            if was != now:
                if was is not None and was in taken:
                    taken[was].pop(row.id, None)
                if now is not None:
                    taken.setdefault(now, {})[row.id] = row
        super()._index(row, old, new)


def _read(read: Check, value: Any) -> Any:
    try:
        return read(value)
    except Refusal:
        return None
