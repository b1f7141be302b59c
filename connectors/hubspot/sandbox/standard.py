"""The objects of a portal: contacts, companies, deals, and one custom object, machines.

Properties are written one a line: name, type, field type, group, and flags. Names, types and options are as
the vendor's guides give them.
"""

from __future__ import annotations

from typing import Any

from connectors.hubspot.sandbox.fields import HubObject, HubProperty

PORTAL = 62515
LIFECYCLE = (
    "subscriber",
    "lead",
    "marketingqualifiedlead",
    "salesqualifiedlead",
    "opportunity",
    "customer",
    "evangelist",
    "other",
)
LEAD_STATUS = ("NEW", "OPEN", "IN_PROGRESS", "OPEN_DEAL", "UNQUALIFIED", "ATTEMPTED_TO_CONTACT", "CONNECTED")
BUYING_ROLES = ("BLOCKER", "BUDGET_HOLDER", "CHAMPION", "DECISION_MAKER", "END_USER", "EXECUTIVE_SPONSOR")
INDUSTRIES = ("COMPUTER_SOFTWARE", "RETAIL", "FINANCIAL_SERVICES", "HOSPITAL_HEALTH_CARE", "MACHINERY")
DEAL_TYPES = ("newbusiness", "existingbusiness")
PRIORITIES = ("low", "medium", "high")
CONTACT_TEXTS = (
    "firstname",
    "lastname",
    "email",
    "phone",
    "hs_additional_emails",
    "fax",
    "mobilephone",
    "company",
)
EVERYWHERE = """
hs_object_id number number {group} ro
createdate datetime date {group} ro
hs_created_by_user_id number number {group} ro hidden
hs_object_source string text {group} ro hidden
hs_merged_object_ids enumeration checkbox {group} ro free
hubspot_owner_id enumeration select {group} owners
hubspot_owner_assigneddate datetime date {group} ro
"""
CONTACTS = """
firstname string text contactinformation form
lastname string text contactinformation form
email string text contactinformation form rule=email hint=email
hs_additional_emails enumeration checkbox contactinformation ro free
hs_email_domain string text contactinformation calc
phone string phonenumber contactinformation form
mobilephone string phonenumber contactinformation form
fax string text contactinformation form
hs_calculated_phone_number string text contactinformation calc hidden
hs_searchable_calculated_phone_number string text contactinformation calc hidden
jobtitle string text contactinformation form
company string text contactinformation form
website string text contactinformation form
address string text contactinformation form
city string text contactinformation form
state string text contactinformation form
zip string text contactinformation form
country string text contactinformation form
date_of_birth date date contactinformation form
salutation string text contactinformation form
message string textarea contactinformation form
hs_lead_status enumeration radio sales_properties
hs_buying_role enumeration checkbox sales_properties
lifecyclestage enumeration radio contactinformation rule=forward
hubspotscore number number contactscripted
hs_email_optout bool booleancheckbox emailinformation
associatedcompanyid number number contactinformation calc
num_associated_deals number number deal_information calc
lastmodifieddate datetime date contactinformation ro
"""
COMPANIES = """
name string text companyinformation
domain string text companyinformation rule=domain hint=domain_name
website string text companyinformation
phone string phonenumber companyinformation
industry enumeration select companyinformation
description string textarea companyinformation
address string text companyinformation
city string text companyinformation
state string text companyinformation
zip string text companyinformation
country string text companyinformation
numberofemployees number number companyinformation
annualrevenue number number companyinformation hint=currency
founded_year string text companyinformation
is_public bool booleancheckbox companyinformation
lifecyclestage enumeration radio companyinformation rule=forward
num_associated_contacts number number companyinformation calc
num_associated_deals number number companyinformation calc
hs_lastmodifieddate datetime date companyinformation ro
"""
DEALS = """
dealname string text dealinformation
amount number number dealinformation hint=currency
amount_in_home_currency number calculation_equation dealinformation calc
deal_currency_code enumeration select dealinformation currencies
closedate datetime date dealinformation
pipeline enumeration select dealinformation pipelines
dealstage enumeration radio dealinformation stages
dealtype enumeration radio dealinformation
description string textarea dealinformation
hs_priority enumeration select dealinformation
hs_deal_stage_probability number number dealinformation calc hint=percentage
hs_is_closed bool booleancheckbox dealinformation calc
hs_is_closed_won bool booleancheckbox dealinformation calc
num_associated_contacts number number dealinformation calc
hs_lastmodifieddate datetime date dealinformation ro
"""
MACHINES = """
serial_number string text machine_information unique
model string text machine_information
installed_on date date machine_information
last_service datetime date machine_information
price number number machine_information
colours enumeration checkbox machine_information
in_use bool booleancheckbox machine_information
hs_lastmodifieddate datetime date machine_information ro
"""
OPTIONS: dict[str, tuple[str, ...]] = {
    "lifecyclestage": LIFECYCLE,
    "hs_lead_status": LEAD_STATUS,
    "hs_buying_role": BUYING_ROLES,
    "industry": INDUSTRIES,
    "dealtype": DEAL_TYPES,
    "hs_priority": PRIORITIES,
    "colours": ("red", "green", "blue"),
}
NUMBER_HINTS = ("currency", "percentage")


def read(lines: str, group: str) -> dict[str, HubProperty]:
    """Properties of lines as above, with those that every object has."""
    found = {}
    for line in filter(None, (lines + EVERYWHERE.format(group=group)).splitlines()):
        name, kind, field_type, of, *flags = line.split()
        found[name] = _property(name, kind, field_type, of, set(flags))
    return found


def _property(name: str, kind: str, field_type: str, group: str, flags: set[str]) -> HubProperty:
    words: dict[str, Any] = {"type": kind, "field_type": field_type, "group": group}
    said = dict(flag.split("=") for flag in flags if "=" in flag)
    hint = said.get("hint")
    keeper = next(iter(flags & {"owners", "pipelines", "stages", "currencies"}), "")
    words |= {"number_hint" if hint in NUMBER_HINTS else "text_hint": hint} if hint else {}
    return HubProperty(
        **words,
        label=name.removeprefix("hs_").replace("_", " ").capitalize(),
        options=OPTIONS.get(name),
        rule=said.get("rule", ""),  # type: ignore[arg-type]  # pydantic looks at it
        keeper=keeper,  # type: ignore[arg-type]
        external="OWNER" if keeper == "owners" else None,
        unique="unique" in flags,
        calculated="calc" in flags,
        read_only="ro" in flags or "calc" in flags,
        hidden="hidden" in flags,
        form_field="form" in flags,
        hubspot_defined=group != "machine_information" or name.startswith(("hs_", "hubspot_", "createdate")),
    )


def objects() -> dict[str, HubObject]:
    """All four, by the name in paths."""
    return {
        "contacts": HubObject(
            fields=read(CONTACTS, "contactinformation"),
            singular="contact",
            type_id="0-1",
            usual=("firstname", "lastname", "email"),
            searched=CONTACT_TEXTS,
            modified="lastmodifieddate",
            needs=("email|firstname|lastname",),
            label="Contact",
            plural_label="Contacts",
            display="email",
        ),
        "companies": HubObject(
            fields=read(COMPANIES, "companyinformation"),
            singular="company",
            type_id="0-2",
            usual=("name", "domain"),
            searched=("website", "phone", "name", "domain"),
            needs=("name|domain",),
            label="Company",
            plural_label="Companies",
            display="name",
        ),
        "deals": HubObject(
            fields=read(DEALS, "dealinformation"),
            singular="deal",
            type_id="0-3",
            usual=("dealname", "amount", "closedate", "pipeline", "dealstage"),
            searched=("dealname", "pipeline", "dealstage", "description", "dealtype"),
            needs=("dealname", "dealstage", "pipeline"),
            label="Deal",
            plural_label="Deals",
            display="dealname",
        ),
        "machines": HubObject(
            fields=read(MACHINES, "machine_information"),
            singular="machines",
            type_id="2-3057700",
            searched=("serial_number", "model"),
            needs=("serial_number",),
            custom=True,
            label="Machine",
            plural_label="Machines",
            display="serial_number",
        ),
    }
