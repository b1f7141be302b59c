"""The story of two databases and a newsletter service."""

from __future__ import annotations

import secrets
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path

from syncd.service.demo.config import configuration
from syncd.service.demo.database import databases
from syncd.service.demo.databases import CRM, ERP, IDS
from syncd.service.demo.edits import ACTS, MAILS, PHONES
from syncd.service.demo.folder import free_port
from syncd.service.demo.marketing import marketing
from syncd.service.demo.people import make_people
from syncd.service.demo.scene import Scene
from syncd.service.demo.sides import Sides, write_down
from syncd.service.demo.systems import Systems

KINDS = {
    "company": {"crm": "companies", "erp": "firms", "marketing": "organisations"},
    "contact": {"crm": "contacts", "erp": "people", "marketing": "members"},
    "deal": {"crm": "deals", "erp": "orders"},
}
NAMES = ("crm", "erp", "marketing")
ABOUT = (
    "A crm and an erp, which are PostgreSQL databases of different shape, and a newsletter service with\n"
    "a JSON API and webhooks. Each has its own idea of a phone number, a name and an amount. syncd gets\n"
    "one YAML file that says what corresponds to what."
)


@asynccontextmanager
async def office(folder: Path, seed: int) -> AsyncIterator[tuple[Scene, Path]]:
    """The systems, filled, for the length of the block; and the configuration's file."""
    sides, place = write_down(make_people(seed), seed), folder / "marketing"
    async with databases(folder / "systems", IDS) as both, marketing(place, sides.marketing) as service:
        await both["crm"].fill(CRM, sides.crm)
        await both["erp"].fill(ERP, sides.erp)
        port, hooks, secret = free_port(), free_port(), secrets.token_hex(16)
        (place / "token").write_text(service.token)
        (place / "secret").write_text(secret)
        await service.tell(f"http://127.0.0.1:{hooks}/hooks/marketing", secret)
        config = folder / "syncd.yaml"
        config.write_text(configuration(both["crm"].url, both["erp"].url, service.url, place, port, hooks))
        scene = Scene(
            Systems({**both, "marketing": service}, KINDS),
            ACTS,
            heard={
                "crm": "found by asking every 500 ms",
                "erp": "the triggers ring at once",
                "marketing": "its webhooks tell at once",
            },
            ways={
                "crm": "[cyan]crm[/]",
                "erp": "[magenta]erp[/]",
                "marketing": "[yellow]marketing[/] (webhook)",
            },
            mails=MAILS,
            phones=dict(zip(NAMES, PHONES, strict=True)),
            titles={"crm": "title", "erp": "job"},
            best="crm",
            hooked="marketing",
            taken=service.taken,
            person=_same_person(sides),
            dirt=sides.dirt,
        )
        yield scene, config


def _same_person(sides: Sides) -> list[str]:
    """A line for each system's words about one person with a foreign name."""
    theirs = {row["mail"].lower(): row for row in sides.erp["people"]}
    also = {row["address"].lower(): row for row in sides.marketing["members"]}
    for row in sides.crm["contacts"]:
        one, other = theirs.get(row["email"].lower()), also.get(row["email"].lower())
        if one and other and not row["last_name"].isascii() and one["tel"]:
            return [
                f"crm {row['id']}: {(row['first_name'], row['last_name'], row['phone'])!r}",
                f"erp {one['person_no']}: {(one['name'], one['tel'])!r}",
                f"marketing {other['id']}: {(other['given'], other['family'], other['mobile'])!r}",
            ]
    return []
