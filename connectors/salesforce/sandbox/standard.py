"""The objects of the org, a line a field: name, type, length, then words and key=value of `OrgField`.

A line that begins with two blanks goes on with the one before.

Names and types are those of a Developer Edition's describe (standard objects reference); a few custom
fields are there to be synced with: an external id, a number, a multi-select, a restricted picklist, a
formula, roll-ups.
"""

from __future__ import annotations

import re
import shlex
from collections.abc import Mapping
from typing import Any

from connectors.salesforce.sandbox.fields import OrgField, OrgObject

PERSON_NAME = """
LastName string 80 required label="Last Name"
FirstName string 40
Salutation picklist 40 options="Mr.|Ms.|Mrs.|Dr.|Prof.|Mx."
Name string 121 computed label="Full Name"
"""
OWNED = "OwnerId reference references=User relationship=Owner required defaulted label='Owner ID'\n"
TYPED = (
    "RecordTypeId reference references=RecordType relationship=RecordType defaulted label='Record Type ID'\n"
)
KEYED = "Syncd_Id__c string 100 external_id unique label='Syncd Id'\n"
SOURCES = "Web|Phone Inquiry|Partner Referral|Purchased List|Other"
INDUSTRIES = (
    "Agriculture|Banking|Consulting|Education|Energy|Finance|Healthcare|Manufacturing|Media|Retail|Technology"
)

ACCOUNT = f"""
Name string 255 required label="Account Name"
Type picklist
  options="Prospect|Customer - Direct|Customer - Channel|Channel Partner / Reseller|Technology Partner|Other"
{TYPED}ParentId reference references=Account relationship=Parent children=ChildAccounts
  label="Parent Account ID"
@address Billing
@address Shipping
Phone phone label="Account Phone"
Fax phone
AccountNumber string 40
Website url
Sic string 20
Industry picklist options="{INDUSTRIES}"
AnnualRevenue currency scale=0
NumberOfEmployees int precision=8
Ownership picklist options="Public|Private|Subsidiary|Other"
Description textarea 32000
Rating picklist options="Hot|Warm|Cold"
Site string 80
{OWNED}AccountSource picklist options="{SOURCES}"
{KEYED}Region__c picklist restricted options="North|South|East|West"
Open_Deals__c double rollup="count Opportunity.AccountId" label="Open Deals"
Deal_Volume__c currency rollup="sum Opportunity.AccountId Amount" label="Deal Volume"
"""
CONTACT = f"""
AccountId reference references=Account relationship=Account children=Contacts on_delete=cascade
  label="Account ID"
{PERSON_NAME}{TYPED}@address Other
@address Mailing
Phone phone label="Business Phone"
Fax phone label="Business Fax"
MobilePhone phone
HomePhone phone
OtherPhone phone
AssistantPhone phone
ReportsToId reference references=Contact relationship=ReportsTo label="Reports To ID"
Email email
Title string 128
Department string 80
AssistantName string 40
LeadSource picklist options="{SOURCES}"
Birthdate date
Description textarea 32000
{OWNED}HasOptedOutOfEmail boolean label="Email Opt Out"
DoNotCall boolean
{KEYED}Lead_Score__c double label="Lead Score" precision=5
Interests__c multipicklist options="Sport|Music|Travel|Books|Food"
Account_City__c string formula=Account.BillingCity label="Account City"
"""
LEAD = f"""
{PERSON_NAME}{TYPED}Title string 128
Company string 255 required
@address
Phone phone
MobilePhone phone
Fax phone
Email email
Website url
Description textarea 32000
LeadSource picklist options="{SOURCES}"
Status picklist required defaulted
  options="Open - Not Contacted|Working - Contacted|Closed - Converted|Closed - Not Converted"
  default="Open - Not Contacted"
Industry picklist options="{INDUSTRIES}"
Rating picklist options="Hot|Warm|Cold"
AnnualRevenue currency scale=0
NumberOfEmployees int precision=8
OwnerId reference references=User also=Group relationship=Owner required defaulted label='Owner ID'
HasOptedOutOfEmail boolean label="Email Opt Out"
DoNotCall boolean
IsConverted boolean read_only label=Converted
ConvertedDate date read_only
ConvertedAccountId reference references=Account relationship=ConvertedAccount read_only
ConvertedContactId reference references=Contact relationship=ConvertedContact read_only
ConvertedOpportunityId reference references=Opportunity relationship=ConvertedOpportunity read_only
IsUnreadByOwner boolean defaulted
{KEYED}Lead_Score__c double label="Lead Score" precision=5
Interests__c multipicklist options="Sport|Music|Travel|Books|Food"
"""
STAGES = {
    "Prospecting": 10,
    "Qualification": 10,
    "Needs Analysis": 20,
    "Value Proposition": 50,
    "Id. Decision Makers": 60,
    "Perception Analysis": 70,
    "Proposal/Price Quote": 75,
    "Negotiation/Review": 90,
    "Closed Won": 100,
    "Closed Lost": 0,
}
"""A sales process: the probability (percent) that goes with each stage."""
OPPORTUNITY = f"""
AccountId reference references=Account relationship=Account children=Opportunities on_delete=cascade
  label="Account ID"
{TYPED}IsPrivate boolean label=Private
Name string 120 required
Description textarea 32000
StageName picklist required options="{"|".join(STAGES)}" label=Stage
Amount currency
Probability percent scale=0 precision=3 defaulted label="Probability (%)"
ExpectedRevenue currency computed label="Expected Amount"
CloseDate date required
Type picklist options="Existing Customer - Upgrade|Existing Customer - Replacement|New Customer"
  label="Opportunity Type"
NextStep string
LeadSource picklist options="{SOURCES}"
IsClosed boolean computed label=Closed
IsWon boolean computed label=Won
CampaignId reference references=Campaign relationship=Campaign children=Opportunities
{OWNED}{KEYED}
"""
ROLE = f"""
OpportunityId reference references=Opportunity relationship=Opportunity children=OpportunityContactRoles
  on_delete=cascade required create_only
ContactId reference references=Contact relationship=Contact children=OpportunityContactRoles
  on_delete=cascade required
Role picklist
  options="Business User|Decision Maker|Economic Buyer|Evaluator|Executive Sponsor|Influencer|Other"
IsPrimary boolean label=Primary
{KEYED}"""
CAMPAIGN = f"""
Name string 80 required
ParentId reference references=Campaign relationship=Parent children=ChildCampaigns
Type picklist options="Conference|Webinar|Trade Show|Email|Other"
Status picklist defaulted default=Planned options="Planned|In Progress|Completed|Aborted"
StartDate date
EndDate date
IsActive boolean label=Active
Description textarea 32000
{OWNED}{KEYED}"""
MEMBER = """
CampaignId reference references=Campaign relationship=Campaign children=CampaignMembers on_delete=cascade
  required create_only
LeadId reference references=Lead relationship=Lead children=CampaignMembers on_delete=cascade create_only
ContactId reference references=Contact relationship=Contact children=CampaignMembers on_delete=cascade
  create_only
Status picklist default=Sent defaulted options="Sent|Responded"
"""
USER = """
Username string 80 required external_id unique
LastName string 80 required
FirstName string 40
Name string 121 computed label="Full Name"
Email email 128 required
Title string 80
Phone phone
Alias string 8 required
IsActive boolean default=true label=Active
ProfileId string 18
TimeZoneSidKey picklist 40 options="UTC|America/Los_Angeles|Europe/Berlin" default=UTC defaulted
LocaleSidKey picklist 40 options="en_US|de_DE" default=en_US defaulted
UserType picklist 40 options="Standard|AutomatedProcess" default=Standard defaulted
FederationIdentifier string 512
"""
GROUP = """
Name string 40 required
DeveloperName string 80
Type picklist 40 options="Regular|Queue" default=Queue defaulted
Email email
"""
RECORD_TYPE = """
Name string 80 required label="Record Type Name"
DeveloperName string 80 required label="Record Type Name"
SobjectType picklist 40 required
Description string 255
IsActive boolean default=true label=Active
"""
ORGANIZATION = """
Name string 80 required
IsSandbox boolean
OrganizationType picklist 40 options="Developer Edition|Enterprise Edition"
InstanceName string 5
TimeZoneSidKey picklist 40 options=UTC default=UTC
DefaultLocaleSidKey picklist 40 options=en_US default=en_US
"""
PERMISSION_SET = """
Name string 80 required
Label string 80
PermissionsViewAllData boolean
"""
ASSIGNMENT = """
AssigneeId reference references=User relationship=Assignee required
PermissionSetId reference references=PermissionSet relationship=PermissionSet required
"""
OBJECT_PERMISSIONS = """
ParentId reference references=PermissionSet relationship=Parent required
SobjectType picklist 40 required
PermissionsRead boolean
PermissionsViewAllRecords boolean computed
"""
CHANNEL_MEMBER = """
DeveloperName string 80 required
EventChannel string 80 required
SelectedEntity string 80 required
"""
STAMPS = """
CreatedDate datetime computed defaulted
CreatedById reference references=User relationship=CreatedBy read_only defaulted label="Created By ID"
LastModifiedDate datetime read_only defaulted
LastModifiedById reference references=User relationship=LastModifiedBy read_only defaulted
  label="Last Modified By ID"
SystemModstamp datetime computed defaulted
"""
STAMPED = ("CreatedDate", "CreatedById", "LastModifiedDate", "LastModifiedById", "SystemModstamp")
CLOSED: dict[str, Any] = {"createable": False, "deletable": False, "soft": False}
OBJECTS: dict[str, tuple[str, str, dict[str, Any]]] = {
    "Organization": ("00D", ORGANIZATION, CLOSED),
    "User": ("005", USER, {"soft": False, "deletable": False}),
    "Group": ("00G", GROUP, {"soft": False}),
    "RecordType": ("012", RECORD_TYPE, CLOSED),
    "Account": ("001", ACCOUNT, {"mergeable": True}),
    "Contact": ("003", CONTACT, {"mergeable": True}),
    "Lead": ("00Q", LEAD, {"mergeable": True}),
    "Campaign": ("701", CAMPAIGN, {}),
    "Opportunity": ("006", OPPORTUNITY, {"plural": "Opportunities"}),
    "OpportunityContactRole": ("00K", ROLE, {"label": "Opportunity Contact Role"}),
    "PlatformEventChannelMember": ("0v8", CHANNEL_MEMBER, {**CLOSED, "tooling": True}),
    "PermissionSet": ("0PS", PERMISSION_SET, CLOSED),
    "PermissionSetAssignment": ("0Pa", ASSIGNMENT, CLOSED),
    "ObjectPermissions": ("110", OBJECT_PERMISSIONS, CLOSED),
    "CampaignMember": ("00v", MEMBER, {"label": "Campaign Member"}),
}


def objects() -> dict[str, OrgObject]:
    """All of them, anew."""
    return {name: made(name, *told) for name, told in OBJECTS.items()}


def completed(name: str, shape: OrgObject, others: Mapping[str, OrgObject]) -> OrgObject:
    """An object that a profile declares, with the fields that every object has, and a prefix of its own."""
    taken = {other.prefix for other in others.values()}
    prefix = shape.prefix or next(free for n in range(1000) if (free := f"a{n:02d}") not in taken)
    words = shape.model_dump(exclude={"fields", "prefix", "key_field", "columns"})
    lines = "Name string 80\n" if "Name" not in shape.fields and "LastName" not in shape.fields else ""
    whole = made(name, prefix, lines, {word: value for word, value in words.items() if value != ""})
    fields = {n: field for n, field in whole.fields.items() if n not in shape.fields}
    stamps = [n for n in fields if n in STAMPED]
    head = {n: field for n, field in fields.items() if n not in stamps}
    return whole.model_copy(update={"fields": {**head, **shape.fields, **{n: fields[n] for n in stamps}}})


def made(name: str, prefix: str, lines: str, more: dict[str, Any]) -> OrgObject:
    """One object with the fields that every object has around its own."""
    words = {"label": spaced(name), **more}
    words.setdefault("plural", words["label"] + "s")
    soft, merges = words.get("soft", True), words.get("mergeable", False)
    head = f"Id id 18 computed defaulted label='{words['label']} ID'\n"
    head += "IsDeleted boolean computed label=Deleted\n" if soft else ""
    if merges:
        head += f"MasterRecordId reference references={name} relationship=MasterRecord read_only\n"
    fields = dict(map(field, filter(str.strip, _opened(head + lines + STAMPS))))
    return OrgObject(prefix=prefix, key_field=None, fields=fields, **words)


def _opened(lines: str) -> list[str]:
    found: list[str] = []
    for line in lines.replace("\n  ", " ").splitlines():
        if line.startswith("@address"):
            found += _address(line.removeprefix("@address").strip())
        else:
            found.append(line)
    return found


def _address(kind: str) -> list[str]:
    whole = f"{kind}Address"
    parts = {"Street": "textarea 255", "City": "string 40", "State": "string 80", "PostalCode": "string 20"}
    parts |= {"Country": "string 80", "Latitude": "double scale=15", "Longitude": "double scale=15"}
    labels = {"State": "State/Province", "PostalCode": "Zip/Postal Code"}
    lines = [
        f'{kind}{part} {told} compound={whole} label="{kind} {labels.get(part, part)}"'
        for part, told in parts.items()
    ]
    return [*lines, f'{whole} address computed label="{kind} Address"']


def field(line: str) -> tuple[str, OrgField]:
    """A line as a field."""
    name, type, *words = shlex.split(line)
    told: dict[str, Any] = {"type": type}
    for word in words:
        key, said, value = word.partition("=")
        if word.isdigit():
            told["length"] = int(word)
        elif not said:
            told[word] = True
        elif key in ("options", "also"):
            told[key] = tuple(value.split("|"))
        elif key == "default" and type == "boolean":
            told[key] = value == "true"
        else:
            told[key] = int(value) if value.isdigit() else value
    told["label"] = told.get("label", "").strip() or spaced(name)
    return name, OrgField.model_validate(told)


def named(name: str, field: OrgField) -> OrgField:
    """With a label and a relationship where it has none."""
    told: dict[str, Any] = {} if field.label else {"label": spaced(name)}
    if field.references and not field.relationship:
        told["relationship"] = name[:-1] + "r" if name.endswith("__c") else name.removesuffix("Id")
    return field.model_copy(update=told) if told else field


def spaced(name: str) -> str:
    """A name as a label: `LeadSource` is `Lead Source`, `Region__c` is `Region`."""
    return re.sub(r"(?<=[a-z])(?=[A-Z])", " ", re.sub(r"(Id$|__c$)", "", name)).replace("_", " ").strip()
