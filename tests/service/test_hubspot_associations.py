"""F11, told by webhooks to the real daemon: associations that move no record's modified date."""

from __future__ import annotations

from collections.abc import Awaitable, Callable
from pathlib import Path

from connectors.hubspot.sandbox import HubSpotSandbox
from tests.support.firms import CONFIG as FIRMS
from tests.support.firms import TABLES
from tests.support.pair import Pair, run_sql
from tests.support.watching import Watch

ROLES = """
  deal:
    fields: {{title: text}}
    systems:
      hub: {{object: deals, key_field: syncd_id, fields: {{title: dealname}}}}
      erp: {{object: deals, key_field: key, fields: {{title: title}}}}
  deal_role:
    fields: {{deal: {{ref: deal}}, contact: {{ref: contact}}}}
    match: [[deal, contact]]
    systems:
      hub: {{object: deals-to-contacts, fields: {{deal: from, contact: to}}}}
      erp: {{object: roles, key_field: key, fields: {{deal: deal, contact: person}}}}
    deletes: {{policy: propagate}}
"""
FULL = FIRMS.replace("{more}", ROLES).format(
    url="${env:HUB}",
    secret="TOKEN",
    erp="${env:ERP}",
    words='poll: 1h, linger: 100ms, webhooks: {secret: "${env:SECRET}"}',
)
SERVICE = 'store: "${env:STORE}"\nservice: {listen: "127.0.0.1:0", webhooks: "127.0.0.1:0"}\n'


async def test_webhooks_tell_of_what_moves_no_stamp(
    tmp_path: Path, fresh_database: Callable[[], Awaitable[str]]
) -> None:
    sandbox = HubSpotSandbox(
        {"limits": {"burst": 10_000, "search": None}, "quirks": {"calculated_bumps": False}}
    )
    erp, store = await fresh_database(), await fresh_database()
    await run_sql(erp, TABLES)
    async with sandbox.serving(), Watch.on(erp, "people", "roles", "deals") as watch:
        world, people = sandbox.world, sandbox.people
        firm = people.edit("companies", "create", fields={"name": "Acme"})
        ann = people.edit("contacts", "create", fields={"lastname": "A", "email": "a@x.example"})
        deal = people.edit("deals", "create", fields={"dealname": "D"})
        assert firm is not None
        assert ann is not None
        assert deal is not None
        env = {"HUB": sandbox.url, "SECRET": sandbox.auth.options.client_secret, "ERP": erp, "STORE": store}
        env |= {"TOKEN": sandbox.auth.options.token}
        pair = Pair(tmp_path, "", erp, store, env)
        pair.write(SERVICE + FULL.replace("${file:TOKEN}", "${env:TOKEN}"))
        async with pair.running() as daemon:
            url = (await daemon.said("webhooks are taken on ")).split("webhooks are taken on ")[1].strip()
            await watch.until("select exists (select from people) and exists (select from deals)")
            sandbox.webhooks.subscribe(url.replace("SYSTEM", "hub"), kinds=("associationChange",))
            at, ends = ("contacts", "companies"), (ann.id, firm.id)
            world.associate(at, ends, (), world.moment("person"))
            await watch.until("select exists (select from people where firm is not null)")
            world.tell_associations(world.associations.remove(at, ends), world.moment("person"))
            await watch.until("select exists (select from people where firm is null)")
            at, ends = ("deals", "contacts"), (deal.id, ann.id)
            world.associate(at, ends, (), world.moment("person"))
            await watch.until("select exists (select from roles)")
            world.tell_associations(world.associations.remove(at, ends), world.moment("person"))
            await watch.until("select not exists (select from roles)")
