"""A thousand contacts as two systems of different make hold them, and edits of them, in words of neither."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import Any, Protocol

from syncd.service.demo.people import Contact, make_people

Person = dict[str, Any]
"""first_name, last_name, email, phone, title, street, city, birthday (ISO), tags (sorted); None: empty."""
EACH, BOTH = 1000, 600
"""Contacts in each system at the start, and how many of them are in both."""


def persons(seed: int = 5) -> tuple[dict[int, Person], dict[int, Person]]:
    """What the two know at first, by number; what both know is typed differently, here and there."""
    wanted = 2 * EACH - BOTH
    found = [c for c in make_people(seed, contacts=wanted + 200).contacts if c.copy_of is None][:wanted]
    assert len(found) == wanted
    far = {n: _person(n, c) for n, c in enumerate(found[:EACH])}
    near = {n: _typed(n, _person(n, c)) for n, c in enumerate(found[EACH - BOTH :], EACH - BOTH)}
    return far, near


def _person(n: int, contact: Contact) -> Person:
    return {
        "first_name": contact.first,
        "last_name": contact.last,
        "email": contact.email,
        "phone": contact.phone if n % 3 else None,
        "title": contact.title or None,
        "street": f"{contact.place.title()}str. {n % 90 + 1}" if n % 4 else None,
        "city": contact.place.title(),
        "birthday": f"{1945 + n % 60}-{1 + n % 12:02}-{1 + n % 28:02}" if n % 5 else None,
        "tags": sorted(contact.tags),
    }


def _typed(n: int, person: Person) -> Person:
    """By somebody else: the phone without blanks, the address in capitals, or a field left out."""
    typed = dict(person, email=person["email"].title() if n % 7 == 0 else person["email"])
    if n % 3 == 1:
        typed["phone"] = typed["phone"] and typed["phone"].replace(" ", "")
    if n % 11 == 0:
        typed["title"] = None
    return typed


def said(person: Mapping[str, Any]) -> Person:
    """A person without what is only spelling; of the name the whole, for one side does not part it."""
    made = {name: value or None for name, value in person.items() if not name.endswith("_name")}
    made["name"] = f"{person['first_name']} {person['last_name']}"
    made["email"] = made["email"] and made["email"].lower()
    made["phone"] = made["phone"] and re.sub(r"[^+\d]", "", made["phone"])
    made["tags"] = sorted(made["tags"] or ())
    return made


class Side(Protocol):
    """One system as the people at work see it, without syncd."""

    async def rows(self) -> dict[str, Person]:
        """Everybody, by id."""
        ...

    async def create(self, person: Person) -> str:
        """A new one; its id."""
        ...

    async def edit(self, id: str, field: str, value: Any) -> None:
        """One field of one record."""
        ...

    async def delete(self, id: str) -> None: ...

    async def writes(self) -> Any:
        """A value that differs after any write, also one that changes nothing."""
        ...


@dataclass(frozen=True)
class Edit:
    """The n-th value of a field of one person, who is known by the address at the beginning."""

    side: str
    email: str
    field: str
    n: int

    @property
    def value(self) -> Any:
        return VALUES[self.field](self.n)

    def stands(self, person: Person) -> bool:
        """Whether a person, as `said`, says so now; of tags, whether the one that was added is there."""
        if self.field == "last_name":
            return str(person["name"]).endswith(f" {self.value}")
        found = person[self.field]
        return self.value in found if self.field == "tags" else bool(found == self.said)

    @property
    def said(self) -> Any:
        return re.sub(r"[^+\d]", "", self.value) if self.field == "phone" else self.value


VALUES: dict[str, Callable[[int], Any]] = {
    "title": lambda n: f"Role {n}",
    "phone": lambda n: f"+49 30 9{n:06}",
    "street": lambda n: f"New street {n}",
    "city": lambda n: f"Town {n}",
    "last_name": lambda n: f"Newname{n}",
    "birthday": lambda n: f"{1901 + n // 336}-{1 + n // 28 % 12:02}-{1 + n % 28:02}",
    "tags": lambda n: f"tag {n}",
}
"""By field: the n-th value that people give it. Of `tags` it is one more tag."""
