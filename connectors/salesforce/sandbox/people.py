"""The people who work in the org: the kit's edits, and what only a CRM of this kind knows: converted leads.

`convert` makes an account, a contact and an opportunity of a lead, or takes those that `Conversion` names;
`purge` empties a record out of the recycle bin, without a trace.
"""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.refusals import Refused
from connectors.salesforce.sandbox.table import OrgTable
from connectors.sandboxes.people import People
from connectors.sandboxes.table import Row
from connectors.sandboxes.world import Fields, Moment

CONVERTED = "Closed - Converted"
PERSON = ("FirstName", "LastName", "Salutation", "Title", "Email", "Phone", "MobilePhone", "Fax")
SAME = (*PERSON, "LeadSource", "Description", "HasOptedOutOfEmail", "DoNotCall")
FIRM = ("Industry", "Rating", "AnnualRevenue", "NumberOfEmployees", "Website", "Phone", "Fax")
PLACE = ("Street", "City", "State", "PostalCode", "Country", "Latitude", "Longitude")


@dataclass(frozen=True, slots=True)
class Conversion:
    """The words of SOAP's LeadConvert. Without ids new records are made."""

    account_id: str | None = None
    contact_id: str | None = None
    opportunity_name: str | None = None
    no_opportunity: bool = False
    status: str = CONVERTED
    owner_id: str | None = None
    overwrite_source: bool = False


class OrgPeople(People):
    """Edits by hand; each is a transaction."""

    world: Org

    def edit(
        self,
        object: str,
        op: str = "update",
        *,
        id: str | None = None,
        fields: Mapping[str, Any] | None = None,
        ids: Iterable[str] | None = None,
        loser: str | None = None,
        by: str = "person",
        moment: Moment | None = None,
    ) -> Row | None:
        """The kit's, `convert` (its `fields` are those of `Conversion`) and `purge`."""
        with self.world.transaction():
            if op not in ("convert", "purge"):
                return super().edit(
                    object, op, id=id, fields=fields, ids=ids, loser=loser, by=by, moment=moment
                )
            table = self.world.org_table(object)
            row = self._row(table, id)
            if op == "convert":
                convert(self.world, row, moment or self.world.moment(by), Conversion(**dict(fields or {})))
                return row
        self.world.purge(table, row)
        return None


def convert(org: Org, lead: Row, moment: Moment, told: Conversion) -> dict[str, str | None]:
    """Make of a lead what follows from it; the ids.

    First the account, then contact, deal and lead (CDC guide, "Lead Conversion"). `Refused` where it was
    converted before, or the status is none of converted leads.
    """
    if lead.fields.get("IsConverted"):
        raise Refused("CANNOT_UPDATE_CONVERTED_LEAD", "cannot reference converted lead", [])
    if told.status != CONVERTED:
        raise Refused(
            "INVALID_STATUS", f"convertedStatus: invalid convertedStatus: {told.status}", ["Status"]
        )
    owner = {"OwnerId": told.owner_id or _user_owner(org, lead, moment)}
    with org.transaction():
        account = _account(org, lead, moment, told, owner)
        contact = _contact(org, lead, moment, told, {**owner, "AccountId": account.id})
        deal = _deal(org, lead, moment, told, {**owner, "AccountId": account.id}, contact)
        made = {
            "Status": told.status,
            "IsConverted": True,
            "ConvertedDate": org.clock.now().date().isoformat(),
            "ConvertedAccountId": account.id,
            "ConvertedContactId": contact.id,
            "ConvertedOpportunityId": deal.id if deal is not None else None,
        }
        org.update(org.org_table("Lead"), lead, made, _automatic(moment), cause="convert")
    return {
        "accountId": account.id,
        "contactId": contact.id,
        "leadId": lead.id,
        "opportunityId": deal.id if deal is not None else None,
    }


def _automatic(moment: Moment) -> Moment:
    """The same moment, past what an API user may not write."""
    return Moment(moment.stamp, moment.seen, "automation") if moment.by == "api" else moment


def _user_owner(org: Org, lead: Row, moment: Moment) -> str:
    owner = str(lead.fields.get("OwnerId"))
    return owner if owner in org.tables["User"].rows else org.user(moment.by)


def _there(org: Org, object: str, id: str) -> Row:
    row = org.tables[object].rows.get(id)
    if row is None or row.deleted:
        raise Refused("INVALID_CROSS_REFERENCE_KEY", f"invalid cross reference id: {id}", [])
    return row


def _account(org: Org, lead: Row, moment: Moment, told: Conversion, owner: Fields) -> Row:
    if told.account_id is not None:
        return _there(org, "Account", told.account_id)
    place = {f"Billing{part}": lead.fields.get(part) for part in PLACE}
    fields = {"Name": lead.fields["Company"], **_filled({**_copied(lead, FIRM), **place}), **owner}
    return org.create(org.org_table("Account"), fields, _automatic(moment), cause="convert")


def _contact(org: Org, lead: Row, moment: Moment, told: Conversion, more: Fields) -> Row:
    table = org.org_table("Contact")
    place = {f"Mailing{part}": lead.fields.get(part) for part in PLACE}
    mapped = _custom(lead, org.org_table("Lead"), table)
    fields = _filled({**_copied(lead, SAME), **place, **mapped})
    if told.contact_id is None:
        return org.create(table, {**fields, **more}, _automatic(moment), cause="convert")
    row = _there(org, "Contact", told.contact_id)
    blanks = {name: value for name, value in fields.items() if row.fields.get(name) is None}
    if told.overwrite_source and "LeadSource" in fields:
        blanks["LeadSource"] = fields["LeadSource"]
    if blanks:
        org.update(table, row, blanks, _automatic(moment), cause="convert")
    return row


def _deal(org: Org, lead: Row, moment: Moment, told: Conversion, more: Fields, contact: Row) -> Row | None:
    if told.no_opportunity:
        return None
    name = told.opportunity_name or f"{lead.fields['Company']}-"
    day = org.clock.now().date()
    quarter = day.replace(month=(day.month - 1) // 3 * 3 + 3, day=1)
    fields: Fields = {"Name": name, "StageName": "Prospecting", "CloseDate": quarter.isoformat(), **more}
    deal = org.create(org.org_table("Opportunity"), fields, _automatic(moment), cause="convert")
    role = {"OpportunityId": deal.id, "ContactId": contact.id, "IsPrimary": True}
    org.create(org.org_table("OpportunityContactRole"), role, _automatic(moment), cause="convert")
    return deal


def _copied(lead: Row, names: Iterable[str]) -> Fields:
    return {name: lead.fields.get(name) for name in names}


def _custom(lead: Row, leads: OrgTable, contacts: OrgTable) -> Fields:
    """Custom fields that both have, but keys."""
    return {
        name: lead.fields.get(name)
        for name in leads.fields
        if name.endswith("__c") and name in contacts.fields and name not in leads.keys
    }


def _filled(fields: Fields) -> Fields:
    return {name: value for name, value in fields.items() if value is not None}
