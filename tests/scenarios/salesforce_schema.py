"""An admin changes the org's fields while it runs: each is left alone, the rest flows, and it comes back."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any

from tests.scenarios.salesforce_org import STAGES, SalesforceOrg

TYPE, OLD, NEW = "npe01__SYSTEM_AccountType__c", "dont_create_payments__c", "No_Payments__c"
AWAY = {"Title", OLD, "BillingState", TYPE, "StageName", None}
"""Hidden, renamed, shortened, retyped, an option less; None: creates, for another field is required now."""


async def fields_change(org: SalesforceOrg) -> None:
    """All of them at once, then edits beside them and in them, then all is as it was."""
    account, contact, deal = (sorted(org.rows(kind))[11] for kind in ("account", "contact", "opportunity"))
    held = await _ids(org, account, contact, deal)
    jobs = await org.erp("select count(job) from persons")
    before = _changed(org)
    org.edit(contact, Title="Unseen", Phone="beside it")
    org.edit(account, BillingState="Unsaid", BillingPostalCode="beside")
    await org.hands["erp"].execute(
        f"""update customers set town = 'Beside', class = 'organization' where cust_no = '{held[account]}';
        update deals set subject = 'Beside', no_payments = false where deal_id = {held[deal]};
        insert into persons (name, mail) values ('Late Comer', 'late@x.example')"""
    )
    await org.erp_says("select count(*) from persons where tel = 'beside it'")
    await org.until(lambda: _zip_is(org, held[account], "beside"))
    await org.until(lambda: _beside(org, account, deal))
    await org.until(lambda: _listed(org))
    org.evidence.saw("F22", org.sandbox.fired.counts["hide_fields"])
    found = "select count(*) from parked where code = 'schema'"
    org.evidence.saw("F23", await org.cons["store"].fetchval(found))
    assert await org.erp("select count(job) from persons") == jobs, "absent is not null"
    assert org.in_org("contact", "Email", "late@x.example") == []
    assert org.of_org(deal)[NEW] is True
    assert org.of_org(account)[TYPE] is None
    _put_back(org, before)
    assert (await org.syncd("reload")).code == 0  # or it is seen within five minutes
    await org.comes(lambda: _all_came(org, held, account, contact, deal))
    assert await org.cons["store"].fetchval(found) == 0


def _changed(org: SalesforceOrg) -> dict[str, Any]:
    """What the objects were."""
    world = org.sandbox.world
    before = {name: world.table(name).shape for name in ("Account", "Contact", "Opportunity")}
    fields = {name: dict(shape.fields) for name, shape in before.items()}
    account, contact, deal = fields.values()
    org.sandbox.set_quirks(hide_fields=["Contact.Title"])
    account[TYPE] = account[TYPE].model_copy(update={"type": "double", "length": None})
    account["BillingState"] = account["BillingState"].model_copy(update={"length": 10})
    contact["Department"] = contact["Department"].model_copy(update={"required": True})
    deal[NEW] = deal.pop(OLD)
    options = tuple(stage for stage in STAGES if stage != "Prospecting")
    deal["StageName"] = deal["StageName"].model_copy(update={"options": options})
    for name, changed in fields.items():
        with _values_kept(org):
            org.sandbox.reshape(name, before[name].model_copy(update={"fields": changed}))
    return before


@contextmanager
def _values_kept(org: SalesforceOrg) -> Iterator[None]:
    """A field that gets another name in the block keeps what it holds."""
    table = org.sandbox.world.table("Opportunity")
    values = {id: row.fields.get(OLD, row.fields.get(NEW)) for id, row in table.rows.items()}
    yield
    name = OLD if OLD in table.shape.fields else NEW
    for id, row in table.rows.items():
        row.fields = {**row.fields, name: values[id]}


def _put_back(org: SalesforceOrg, before: dict[str, Any]) -> None:
    org.sandbox.set_quirks(hide_fields=[])
    for name, shape in before.items():
        with _values_kept(org):
            org.sandbox.reshape(name, shape)


async def _ids(org: SalesforceOrg, *ids: str) -> dict[str, str]:
    """The ERP's ids of records of the org."""
    return {ours: erp for _, ours, erp in (await org.links(org.cons)).values() if ours in ids}


async def _beside(org: SalesforceOrg, account: str, deal: str) -> bool:
    return (org.of_org(account)["BillingCity"], org.of_org(deal)["Name"]) == ("Beside", "Beside")


async def _zip_is(org: SalesforceOrg, customer: str, zip: str) -> bool:
    return bool(await org.erp("select zip from customers where cust_no = $1", customer) == zip)


async def _listed(org: SalesforceOrg) -> bool:
    rows = await org.cons["store"].fetch("select field from parked where code = 'schema'")
    return {row["field"] for row in rows} == AWAY


async def _all_came(org: SalesforceOrg, held: dict[str, str], account: str, contact: str, deal: str) -> bool:
    """Both ways: what was edited in a field that was away, and what waited to be made."""
    came = org.of_org(deal)[OLD] is False and org.of_org(account)[TYPE] == "Organization"
    region = await org.erp("select region from customers where cust_no = $1", held[account])
    job = await org.erp("select count(*) from persons where job = 'Unseen'")
    made = org.in_org("contact", "Email", "late@x.example")
    return came and region == "Unsaid" and job == 1 and len(made) == 1 and await org.at_rest()
