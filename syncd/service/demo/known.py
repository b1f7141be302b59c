"""Who is known to which of three CRMs, and how each typed it: one world, overlapping, spelled differently."""

from __future__ import annotations

from collections import Counter
from collections.abc import Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any

from syncd.service.demo.database import Row
from syncd.service.demo.people import Company, Contact, make_people
from syncd.service.demo.respell import Respell

NAMES = ("sales", "marketing", "crm")
KNOW = {
    ("sales",): 30,
    ("marketing",): 14,
    ("crm",): 10,
    ("sales", "marketing"): 20,
    ("sales", "crm"): 12,
    ("marketing", "crm"): 4,
    NAMES: 10,
}
"""Who knows a person or a firm, and how often of a hundred."""
REGION = "DE"


@dataclass(slots=True)
class Known:
    """`rows`: by kind and system, in the words of syncd's own fields, with `number` and the number of the
    `company` for who knows that, too. `there`: how many of a kind there really are."""

    rows: dict[str, dict[str, list[Row]]]
    there: dict[str, int]
    spelled: Counter[str] = field(default_factory=Counter)


def known(seed: int) -> Known:
    """The same for the same seed."""
    random = Random(seed + 5)
    respell = Respell(random)
    people = make_people(seed, companies=100, contacts=340, deals=0)
    names = Counter(firm.name for firm in people.companies)
    firms = {firm.number: firm for firm in people.companies if names[firm.name] == 1}
    who = {number: _who(random) for number in firms}
    rows: dict[str, dict[str, list[Row]]] = {
        kind: {name: [] for name in NAMES} for kind in ("company", "contact")
    }
    for number, firm in firms.items():
        for system in who[number]:
            rows["company"][system].append(_firm(firm, respell))
    alone = [one for one in people.contacts if one.copy_of is None]
    for contact in alone:
        systems = _who(random)
        for system in systems:
            company = contact.company if system in who.get(contact.company, ()) else None
            lacks = system == "marketing" and len(systems) > 1
            rows["contact"][system].append({**_person(contact, respell, lacks=lacks), "company": company})
    return Known(rows, {"company": len(firms), "contact": len(alone)}, respell.counts)


def _who(random: Random) -> Sequence[str]:
    return random.choices(list(KNOW), list(KNOW.values()))[0]


def _firm(firm: Company, respell: Respell) -> Row:
    return {
        "number": firm.number,
        "name": respell.text(firm.name),
        "website": firm.website and _latin(firm.website),
        "city": firm.city if respell.random.random() < 0.8 else None,
        "employees": firm.staff,
    }


def _person(contact: Contact, respell: Respell, *, lacks: bool) -> dict[str, Any]:
    """`lacks`: now and then without the address, so that the number and the name must tell who it is."""
    mail: str | None = respell.email(_latin(contact.email))
    if lacks and respell.random.random() < 0.15:
        mail = None
        respell.counts["no e-mail"] += 1
    return {
        "number": contact.number,
        "first_name": respell.first(contact.first),
        "last_name": respell.text(contact.last),
        "email": mail,
        "phone": respell.phone(contact.phone, REGION),
        "title": contact.title if respell.random.random() < 0.7 else None,
    }


def _latin(address: str) -> str:
    """HubSpot takes no others."""
    return address.replace("ü", "ue")
