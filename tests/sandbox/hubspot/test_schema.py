"""Properties, custom objects, seeds, and a reset."""

from __future__ import annotations

from pathlib import Path
from typing import Any

import pytest

from connectors.hubspot.sandbox import HubSpotSandbox
from connectors.hubspot.sandbox.options import SCOPES
from syncd.core.errors import ConfigError
from tests.sandbox.hubspot.portal import V3, portal

PLACE = "/crm/v3/properties/contacts"
NEW: dict[str, Any] = {
    "name": "size",
    "label": "Size",
    "type": "enumeration",
    "fieldType": "checkbox",
    "groupName": "contactinformation",
    "options": [
        {"label": "Large", "value": "L", "displayOrder": 1, "hidden": False},
        {"label": "Small", "value": "S", "displayOrder": 0, "hidden": False},
    ],
}


async def test_a_new_property_is_there_at_once() -> None:
    async with portal() as made:
        told = await made.good("POST", PLACE, NEW)
        assert [one["value"] for one in told["options"]] == ["S", "L"]
        assert told["modificationMetadata"]["readOnlyDefinition"] is False
        id = (await made.contact(size="S;L"))["id"]
        assert (await made.read("contacts", id, "size"))["size"] == "S;L"
        assert (await made.call("POST", PLACE, NEW)).status == 409
        await made.good("DELETE", f"{PLACE}/size")
        assert "size" not in await made.read("contacts", id, "size")
        got = await made.call("PATCH", f"{V3}/contacts/{id}", {"properties": {"size": "S"}})
        assert got.body["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"
        gone = await made.good("GET", PLACE, archived="true")
        assert [one["name"] for one in gone["results"]] == ["size"]


@pytest.mark.parametrize(
    ("words", "said"),
    [
        ({"name": "Size"}, "not valid"),
        ({"label": ""}, "[label]"),
        ({"groupName": "nowhere"}, "property group"),
        ({"fieldType": "number"}, "does not go with type"),
        ({"type": "json", "fieldType": "text"}, "does not go with type"),
    ],
)
async def test_properties_that_cannot_be(words: dict[str, Any], said: str) -> None:
    async with portal() as made:
        got = await made.call("POST", PLACE, {**NEW, **words})
        assert got.status == 400
        assert said in got.body["message"]


async def test_ten_unique_properties_and_no_more() -> None:
    async with portal() as made:
        words = {"type": "string", "fieldType": "text", "hasUniqueValue": True, "options": []}
        statuses = [
            (await made.call("POST", PLACE, {**NEW, **words, "name": f"key{n}"})).status for n in range(10)
        ]
        assert statuses == [201] * 9 + [400], "the sandbox has one of its own: syncd_id"


async def test_a_unique_value_is_refused_a_second_time() -> None:
    async with portal() as made:
        one = (await made.contact(syncd_id="k1"))["id"]
        other = (await made.contact(lastname="y"))["id"]
        got = await made.call("PATCH", f"{V3}/contacts/{other}", {"properties": {"syncd_id": "k1"}})
        assert got.status == 400
        assert got.body["message"].endswith(f"value=k1}} on {other}. {one} already has that value.")


async def test_sensitive_properties_are_told_to_those_who_ask() -> None:
    fields = {"contacts": {"diagnosis": {"sensitivity": "sensitive", "group": "contactinformation"}}}
    async with portal({"fields": fields}) as made:
        plain = {one["name"] for one in (await made.good("GET", PLACE))["results"]}
        secret = (await made.good("GET", PLACE, dataSensitivity="sensitive"))["results"]
        assert "diagnosis" not in plain
        assert [one["name"] for one in secret] == ["diagnosis"]
    without = [scope for scope in SCOPES if "sensitive" not in scope]
    async with portal({"fields": fields, "auth": {"scopes": without}}) as made:
        id = made.person(diagnosis="flu", lastname="x")
        assert "diagnosis" not in await made.read("contacts", id, "diagnosis", "lastname")
        assert (await made.good("GET", PLACE, dataSensitivity="sensitive"))["results"] == []
        got = await made.call("PATCH", f"{V3}/contacts/{id}", {"properties": {"diagnosis": "cold"}})
        assert got.body["errors"][0]["code"] == "PROPERTY_DOESNT_EXIST"


async def test_a_custom_object_of_ones_own() -> None:
    async with portal() as made:
        body = {
            "name": "boats",
            "labels": {"singular": "Boat", "plural": "Boats"},
            "properties": [{"name": "hull", "label": "Hull", "type": "string", "fieldType": "text"}],
            "requiredProperties": ["hull"],
            "associatedObjects": ["CONTACT"],
        }
        schema = await made.good("POST", "/crm-object-schemas/v3/schemas", body)
        assert schema["fullyQualifiedName"] == "p62515_boats"
        boat = await made.good("POST", f"{V3}/{schema['objectTypeId']}", {"properties": {"hull": "H1"}})
        assert (await made.call("POST", f"{V3}/boats", {"properties": {}})).status == 400
        contact = made.person(lastname="x")
        await made.good("PUT", f"/crm/v4/objects/boats/{boat['id']}/associations/default/contacts/{contact}")
        got = await made.good("GET", f"{V3}/contacts/{contact}", associations="boats")
        assert got["associations"]["p62515_boats"]["results"][0]["id"] == boat["id"]
        place = "/crm-object-schemas/v3/schemas/boats"
        assert (await made.call("DELETE", place)).status == 400
        await made.call("DELETE", f"{V3}/boats/{boat['id']}")
        assert (await made.call("DELETE", place)).status == 204
        assert (await made.call("GET", f"{V3}/boats")).status == 400
        await made.good("GET", f"{V3}/contacts/{contact}")


async def test_a_property_that_changes_while_it_runs() -> None:
    async with portal() as made:
        id = made.person(lastname="x", phone="1")
        await made.client.control("schema", object="contacts", field="phone", shape=None)
        assert "phone" not in await made.read("contacts", id, "phone")
        shape = {"type": "number", "group": "contactinformation"}
        await made.client.control("schema", object="contacts", field="score", shape=shape)
        assert (await made.good("GET", f"{PLACE}/score"))["fieldType"] == "number"


# seeds -------------------------------------------------------------------------------------------------


def files(folder: Path, **texts: str) -> Path:
    """CSV files by name."""
    for name, text in texts.items():
        (folder / f"{name}.csv").write_text(text)
    return folder


async def test_a_seed_of_files(tmp_path: Path) -> None:
    source = files(
        tmp_path,
        contacts="id,first_name,Last Name,email,company_id,shoe_size\n"
        "x1,Ann,Lee,ANN@acme.com,501,38\nx2,Bob,,,,\n",
        Account="Id,Name,domain\n501,Acme,Acme.com\n",
        boats="id,hull\n1,H1\n",
    )
    async with portal(seed=source) as made:
        (firm,) = made.sandbox.people.rows("companies")
        assert firm == "501"
        told = await made.search(
            filterGroups=[{"filters": [{"propertyName": "email", "operator": "HAS_PROPERTY"}]}]
        )
        (ann,) = told["results"]
        names = ("firstname", "lastname", "email", "shoe_size", "associatedcompanyid")
        found = await made.read("contacts", ann["id"], *names)
        assert [found[name] for name in names] == ["Ann", "Lee", "ann@acme.com", "38", None]
        links = await made.good("GET", f"/crm/v4/objects/contacts/{ann['id']}/associations/companies")
        assert [one["toObjectId"] for one in links["results"]] == [501]
        assert (await made.good("GET", f"{V3}/boats"))["results"][0]["id"] == "1"
        history = await made.good("GET", f"{V3}/contacts/{ann['id']}", propertiesWithHistory="firstname")
        assert history["propertiesWithHistory"]["firstname"][0]["sourceType"] == "IMPORT"


def test_a_seed_that_is_wrong_is_told_with_its_place(tmp_path: Path) -> None:
    source = files(tmp_path, contacts="id,email\n1,ann@acme.com\n2,nothing\n")
    with pytest.raises(ConfigError, match=r"contacts, record 2: .*Email address nothing is invalid"):
        HubSpotSandbox(seed=source)
    source = files(tmp_path, contacts="id,email\n1,ann@acme.com\n2,Ann@acme.com\n")
    with pytest.raises(
        ConfigError, match=r"record 2: .*Existing ID: 1\. An e-mail is unique .* leave it out"
    ):
        HubSpotSandbox(seed=source)


async def test_made_up_records_are_always_the_same_and_a_reset_brings_them_back() -> None:
    async with portal({"records": 20}) as made, portal({"records": 20}) as twin:
        both = [await one.good("GET", f"{V3}/contacts", limit="100") for one in (made, twin)]
        mails = [[one["properties"]["email"] for one in found["results"]] for found in both]
        assert mails[0] == mails[1]
        assert len(mails[0]) == 20
        id = both[0]["results"][0]["id"]
        await made.call("DELETE", f"{V3}/contacts/{id}")
        await made.client.control("reset", records=True)
        assert len((await made.good("GET", f"{V3}/contacts", limit="100"))["results"]) == 20
        deal = (await made.good("GET", f"{V3}/deals", associations="companies"))["results"][0]
        assert deal["associations"]["companies"]["results"]


async def test_the_truth_and_edits_by_hand() -> None:
    async with portal() as made:
        told = await made.client.control("edit", object="contacts", op="create", fields={"lastname": "x"})
        other = await made.client.control("edit", object="contacts", op="create", fields={"lastname": "y"})
        edit = {"object": "contacts", "op": "merge", "id": told["id"], "loser": other["id"]}
        merged = await made.client.control("edit", **edit)
        new = merged["merged_into"]
        state = (await made.client.get("/_sandbox/state", object="contacts")).body
        assert list(state["contacts"]) == [new]
        assert state["contacts"][new]["lastname"] == "x"


@pytest.mark.parametrize("name", ["plain", "hostile"])
async def test_profiles(name: str) -> None:
    async with portal(name) as made:
        id = (await made.contact(jobtitle="Boss"))["id"]
        found = await made.read("contacts", id, "message", "lifecyclestage")
        hostile = name == "hostile"
        assert (found["message"] is not None, found["lifecyclestage"] == "lead") == (hostile, hostile)
