"""The demo's world: companies, contacts and deals, as they really are before two systems wrote them down.

Everything follows from the seed. `where` says which of the two systems know it: crm, erp or both.
"""

from __future__ import annotations

from dataclasses import dataclass, replace
from random import Random

from syncd.service.demo.words import DEALS, PLACES, STAGES, STREETS, TAGS, TITLES, WEIGHTS, Name

DUPLICATES = 24
"""Contacts that the crm holds twice under one e-mail address."""
NAMESAKES = 20
"""Pairs of different people with one name."""


@dataclass(frozen=True, slots=True)
class Company:
    """`website` is null for some; `staff` is a head count."""

    number: int
    where: str
    place: str
    name: str
    website: str | None
    city: str
    phone: str
    staff: int


@dataclass(frozen=True, slots=True)
class Contact:
    """`company` is a company's number. `copy_of` names the contact that this row repeats."""

    number: int
    where: str
    place: str
    first: str
    last: str
    email: str
    phone: str
    title: str
    company: int
    tags: tuple[str, ...]
    copy_of: int | None = None


@dataclass(frozen=True, slots=True)
class Deal:
    """`cents` of one currency; `closes` is an ISO date."""

    number: int
    where: str
    reference: str
    title: str
    cents: int
    stage: str
    closes: str
    company: int
    contact: int


@dataclass(frozen=True, slots=True)
class People:
    """Everybody; a number is one more than the place in its list."""

    companies: list[Company]
    contacts: list[Contact]
    deals: list[Deal]


def make_people(seed: int = 7, *, companies: int = 400, contacts: int = 1000, deals: int = 600) -> People:
    """The same world for the same seed."""
    random = Random(seed)
    firms = [_company(random, number) for number in range(1, companies + 1)]
    people = [_contact(random, number, firms) for number in range(1, contacts + 1)]
    _repeat(random, people)
    _share_names(random, people)
    return People(firms, people, [_deal(random, number, firms, people) for number in range(1, deals + 1)])


def _where(random: Random) -> str:
    return random.choices(("crm", "both", "erp"), (55, 25, 20))[0]


def _company(random: Random, number: int) -> Company:
    names = list(PLACES)
    place = random.choices(names, [WEIGHTS.get(name, 1) for name in names])[0]
    about = PLACES[place]
    owner, latin = random.choice(about.lasts)
    street = random.choice(STREETS)
    name = f"{owner} {street} {random.choice(about.trades)}"
    site = f"{latin}-{street}{number}.example".lower() if random.random() < 0.8 else None
    staff = random.choice((3, 8, 12, 40, 75, 230, 1800))
    town = random.choice(about.towns)
    return Company(number, _where(random), place, name, site, town, _phone(random, about.phone), staff)


def _phone(random: Random, pattern: str) -> str:
    return "".join(str(random.randrange(10)) if mark == "#" else mark for mark in pattern)


def _contact(random: Random, number: int, firms: list[Company]) -> Contact:
    firm = random.choice(firms)
    about = PLACES[firm.place]
    first, last = random.choice(about.firsts), random.choice(about.lasts)
    tags = tuple(sorted(random.sample(TAGS, random.choice((0, 0, 1, 2, 3)))))
    return Contact(
        number,
        _where(random),
        firm.place,
        first[0],
        last[0],
        _email(first, last, number, firm),
        _phone(random, about.phone),
        random.choice(TITLES),
        firm.number,
        tags,
    )


def _email(first: Name, last: Name, number: int, firm: Company) -> str:
    return f"{first[1]}.{last[1]}{number}@{firm.website or 'mail.example'}".lower()


def _repeat(random: Random, people: list[Contact]) -> None:
    """Some are in the crm twice: the second time typed in a hurry."""
    chosen = random.sample(range(len(people)), 2 * DUPLICATES)
    for one, other in zip(chosen[::2], chosen[1::2], strict=True):
        first = people[one] = replace(people[one], where="crm")
        people[other] = replace(
            first, number=people[other].number, first=first.first[0], title="", copy_of=first.number
        )


def _share_names(random: Random, people: list[Contact]) -> None:
    """Different people of one name, who must not become one."""
    alone = [index for index, person in enumerate(people) if person.copy_of is None]
    chosen = random.sample(alone, 2 * NAMESAKES)
    for one, other in zip(chosen[::2], chosen[1::2], strict=True):
        people[other] = replace(people[other], first=people[one].first, last=people[one].last)


def _deal(random: Random, number: int, firms: list[Company], people: list[Contact]) -> Deal:
    person = random.choice(people)
    closes = f"2026-{random.randrange(1, 13):02}-{random.randrange(1, 29):02}"
    return Deal(
        number,
        _where(random),
        f"D-{2024 + number % 3}-{number:04}",
        random.choice(DEALS),
        random.randrange(5_000, 90_000_00),
        random.choice(STAGES),
        closes,
        firms[person.company - 1].number,
        person.number,
    )
