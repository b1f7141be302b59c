"""The org's own rules: validation rules and duplicate rules, as the profile and the quirks name them."""

from __future__ import annotations

from collections.abc import Iterator
from typing import TYPE_CHECKING, Any

from connectors.salesforce.sandbox.options import DuplicateRule
from connectors.salesforce.sandbox.refusals import Refused
from connectors.salesforce.sandbox.soql.columns import Columns
from connectors.salesforce.sandbox.soql.compile import Compiler, Keep
from connectors.salesforce.sandbox.soql.filters import Literals
from connectors.salesforce.sandbox.soql.parse import parse_condition
from connectors.salesforce.sandbox.table import OrgTable
from connectors.sandboxes.table import Row
from connectors.sandboxes.world import Fields

if TYPE_CHECKING:
    from connectors.salesforce.sandbox.org import Org


class Rules:
    """The rules of one org, over the quirks as they are now."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self._compiled: dict[tuple[str, str, Any], Keep] = {}

    def forget(self) -> None:
        """Quirks or shapes are others now."""
        self._compiled.clear()

    def validate(self, table: OrgTable, new: Fields, row: Row | None) -> None:
        """`Refused` FIELD_CUSTOM_VALIDATION_EXCEPTION where a record would meet a rule's condition."""
        for rule in self.org.quirks.validation:
            if rule.object != table.name:
                continue
            if self._condition(table, rule.condition)(_imagined(new, row)):
                self.org.fired("validation")
                fields = [rule.field] if rule.field else []
                raise Refused("FIELD_CUSTOM_VALIDATION_EXCEPTION", rule.message, fields)

    def _condition(self, table: OrgTable, text: str) -> Keep:
        mark = (table.name, text, self.org.clock.now().date())
        found = self._compiled.get(mark)
        if found is None:
            literals = Literals(text, self.org.clock.now().date())
            found = Compiler(self.org).condition(
                Columns(self.org, table, text), literals, parse_condition(text)
            )
            self._compiled[mark] = found
        return found

    def find_duplicates(self, table: OrgTable, new: Fields, row: Row | None) -> None:
        """`Refused` DUPLICATES_DETECTED, unless the caller may save them and does."""
        caller = self.org.caller
        for rule in self.org.quirks.duplicates:
            if rule.object != table.name or (row is not None and not _moved(rule, new, row)):
                continue
            found = [pair for pair in self._alike(rule, table, new) if pair[1] is not row]
            allowed = rule.action == "alert" and caller is not None and caller.allow_save
            if found and not allowed:
                self.org.fired("duplicates")
                raise _detected(rule, found, bool(caller and caller.include_details), self.org)

    def _alike(self, rule: DuplicateRule, table: OrgTable, new: Fields) -> Iterator[tuple[OrgTable, Row]]:
        wanted = [_folded(new.get(name)) for name in rule.fields]
        if None in wanted:
            return
        for name in rule.against or (table.name,):
            other = self.org.org_table(name)
            for row in other.order:
                alike = [_folded(row.fields.get(field)) for field in rule.fields] == wanted
                if alike and not row.deleted and not row.fields.get("IsConverted"):
                    yield other, row


def _imagined(new: Fields, row: Row | None) -> Row:
    """The record as it would be."""
    if row is None:
        return Row(-1, "", new, 0, "", 0)
    made = Row(row.n, row.id, new, row.stamp, row.by, row.seen)
    made.created = row.created
    return made


def _moved(rule: DuplicateRule, new: Fields, row: Row) -> bool:
    return any(new.get(name) != row.fields.get(name) for name in rule.fields)


def _folded(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


def _detected(rule: DuplicateRule, found: list[tuple[OrgTable, Row]], details: bool, org: Org) -> Refused:
    by_object: dict[str, list[tuple[OrgTable, Row]]] = {}
    for table, row in found:
        by_object.setdefault(table.name, []).append((table, row))
    results = [
        {
            "entityType": object,
            "errors": [],
            "matchEngine": "FuzzyMatchEngine",
            "matchRecords": [_match(table, row, details, org) for table, row in pairs],
            "rule": f"Standard_{object}_Match_Rule_v1_0",
            "size": len(pairs),
            "success": True,
        }
        for object, pairs in by_object.items()
    ]
    result = {
        "allowSave": rule.action == "alert",
        "duplicateRule": rule.name,
        "duplicateRuleEntityType": rule.object,
        "errorMessage": "Use one of these records?",
        "matchResults": results,
    }
    return Refused("DUPLICATES_DETECTED", "Use one of these records?", duplicateResult=result)


def _match(table: OrgTable, row: Row, details: bool, org: Org) -> dict[str, Any]:
    url = f"/services/data/v60.0/sobjects/{table.name}/{row.id}"
    record: dict[str, Any] = {"attributes": {"type": table.name, "url": url}, "Id": row.id}
    if details and "Name" in table.fields:
        record["Name"] = org.getter(table, "Name")(row)
    return {"additionalInformation": [], "fieldDiffs": [], "matchConfidence": 100.0, "record": record}
