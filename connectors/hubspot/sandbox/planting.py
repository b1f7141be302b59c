"""What the portal holds at first: a seed's records, or made-up ones."""

from __future__ import annotations

import random
import re
from collections.abc import Mapping
from pathlib import Path
from typing import Any

from connectors.hubspot.sandbox import standard
from connectors.hubspot.sandbox.fields import HubObject, HubProperty
from connectors.hubspot.sandbox.pipelines import DEAL_STAGES
from connectors.hubspot.sandbox.portal import Portal
from connectors.hubspot.sandbox.table import HubTable
from connectors.sandboxes.names import FIRST, LAST
from connectors.sandboxes.seed import read
from connectors.sandboxes.shape import Refusal
from connectors.sandboxes.world import Moment
from syncd.core.errors import ConfigError

CONFLICT = 409
Records = list[dict[str, Any]]
OTHER_NAMES = {
    "account": "companies",
    "accounts": "companies",
    "opportunity": "deals",
    "opportunities": "deals",
}
ALIASES = {
    "contacts": {"title": "jobtitle", "postalcode": "zip", "street": "address", "mobile": "mobilephone"},
    "companies": {"postalcode": "zip", "street": "address", "employees": "numberofemployees"},
    "deals": {"name": "dealname", "title": "dealname", "stage": "dealstage", "stagename": "dealstage"},
}
FIRMS = ("Acme", "Borealis", "Cobalt", "Dynamo", "Evergreen", "Foundry", "Granite", "Harbour", "Indigo")


# a seed ------------------------------------------------------------------------------------------------


def from_files(portal: Portal, source: Path) -> dict[str, int]:
    """A CSV file, a folder of them, or JSON; how many records of each object. `ConfigError` for bad ones.

    Columns are taken as the property of that name in any spelling (`first_name` is firstname), others
    become properties. A column that holds ids of another file (`company_id`) becomes associations. Ids that
    are no numbers are replaced.
    """
    files = read(source)
    found = {_object(portal, name): rows for name, rows in files.items()}
    ids = {name: _ids(portal.hub_table(name), rows) for name, rows in found.items()}
    moment = portal.moment("seed")
    later: list[tuple[str, str, str, str]] = []
    for name, rows in found.items():
        columns, links = _columns(portal, portal.hub_table(name), rows, ids)
        for place, row in enumerate(rows, 1):
            try:
                id = _plant(portal, name, row, columns, ids[name], moment)
            except Refusal as error:
                raise ConfigError(f"{source}: {name}, record {place}: {_why(error)}") from None
            later += [
                (name, id, to, ids[to][str(row[column])]) for column, to in links.items() if row.get(column)
            ]
    for name, id, to, other in later:
        portal.associate((name, to), (id, other), (), moment)
    return {name: len(rows) for name, rows in found.items()}


def _why(error: Refusal) -> str:
    if error.status != CONFLICT:
        return error.message
    return f"{error.message}. An e-mail is unique in a portal: leave it out of one of the two records"


def _object(portal: Portal, said: str) -> str:
    name = OTHER_NAMES.get(said.lower(), said.lower())
    try:
        return portal.named(name).name
    except Refusal:
        fields = standard.read("hs_lastmodifieddate datetime date {group} ro", f"{name}_information")
        number = 3_057_701 + len(portal.tables)
        shape = HubObject(fields=fields, singular=name, type_id=f"2-{number}", custom=True, label=said)
        return portal.declare(name, shape).name


def _ids(table: HubTable, rows: Records) -> dict[str, str]:
    """The ids of a seed, each with the one that its record gets."""
    made: dict[str, str] = {}
    for row in rows:
        given = str(row.get("Id") or row.get("id") or "")
        if given:
            made[given] = given if given.isdigit() else table.new_id()
            table.last_id = max(table.last_id, int(made[given]))
    return made


def _bare(name: str) -> str:
    return re.sub(r"__c$|[_ ]", "", name.lower())


def _columns(
    portal: Portal, table: HubTable, rows: Records, ids: Mapping[str, Mapping[str, str]]
) -> tuple[dict[str, str], dict[str, str]]:
    """The columns that are properties, and those that name records of other objects."""
    plain = {**{_bare(name): name for name in table.fields}, **ALIASES.get(table.name, {})}
    names, links, new = dict[str, str](), dict[str, str](), dict[str, HubProperty]()
    for column in {column: None for row in rows for column in row if column not in ("id", "Id")}:
        values = {str(row[column]) for row in rows if row.get(column) not in (None, "")}
        word = _bare(column).removesuffix("id")
        other = next((o for o, there in ids.items() if values and values <= there.keys()), None)
        if other is not None and word != _bare(column):
            links[column] = other
            continue
        name = plain.get(_bare(column))
        if name is None:
            name = re.sub(r"\W", "_", column.lower())
            group = f"{table.shape.singular}information"
            new[name] = HubProperty(label=column.replace("_", " ").capitalize(), group=group)
        names[column] = name
    if new:
        portal.declare(table.name, table.shape.model_copy(update={"fields": {**table.fields, **new}}))
    return names, links


def _plant(
    portal: Portal,
    name: str,
    row: Mapping[str, Any],
    columns: Mapping[str, str],
    ids: Mapping[str, str],
    moment: Moment,
) -> str:
    fields = {columns[column]: value for column, value in row.items() if column in columns and value != ""}
    given = ids.get(str(row.get("Id") or row.get("id") or ""))
    return portal.create(portal.hub_table(name), fields, moment, id=given).id


# made-up records ---------------------------------------------------------------------------------------


def generate(portal: Portal, contacts: int, seed: int = 7) -> None:
    """So many contacts at a third as many companies, half as many deals and a few machines.

    Always the same.
    """
    chance, moment = random.Random(seed), portal.moment("seed")

    def make(object: str, **fields: Any) -> str:
        return portal.create(portal.hub_table(object), fields, moment).id

    companies = []
    for n in range(1, contacts // 3 + 2):
        firm = chance.choice(FIRMS)
        words = {"city": chance.choice(("Porto", "Lille", "Graz")), "industry": "RETAIL"}
        companies.append(make("companies", name=f"{firm} {n}", domain=f"{firm.lower()}{n}.com", **words))
    people = [_person(portal, chance, n, companies, moment) for n in range(1, contacts + 1)]
    for n in range(1, contacts // 2 + 1):
        day, amount = f"2026-{n % 12 + 1:02d}-{n % 28 + 1:02d}T00:00:00Z", str(chance.randrange(100, 100_000))
        stage = chance.choice(DEAL_STAGES)[0]
        deal = make("deals", dealname=f"Deal {n}", dealstage=stage, amount=amount, closedate=day)
        portal.associate(("deals", "companies"), (deal, chance.choice(companies)), (), moment)
        portal.associate(("contacts", "deals"), (chance.choice(people), deal), (), moment)
    for n in range(1, contacts // 10 + 1) if "machines" in portal.tables else ():
        make("machines", serial_number=f"SN-{n:05d}", model="M1", installed_on="2026-02-01")


def _person(portal: Portal, chance: random.Random, n: int, companies: list[str], moment: Moment) -> str:
    first, last, firm = chance.choice(FIRST), chance.choice(LAST), chance.choice(FIRMS)
    mail = f"{first}.{last}{n}@{firm}.com".lower()
    mail = mail.replace("ö", "oe").replace("é", "e")
    fields = {"firstname": first, "lastname": last, "phone": f"+1 555 {n:07d}", "lifecyclestage": "lead"}
    fields |= {"email": mail} if n % 5 else {}
    id = portal.create(portal.hub_table("contacts"), fields, moment).id
    portal.associate(("contacts", "companies"), (id, chance.choice(companies)), (), moment)
    return id
