"""What HubSpot and the database know of the org's people at first, typed by others; and who there is."""

from __future__ import annotations

import csv
import re
from collections import Counter
from dataclasses import dataclass, field
from pathlib import Path
from random import Random
from typing import Any

from connectors.sandboxes.names import FIRST, LAST
from syncd.core.equality import fold
from syncd.service.demo.respell import Respell
from tests.scenarios.org import DATA

OTHERS = ("marketing", "crm")
KNOWN, OWN = 300, 40
"""Of the org's people, and of its firms, how many each of the others knows; and how many of its own."""
DEALS = 40
Row = dict[str, Any]


@dataclass
class People:
    """`rows`: by kind and system, in canonical fields. `who`: how often each is to be in every system.

    `twice` are addresses that the org has twice: HubSpot takes an address once.
    """

    rows: dict[str, dict[str, list[Row]]]
    who: dict[str, Counter[str]]
    twice: set[str]
    spelled: Counter[str] = field(default_factory=Counter)


def people(seed: int) -> People:
    """The same for the same seed."""
    random = Random(seed)
    respell = Respell(random)
    org = {"account": _accounts(), "contact": _contacts()}
    keys = {kind: Counter(key for row in rows for key in _keys(kind, row)) for kind, rows in org.items()}
    rows: dict[str, dict[str, list[Row]]] = {kind: {system: [] for system in OTHERS} for kind in org}
    who: dict[str, Counter[str]] = {}
    for kind, found in org.items():
        once = [row for row in found if (k := _keys(kind, row)) and all(keys[kind][key] == 1 for key in k)]
        for system in OTHERS:
            for row in random.sample(once, KNOWN):
                rows[kind][system].append(_typed(kind, row, respell, lacks=system == "marketing"))
        new = [_new(kind, n, random) for n in range(3 * OWN)]
        rows[kind]["marketing"] += [_typed(kind, row, respell) for row in new[:OWN]]
        rows[kind]["marketing"] += [_typed(kind, row, respell, lacks=True) for row in new[OWN : 2 * OWN]]
        rows[kind]["crm"] += [_typed(kind, row, respell) for row in new[OWN:]]
        who[kind] = Counter(identity(kind, row) for row in [*found, *new])
    twice = {one for one, n in who["contact"].items() if "@" in one and n > 1}
    who["deal"] = Counter(identity("deal", {"name": row["name"]}) for row in _deals(twice))
    return People(rows, who, twice, respell.counts)


def identity(kind: str, row: Row) -> str:
    """What tells one from another, whoever typed it: the address, else number and name, else the name."""
    if kind == "account":
        return f"{fold(row['name'])} of {fold(row['city'] or '')}"
    if kind == "deal":
        return str(fold(row["name"]))
    if row["email"]:
        return str(fold(row["email"]))
    digits = re.sub(r"\D", "", row["phone"] or "").removeprefix("1")
    return f"{digits or fold(row['first_name'])} {fold(row['last_name'])}"


def seed(folder: Path, twice: set[str]) -> Path:
    """A folder with the org's firms and people, and some of its deals."""
    folder.mkdir()
    for name in ("Account.csv", "Contact.csv"):
        (folder / name).symlink_to(DATA / name)
    deals = _deals(twice)
    with (folder / "Opportunity.csv").open("w", newline="", encoding="utf-8") as file:
        lines = csv.DictWriter(file, list(deals[0]))
        lines.writeheader()
        lines.writerows(deals)
    return folder


def _deals(twice: set[str]) -> list[dict[str, str | None]]:
    """Deals of different names with different people, whom all systems can hold."""
    mails = {row["id"]: fold(row["Email"] or "") for row in _read("Contact.csv")}
    found: dict[str | None, dict[str, str | None]] = {}
    for row in _read("Opportunity.csv"):
        contact, name = row["primary_contact__c"], fold(row["name"] or "")
        known = any(fold(one["name"] or "") == name for one in found.values())
        if contact and row["stage_name"] == "Closed Won" and mails[contact] not in twice and not known:
            found.setdefault(contact, row)
        if len(found) == DEALS:
            break
    return list(found.values())


def _keys(kind: str, row: Row) -> list[str]:
    """Those by which it is found; the org's numbers are mostly none, and matched letter by letter."""
    if kind == "account":
        return [identity(kind, row)] if row["city"] else []
    number = f"{row['phone']} {fold(row['last_name'])}" if row["phone"] else None
    return [key for key in (row["email"], number) if key]


def _read(file: str) -> list[dict[str, str | None]]:
    with (DATA / file).open(newline="", encoding="utf-8") as lines:
        return [{name: value or None for name, value in row.items()} for row in csv.DictReader(lines)]


def _accounts() -> list[Row]:
    names = {"name": "Name", "street": "BillingStreet", "city": "BillingCity", "country": "BillingCountry"}
    return [{ours: row[theirs] for ours, theirs in names.items()} for row in _read("Account.csv")]


def _contacts() -> list[Row]:
    names = {
        "salutation": "Salutation",
        "first_name": "FirstName",
        "last_name": "LastName",
        "email": "Email",
        "phone": "Phone",
        "title": "Title",
    }
    return [{ours: row[theirs] for ours, theirs in names.items()} for row in _read("Contact.csv")]


def _new(kind: str, n: int, random: Random) -> Row:
    """Somebody whom the org never heard of."""
    if kind == "account":
        city = random.choice(("Porto", "Lille", "Graz", "Łódź"))
        name = f"{random.choice(LAST)} & Co {n}"
        return {"name": name, "street": f"{n} High Road", "city": city, "country": None}
    first, last = random.choice(FIRST), random.choice(LAST)
    return {
        "salutation": None,
        "first_name": first,
        "last_name": last,
        "email": f"{first}.{last}{n}@neu.example".lower(),
        "phone": f"+1 902 296 {6000 + n}",
        "title": random.choice(("Buyer", "Owner", None)),
    }


def _typed(kind: str, row: Row, respell: Respell, *, lacks: bool = False) -> Row:
    """By somebody else, who left out this and that. `lacks`: the address, too, where there is a number."""
    if kind == "account":
        typed = {"name": respell.text(row["name"]), "city": respell.text(row["city"])}
        return {**row, **typed, "street": row["street"] if respell.random.random() < 0.7 else None}
    typed = {"first_name": respell.first(row["first_name"]), "last_name": respell.text(row["last_name"])}
    if lacks and row["email"] and row["phone"] and respell.random.random() < 0.3:
        typed["email"] = None
        respell.counts["no e-mail"] += 1
    elif row["email"]:
        typed["email"] = respell.email(row["email"])
    if row["phone"]:
        typed["phone"] = respell.phone(row["phone"], "US")
    return {**row, **typed, "title": row["title"] if respell.random.random() < 0.7 else None}
