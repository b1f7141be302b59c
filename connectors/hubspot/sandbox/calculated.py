"""Properties that the portal works out: of a record's own values, and of what it is associated with."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import TYPE_CHECKING, Any

from connectors.hubspot.sandbox.table import HubTable

if TYPE_CHECKING:
    from connectors.hubspot.sandbox.portal import Portal

Fields = dict[str, Any]


def own(portal: Portal, table: HubTable, new: Mapping[str, Any]) -> Fields:
    """Those of the record's own values."""
    if table.name == "contacts":
        return _contact(new)
    return _deal(portal, new) if table.name == "deals" else {}


def _contact(new: Mapping[str, Any]) -> Fields:
    mail, phone = new.get("email"), new.get("phone")
    digits = re.sub(r"\D", "", phone or "")
    whole = f"+{digits}" if (phone or "").startswith("+") or len(digits) > 10 else f"+1{digits}"
    return {
        "hs_email_domain": mail.partition("@")[2] if mail else None,
        "hs_calculated_phone_number": whole if digits else None,
        "hs_searchable_calculated_phone_number": digits[-10:] or None,
    }


def _deal(portal: Portal, new: Mapping[str, Any]) -> Fields:
    stage = portal.pipelines.stage("deals", new.get("pipeline"), new.get("dealstage"))
    chance = str(stage.metadata.get("probability", "0.0")) if stage else None
    closed = chance is not None and float(chance) in (0.0, 1.0)
    return {
        "amount_in_home_currency": new.get("amount"),
        "hs_deal_stage_probability": chance,
        "hs_is_closed": str(closed).lower(),
        "hs_is_closed_won": str(closed and float(chance or 0) == 1.0).lower(),
    }


def of_others(portal: Portal, table: HubTable, id: str) -> Fields:
    """Those of its associations."""
    found: Fields = {}
    for name, other in (("num_associated_contacts", "contacts"), ("num_associated_deals", "deals")):
        if name in table.fields and other in portal.tables:
            count = len(portal.associated(table.name, id, other))
            found[name] = str(count) if count else None
    if "associatedcompanyid" in table.fields:
        companies = portal.associated(table.name, id, "companies")
        found["associatedcompanyid"] = next(
            (other for other, types in companies.items() if any(t.primary for t in types)), None
        )
    return {name: value for name, value in found.items() if name in table.fields}
