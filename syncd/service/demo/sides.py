"""How the systems wrote the same world down: other tables, other columns, other habits, other slips."""

from __future__ import annotations

from collections import Counter
from dataclasses import dataclass
from datetime import date
from random import Random
from typing import Any

from syncd.service.demo.database import Row, Tables
from syncd.service.demo.dirt import Dirt
from syncd.service.demo.newsletter import newsletter
from syncd.service.demo.people import Company, Contact, Deal, People

CODES = {"new": "10", "qualified": "20", "offer": "30", "won": "80", "lost": "90"}
"""The erp's codes of a deal's stage."""
ERP_FIRST = 70_000
"""The erp's numbers are this much higher, so that nobody takes one system's for the other's."""
NAMELESS = 3
"""Companies whose name the crm lacks, and which the erp therefore refuses."""
DISPUTED = 3
"""Contacts with another job title in each system, from before the first sync."""


@dataclass(frozen=True, slots=True)
class Sides:
    """What each system holds, by table or object, and how much dirt of each kind is in it."""

    crm: Tables
    erp: Tables
    marketing: Tables
    dirt: Counter[str]


def write_down(people: People, seed: int = 7) -> Sides:
    """All systems' rows for one world; the same for the same seed."""
    dirt = Dirt(Random(seed + 1))
    crm: Tables = {
        "companies": [_crm_company(c, dirt) for c in people.companies if c.where != "erp"],
        "contacts": [_crm_contact(c, people, dirt) for c in people.contacts if c.where != "erp"],
        "deals": [_crm_deal(d, people) for d in people.deals if d.where != "erp"],
    }
    erp: Tables = {
        "firms": [_firm(c, dirt) for c in people.companies if c.where != "crm"],
        "people": [_person(c, people, dirt) for c in people.contacts if c.where != "crm"],
        "orders": [_order(d, people) for d in people.deals if d.where != "crm"],
    }
    _without_name(crm, people, dirt)
    _ambiguous(erp, people, dirt)
    _disputed(erp, people, dirt)
    return Sides(crm, erp, newsletter(people, dirt, Random(seed + 4)), dirt.counts)


def _crm_company(company: Company, dirt: Dirt) -> Row:
    return {
        "id": company.number,
        "name": dirt.text(company.name),
        "website": company.website,
        "city": dirt.optional(dirt.text(company.city), 0.05),
        "phone": dirt.optional(dirt.phone(company.phone), 0.08),
        "employees": company.staff,
    }


def _crm_contact(contact: Contact, people: People, dirt: Dirt) -> Row:
    if contact.copy_of is not None:
        dirt.did("e-mail address twice in one system")
    return {
        "id": contact.number,
        "first_name": dirt.optional(dirt.text(contact.first), 0.02),
        "last_name": dirt.text(contact.last),
        "email": dirt.email(contact.email),
        "phone": dirt.optional(dirt.phone(contact.phone), 0.1),
        "title": contact.title,
        "company_id": _known(people.companies, contact.company, "crm"),
        "tags": _joined(contact.tags, dirt),
    }


def _joined(tags: tuple[str, ...], dirt: Dirt) -> str:
    untidy = len(tags) > 1 and dirt.did("untidy list", chance=0.2)
    return " ; ".join((*tags, "")) if untidy else ";".join(tags)


def _crm_deal(deal: Deal, people: People) -> Row:
    return {
        "id": deal.number,
        "reference": deal.reference,
        "title": deal.title,
        "amount": f"{deal.cents // 100}.{deal.cents % 100:02}",
        "stage": deal.stage,
        "close_date": date.fromisoformat(deal.closes),
        "company_id": _known(people.companies, deal.company, "crm"),
        "contact_id": _known(people.contacts, deal.contact, "crm"),
    }


def _firm(company: Company, dirt: Dirt) -> Row:
    return {
        "firm_no": ERP_FIRST + company.number,
        "title": dirt.text(company.name, case=0.3),
        "web": company.website,
        "town": dirt.optional(company.city, 0.2),
        "tel": dirt.phone(company.phone),
        "headcount": company.staff,
    }


def _person(contact: Contact, people: People, dirt: Dirt) -> Row:
    return {
        "person_no": ERP_FIRST + contact.number,
        "mail": dirt.email(contact.email),
        "name": dirt.text(_spelled(contact, dirt), case=0.15),
        "tel": dirt.optional(dirt.phone(contact.phone), 0.15),
        "job": dirt.optional(contact.title, 0.3),
        "firm": _known(people.companies, contact.company, "erp"),
        "labels": list(contact.tags),
    }


def _spelled(contact: Contact, dirt: Dirt) -> str:
    """The name as a second person heard it."""
    if contact.where == "both" and dirt.did("other spelling of a name", chance=0.12):
        latin = contact.email.partition("@")[0].rstrip("0123456789").replace(".", " ")
        return latin.title() if dirt.random.random() < 0.6 else f"{contact.first[0]}. {contact.last}"
    return f"{contact.first} {contact.last}"


def _order(deal: Deal, people: People) -> Row:
    return {
        "order_no": ERP_FIRST + deal.number,
        "ref_no": deal.reference,
        "subject": deal.title,
        "cents": deal.cents,
        "status": CODES[deal.stage],
        "due": date.fromisoformat(deal.closes).strftime("%d.%m.%Y"),
        "firm": _known(people.companies, deal.company, "erp"),
        "person": _known(people.contacts, deal.contact, "erp"),
    }


def _known(everybody: list[Any], number: int, side: str) -> int | None:
    """The id of a reference's target in a system, null where that system never heard of it."""
    if everybody[number - 1].where not in (side, "both"):
        return None
    return number if side == "crm" else ERP_FIRST + number


def _without_name(crm: Tables, people: People, dirt: Dirt) -> None:
    """Only firms that the erp does not have: there the erp would supply the name."""
    alone = [row for row in crm["companies"] if people.companies[row["id"] - 1].where == "crm"]
    for row in dirt.random.sample(alone, min(NAMELESS, len(alone))):
        dirt.did("company without a name")
        row["name"] = dirt.random.choice((None, "", "  "))


def _ambiguous(erp: Tables, people: People, dirt: Dirt) -> None:
    """Of some that the crm has twice the erp has one: nobody can know which of the two it is."""
    copies = [contact for contact in people.contacts if contact.copy_of is not None]
    for contact in dirt.random.sample(copies, min(4, len(copies))):
        dirt.did("match with two candidates")
        row = _person(contact, people, Dirt(dirt.random))
        erp["people"].append(row | {"mail": contact.email, "tel": None})


def _disputed(erp: Tables, people: People, dirt: Dirt) -> None:
    both = {c.number for c in people.contacts if c.where == "both" and c.title}
    rows = [row for row in erp["people"] if row["person_no"] - ERP_FIRST in both]
    for row in dirt.random.sample(rows, min(DISPUTED, len(rows))):
        dirt.did("two job titles for one person")
        row["job"] = "Consultant"
