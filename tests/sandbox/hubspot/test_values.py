"""What a portal makes of values: text always, each type in its own form."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.hubspot.portal import V3, portal


@pytest.mark.parametrize(
    ("object", "name", "sent", "stored"),
    [
        ("contacts", "email", "  Ann.Lee@ACME.Co.UK ", "ann.lee@acme.co.uk"),
        ("contacts", "firstname", "  Ann ", "Ann"),
        ("contacts", "firstname", 7, "7"),
        ("contacts", "phone", "+49 (0)30 1234", "+49 (0)30 1234"),
        ("contacts", "hs_email_optout", True, "true"),
        ("contacts", "hs_email_optout", "FALSE", "false"),
        ("contacts", "date_of_birth", "1980-02-29", "1980-02-29"),
        ("contacts", "date_of_birth", "1430438400000", "2015-05-01"),
        ("contacts", "hs_buying_role", "CHAMPION; BLOCKER;CHAMPION", "CHAMPION;BLOCKER"),
        ("contacts", "hubspot_owner_id", "41", "41"),
        ("contacts", "lifecyclestage", "customer", "customer"),
        ("companies", "domain", "WWW.Acme.COM", "www.acme.com"),
        ("companies", "annualrevenue", "1500.00", "1500.00"),
        ("companies", "annualrevenue", 1.5, "1.5"),
        ("companies", "numberofemployees", "", None),
        ("companies", "city", None, None),
        ("deals", "closedate", "2026-02-28T23:59:59.5+02:00", "2026-02-28T21:59:59.500Z"),
        ("deals", "closedate", 1427997766000, "2015-04-02T18:02:46.000Z"),
        ("deals", "deal_currency_code", "EUR", "EUR"),
    ],
)
async def test_what_is_stored(object: str, name: str, sent: Any, stored: str | None) -> None:
    needed = {"contacts": {"lastname": "x"}, "companies": {"name": "x"}}
    deal = {"dealname": "x", "dealstage": "contractsent"}
    async with portal() as made:
        body = {"properties": {**needed.get(object, deal), name: sent}}
        told = await made.good("POST", f"{V3}/{object}", body)
        assert told["properties"][name] == stored
        assert (await made.read(object, told["id"], name))[name] == stored


@pytest.mark.parametrize(
    ("name", "sent", "code", "said"),
    [
        ("email", "ann@acme", "INVALID_EMAIL", "Email address ann@acme is invalid"),
        ("email", '"ann"@acme.com', "INVALID_EMAIL", "is invalid"),
        ("email", "ann@mail.local", "INVALID_EMAIL", "is invalid"),
        ("hubspotscore", "1,5", "INVALID_INTEGER", "1,5 was not a valid number."),
        ("hs_email_optout", "maybe", "INVALID_OPTION", "allowed options: [true, false]"),
        ("lifecyclestage", "Customer", "INVALID_OPTION", "Customer was not one of the allowed options"),
        ("hs_buying_role", "CHAMPION;NOBODY", "INVALID_OPTION", "NOBODY was not one"),
        ("date_of_birth", "1430438400001", "INVALID_DATE", "is at 0:0:0.1 UTC, not midnight!"),
        ("date_of_birth", "1/1/1", "INVALID_DATE", "was not a valid date"),
        ("hubspot_owner_id", "99", "INVALID_OWNER_ID", "99"),
        ("createdate", "2026-01-01", "READ_ONLY_VALUE", "read only property"),
        ("num_associated_deals", "1", "READ_ONLY_VALUE", "read only property"),
        ("firstname", ["a"], "INVALID_STRING", "was not a valid string"),
        ("message", "x" * 65_537, "PROPERTY_VALUE_TOO_LONG", "65536"),
    ],
)
async def test_what_is_refused(name: str, sent: Any, code: str, said: str) -> None:
    async with portal() as made:
        got = await made.call("POST", f"{V3}/contacts", {"properties": {"lastname": "x", name: sent}})
        assert got.status == 400
        (error,) = got.body["errors"]
        assert (error["code"], error["context"]["propertyName"]) == (code, [name])
        assert said in error["message"]
        assert made.sandbox.people.rows("contacts") == {}


async def test_a_leading_semicolon_appends_and_an_empty_text_clears() -> None:
    async with portal() as made:
        id = (await made.contact(hs_buying_role="CHAMPION", phone="1"))["id"]
        change = {"properties": {"hs_buying_role": ";END_USER;CHAMPION", "phone": ""}}
        told = await made.good("PATCH", f"{V3}/contacts/{id}", change)
        assert told["properties"]["hs_buying_role"] == "CHAMPION;END_USER"
        assert (await made.read("contacts", id, "phone"))["phone"] is None


async def test_null_clears_or_is_ignored() -> None:
    async with portal() as made:
        id = (await made.contact(phone="1", city="Porto"))["id"]
        await made.good("PATCH", f"{V3}/contacts/{id}", {"properties": {"phone": None}})
        made.sandbox.set_quirks(null_clears=False)
        await made.good("PATCH", f"{V3}/contacts/{id}", {"properties": {"city": None}})
        found = await made.read("contacts", id, "phone", "city")
        assert (found["phone"], found["city"]) == (None, "Porto")


async def test_a_lifecycle_stage_never_goes_back_but_by_way_of_nothing() -> None:
    async with portal() as made:
        id = (await made.contact(lifecyclestage="customer"))["id"]

        async def put(stage: str) -> str | None:
            told = await made.good("PATCH", f"{V3}/contacts/{id}", {"properties": {"lifecyclestage": stage}})
            found: str | None = told["properties"]["lifecyclestage"]
            return found

        assert [await put(stage) for stage in ("lead", "evangelist", "", "lead")] == [
            "customer",
            "evangelist",
            None,
            "lead",
        ]
        assert made.sandbox.fired.counts["forward_only"] == 1


async def test_dates_may_read_as_milliseconds() -> None:
    async with portal({"quirks": {"date_as_ms": True}}) as made:
        id = (await made.contact(date_of_birth="2015-05-01"))["id"]
        assert (await made.read("contacts", id, "date_of_birth"))["date_of_birth"] == "1430438400000"


async def test_which_property_holds_the_last_change() -> None:
    async with portal() as made:
        contact, firm = made.person(lastname="x"), made.person("companies", name="Acme")
        for object, id, name in (
            ("contacts", contact, "lastmodifieddate"),
            ("companies", firm, "hs_lastmodifieddate"),
        ):
            got = await made.good("GET", f"{V3}/{object}/{id}")
            assert got["properties"][name] == got["updatedAt"]
            assert got["properties"]["createdate"] == got["createdAt"]
            assert got["properties"]["hs_object_id"] == id


async def test_what_is_worked_out_moves_the_modified_date() -> None:
    async with portal() as made:
        made.sandbox.clock.stop()
        firm, contact = made.person("companies", name="Acme"), made.person(lastname="x")
        made.sandbox.clock.advance(60)
        await made.good("PUT", f"/crm/v4/objects/contacts/{contact}/associations/default/companies/{firm}")
        read = await made.good(
            "GET",
            f"{V3}/companies/{firm}",
            properties="num_associated_contacts",
            propertiesWithHistory="num_associated_contacts",
        )
        assert read["properties"]["num_associated_contacts"] == "1"
        assert read["updatedAt"] > read["createdAt"]
        (version,) = read["propertiesWithHistory"]["num_associated_contacts"]
        assert version["sourceType"] == "CALCULATED"


async def test_a_deal_needs_a_name_and_a_stage_of_its_pipeline() -> None:
    async with portal() as made:
        got = await made.call("POST", f"{V3}/deals", {"properties": {"amount": "1"}})
        assert got.body["errors"][0]["context"] == {"properties": ["dealname", "dealstage"]}
        body = {"label": "Second", "displayOrder": 1, "stages": [stage("early", "0.1")]}
        pipeline = await made.good("POST", "/crm/v3/pipelines/deals", body)
        deal = {"dealname": "x", "dealstage": "early", "pipeline": pipeline["id"]}
        told = await made.good("POST", f"{V3}/deals", {"properties": deal})
        assert told["properties"]["hs_deal_stage_probability"] == "0.1"
        wrong = {"properties": {**deal, "dealstage": "contractsent"}}
        got = await made.call("POST", f"{V3}/deals", wrong)
        assert got.body["errors"][0]["code"] == "INVALID_OPTION"
        del deal["pipeline"]
        got = await made.call("POST", f"{V3}/deals", {"properties": deal})
        assert got.status == 400, "with two pipelines one must be named"


def stage(id: str, probability: str) -> dict[str, Any]:
    """A stage to be."""
    return {"stageId": id, "label": id, "displayOrder": 0, "metadata": {"probability": probability}}


async def test_properties_that_the_app_may_not_see_are_not_there() -> None:
    async with portal({"quirks": {"hide_fields": ["contacts.phone"], "read_only_fields": ["city"]}}) as made:
        id = made.person(lastname="x", phone="1", city="Porto")
        assert await made.read("contacts", id, "phone", "city") == {
            "city": "Porto",
            **await made.read("contacts", id, "city"),
        }
        names = {one["name"] for one in (await made.good("GET", "/crm/v3/properties/contacts"))["results"]}
        assert "phone" not in names
        got = await made.call("PATCH", f"{V3}/contacts/{id}", {"properties": {"phone": "2", "city": "Lille"}})
        assert [one["code"] for one in got.body["errors"]] == ["PROPERTY_DOESNT_EXIST", "READ_ONLY_VALUE"]
        assert set(made.sandbox.fired.counts) >= {"hide_fields"}
