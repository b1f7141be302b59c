"""Who is there before anybody works: firms and persons of whom each system knows a part."""

from __future__ import annotations

from collections import Counter
from random import Random

from connectors.sandboxes.names import FIRST, LAST
from tests.scenarios.three_people import People, Row
from tests.scenarios.three_way import NAMES, PLACES, SIDES, ThreeWay

FIRMS, PERSONS = 120, 360
WHO = {"account": "name", "contact": "email"}
"""The field that tells one from another; nobody edits it."""


def population(seed: int) -> dict[str, dict[str, list[Row]]]:
    """By kind and system, the same for the same seed: of three who are there, two are known to all."""
    random = Random(seed)
    rows = {"account": [_firm(n, random) for n in range(FIRMS)]}
    rows["contact"] = [person(f"old{n}", random) for n in range(PERSONS)]
    found: dict[str, dict[str, list[Row]]] = {kind: {side: [] for side in SIDES} for kind in rows}
    for kind, everybody in rows.items():
        for n, row in enumerate(everybody):
            for side in SIDES if n % 3 else (random.choice(SIDES),):
                found[kind][side].append(row)
    return found


def people(rows: dict[str, dict[str, list[Row]]]) -> People:
    """Those of HubSpot and of the database, in the words of the three-way scenario."""
    others = {kind: {side: by_side[side] for side in ("marketing", "crm")} for kind, by_side in rows.items()}
    return People(others, {kind: Counter() for kind in rows}, set())


def fill_sales(three: ThreeWay, rows: dict[str, dict[str, list[Row]]]) -> None:
    """Those of Salesforce."""
    for kind, by_side in rows.items():
        for row in by_side["sales"]:
            fields = {NAMES[kind][name][0]: value for name, value in row.items() if value is not None}
            three.sales.people.edit(PLACES[kind]["sales"], "create", fields=fields, by="seed")


def person(who: str, random: Random) -> Row:
    """Somebody; the phone is found once only."""
    digits = "".join(str(ord(letter) % 10) for letter in who)
    return {
        "salutation": None,
        "first_name": random.choice(FIRST),
        "last_name": f"{random.choice(LAST)}{digits}",
        "email": f"{who}@soak.example",
        "phone": None,
        "title": f"Job of {who}",
    }


def _firm(n: int, random: Random) -> Row:
    return {
        "name": f"{random.choice(LAST)} & Co {n}",
        "street": f"{n} High Road",
        "city": random.choice(("Porto", "Lille", "Graz")),
        "country": None,
    }
