"""What the org holds at first: its users, queues and record types; then a seed's records, or made-up ones."""

from __future__ import annotations

import random
from collections.abc import Iterable, Mapping
from pathlib import Path
from typing import Any

from connectors.salesforce.sandbox import ids, standard
from connectors.salesforce.sandbox.fields import OrgField, OrgObject
from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.table import OrgTable
from connectors.sandboxes.names import FIRST, LAST
from connectors.sandboxes.seed import read
from connectors.sandboxes.shape import Refusal
from connectors.sandboxes.table import Row
from connectors.sandboxes.world import Moment
from syncd.core.errors import ConfigError

Records = list[dict[str, Any]]
PEOPLE = (
    ("api", "Integration", "User", True),
    ("person", "Pat", "Seller", True),
    ("admin", "Ada", "Min", True),
    ("gone", "Lee", "Ver", False),
)
RECORD_TYPES = ("Account", "Contact", "Lead", "Opportunity")
FIRMS = (
    "Acme",
    "Borealis",
    "Cobalt",
    "Dynamo",
    "Evergreen",
    "Foundry",
    "Granite",
    "Harbour",
    "Indigo",
    "Juniper",
)


def begin(org: Org, user: str, selected: Iterable[str]) -> None:
    """The org itself, the people who work in it, a queue, record types; objects that send change events."""
    moment = org.moment("seed")
    for number, (name, first, last, active) in enumerate(PEOPLE, 1):
        email = user if name == "api" else f"{first.lower()}@sandbox.example"
        fields: dict[str, Any] = {
            "Username": email,
            "LastName": last,
            "FirstName": first,
            "Email": email,
            "Alias": first[:8],
        }
        made = _made(org, "User", {**fields, "IsActive": active}, moment, ids.make("005", number))
        org.users[name] = made.id
    org.users |= {"seed": org.users["admin"], "automation": org.users["admin"]}
    if "Organization" in org.tables:
        fields = {"Name": "Sandbox", "IsSandbox": True, "OrganizationType": "Developer Edition"}
        _made(org, "Organization", {**fields, "InstanceName": "SBX1"}, moment, org.org_id)
    if "Group" in org.tables:
        _made(org, "Group", {"Name": "Inbound", "DeveloperName": "Inbound", "Type": "Queue"}, moment)
    for object in selected:
        entity = (
            f"{object.removesuffix('__c')}__ChangeEvent" if object.endswith("__c") else f"{object}ChangeEvent"
        )
        fields = {
            "DeveloperName": f"ChangeEvents_{entity}",
            "EventChannel": "ChangeEvents",
            "SelectedEntity": entity,
        }
        _made(org, "PlatformEventChannelMember", fields, moment)
    _grant(org, moment)
    for object in RECORD_TYPES:
        if object in org.tables:
            fields = {"Name": "Standard", "DeveloperName": "Standard", "SobjectType": object}
            _made(org, "RecordType", fields, moment)


def _grant(org: Org, moment: Moment) -> None:
    """A permission set for the integration user, with rights on each object that has rights of its own."""
    parent = _made(org, "PermissionSet", {"Name": "Integration", "Label": "Integration"}, moment).id
    mine = {"AssigneeId": org.users["api"], "PermissionSetId": parent}
    _made(org, "PermissionSetAssignment", mine, moment)
    for object in org.tables:
        if org.org_table(object).shape.soft and object != "OpportunityContactRole":
            fields = {"ParentId": parent, "SobjectType": object, "PermissionsRead": True}
            _made(org, "ObjectPermissions", fields, moment)


def _made(org: Org, object: str, fields: dict[str, Any], moment: Moment, id: str | None = None) -> Row:
    table = org.org_table(object)
    row = org.create(table, fields, moment, id=id)
    table.last_id = max(table.last_id, len(table.rows))
    return row


# a seed ------------------------------------------------------------------------------------------------


def from_files(org: Org, source: Path) -> dict[str, int]:
    """A CSV file, a folder of them, or JSON; how many records of each object. `ConfigError` for bad ones.

    Columns are taken as the field of that name in any spelling (`account_id` is AccountId); others become
    custom fields. Ids that are none of the vendor's are replaced, and what refers to them follows.
    """
    files = read(source)
    names = {name.lower(): name for name in org.tables}
    found = {names.get(name.lower(), name): rows for name, rows in files.items()}
    for name in found:
        if name not in org.tables:
            shapes = {other: org.org_table(other).shape for other in org.tables}
            org.declare(name, standard.completed(name, OrgObject(), shapes))
    renamed = {name: _ids(org.org_table(name), rows) for name, rows in found.items()}
    columns = {name: _columns(org, org.org_table(name), rows, renamed) for name, rows in found.items()}
    _types(org, found, columns)
    with org.transaction():
        moment, later = org.moment("seed"), list[tuple[OrgTable, Row, dict[str, Any]]]()
        for name in _parents_first(org, list(found)):
            later += _fill(org, name, found[name], columns[name], renamed, moment, source)
        for table, row, fields in later:
            table.change(row, {**row.fields, **fields})
    return {name: len(rows) for name, rows in found.items()}


def _ids(table: OrgTable, rows: Records) -> dict[str, str]:
    made: dict[str, str] = {}
    for row in rows:
        given = str(row.get("Id") or row.get("id") or "")
        if given:
            made[given] = ids.read(given) or table.new_id()
    return made


def _columns(
    org: Org, table: OrgTable, rows: Records, renamed: Mapping[str, Mapping[str, str]]
) -> dict[str, str]:
    plain = {_bare(name): name for name in table.fields}
    found: dict[str, str] = {}
    fields = dict(table.shape.fields)
    for column in {column: None for row in rows for column in row if column not in ("id", "Id")}:
        name = plain.get(_bare(column))
        if name is None:
            name = column if column.endswith("__c") else f"{column}__c"
            fields[name] = _guess(column, rows, renamed)
        found[column] = name
    if len(fields) > len(table.fields):
        org.declare(table.name, table.shape.model_copy(update={"fields": fields}))
    return found


def _bare(name: str) -> str:
    return name.replace("_", "").lower()


def _guess(column: str, rows: Records, renamed: Mapping[str, Mapping[str, str]]) -> OrgField:
    values = {str(row[column]) for row in rows if row.get(column) not in (None, "")}
    label = column.removesuffix("__c").replace("_", " ").strip().capitalize()
    if values and values <= {"true", "false", "True", "False"}:
        return OrgField(type="boolean", label=label)
    word = _bare(column.removesuffix("__c")).removesuffix("id")
    for object, there in renamed.items():
        telling = word.endswith(object.lower()) or (word.endswith("affiliation") and object == "Account")
        if values and telling and values <= there.keys():
            return OrgField(
                type="reference",
                references=object,
                label=label,
                relationship=column.removesuffix("__c") + "__r",
            )
    return OrgField(type="string", length=255, label=label)


def _types(org: Org, found: Mapping[str, Records], columns: Mapping[str, Mapping[str, str]]) -> None:
    """Record types that the seed names and the org lacks."""
    moment = org.moment("seed")
    types = org.org_table("RecordType")
    for object, rows in found.items():
        column = next((c for c, name in columns[object].items() if name == "RecordTypeId"), None)
        for given in sorted({str(row.get(column) or "") for row in rows}) if column else []:
            id = ids.read(given)
            if id is not None and id not in types.rows:
                name = f"{object} {given[12:15]}"
                fields = {"Name": name, "DeveloperName": name.replace(" ", "_"), "SobjectType": object}
                org.create(types, fields, moment, id=id)


def _parents_first(org: Org, names: list[str]) -> list[str]:
    left, order = list(names), list[str]()
    while left:
        ready = [n for n in left if not (set(_needs(org, n)) & set(left) - {n})] or [
            n for n in left if not (set(_needs(org, n, required=True)) & set(left) - {n})
        ]
        order += ready or left
        left = [name for name in left if name not in order]
    return order


def _needs(org: Org, name: str, *, required: bool = False) -> list[str]:
    fields = org.org_table(name).fields.values()
    return [f.references for f in fields if f.references and not f.read_only and (f.required or not required)]


def _fill(
    org: Org,
    name: str,
    rows: Records,
    columns: Mapping[str, str],
    renamed: Mapping[str, Mapping[str, str]],
    moment: Moment,
    source: Path,
) -> list[tuple[OrgTable, Row, dict[str, Any]]]:
    table, later = org.org_table(name), list[tuple[OrgTable, Row, dict[str, Any]]]()
    for place, told in enumerate(rows, 1):
        fields, after = dict[str, Any](), dict[str, Any]()
        for column, value in told.items():
            field = columns.get(column)
            if field is None or value in (None, ""):
                continue
            target = table.fields[field].references
            if target is not None:
                id = renamed.get(target, {}).get(str(value), value)
                (fields if id in org.org_table(target).rows else after)[field] = id
            else:
                fields[field] = value
        given = str(told.get("Id") or told.get("id") or "")
        try:
            row = org.create(table, fields, moment, id=renamed[name].get(given))
        except Refusal as error:
            raise ConfigError(f"{source}: {name}, record {place}: {error.message}") from None
        if after:
            later.append((table, row, after))
    return later


# made-up records ---------------------------------------------------------------------------------------


def generate(org: Org, contacts: int, seed: int = 7) -> None:
    """So many contacts at a third as many accounts, half as many leads, and deals with roles.

    Always the same.
    """
    chance, moment = random.Random(seed), org.moment("seed")

    def make(object: str, **fields: Any) -> str:
        return org.create(org.org_table(object), fields, moment).id

    def person(n: int) -> dict[str, Any]:
        first, last = chance.choice(FIRST), chance.choice(LAST)
        email = f"{first}.{last}{n}@{chance.choice(FIRMS)}.example".lower() if n % 5 else None
        return {"FirstName": first, "LastName": last, "Email": email, "Phone": f"+1 555 {n:07d}"}

    with org.transaction():
        accounts = [
            make(
                "Account",
                Name=f"{chance.choice(FIRMS)} {n}",
                BillingCity=chance.choice(("Porto", "Lille", "Graz")),
            )
            for n in range(1, contacts // 3 + 2)
        ]
        people = [
            make("Contact", AccountId=chance.choice(accounts), **person(n)) for n in range(1, contacts + 1)
        ]
        for n in range(1, contacts // 2 + 1):
            make("Lead", Company=f"{chance.choice(FIRMS)} {n}", **person(contacts + n))
        for n in range(1, contacts // 2 + 1):
            stage, day = chance.choice(list(standard.STAGES)), f"2026-{n % 12 + 1:02d}-{n % 28 + 1:02d}"
            deal = make(
                "Opportunity",
                Name=f"Deal {n}",
                AccountId=chance.choice(accounts),
                StageName=stage,
                Amount=float(chance.randrange(100, 100_000)),
                CloseDate=day,
            )
            if people:
                make(
                    "OpportunityContactRole",
                    OpportunityId=deal,
                    ContactId=chance.choice(people),
                    Role="Influencer",
                )
