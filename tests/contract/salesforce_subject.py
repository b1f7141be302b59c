"""The Salesforce sandbox as a subject: an org with two objects of its own."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from typing import Any

from connectors.base import Connector
from connectors.salesforce import SalesforceConnector
from connectors.salesforce.sandbox import SalesforceSandbox, standard
from connectors.salesforce.sandbox.fields import OrgField, OrgObject
from tests.contract.sandbox_subject import SandboxSubject, with_score
from tests.contract.subject import Row

PEOPLE = """
name string 255
email email unique
code string 10
score double
firm reference references=firms relationship=firm__r
extra string 255
archived boolean
syncd_key string 64 unique external_id
"""
FIRMS = """
name string 255
archived boolean
syncd_key string 64 unique external_id
"""
EXEMPT = {
    4: "a save that changes nothing moves the stamp in every org; what is told then is equal",
    7: "every object that can be synced has a SystemModstamp",
    9: "what archives a record is the value of a field, which hides nothing; it has a test of its own",
    10: "deleted records are in the recycle bin for 15 days",
    12: "a query leaves out what is not there; the suite's test of `fetch` asks for it",
    13: "the status of a Collections call is 200 whatever its rows say: all bad rows of the suite show it",
    14: "an empty result is a page without records",
    16: "a matter of the mapping: the connector passes on the fields that there are",
    17: "empty is null in JSON, and an empty cell in CSV; tests of values show both",
    19: "a PATCH writes the fields that it names",
    20: "unknown fields are refused, and known to be none before they are sent",
    21: "a bad token is answered with 401; tests of log-ins show what else there is",
    22: "ids are texts everywhere",
}


def objects() -> dict[str, OrgObject]:
    """The org's standard objects and the suite's."""
    people = standard.made("people", "a0P", PEOPLE, {})
    email = people.fields["email"].model_copy(update={"normalise": ("trim", "lower")})
    score = OrgField(type="double", scale=0, label="score")
    people = people.model_copy(update={"fields": {**people.fields, "email": email, "score": score}})
    return {**standard.objects(), "people": people, "firms": standard.made("firms", "a0F", FIRMS, {})}


class SalesforceSubject(SandboxSubject):
    """One sandbox in this process."""

    exempt = EXEMPT

    def __init__(self, sandbox: SalesforceSandbox) -> None:
        super().__init__(sandbox)
        self.words = {"page": self.page, "overlap": 30, "capture": "poll"}

    @classmethod
    @asynccontextmanager
    async def running(cls, profile: str = "plain", **words: Any) -> AsyncIterator[SalesforceSubject]:
        """The sandbox, served."""
        told = {"objects": objects(), "key_field": None, "pubsub": {"selected": ["people", "firms"]}}
        sandbox = SalesforceSandbox({"extends": profile, **told})
        async with sandbox.serving():
            subject = cls(sandbox)
            subject.words |= words
            yield subject
            await subject.aclose()

    def object_options(self) -> Mapping[str, Any]:
        return {"archive": {"archived": True}}

    async def make(self) -> Connector:
        return self._at(self.sandbox.url)

    def _at(self, url: str, session: str | None = None) -> Connector:
        told = self.sandbox.auth.options
        client = {"client_id": told.client_id, "client_secret": told.client_secret}
        login = {"flow": "client_credentials", **client}
        opened = {"flow": "session", "access_token": session}
        settings = {**self.words, "login_url": url, "auth": opened if session is not None else login}
        if self.words["capture"] == "events":
            settings["pubsub"] = f"http://{self.sandbox.ready()['pubsub']}"
        connector = SalesforceConnector("crm", settings, self.specs())
        connector.listening.patience = 0.3, 5.0
        return connector

    async def unreachable(self) -> Connector:
        return self._at("http://127.0.0.1:1")

    async def bad_login(self) -> Connector | None:
        return self._at(self.sandbox.url, "secret-and-wrong")

    async def rows(self) -> dict[str, Row]:
        rows = self.sandbox.people.rows("people").items()
        return {id: with_score(row.fields) for id, row in rows if not row.fields.get("archived")}

    # -- traps -----------------------------------------------------------------------------------------

    async def arm(self, trap: int) -> None:
        quirks: dict[int, dict[str, Any]] = {
            1: {"stamp_resolution": 1.0},
            5: {"cascade_bumps": True},
            6: {"silent_fields": ["name"]},
            18: {"silent_fields": ["name"]},
            23: {"page_cap": 3},
        }
        self.sandbox.set_quirks(**quirks.get(trap, {}))
        if trap == 11:
            self.words["sees_all"] = True
