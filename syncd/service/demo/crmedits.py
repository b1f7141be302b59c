"""What people do in three CRMs."""

from __future__ import annotations

from syncd.service.demo.crmshapes import FIELDS, names
from syncd.service.demo.crowd import Act, Crowd, Edit, change, create, leave
from syncd.service.demo.edits import phone
from syncd.service.demo.known import NAMES
from syncd.service.demo.words import PLACES, TITLES

MAILS = names("contact", "email")


async def _phone(crowd: Crowd, system: str) -> Edit:
    number = phone(crowd.random)
    return await change(
        crowd, system, "contact", FIELDS["contact"]["phone"], (number,) * 3, f"phone {number}"
    )


async def _title(crowd: Crowd, system: str) -> Edit:
    title = f"{crowd.random.choice(TITLES)} {crowd.made}"
    return await change(crowd, system, "contact", FIELDS["contact"]["title"], (title,) * 3, f"is {title}")


async def _city(crowd: Crowd, system: str) -> Edit:
    town = f"{crowd.random.choice(PLACES[crowd.random.choice(list(PLACES))].towns)} {crowd.made}"
    return await change(crowd, system, "company", FIELDS["company"]["city"], (town,) * 3, f"moves to {town}")


async def _staff(crowd: Crowd, system: str) -> Edit:
    staff = 2_000 + crowd.made
    values = (staff, str(staff), staff)  # HubSpot holds texts
    return await change(crowd, system, "company", FIELDS["company"]["employees"], values, f"staff {staff}")


async def _newcomer(crowd: Crowd, system: str) -> Edit:
    about = PLACES[crowd.random.choice(list(PLACES))]
    first, last = crowd.random.choice(about.firsts), crowd.random.choice(about.lasts)
    mail = f"{first[1]}.{last[1]}.new{crowd.made}@mail.example".lower()
    fields = {"first_name": first[0], "last_name": last[0], "email": mail}
    rows = {
        name: {FIELDS["contact"][field][place]: value for field, value in fields.items()}
        for place, name in enumerate(NAMES)
    }
    return await create(crowd, system, "contact", rows, MAILS, f"{first[0]} {last[0]}")


async def _leaver(crowd: Crowd, system: str) -> Edit:
    return await leave(crowd, system, "contact")


ACTS: dict[tuple[str, Act], int] = {
    ("contact", _phone): 6,
    ("contact", _title): 4,
    ("company", _city): 3,
    ("company", _staff): 2,
    ("contact", _newcomer): 3,
    ("contact", _leaver): 1,
}
"""What people do, and how often."""
