"""The org's data where it came from, in Salesforce, and beside it the ERP's database."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from functools import cached_property
from pathlib import Path
from typing import Any, ClassVar

from connectors.salesforce.sandbox import SalesforceSandbox
from connectors.sandboxes.faults import Fault
from connectors.sandboxes.table import Row
from tests.scenarios.edits import Edit
from tests.scenarios.org import CASES, DATA, Org
from tests.scenarios.salesforce_faults import Evidence
from tests.scenarios.salesforce_spelling import said

OBJECTS = {"account": ("Account",), "contact": ("Contact", "Lead"), "opportunity": ("Opportunity",)}
PREFIXES = {"001": "Account", "003": "Contact", "00Q": "Lead", "006": "Opportunity"}
FIELDS = {
    "name": "Name",
    "billing_city": "BillingCity",
    "billing_street": "BillingStreet",
    "title": "Title",
    "phone": "Phone",
    "last_name": "LastName",
    "email": "Email",
    "amount": "Amount",
    "close_date": "CloseDate",
}
"""The columns that people edit in the org's database, and the fields that they edit here."""
LEADS = 40
STAGES = ("Prospecting", "Pledged", "Closed Won", "Closed Lost")
PROFILE = {
    "fields": {
        "Opportunity": {
            "StageName": {"type": "picklist", "required": True, "restricted": True, "options": STAGES}
        }
    }
}
WAYS = {
    "poll": ("poll", "500ms", ("page: 500",)),
    "events": ("events", "500ms", ("page: 500",)),
    "bulk": ("poll", "1h", ("bulk_above: 30",)),
}
"""By way of capture: the connector's, how often it asks, options; for `bulk`, sweeps find them."""


@dataclass
class SalesforceOrg(Org):
    """The side `org` is a sandbox in this process; what it holds is looked at where it holds it."""

    sandbox: SalesforceSandbox = field(default_factory=SalesforceSandbox)
    way: str = "poll"
    streams: ClassVar[int] = 7

    @classmethod
    @asynccontextmanager
    async def started(
        cls,
        folder: Path,
        store: str,
        fresh: Callable[[], Awaitable[str]],
        *,
        way: str = "poll",
        options: Sequence[str] = (),
        limits: Mapping[str, Any] | None = None,
    ) -> AsyncIterator[SalesforceOrg]:
        """The org's data and some leads in Salesforce, an empty ERP, an empty store.

        `options` are more lines of the system's configuration, `limits` the sandbox's.
        """
        sandbox = SalesforceSandbox({**PROFILE, "limits": limits or {"quota": 100_000}}, seed=DATA)
        capture, poll, own = WAYS[way]
        async with sandbox.serving():
            urls = {"org": sandbox.url, "erp": await fresh(), "store": store}
            org = cls(folder, urls, sandbox=sandbox, way=way)
            org._plant_leads()
            sandbox.world.listeners.append(lambda *_: org.rung.set())
            ready = sandbox.ready()
            secret = folder / "secret"
            secret.write_text(ready["auth"]["client_secret"])
            words = {
                "client": ready["auth"]["client_id"],
                "secret": str(secret),
                "pubsub": f"http://{ready['pubsub']}",
                "poll": poll,
                "options": "\n    ".join((*own, *options)),
            }
            text = (CASES / "salesforce.yaml").read_text()
            for word, value in words.items():
                text = text.replace(f"@{word}@", value)
            async with org.open(text, capture, "1h"):
                yield org

    def _plant_leads(self) -> None:
        with self.sandbox.world.transaction():
            for n in range(LEADS):
                fields = {"FirstName": "Lea", "LastName": f"Lead{n}", "Company": "Leads Inc"}
                mail = {"Email": f"lead{n}@x.example"}
                self.sandbox.people.edit("Lead", "create", fields={**fields, **mail})

    async def _fill(self) -> None:
        await self.cons["erp"].execute((CASES / "erp.sql").read_text())

    @cached_property
    def evidence(self) -> Evidence:
        """What goes wrong here, and what of it did."""
        return Evidence(self.sandbox)

    async def reached(self, fault: Fault) -> None:
        """Return when an armed fault has fired; what it was to disturb may all be over by itself before."""
        try:
            await asyncio.wait_for(fault.reached.wait(), 180)
        except TimeoutError:
            raise AssertionError(f"never fired: {fault.told()}") from None

    # -- how changes are found -------------------------------------------------------------------------

    async def comes(self, true: Callable[[], Awaitable[bool]]) -> None:
        """Return when it is true; where changes are found by sweeps alone, sweep first.

        A sweep that was under way when it was asked for may have read before the change: then once more.
        """
        if self.way == "bulk":
            await self.swept()
            if not await true():
                await self.swept()
        await self.until(true)

    async def erp(self, sql: str, *args: Any) -> Any:
        """One value that the ERP tells."""
        return await self.cons["erp"].fetchval(sql, *args)

    async def erp_says(self, sql: str, *args: Any) -> None:
        """Return when this is true in the ERP."""

        async def true() -> bool:
            return bool(await self.erp(sql, *args))

        await self.comes(true)

    def jobs(self, kind: str) -> int:
        """Bulk jobs that were made."""
        assert self.sandbox.api is not None
        return sum(job.kind == kind for job in self.sandbox.api.bulk.jobs.all.values())

    def events(self) -> int:
        """Change events that were sent to us."""
        assert self.sandbox.pubsub is not None
        return self.sandbox.pubsub.delivered.total()

    # -- what is there ---------------------------------------------------------------------------------

    def rows(self, kind: str) -> dict[str, Row]:
        """What the org holds of a kind, by id; a lead that was converted is none."""
        tables = [self.sandbox.people.rows(object) for object in OBJECTS[kind]]
        return {id: row for rows in tables for id, row in rows.items() if not row.fields.get("IsConverted")}

    def of_org(self, id: str) -> dict[str, Any]:
        """The fields of one record."""
        return self.sandbox.people.rows(PREFIXES[id[:3]])[id].fields

    def in_org(self, kind: str, field: str, value: Any) -> list[str]:
        """The ids of those that have this value."""
        return [id for id, row in self.rows(kind).items() if row.fields.get(field) == value]

    def edit(self, id: str, **fields: Any) -> None:
        """A person edits one record in the org."""
        self.sandbox.people.edit(PREFIXES[id[:3]], id=id, fields=fields)

    def make(self, object: str, **fields: Any) -> str:
        """A person makes a record in the org; its id."""
        row = self.sandbox.people.edit(object, "create", fields=fields)
        assert row is not None
        return row.id

    def change(self, edits: Sequence[Edit]) -> None:
        """People edit in the org."""
        for edit in edits:
            value = edit.field.value(edit.n)
            name = FIELDS[edit.field.org]
            self.edit(edit.remote_id, **{name: float(value) if edit.field.name == "amount" else value})

    async def said(self, side: str) -> list[Any]:
        if side == "org":
            return said({kind: self.rows(kind) for kind in OBJECTS})
        second = await self.duplicates()
        return [row for row in await super().said(side) if row["id"] not in second]

    async def duplicates(self) -> set[str]:
        """The ERP's second copies of one person, who were merged in the org: listed, and left alone."""
        sql = "select remote_id from links join streams using (stream) where system = 'erp' and state = $1"
        return {row["remote_id"] for row in await self.cons["store"].fetch(sql, "duplicate")}

    async def counts(self, side: str) -> dict[str, int]:
        if side == "erp":
            return await super().counts(side)
        return {kind: len(self.rows(kind)) for kind in OBJECTS}

    async def writes(self) -> list[Any]:
        tables = ("customers", "persons", "deals")
        theirs = [
            await self.cons["erp"].fetch(f"select ctid::text, xmin::text from {table} order by 1")
            for table in tables
        ]
        return [*theirs, *({id: row.version for id, row in self.rows(kind).items()} for kind in OBJECTS)]
