"""What a save checks: fields and values, required ones, references, keys, and the org's own rules."""

from __future__ import annotations

from typing import TYPE_CHECKING, Any

from connectors.salesforce.sandbox import ids
from connectors.salesforce.sandbox.refusals import Refused, no_column, not_writable
from connectors.salesforce.sandbox.standard import STAGES
from connectors.salesforce.sandbox.table import OrgTable
from connectors.sandboxes.table import Row
from connectors.sandboxes.world import Fields

if TYPE_CHECKING:
    from connectors.salesforce.sandbox.org import Org

SYSTEM = frozenset({"CreatedById", "LastModifiedById", "LastModifiedDate"})


class Saver:
    """The checks of one org."""

    def __init__(self, org: Org) -> None:
        self.org = org

    def vet(self, table: OrgTable, fields: Fields, row: Row | None, by: str) -> Fields:
        """The values as they would be stored."""
        api = by == "api"
        if api and row is not None and table.name == "Lead" and row.fields.get("IsConverted"):
            raise Refused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])
        made: Fields = {}
        refused: list[str] = []
        for said, value in fields.items():
            name = table.named(said)
            if name is None or (api and not self.org.sees(table, name)):
                if self.org.quirks.ignore_unknown:
                    self.org.fired("ignore_unknown")
                    continue
                raise no_column(said, table.name)
            field = table.fields[name]
            closed = field.derived or (
                api
                and (
                    field.read_only
                    or not self.org.writes(table, name)
                    or (field.create_only and row is not None)
                )
            )
            if closed:
                refused.append(name)
                continue
            made[name] = table.checks[name](value)
        if refused:
            raise not_writable(refused)
        self._required(table, made if row is not None else {**table.blank, **made}, made if row else None)
        self._references(table, made, row)
        return made

    def _required(self, table: OrgTable, fields: Fields, only: Fields | None) -> None:
        lacking = [
            name
            for name in table.required
            if (only is None or name in only)
            and fields.get(name) is None
            and not (only is None and table.fields[name].defaulted)
        ]
        if lacking:
            raise Refused(
                "REQUIRED_FIELD_MISSING", f"Required fields are missing: [{', '.join(lacking)}]", lacking
            )

    def _references(self, table: OrgTable, made: Fields, row: Row | None) -> None:
        for name, target in table.refs.items():
            value = made.get(name)
            if value is None or (row is not None and row.fields.get(name) == value):
                continue
            field = table.fields[name]
            found = self._found((target, *field.also), value)
            if found is None:
                raise self._no_target(table, name, value)
            if found.deleted:
                raise Refused("ENTITY_IS_DELETED", "entity is deleted", [])
            if name == "OwnerId" and found.fields.get("IsActive") is False:
                text = f"{field.label}: operation performed with inactive user [{value[:15]}] as owner of"
                raise Refused("INACTIVE_OWNER_OR_USER", f"{text} {table.shape.label.lower()}", ["OwnerId"])
            if name == "RecordTypeId" and found.fields.get("SobjectType") != table.name:
                raise self._no_target(table, name, value)

    def _found(self, targets: tuple[str, ...], id: str) -> Row | None:
        tables = [self.org.tables[target] for target in targets if target in self.org.tables]
        return next((table.rows[id] for table in tables if id in table.rows), None)

    def _no_target(self, table: OrgTable, name: str, id: str) -> Refused:
        field = table.fields[name]
        if name in ("RecordTypeId", "OwnerId"):
            text = f"{field.label}: this ID value isn't valid for the user: {id}"
            return Refused("INVALID_CROSS_REFERENCE_KEY", text, [name])
        prefixes = {
            self.org.tables[one].shape.prefix
            for one in (field.references, *field.also)
            if one in self.org.tables
        }
        if id[:3] not in prefixes:
            text = f"{field.label}: id value of incorrect type: {id}"
            return Refused("FIELD_INTEGRITY_EXCEPTION", text, [name])
        text = f"insufficient access rights on cross-reference id: {id[:15]}"
        return Refused("INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY", text, [])

    def filled(self, table: OrgTable, made: Fields, user: str) -> Fields:
        """A new record's fields, with what is filled in by default."""
        full = {**table.blank, **made}
        if "OwnerId" in table.fields and full.get("OwnerId") is None:
            full["OwnerId"] = user
        if "RecordTypeId" in table.fields and full.get("RecordTypeId") is None:
            full["RecordTypeId"] = self._first_type(table.name)
        return self.derived(table, full, full)

    def _first_type(self, object: str) -> str | None:
        rows = self.org.tables["RecordType"].order if "RecordType" in self.org.tables else []
        return next((row.id for row in rows if row.fields.get("SobjectType") == object), None)

    def derived(self, table: OrgTable, new: Fields, made: Fields) -> Fields:
        """With what follows from what was written: an opportunity's stage brings its probability."""
        if table.name == "Opportunity" and "StageName" in made and made.get("Probability") is None:
            return {**new, "Probability": float(STAGES.get(str(new.get("StageName")), 0))}
        return new

    def judge(self, table: OrgTable, new: Fields, row: Row | None, by: str) -> None:
        """Keys, validation rules and duplicate rules; `Refused`."""
        self.org.rules.validate(table, new, row)
        if by == "api":
            self.org.rules.find_duplicates(table, new, row)
        self.check_unique(table, new, row)

    def check_unique(self, table: OrgTable, fields: Fields, row: Row | None) -> None:
        """`Refused` where another live record has one of the unique keys."""
        for name in table.keys:
            value: Any = fields.get(name)
            if value is None or not table.fields[name].unique:
                continue
            other = next((one for one in table.with_key(name, value) if one is not row), None)
            if other is not None:
                self.org.fired("taken_value")
                text = f"duplicate value found: {name} duplicates value on record with id: {other.id[:15]}"
                refused = Refused("DUPLICATE_VALUE", text, [])
                refused.other = ids.whole(other.id[:15])
                raise refused
