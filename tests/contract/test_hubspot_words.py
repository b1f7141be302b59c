"""Owners by e-mail, pipelines, stages and options by label: read, written, and refused."""

from __future__ import annotations

from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from typing import Any

import pytest

from connectors.base import ObjectSpec
from connectors.hubspot import HubSpotConnector
from connectors.hubspot.options import HubSpotObjectOptions
from connectors.hubspot.sandbox import HubSpotSandbox
from syncd.core.nouns import Accepted, Change, Push, PushOp, PushResult, Rejected

DEAL = ("dealname", "pipeline.label", "dealstage.label", "hubspot_owner_id.email")
PERSON = ("firstname", "lifecyclestage.label", "hs_buying_role.label", "hubspot_owner_id.email")
STAGES = [
    {"label": label, "displayOrder": n, "metadata": {"probability": "0.5"}}
    for n, label in enumerate(("New", "Closed Won"))
]


class Said:
    """A portal with two pipelines, and a connector that names things by words."""

    def __init__(self, sandbox: HubSpotSandbox, **words: Any) -> None:
        self.sandbox = sandbox
        told = {"url": sandbox.url, "auth": {"token": sandbox.auth.options.token}, "searches": 1000, **words}
        specs = [
            ObjectSpec("deals", DEAL, "syncd_id"),
            ObjectSpec("contacts", PERSON),
        ]
        self.connector = HubSpotConnector("hub", told, specs)

    async def write(self, object: str, fields: dict[str, Any], id: str | None = None) -> PushResult:
        op = PushOp.CREATE if id is None else PushOp.UPDATE
        key = "k" if id is None and object == "deals" else None
        (result,) = await self.connector.write([Push(1, object, op, 1, 1, fields, remote_id=id, key=key)])
        return result

    async def read(self, object: str, id: str) -> Change:
        (change,) = await self.connector.fetch(object, [id])
        return change

    def truth(self, object: str, id: str) -> dict[str, Any]:
        return self.sandbox.people.rows(object)[id].fields


@asynccontextmanager
async def saying(**words: Any) -> AsyncIterator[Said]:
    async with HubSpotSandbox({"limits": {"burst": 10_000, "search": None}}).serving() as sandbox:
        said = Said(sandbox, **words)
        try:
            path = said.connector.client.path("pipelines", "deals")
            body = {"label": "Partners", "displayOrder": 1, "stages": STAGES}
            await said.connector.client.post(path, "a second pipeline", body)
            yield said
        finally:
            await said.connector.aclose()


@pytest.mark.parametrize("version", ["v3", "2026-09"])
async def test_a_deal_by_its_words(version: str) -> None:
    async with saying(api_version=version) as said:
        fields = (await said.connector.describe()).objects["deals"].fields
        assert fields["pipeline.label"].options == ("Sales Pipeline", "Partners")
        assert "Closed Won" in (fields["dealstage.label"].options or ())
        told = {
            "dealname": "Ten",
            "pipeline.label": "Partners",
            "dealstage.label": "Closed Won",
            "hubspot_owner_id.email": "Grace@sandbox.example",
        }
        made = await said.write("deals", told)
        assert isinstance(made, Accepted), made
        truth = said.truth("deals", made.remote_id)
        assert truth["dealstage"] not in ("closedwon", "Closed Won"), "the stage of that name in its pipeline"
        assert truth["hubspot_owner_id"] == "42"
        now = {**told, "hubspot_owner_id.email": "grace@sandbox.example"}
        assert {name: made.stored[name] for name in DEAL} == now
        change = await said.read("deals", made.remote_id)
        assert {name: change.fields[name] for name in DEAL} == now


async def test_a_stage_belongs_to_the_records_pipeline() -> None:
    async with saying() as said:
        made = await said.write("deals", {"dealname": "x", "dealstage.label": "Closed Won"})
        assert isinstance(made, Accepted)
        id = made.remote_id
        assert said.truth("deals", id)["dealstage"] == "closedwon", "the default pipeline"
        assert isinstance(await said.write("deals", {"pipeline.label": "Partners"}, id), Accepted)
        truth = said.truth("deals", id)
        assert truth["dealstage"] not in ("closedwon", None), "taken along by its name"
        assert isinstance(await said.write("deals", {"dealstage.label": "new"}, id), Accepted)
        assert (await said.read("deals", id)).fields["dealstage.label"] == "New"
        result = await said.write("deals", {"dealstage.label": "Contract Sent"}, id)
        assert isinstance(result, Rejected)
        assert (result.code, result.field) == ("INVALID_OPTION", "dealstage.label")
        assert "Contract" not in result.message


async def test_owners_who_left_are_read_and_not_written() -> None:
    async with saying() as said:
        row = said.sandbox.people.edit(
            "contacts", "create", fields={"lastname": "x", "hubspot_owner_id": "44"}
        )
        assert row is not None
        assert (await said.read("contacts", row.id)).fields["hubspot_owner_id.email"] == "lee@sandbox.example"
        for mail in ("lee@sandbox.example", "nobody@x.example"):
            result = await said.write("contacts", {"hubspot_owner_id.email": mail}, row.id)
            assert isinstance(result, Rejected)
            assert (result.code, result.field) == ("INVALID_OWNER_ID", "hubspot_owner_id.email")
        cleared = await said.write("contacts", {"hubspot_owner_id.email": None}, row.id)
        assert isinstance(cleared, Accepted)
        assert said.truth("contacts", row.id)["hubspot_owner_id"] in (None, "")


async def test_who_is_new_is_asked_for_once() -> None:
    async with saying() as said:
        await said.connector.describe()
        owner = said.sandbox.world.owners.add("new@sandbox.example")
        fields = {"lastname": "x", "hubspot_owner_id": owner.id}
        row = said.sandbox.people.edit("contacts", "create", fields=fields)
        assert row is not None
        assert (await said.read("contacts", row.id)).fields["hubspot_owner_id.email"] == "new@sandbox.example"
        later = said.sandbox.world.owners.add("later@sandbox.example")
        assert isinstance(
            await said.write("contacts", {"hubspot_owner_id.email": later.email}, row.id), Accepted
        )
        said.sandbox.calls.clear()
        for _ in range(3):
            await said.write("contacts", {"hubspot_owner_id.email": "nobody@x.example"}, row.id)
        assert said.sandbox.calls["list owners"] == 2, "the active ones and the others, once"


async def test_labels_of_options() -> None:
    async with saying() as said:
        fields = (await said.connector.describe()).objects["contacts"].fields
        assert "Lead" in (fields["lifecyclestage.label"].options or ())
        assert fields["hs_buying_role.label"].options is None
        told = {"lifecyclestage.label": "Lead", "hs_buying_role.label": "Champion;Blocker"}
        made = await said.write("contacts", {"firstname": "x", **told})
        assert isinstance(made, Accepted), made
        truth = said.truth("contacts", made.remote_id)
        assert truth["lifecyclestage"] == "lead"
        assert set(truth["hs_buying_role"].split(";")) == {"CHAMPION", "BLOCKER"}
        result = await said.write("contacts", {"lifecyclestage.label": "No such"}, made.remote_id)
        assert isinstance(result, Rejected)
        assert result.field == "lifecyclestage.label"


async def test_a_lifecycle_stage_that_would_go_back_is_refused_and_never_cleared() -> None:
    """HubSpot lets it only go forward, unless it was cleared before, and says nothing."""
    assert "stages_back" not in HubSpotObjectOptions.model_fields
    async with saying() as said:
        made = await said.write("contacts", {"firstname": "x", "lifecyclestage.label": "Customer"})
        assert isinstance(made, Accepted)
        told = {"lifecyclestage.label": "Lead", "firstname": "y"}
        result = await said.write("contacts", told, made.remote_id)
        truth = said.truth("contacts", made.remote_id)
        assert truth["firstname"] == "y"
        assert isinstance(result, Rejected)
        assert (result.code, result.field) == ("ONLY_FORWARD", "lifecyclestage.label")
        assert truth["lifecyclestage"] == "customer"
