"""The story of three CRMs: Salesforce, HubSpot and one's own, the first two as sandboxes in this process."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

from connectors.hubspot.sandbox import HubSpotSandbox
from connectors.salesforce.sandbox import SalesforceSandbox
from syncd.service.demo.crmconfig import configuration
from syncd.service.demo.crmedits import ACTS, MAILS
from syncd.service.demo.crmshapes import CRM, IDS, KINDS, names, stored, tables
from syncd.service.demo.database import Database, databases
from syncd.service.demo.folder import free_port
from syncd.service.demo.known import NAMES, Known, known
from syncd.service.demo.sandboxed import Sandboxed
from syncd.service.demo.scene import Scene
from syncd.service.demo.systems import Systems

ABOUT = (
    "A Salesforce org and a HubSpot portal, which are sandboxes that speak the vendors' APIs, and a CRM of\n"
    "one's own in PostgreSQL. They know partly the same people, typed by different hands: nick names,\n"
    "capitals, telephone numbers. syncd gets one YAML file that says what corresponds to what."
)


@asynccontextmanager
async def crms(folder: Path, seed: int) -> AsyncIterator[tuple[Scene, Path]]:
    """The systems, filled, for the length of the block; and the configuration's file."""
    world, sales = known(seed), SalesforceSandbox()
    # a delivery that nobody took comes again after a minute, for which nobody wants to wait here
    hub = HubSpotSandbox({"webhooks": {"retry": 3.0}})
    _fill_sales(sales, world)
    _fill_hub(hub, world)
    async with databases(folder / "systems", IDS) as own, sales.serving(), hub.serving():
        await own["crm"].fill(CRM, tables(world))
        config = _configured(folder, sales, hub, own["crm"])
        yield _scene(world, sales, hub, own["crm"]), config


def _scene(world: Known, sales: SalesforceSandbox, hub: HubSpotSandbox, own: Database) -> Scene:
    async def taken() -> int:
        return sum(200 <= one["status"] < 300 for one in hub.webhooks.log)

    return Scene(
        Systems({"sales": Sandboxed(sales), "marketing": Sandboxed(hub), "crm": own}, KINDS),
        ACTS,
        heard={
            "sales": "Salesforce is asked every 500 ms",
            "marketing": "HubSpot's webhooks tell at once",
            "crm": "the triggers ring at once",
        },
        ways={
            "sales": "[cyan]sales[/]",
            "marketing": "[yellow]marketing[/] (webhook)",
            "crm": "[magenta]crm[/]",
        },
        mails=MAILS,
        phones=names("contact", "phone"),
        titles=names("contact", "title"),
        best="sales",
        hooked="HubSpot",
        taken=taken,
        person=_same_person(world),
        dirt=world.spelled,
        there=world.there,
        calls=lambda: sales.calls.total() + hub.calls.total(),
    )


def _configured(folder: Path, sales: SalesforceSandbox, hub: HubSpotSandbox, own: Database) -> Path:
    """The file, and the secrets that it names; HubSpot is told where its webhooks go."""
    org, portal = sales.ready()["auth"], hub.ready()["auth"]
    secrets = folder / "secrets"
    secrets.mkdir()
    (secrets / "sales.secret").write_text(org["client_secret"])
    (secrets / "marketing.token").write_text(portal["token"])
    (secrets / "marketing.secret").write_text(portal["client_secret"])
    port, hooks = free_port(), free_port()
    hub.webhooks.subscribe(f"http://127.0.0.1:{hooks}/hooks/marketing", skip=("api",))
    config = folder / "syncd.yaml"
    config.write_text(configuration(sales.url, org["client_id"], hub.url, own.url, secrets, port, hooks))
    return config


def _fill_sales(sales: SalesforceSandbox, world: Known) -> None:
    ids: dict[Any, str] = {None: ""}
    with sales.world.transaction():
        for row in world.rows["company"]["sales"]:
            made = sales.people.edit("Account", "create", fields=stored("sales", "company", row), by="seed")
            assert made is not None
            ids[row["number"]] = made.id
        for row in world.rows["contact"]["sales"]:
            fields = {**stored("sales", "contact", row), "AccountId": ids[row["company"]] or None}
            sales.people.edit("Contact", "create", fields=fields, by="seed")


def _fill_hub(hub: HubSpotSandbox, world: Known) -> None:
    portal, ids = hub.world, dict[Any, str]()
    for row in world.rows["company"]["marketing"]:
        made = hub.people.edit("companies", "create", fields=stored("marketing", "company", row), by="seed")
        assert made is not None
        ids[row["number"]] = made.id
    for row in world.rows["contact"]["marketing"]:
        made = hub.people.edit("contacts", "create", fields=stored("marketing", "contact", row), by="seed")
        assert made is not None
        if row["company"] is not None:
            ends = (made.id, ids[row["company"]])
            portal.associate(("contacts", "companies"), ends, (), portal.moment("seed"))


def _same_person(world: Known) -> list[str]:
    """A line for each system's words about one person whom all know, and who is spelled in three ways."""
    rows = {name: {row["number"]: row for row in world.rows["contact"][name]} for name in NAMES}
    everywhere = [n for n in rows["sales"] if n in rows["marketing"] and n in rows["crm"]]
    told = ("first_name", "last_name", "email", "phone")

    def spellings(number: int) -> int:
        return sum(len({rows[name][number][field] for name in NAMES}) for field in told)

    best = max(everywhere, key=spellings)
    return [f"{name}: {tuple(rows[name][best][field] for field in told)!r}" for name in NAMES]
