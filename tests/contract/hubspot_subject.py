"""The HubSpot sandbox as a subject: a portal with two custom objects."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from datetime import datetime
from typing import Any

import orjson

from connectors.base import Connector, Delivery
from connectors.hubspot import HubSpotConnector
from connectors.hubspot.sandbox import HubSpotSandbox, signing, standard
from connectors.hubspot.sandbox.fields import HubObject, HubProperty
from tests.contract.sandbox_subject import SandboxSubject, with_score
from tests.contract.subject import Row

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
KINDS = {"created": "creation", "updated": "propertyChange", "deleted": "deletion"}
STAMP = "hs_lastmodifieddate datetime date {group} ro"


def objects() -> dict[str, HubObject]:
    """The suite's two objects."""

    def made(name: str, number: int, /, **fields: HubProperty) -> HubObject:
        own = {field: one.model_copy(update={"group": "own"}) for field, one in fields.items()}
        key = {"syncd_key": HubProperty(unique=True, group="own")}
        shape = {**standard.read(STAMP, "own"), **own, **key}
        return HubObject(fields=shape, singular=name, type_id=f"2-{number}", custom=True, label=name)

    people = made(
        "people",
        1,
        name=HubProperty(),
        email=HubProperty(rule="email"),
        code=HubProperty(length=10),
        score=HubProperty(type="number"),
        firm=HubProperty(),
        extra=HubProperty(),
    )
    return {"people": people, "firms": made("firms", 2, name=HubProperty())}


EXEMPT = {
    5: "a record moves another only by what is counted of it, which is a property of its own",
    7: "every object has a modified date",
    9: "to archive is to delete here: an archived record is read by its id",
    10: "archived records can be read by id for 90 days",
    12: "the suite's test of `fetch` asks for ids that are not there",
    13: "the status of a batch is 207 whatever its rows say: all bad rows of the suite show it",
    14: "an empty result is a page without records",
    16: "a matter of the mapping: the connector passes on the fields that there are",
    17: "an empty value is null, whatever its type; tests of values show it",
    19: "an update writes the properties that it names",
    20: "unknown properties are refused, and known to be none before they are asked for",
    21: "a bad token is answered with 401; tests of log-ins show what else there is",
    22: "ids of records are texts everywhere; only associations show numbers",
}


class HubSpotSubject(SandboxSubject):
    """One sandbox in this process."""

    exempt = EXEMPT
    connects: type[HubSpotConnector] = HubSpotConnector

    def __init__(self, sandbox: HubSpotSandbox) -> None:
        super().__init__(sandbox)
        self.words = {"page": self.page, "overlap": 60, "searches": 1000, "webhooks": {"secret": SECRET}}

    @classmethod
    @asynccontextmanager
    async def running(cls, profile: str = "plain", **quirks: Any) -> AsyncIterator[HubSpotSubject]:
        """The sandbox, served."""
        told = {"objects": objects(), "key_field": "syncd_key", "limits": {"burst": 100_000, "search": None}}
        sandbox = HubSpotSandbox({"extends": profile, **told, "quirks": quirks})
        async with sandbox.serving():
            subject = cls(sandbox)
            yield subject
            await subject.aclose()

    def object_options(self) -> Mapping[str, Any]:
        return {"integers": ["score"]}

    async def make(self) -> Connector:
        return self._at(self.sandbox.url, self.sandbox.auth.options.token)

    def _at(self, url: str, token: str) -> HubSpotConnector:
        return self.connects("crm", {**self.words, "url": url, "auth": {"token": token}}, self.specs())

    async def unreachable(self) -> Connector:
        return self._at("http://127.0.0.1:1", "x")

    async def bad_login(self) -> Connector | None:
        return self._at(self.sandbox.url, "secret-and-wrong")

    async def rows(self) -> dict[str, Row]:
        rows = self.sandbox.people.rows("people").items()
        return {id: with_score(row.fields) for id, row in rows}

    # -- webhooks --------------------------------------------------------------------------------------

    def deliver(
        self, events: Sequence[tuple[str, str]], at: datetime, version: str | None = None
    ) -> Delivery:
        told = [
            {
                "eventId": number,
                "subscriptionId": 1,
                "portalId": 62515,
                "occurredAt": int(at.timestamp() * 1000),
                "subscriptionType": f"object.{KINDS[op]}",
                "objectTypeId": "2-1",
                "objectId": int(id),
                "propertyName": "name",
            }
            for number, (op, id) in enumerate(events)
        ]
        return self.sign(orjson.dumps(told), at)

    def sign(self, body: bytes, at: datetime) -> Delivery:
        stamp = int(at.timestamp() * 1000)
        headers = signing.headers("v3", SECRET, "https://hooks.example/hooks/crm", body, stamp)
        headers["Host"] = "hooks.example"
        told = {name.lower(): value for name, value in headers.items()}
        return Delivery("POST", "/hooks/crm", {}, told, body, at)

    # -- traps -----------------------------------------------------------------------------------------

    async def arm(self, trap: int) -> None:
        quirks: dict[int, dict[str, Any]] = {
            1: {"stamp_resolution": 1.0},
            4: {"noop_bumps": True},
            6: {"silent_fields": ["name"]},
            18: {"silent_fields": ["name"]},
            23: {"page_cap": 3},
        }
        self.sandbox.set_quirks(**quirks.get(trap, {}))
        if trap == 11:
            self.words["sees_all"] = False
