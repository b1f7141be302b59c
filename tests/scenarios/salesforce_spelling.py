"""What records of the org in Salesforce say, in the words of `rows.erp.sql`."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from decimal import Decimal
from typing import Any

from connectors.sandboxes.table import Row
from tests.scenarios.spelling import Spelling


def number(value: Any) -> int | float | None:
    """A number as SQL's `trim_scale` writes it in JSON."""
    if value is None:
        return None
    exact = Decimal(str(value))
    return int(exact) if exact == exact.to_integral_value() else float(exact)


def _account(fields: Mapping[str, Any]) -> list[Any]:
    names = ("Name", "BillingStreet", "BillingCity", "BillingState", "BillingPostalCode", "BillingCountry")
    words = {"Household Account": "household", "Organization": "organization"}
    return [*(fields[name] for name in names), words.get(fields["npe01__SYSTEM_AccountType__c"] or "")]


def _contact(fields: Mapping[str, Any]) -> list[Any]:
    name = " ".join(filter(None, (fields["FirstName"], fields["LastName"])))
    mail = fields["Email"]
    return [fields["Salutation"], name, mail and mail.lower(), fields["Phone"], fields["Title"]]


def _opportunity(fields: Mapping[str, Any]) -> list[Any]:
    stage = {"Closed Won": "won"}.get(fields["StageName"], fields["StageName"].lower())
    return [fields["Name"], number(fields["Amount"]), stage, fields.get("dont_create_payments__c")]


_SAYS: dict[str, Callable[[dict[str, Any]], list[Any]]] = {
    "account": _account,
    "contact": _contact,
    "opportunity": _opportunity,
}
"""By kind: what a record says, without what it refers to."""
_REFERS: dict[str, list[tuple[str, str]]] = {
    "account": [],
    "contact": [("AccountId", "account"), ("primary_affiliation__c", "account")],
    "opportunity": [("AccountId", "account"), ("primary_contact__c", "contact")],
}
_SPELLING = Spelling(_SAYS, _REFERS)


def said(rows: Mapping[str, Mapping[str, Row]]) -> list[dict[str, Any]]:
    """By kind and id: rows of kind, id, said, asked; a lead refers to nothing."""
    return [
        {
            "kind": kind,
            "id": id,
            "said": _SPELLING.text(rows, kind, id),
            "asked": row.fields.get("CloseDate"),
        }
        for kind, found in rows.items()
        for id, row in found.items()
    ]
