"""Owners: the users of a portal that records can belong to, active or not."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any

from connectors.hubspot.sandbox.values import iso

PEOPLE = (
    ("Ada", "Lovelace", True),
    ("Grace", "Hopper", True),
    ("Hiro", "Ito", True),
    ("Lee", "Ver", False),
)
TEAM = {"id": "178588", "name": "West", "primary": True}


@dataclass(slots=True)
class Owner:
    """One owner; `user` is the id of the user behind, times in ms."""

    id: str
    user: int
    first: str
    last: str
    email: str
    active: bool
    made: int

    def told(self) -> dict[str, Any]:
        """As answers show it. A deactivated owner has no user any more."""
        told: dict[str, Any] = {
            "id": self.id,
            "email": self.email,
            "type": "PERSON",
            "firstName": self.first,
            "lastName": self.last,
            "userIdIncludingInactive": self.user,
            "createdAt": iso(self.made),
            "updatedAt": iso(self.made),
            "archived": not self.active,
        }
        return {**told, "userId": self.user, "teams": [TEAM]} if self.active else told


class Owners:
    """All of a portal, by id."""

    def __init__(self, now: int) -> None:
        self.by_id: dict[str, Owner] = {}
        for place, (first, last, active) in enumerate(PEOPLE):
            email = f"{first.lower()}@sandbox.example"
            self.by_id[str(41 + place)] = Owner(
                str(41 + place), 2_620_022 + place, first, last, email, active, now
            )

    def add(self, email: str, first: str = "", last: str = "") -> Owner:
        """Another one."""
        number = 41 + len(self.by_id)
        made = next(iter(self.by_id.values())).made
        owner = Owner(str(number), 2_620_022 + len(self.by_id), first, last, email, True, made)
        self.by_id[owner.id] = owner
        return owner
