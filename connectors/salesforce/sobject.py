"""One object as the connector reads and writes it: its columns, the mapped ones, rows as changes."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, field
from datetime import datetime
from functools import cached_property
from typing import Any

from connectors.base import ObjectInfo, ObjectSpec
from connectors.salesforce.columns import Column
from connectors.salesforce.ids import long_id
from connectors.salesforce.values import stamp
from syncd.core.nouns import Change, Op
from syncd.core.times import utc_text

OURS = ("Id", "SystemModstamp", "LastModifiedDate", "LastModifiedById")
"""Fields that are always read: the id, the order, and who changed the record when."""
GONE = ("IsDeleted", "MasterRecordId")
CONVERTED = ("IsConverted", "ConvertedContactId")


@dataclass(frozen=True)
class SObject:
    """An object of the org. `mapped` are the columns that the configuration wants and the org has."""

    system: str
    spec: ObjectSpec
    columns: Mapping[str, Column]
    told: Mapping[str, Any] = field(repr=False)

    @property
    def name(self) -> str:
        return self.spec.name

    @cached_property
    def mapped(self) -> tuple[Column, ...]:
        key = (self.spec.key_field,) if self.spec.key_field else ()
        names = dict.fromkeys((*self.spec.fields, *key))
        return tuple(self.columns[n] for n in names if n in self.columns)

    @cached_property
    def passive(self) -> tuple[Column, ...]:
        """Mapped columns that change without moving the record's stamp."""
        return tuple(column for column in self.mapped if column.passive)

    @cached_property
    def fields(self) -> tuple[str, ...]:
        """What a query of live records asks for."""
        return self._asked(())

    @cached_property
    def all_fields(self) -> tuple[str, ...]:
        """What a query of live and deleted records asks for."""
        return self._asked((*GONE, *CONVERTED))

    @property
    def ordered(self) -> bool:
        """Whether there is a stamp to read changes by."""
        return "SystemModstamp" in self.columns

    @property
    def converts(self) -> bool:
        """Whether its records may become others."""
        return self.name == "Lead"

    @property
    def key_is_unique(self) -> bool:
        """Whether the org refuses a second record with our key."""
        column = self.columns.get(self.spec.key_field or "")
        return column is not None and column.info.unique

    @cached_property
    def references(self) -> frozenset[str]:
        """The columns that hold another record's id."""
        return frozenset(name for name, column in self.columns.items() if column.native == "reference")

    @cached_property
    def parent(self) -> str | None:
        """The reference by which writes are sorted, so that no two calls lock one parent."""
        wanted = self.spec.options.get("parent") or "AccountId"
        return wanted if wanted in self.columns else None

    def info(self, notes: Sequence[str] = ()) -> ObjectInfo:
        """As the contract has it."""
        return ObjectInfo(self.name, {n: c.info for n, c in self.columns.items()}, tuple(notes))

    def _asked(self, more: Sequence[str]) -> tuple[str, ...]:
        ours = [name for name in (*OURS, *more) if name in self.columns]
        return tuple(dict.fromkeys((*ours, *(c.name for c in self.mapped))))

    # -- rows ------------------------------------------------------------------------------------------

    def change(self, row: Mapping[str, Any]) -> Change:
        """A row of a query as a change: what it is, and, where it is alive, all mapped fields."""
        at = self.modified(row)
        remote_id = long_id(str(row["Id"]))
        if row.get("IsDeleted") is True:
            survivor = row.get("MasterRecordId")
            op, survivor = (Op.MERGE, long_id(survivor)) if survivor else (Op.DELETE, None)
            return Change(self.system, self.name, remote_id, op, occurred_at=at, survivor_id=survivor)
        if row.get("IsConverted") is True:
            return self._converted(row, remote_id, at)
        return Change(
            self.system,
            self.name,
            remote_id,
            fields=self.values(row),
            remote_version=_version(row),
            occurred_at=at,
            actor=row.get("LastModifiedById") or None,
        )

    def _converted(self, row: Mapping[str, Any], remote_id: str, at: datetime | None) -> Change:
        """A lead that became a contact; it stays as it was, and nobody may write to it."""
        contact = row.get("ConvertedContactId")
        return Change(
            self.system,
            self.name,
            remote_id,
            Op.CONVERT,
            occurred_at=at,
            survivor_id=long_id(contact) if contact else None,
            survivor_object="Contact" if contact else None,
        )

    def modified(self, row: Mapping[str, Any]) -> datetime | None:
        """When somebody last changed a record; a system's own touch moves only the other stamp."""
        return stamp(row.get("LastModifiedDate")) or stamp(row.get("SystemModstamp"))

    def values(self, row: Mapping[str, Any], columns: Sequence[Column] | None = None) -> dict[str, Any]:
        """The mapped fields of a row of JSON. One that is left out was not reported; it is not empty."""
        found: dict[str, Any] = {}
        for column in self.mapped if columns is None else columns:
            if column.path[0] not in row:
                continue
            raw: Any = row
            for step in column.path:
                raw = raw.get(step) if isinstance(raw, Mapping) else None
            found[column.name] = column.read(raw)
        return found


def _version(row: Mapping[str, Any]) -> str | None:
    at = stamp(row.get("SystemModstamp"))
    return None if at is None else utc_text(at)
