"""Change events of Salesforce that are away: the daemon polls, and says so."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

from connectors.salesforce.sandbox import SalesforceSandbox
from tests.support.pair import Pair, run_sql
from tests.support.watching import Watch

ERP = "create table contacts (id bigserial primary key, syncd_id text unique, mail text, name text not null)"
CONFIG = """\
store: "${env:STORE}"
systems:
  sales:
    connector: salesforce
    login_url: "${env:SALES}"
    auth: {flow: client_credentials, client_id: "${env:ID}", client_secret: "${env:SECRET}"}
    capture: events
    pubsub: "http://127.0.0.1:1"
    poll: 1s
  erp: {connector: sql, url: "${env:ERP}", capture: triggers, poll: 1s}
kinds:
  contact:
    fields: {email: email, name: text}
    match: [email]
    systems:
      sales: {object: Contact, key_field: Syncd_Id__c, fields: {email: Email, name: LastName}}
      erp: {object: contacts, key_field: syncd_id, fields: {email: mail, name: name}}
    conflicts: [{strategy: prefer, systems: [sales, erp]}]
service: {listen: "127.0.0.1:0"}
"""


async def test_status_says_which_change_events_are_away(
    tmp_path: Path, fresh_database: Callable[[], Awaitable[str]]
) -> None:
    sandbox, erp, store = SalesforceSandbox(), await fresh_database(), await fresh_database()
    await run_sql(erp, ERP)
    async with sandbox.serving(), Watch.on(erp, "contacts") as watch:
        sandbox.people.edit("Contact", "create", fields={"LastName": "A", "Email": "a@x.org"})
        app = sandbox.auth.options
        env = {
            "SALES": sandbox.url,
            "ID": app.client_id,
            "SECRET": app.client_secret,
            "ERP": erp,
            "STORE": store,
        }
        pair = Pair(tmp_path, "", erp, store, env)
        pair.write(CONFIG)
        checked = await pair.syncd("check")
        assert "polled meanwhile" in checked.out, checked
        async with pair.running() as daemon:
            await watch.until("select count(*) = 1 from contacts")
            await daemon.said("polling since ")
            ready = json.loads((await daemon.get("/readyz"))[1])
            assert ready["status"] == "ok"
            (note,) = ready["notes"]["sales"]
            assert "ContactChangeEvent" in note
            told = await pair.syncd("status")
            assert "away since" in told.out, told
            assert told.code == 0
