"""Salesforce's OpportunityContactRole and HubSpot's labelled associations: one kind, both ways."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from connectors.hubspot.sandbox import HubSpotSandbox
from connectors.salesforce.sandbox import SalesforceSandbox
from syncd.store.store import Store
from tests.support.rig import Rig

CONFIG = """
systems:
  hub: {{connector: hubspot, url: "{hub}", auth: {{token: "${{file:{token}}}"}}, searches: 1000, refresh: 0}}
  sales: {{connector: salesforce, login_url: "{sales}", capture: poll,
    auth: {{flow: client_credentials, client_id: "{client}", client_secret: "${{file:{secret}}}"}}}}
kinds:
  contact:
    fields: {{last_name: text, email: email}}
    match: [email]
    systems:
      hub: {{object: contacts, key_field: syncd_id, fields: {{last_name: lastname, email: email}}}}
      sales: {{object: Contact, key_field: Syncd_Id__c, fields: {{last_name: LastName, email: Email}}}}
  deal:
    fields: {{title: text}}
    match: [title]
    systems:
      hub: {{object: deals, create: matched_only, key_field: syncd_id, fields: {{title: dealname}}}}
      sales: {{object: Opportunity, create: matched_only, key_field: Syncd_Id__c, fields: {{title: Name}}}}
  deal_role:
    fields: {{deal: {{ref: deal}}, contact: {{ref: contact}}, role: text}}
    match: [[deal, contact]]
    systems:
      hub: {{object: deals-to-contacts, fields: {{deal: from, contact: to, role: label}}}}
      sales: {{object: OpportunityContactRole, key_field: Syncd_Id__c, fields: {{deal: OpportunityId,
        contact: ContactId, role: {{to: Role, values: {{Decider: Decision Maker}}}}}}}}
    deletes: {{policy: propagate}}
"""
PAIR = ("deals", "contacts")


class Both:
    """A portal and an org with the same deal, and a contact each."""

    def __init__(self, rig: Rig, hub: HubSpotSandbox, sales: SalesforceSandbox) -> None:
        self.rig, self.hub, self.sales = rig, hub, sales
        hub.world.associations.make_label(PAIR, "Decider", None)
        self.deal = self.made(hub, "deals", dealname="D")
        deal = {"Name": "D", "StageName": "Prospecting", "CloseDate": "2027-01-31"}
        self.opportunity = self.made(sales, "Opportunity", **deal)
        self.ann = self.made(hub, "contacts", lastname="A", email="a@x.example")
        self.bob = self.made(sales, "Contact", LastName="B", Email="b@x.example")

    def made(self, sandbox: Any, object: str, **fields: Any) -> str:
        return str(sandbox.people.edit(object, "create", fields=fields).id)

    def labels(self) -> dict[str, set[str]]:
        """Of the deal's contacts, by their last names."""
        rows = self.hub.people.rows("contacts")
        found = self.hub.world.associated("deals", self.deal, "contacts")
        return {
            rows[id].fields["lastname"]: {t.label for t in types if t.label} for id, types in found.items()
        }

    def roles(self) -> dict[str, str | None]:
        """Of the opportunity's contacts, by their last names."""
        contacts = self.sales.people.rows("Contact")
        rows = self.sales.people.rows("OpportunityContactRole").values()
        return {contacts[row.fields["ContactId"]].fields["LastName"]: row.fields["Role"] for row in rows}


@pytest.fixture
async def both(store: Store, tmp_path: Path) -> AsyncIterator[Both]:
    hub = HubSpotSandbox({"limits": {"burst": 100_000, "search": None}})
    sales = SalesforceSandbox({})
    async with hub.serving(), sales.serving():
        told = sales.ready()["auth"]
        (tmp_path / "token").write_text(hub.auth.options.token)
        (tmp_path / "secret").write_text(told["client_secret"])
        words = {"hub": hub.url, "sales": sales.url, "client": told["client_id"]}
        file = tmp_path / "syncd.yaml"
        file.write_text(CONFIG.format(**words, token=tmp_path / "token", secret=tmp_path / "secret"))
        rig = await Rig.make(store, file)
        try:
            made = Both(rig, hub, sales)
            await rig.settle()
            yield made
        finally:
            await rig.aclose()


async def test_roles_go_both_ways_and_stay(both: Both) -> None:
    types = [type for type in both.hub.world.associations.types[PAIR] if type.label == "Decider"]
    both.hub.world.associate(PAIR, (both.deal, both.ann), types, both.hub.world.moment("person"))
    role = {"OpportunityId": both.opportunity, "ContactId": both.bob, "Role": "Decision Maker"}
    id = both.made(both.sales, "OpportunityContactRole", **role)
    await both.rig.settle()
    assert both.labels() == {"A": {"Decider"}, "B": {"Decider"}}
    assert both.roles() == {"A": "Decision Maker", "B": "Decision Maker"}
    both.sales.people.edit("OpportunityContactRole", id=id, fields={"Role": None})
    await both.rig.settle()
    assert both.labels() == {"A": {"Decider"}, "B": set()}
    both.sales.people.edit("OpportunityContactRole", "delete", id=id)
    await both.rig.settle()
    assert both.labels() == {"A": {"Decider"}}
    gone = both.hub.world.associations.remove(PAIR, (both.deal, both.ann))
    both.hub.world.tell_associations(gone, both.hub.world.moment("person"))
    await both.rig.sweep()
    await both.rig.settle()
    assert both.roles() == {}
    await both.rig.sweep()
    assert await both.rig.settle() == 0
