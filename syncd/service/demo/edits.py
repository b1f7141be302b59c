"""What people do in two databases and a newsletter service."""

from __future__ import annotations

from decimal import Decimal
from random import Random

from syncd.service.demo.crowd import Act, Crowd, Edit, change, create, leave
from syncd.service.demo.sides import CODES
from syncd.service.demo.words import PLACES, STAGES, TITLES


async def _phone(crowd: Crowd, system: str) -> Edit:
    number = phone(crowd.random)
    return await change(crowd, system, "contact", PHONES, (number,) * 3, f"phone {number}")


async def _tags(crowd: Crowd, system: str) -> Edit:
    tags = [f"fair {crowd.made}", "vip"]
    columns, values = ("tags", "labels", "lists"), (";".join(tags), tags, tags)
    return await change(crowd, system, "contact", columns, values, f"tags {', '.join(tags)}")


async def _town(crowd: Crowd, system: str) -> Edit:
    town = crowd.random.choice(PLACES[crowd.random.choice(list(PLACES))].towns)
    town = f"{town} {crowd.made}"
    return await change(crowd, system, "company", ("city", "town", "town"), (town,) * 3, f"moves to {town}")


async def _staff(crowd: Crowd, system: str) -> Edit:
    staff, columns = 2_000 + crowd.made, ("employees", "headcount", "size")
    return await change(crowd, system, "company", columns, (staff,) * 3, f"staff {staff}")


async def _amount(crowd: Crowd, system: str) -> Edit:
    cents = 10_000_00 + crowd.made * 101
    values = (Decimal(cents) / 100, cents)
    return await change(crowd, system, "deal", ("amount", "cents"), values, f"amount {values[0]}")


async def _stage(crowd: Crowd, system: str) -> Edit:
    now = await crowd.systems.value("crm", "deals", crowd.copies["deal"][-1]["crm"], "stage")
    stage = STAGES[(STAGES.index(now or "new") + 1) % len(STAGES)]
    return await change(crowd, system, "deal", ("stage", "status"), (stage, CODES[stage]), f"is {stage}")


async def _newcomer(crowd: Crowd, system: str) -> Edit:
    about = PLACES[crowd.random.choice(list(PLACES))]
    first, last = crowd.random.choice(about.firsts), crowd.random.choice(about.lasts)
    mail = f"{first[1]}.{last[1]}.new{crowd.made}@mail.example".lower()
    name = (first[0], last[0])
    rows = {
        "crm": {"first_name": name[0], "last_name": name[1], "email": mail},
        "erp": {"name": " ".join(name), "mail": mail},
        "marketing": {"given": name[0], "family": name[1], "address": mail},
    }
    title = {"crm": "title", "erp": "job"}
    if system in title:
        rows[system][title[system]] = crowd.random.choice(TITLES)
    return await create(crowd, system, "contact", rows, MAILS, " ".join(name))


async def _leaver(crowd: Crowd, system: str) -> Edit:
    """The erp's triggers log deletes, marketing's webhooks tell of them. The crm's are found by sweeps."""
    system = "erp" if system == "crm" else system
    return await leave(crowd, system, "contact")


def phone(random: Random) -> str:
    """A number in the form in which syncd keeps it, so that all systems hold it letter by letter."""
    return f"+49305{random.randrange(10_000_000):07}"


PHONES = ("phone", "tel", "mobile")
"""Where the crm, the erp and marketing keep a contact's number."""
MAILS = {"crm": "email", "erp": "mail", "marketing": "address"}
ACTS: dict[tuple[str, Act], int] = {
    ("contact", _phone): 6,
    ("contact", _tags): 2,
    ("company", _town): 4,
    ("company", _staff): 2,
    ("deal", _amount): 4,
    ("deal", _stage): 4,
    ("contact", _newcomer): 3,
    ("contact", _leaver): 1,
}
"""What people do, and how often."""
