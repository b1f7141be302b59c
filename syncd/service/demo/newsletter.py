"""What the newsletter service knows: some contacts with their companies, and people who signed up there."""

from __future__ import annotations

from random import Random
from typing import Any

from syncd.service.demo.dirt import Dirt
from syncd.service.demo.people import Contact, People
from syncd.service.demo.words import PLACES

KNOWN = 0.35
"""Of the contacts that the others have, the share that gets the newsletter."""
SIGNED_UP = 60
"""People whom only the newsletter service knows."""
Row = dict[str, Any]


def newsletter(people: People, dirt: Dirt, random: Random) -> dict[str, list[Row]]:
    """Its records by object. Nobody whom the crm has twice is among them."""
    copied = {contact.copy_of for contact in people.contacts}
    once = [c for c in people.contacts if c.copy_of is None and c.number not in copied]
    known = [contact for contact in once if random.random() < KNOWN]
    firms = sorted({contact.company for contact in known if random.random() < 0.7})
    return {
        "organisations": [_organisation(number, people) for number in firms],
        "members": [
            *(_member(contact, firms, dirt) for contact in known),
            *(_signed_up(number, random) for number in range(1, SIGNED_UP + 1)),
        ],
    }


def _organisation(number: int, people: People) -> Row:
    firm = people.companies[number - 1]
    return {
        "id": f"o{number}",
        "label": firm.name,
        "domain": firm.website,
        "town": firm.city,
        "size": firm.staff,
    }


def _member(contact: Contact, firms: list[int], dirt: Dirt) -> Row:
    return {
        "id": f"m{contact.number}",
        "given": dirt.text(contact.first),
        "family": dirt.text(contact.last),
        "address": dirt.email(contact.email),
        "mobile": dirt.optional(dirt.phone(contact.phone), 0.4),
        "lists": list(contact.tags),
        "organisation": f"o{contact.company}" if contact.company in firms else None,
    }


def _signed_up(number: int, random: Random) -> Row:
    """Somebody who filled in a form, and left out what was not asked for."""
    about = PLACES[random.choice(list(PLACES))]
    first, last = random.choice(about.firsts), random.choice(about.lasts)
    return {
        "id": f"m{9000 + number}",
        "given": first[0],
        "family": last[0],
        "address": f"{first[1]}.{last[1]}.form{number}@mail.example".lower(),
        "lists": ["newsletter"],
    }
