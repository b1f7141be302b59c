"""How a stored record reads: system fields, compound ones, formulas and roll-ups worked out on the spot."""

from __future__ import annotations

from collections.abc import Callable
from typing import TYPE_CHECKING, Any

from connectors.salesforce.sandbox.table import OrgTable
from connectors.salesforce.sandbox.values import written
from connectors.sandboxes.table import Row

if TYPE_CHECKING:
    from connectors.salesforce.sandbox.org import Org

Getter = Callable[[Row], Any]
PARTS = ("City", "Country", "GeocodeAccuracy", "Latitude", "Longitude", "PostalCode", "State", "Street")


def getter(org: Org, table: OrgTable, name: str) -> Getter:
    """What reads this field of a row of the table, as JSON values."""
    field = table.fields[name]
    if field.formula:
        return _formula(org, table, field.formula)
    if field.rollup:
        return _rollup(org, field.rollup)
    if field.computed:
        if field.type == "address":
            return _address(name.removesuffix("Address"))
        if (table.name, name) == ("ObjectPermissions", "PermissionsViewAllRecords"):
            return lambda row: org.views_all(str(row.fields["SobjectType"]))
        found = _COMPUTED.get(name)
        if found is not None:
            return found
    return lambda row: row.fields.get(name)


def record(org: Org, table: OrgTable, row: Row) -> dict[str, Any]:
    """All fields of a record, by name: the truth, whoever may see it."""
    return {name: getter(org, table, name)(row) for name in table.fields}


def _full_name(row: Row) -> str:
    return " ".join(filter(None, (row.fields.get("FirstName"), row.fields.get("LastName"))))


def _expected(row: Row) -> float | None:
    amount, share = row.fields.get("Amount"), row.fields.get("Probability")
    return None if amount is None else round(amount * (share or 0.0) / 100, 2)


_COMPUTED: dict[str, Getter] = {
    "Id": lambda row: row.id,
    "IsDeleted": lambda row: row.deleted,
    "CreatedDate": lambda row: written(row.created / 1000),
    "SystemModstamp": lambda row: written(row.stamp / 1000),
    "Name": _full_name,
    "IsClosed": lambda row: str(row.fields.get("StageName")).startswith("Closed"),
    "IsWon": lambda row: row.fields.get("StageName") == "Closed Won",
    "ExpectedRevenue": _expected,
}


def _address(kind: str) -> Getter:
    def read(row: Row) -> dict[str, Any] | None:
        found = {part[0].lower() + part[1:]: row.fields.get(kind + part) for part in PARTS}
        return None if all(value is None for value in found.values()) else found

    return read


def _formula(org: Org, table: OrgTable, path: str) -> Getter:
    relation, _, rest = path.partition(".")
    if not rest:
        return getter(org, table, relation)
    name = table.relations.get(relation.lower())
    target = table.fields[name].references if name else None
    if name is None or target is None:
        return lambda _: None

    def read(row: Row) -> Any:
        parent = org.org_table(target)
        found = parent.rows.get(row.fields.get(name) or "")
        return None if found is None else _formula(org, parent, rest)(found)

    return read


def _rollup(org: Org, told: str) -> Getter:
    how, path, *amount = told.split()
    object, _, field = path.partition(".")

    def read(row: Row) -> float:
        child = org.org_table(object)
        rows = list(child.children.get(field, {}).get(row.id, {}).values())
        if how == "count":
            return float(len(rows))
        return float(sum(one.fields.get(amount[0]) or 0.0 for one in rows))

    return read
