"""A table of the portal: look-ups by e-mail and by merged ids, the past of rows, and what an index knew."""

from __future__ import annotations

from typing import Any, NamedTuple

from connectors.hubspot.sandbox.fields import HubObject, HubProperty
from connectors.sandboxes.shape import ObjectShape
from connectors.sandboxes.table import Row, Table

FIRST = 20_000_000_000
"""Ids are larger than 32 bits, and unique in one object only: those of all objects begin here."""
REMEMBERED = 20
"""Versions of a property that its history keeps."""


class Version(NamedTuple):
    """One value that a property had: since when (ms), and who set it."""

    value: str | None
    at: int
    source: str
    source_id: str | None


class Image(NamedTuple):
    """How a row was, from a moment on (ms)."""

    seen: int
    fields: dict[str, Any]
    stamp: int
    deleted: bool


class HubTable(Table):
    """`identities`: by e-mail, the live contact; `redirects`: by id, the record that it was merged into."""

    shape: HubObject
    fields: dict[str, HubProperty]

    def __init__(self, name: str, shape: ObjectShape) -> None:
        self.identities: dict[str, Row] = {}
        self.redirects: dict[str, str] = {}
        self.history: dict[str, dict[str, list[Version]]] = {}
        self.past: dict[str, list[Image]] = {}
        super().__init__(name, shape)
        self.last_id = FIRST

    def reshape(self, shape: ObjectShape) -> None:
        """Take another shape; one made by the kit's words becomes one of the vendor's."""
        if not isinstance(shape, HubObject):
            shape = HubObject.model_validate(shape.model_dump())
        self.fields = shape.fields
        self.mails = [name for name, prop in shape.fields.items() if prop.rule == "email"]
        self.identities.clear()
        super().reshape(shape)

    def resolve(self, id: str) -> str:
        """The id of the record that this one was merged into, at last; or itself."""
        while id in self.redirects:
            id = self.redirects[id]
        return id

    def note(self, row: Row, names: list[str], at: int, source: str, source_id: str | None) -> None:
        """Remember the present values of some properties."""
        of = self.history.setdefault(row.id, {})
        for name in names:
            versions = of.setdefault(name, [])
            versions.insert(0, Version(row.fields[name], at, source, source_id))
            del versions[REMEMBERED:]

    def remember(self, row: Row) -> None:
        """Keep how the row is now, before it becomes another: an index may still show that."""
        images = self.past.setdefault(row.id, [])
        images.append(Image(row.seen, row.fields, row.stamp, row.deleted))
        del images[:-REMEMBERED]

    def as_of(self, row: Row, at: int) -> Image | None:
        """How the row was at a time; None: it was not there yet."""
        if row.seen <= at:
            return Image(row.seen, row.fields, row.stamp, row.deleted)
        return next((one for one in reversed(self.past.get(row.id, ())) if one.seen <= at), None)

    def take_out(self, row: Row) -> None:
        """Forget a row for good: no list and no look-up shows it, and it is in no index."""
        if not row.deleted:
            self.drop(row)
        del self.rows[row.id]
        self.history.pop(row.id, None)

    def _index(self, row: Row, old: dict[str, Any], new: dict[str, Any]) -> None:
        for name in self.mails:
            for one in _addresses(old, name):
                if self.identities.get(one) is row:
                    del self.identities[one]
            for one in _addresses(new, name):
                self.identities[one] = row
        super()._index(row, old, new)


def _addresses(fields: dict[str, Any], name: str) -> list[str]:
    more = (fields.get("hs_additional_emails") or "").split(";")
    return [one for one in (fields.get(name), *more) if one]
