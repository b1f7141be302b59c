"""An org with its standard objects, and a connector to it: for what no other system has."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from typing import Any

from connectors.base import ObjectSpec
from connectors.salesforce import SalesforceConnector
from connectors.salesforce.sandbox import SalesforceSandbox
from connectors.sandboxes.table import Row
from syncd.core.nouns import Change, Push, PushOp

KEY = "Syncd_Id__c"
FIELDS: Mapping[str, tuple[str, ...]] = {
    "Account": ("Name", "BillingCity", "Open_Deals__c"),
    "Contact": ("FirstName", "LastName", "Email", "Title", "AccountId", "Account_City__c", "Interests__c"),
    "Lead": ("LastName", "Company", "Email", "Lead_Score__c", "RecordType.DeveloperName", "Owner.Email"),
    "Opportunity": ("Name", "Amount", "StageName", "CloseDate", "AccountId", "IsPrivate"),
}


@dataclass
class Lab:
    """The sandbox, and the connectors that were made to it."""

    sandbox: SalesforceSandbox
    open: list[SalesforceConnector] = field(default_factory=list)

    @classmethod
    @asynccontextmanager
    async def running(cls, **profile: Any) -> AsyncIterator[Lab]:
        sandbox = SalesforceSandbox(profile)
        async with sandbox.serving():
            lab = cls(sandbox)
            yield lab
            for connector in lab.open:
                await connector.aclose()

    def connect(
        self,
        options: Mapping[str, Mapping[str, Any]] | None = None,
        fields: Mapping[str, tuple[str, ...]] = FIELDS,
        **words: Any,
    ) -> SalesforceConnector:
        """A connector; `options` are those of objects, `words` those of the system."""
        ready = self.sandbox.ready()
        told = ready["auth"]
        login = {"client_id": told["client_id"], "client_secret": told["client_secret"]}
        own = {
            "login_url": self.sandbox.url,
            "auth": {"flow": "client_credentials", **login},
            "capture": "poll",
        }
        own["pubsub"] = f"http://{ready['pubsub']}"
        specs = [ObjectSpec(n, f, KEY, dict((options or {}).get(n) or {})) for n, f in fields.items()]
        connector = SalesforceConnector("sales", {**own, **words}, specs)
        connector.listening.patience = 0.3, 5.0
        connector.client.now = self.sandbox.clock.now
        self.open.append(connector)
        return connector

    def edit(self, object: str, op: str = "update", **words: Any) -> str:
        """A person's edit; the record's id."""
        row = self.sandbox.people.edit(object, op, **words)
        return str(row.id) if row is not None else ""

    def row(self, object: str, id: str) -> dict[str, Any]:
        """The truth about a record."""
        row: Row = self.sandbox.people.rows(object)[id]
        return row.fields

    @property
    def calls(self) -> int:
        """API calls so far: what the day's quota counts."""
        return self.sandbox.limits.used


class Reader:
    """Reads one object on and on from where it stood."""

    def __init__(self, connector: SalesforceConnector, object: str) -> None:
        self.connector, self.object = connector, object
        self.cursor: Any = None

    async def read(self) -> list[Change]:
        """What changed since the last time."""
        found: list[Change] = []
        async for page in self.connector.read_changes(self.object, self.cursor):
            found += page.changes
            self.cursor = page.cursor
        return found


def create(n: int, object: str, **fields: Any) -> Push:
    return Push(n, object, PushOp.CREATE, n, 1, fields, key=f"k{n}")


def update(n: int, object: str, id: str, version: str | None = None, **fields: Any) -> Push:
    return Push(n, object, PushOp.UPDATE, n, 2, fields, remote_id=id, expected_version=version)


def by_id(results: Sequence[Any]) -> dict[int, Any]:
    return {result.push_id: result for result in results}
