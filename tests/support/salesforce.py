"""An org in Salesforce's sandbox and a database, kept in sync by an engine that is stepped by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from connectors.salesforce.sandbox import SalesforceSandbox
from syncd.store.store import Store
from tests.support.rig import Rig

CONFIG = """
systems:
  sales: {{connector: salesforce, login_url: "{url}", {words},
    auth: {{flow: client_credentials, client_id: "{client}", client_secret: "${{file:{secret}}}"}}}}
  erp: {{connector: sql, url: "{erp}", capture: triggers}}
kinds:
  firm:
    fields: {{name: text, city: text}}
    systems:
      sales: {{object: Account, key_field: Syncd_Id__c, fields: {{name: Name, city: BillingCity}}}}
      erp: {{object: firms, key_field: key, fields: {{name: name, city: city}}}}
    conflicts: [{{strategy: prefer, systems: [sales, erp]}}]
    deletes: {{policy: {policy}, against_edit: edit-wins}}
  contact:
    fields: {{first_name: text, last_name: text, email: email, phone: text, title: text, firm: {{ref: firm}}}}
    match: [email]
    systems:
      sales: {{object: [{{name: Contact, fields: {{firm: AccountId}}}}, Lead], key_field: Syncd_Id__c,
        fields: {{first_name: FirstName, last_name: LastName, email: Email, phone: Phone, title: Title}}}}
      erp: {{object: people, key_field: key,
        fields: {{first_name: first, last_name: last, email: mail, phone: tel, title: job, firm: firm}}}}
    conflicts: [{{strategy: prefer, systems: [sales, erp]}}]
    deletes: {{policy: {policy}, against_edit: edit-wins}}
"""
TABLES = """
create table firms (id bigserial primary key, name text, city text, key text unique);
create table people (id bigserial primary key, first text, last text, mail text, tel text, job text,
  firm bigint references firms on delete set null, key text unique)"""
FILL = """insert into people (first, last, mail, tel)
select 'First' || n, 'Last' || n, 'p' || n || '@x.example', '+1 ' || n from generate_series(1, $1::int) n"""


@dataclass
class OrgRig:
    """The engine, the org, and the database at `erp` with the tables `firms` and `people`."""

    rig: Rig
    sandbox: SalesforceSandbox
    con: Any
    erp: str

    @classmethod
    @asynccontextmanager
    async def made(
        cls,
        store: Store,
        fresh: Callable[[], Awaitable[str]],
        folder: Path,
        *,
        words: str = "capture: poll",
        policy: str = "propagate",
        **profile: Any,
    ) -> AsyncIterator[OrgRig]:
        """Both empty; `words` are of the org as a system, `policy` is of deletes, `profile` the sandbox's."""
        sandbox = SalesforceSandbox(profile)
        async with sandbox.serving():
            erp = await fresh()
            con = await asyncpg.connect(erp)
            await con.execute(TABLES)
            told = sandbox.ready()["auth"]
            (folder / "secret").write_text(told["client_secret"])
            words += f', pubsub: "http://{sandbox.ready()["pubsub"]}"'
            login = {"client": told["client_id"], "secret": folder / "secret"}
            file = folder / "syncd.yaml"
            file.write_text(CONFIG.format(url=sandbox.url, erp=erp, words=words, policy=policy, **login))
            rig = await Rig.make(store, file)
            try:
                yield cls(rig, sandbox, con, erp)
            finally:
                await rig.aclose()
                await con.close()

    @property
    def used(self) -> int:
        """Calls that the org counted against the day's."""
        return self.sandbox.limits.used

    async def fill(self, count: int) -> int:
        """So many people in the database and then in the org; the calls that it took."""
        await self.con.execute(FILL, count)
        before = self.used
        await self.rig.settle()
        assert len(self.contacts()) == count
        return self.used - before

    def contacts(self) -> dict[str, dict[str, Any]]:
        """What the org holds, by id."""
        return {id: row.fields for id, row in self.sandbox.people.rows("Contact").items()}

    async def people(self) -> list[Any]:
        """What the database holds."""
        rows: list[Any] = await self.con.fetch("select * from people order by id")
        return rows
