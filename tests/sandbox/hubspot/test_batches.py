"""Batches: all or nothing without trace ids, each on its own with them; what they refuse; what goes wrong."""

from __future__ import annotations

from typing import Any

import pytest

from tests.sandbox.hubspot.portal import V3, Portal, portal

PLACE = f"{V3}/contacts/batch"


def traced(*fields: dict[str, Any]) -> dict[str, Any]:
    """Inputs with trace ids t0, t1, …"""
    return {"inputs": [{"objectWriteTraceId": f"t{n}", "properties": one} for n, one in enumerate(fields)]}


def bare(*fields: dict[str, Any]) -> dict[str, Any]:
    """Inputs without."""
    return {"inputs": [{"properties": one} for one in fields]}


async def test_without_trace_ids_one_bad_input_stops_all() -> None:
    async with portal() as made:
        got = await made.call(
            "POST", f"{PLACE}/create", bare({"lastname": "a"}, {"lastname": "b", "nope": "1"})
        )
        assert (got.status, got.body["category"]) == (400, "VALIDATION_ERROR")
        assert made.sandbox.people.rows("contacts") == {}
        made.person(email="ann@acme.com")
        got = await made.call("POST", f"{PLACE}/create", bare({"lastname": "a"}, {"email": "ann@acme.com"}))
        assert (got.status, got.body["category"]) == (409, "CONFLICT")
        assert len(made.sandbox.people.rows("contacts")) == 1


async def test_with_trace_ids_each_input_stands_alone() -> None:
    async with portal() as made:
        body = traced(
            {"email": "a@acme.com"}, {"email": "A@acme.com"}, {"nope": "1"}, {"email": "b@acme.com"}
        )
        got = await made.call("POST", f"{PLACE}/create", body)
        assert got.status == 207
        assert {one["properties"]["email"] for one in got.body["results"]} == {"a@acme.com", "b@acme.com"}
        told = {one["context"]["objectWriteTraceId"][0]: one["category"] for one in got.body["errors"]}
        assert told == {"t1": "CONFLICT", "t2": "VALIDATION_ERROR"}
        assert got.body["numErrors"] == 2


async def test_results_may_show_their_trace_ids() -> None:
    async with portal({"quirks": {"trace_in_results": True}}) as made:
        got = await made.good("POST", f"{PLACE}/create", traced({"lastname": "a"}, {"lastname": "b"}))
        pairs = {(one["objectWriteTraceId"], one["properties"]["lastname"]) for one in got["results"]}
        assert pairs == {("t0", "a"), ("t1", "b")}


@pytest.mark.parametrize(
    ("what", "body", "said"),
    [
        ("create", bare(*[{"lastname": "x"}] * 101), "at most 100"),
        ("create", {"inputs": None}, "inputs"),
        (
            "update",
            {"inputs": [{"id": "7", "properties": {}}, {"id": "7", "properties": {}}]},
            "Duplicate IDs found",
        ),
        (
            "upsert",
            {"inputs": [{"id": "a", "idProperty": "firstname", "properties": {}}]},
            "non-unique 0-1 property",
        ),
        (
            "create",
            traced({"lastname": "a"}) | {"inputs": traced({"lastname": "a"})["inputs"] * 2},
            "unique in a batch",
        ),
        ("create", bare({"email": "a@b.io"}, {"email": "A@b.io"}), "Duplicate values"),
        ("create", {"inputs": [{"properties": [1]}]}, "must be an object"),
    ],
)
async def test_what_is_refused_whole(what: str, body: Any, said: str) -> None:
    async with portal() as made:
        got = await made.call("POST", f"{PLACE}/{what}", body)
        assert got.status == 400
        assert said in got.body["message"]
        assert made.sandbox.people.rows("contacts") == {}


async def test_ids_that_are_not_there() -> None:
    async with portal() as made:
        id = made.person(lastname="x")
        got = await made.call("POST", f"{PLACE}/read", {"inputs": [{"id": id}, {"id": "7"}, {"id": "8"}]})
        assert got.status == 207
        (error,) = got.body["errors"]
        assert (error["category"], error["context"]) == ("OBJECT_NOT_FOUND", {"ids": ["7", "8"]})
        change = {"inputs": [{"id": id, "properties": {"phone": "1"}}, {"id": "7", "properties": {}}]}
        got = await made.call("POST", f"{PLACE}/update", change)
        assert got.status == 404
        assert (await made.read("contacts", id, "phone"))["phone"] is None
        for place, one in enumerate(change["inputs"]):
            one["objectWriteTraceId"] = str(place)
        got = await made.call("POST", f"{PLACE}/update", change)
        assert (got.status, len(got.body["results"]), got.body["numErrors"]) == (207, 1, 1)
        assert (
            await made.call("POST", f"{PLACE}/archive", {"inputs": [{"id": "7"}, {"id": id}]})
        ).status == 204
        assert made.sandbox.people.rows("contacts") == {}


async def test_upsert_by_a_key_of_ones_own() -> None:
    async with portal() as made:
        one = {
            "id": "k1",
            "idProperty": "syncd_id",
            "properties": {"dealname": "x", "dealstage": "contractsent"},
        }
        first = await made.good("POST", f"{V3}/deals/batch/upsert", {"inputs": [one]})
        second = await made.good("POST", f"{V3}/deals/batch/upsert", {"inputs": [one]})
        assert [t["results"][0]["new"] for t in (first, second)] == [True, False]
        assert first["results"][0]["id"] == second["results"][0]["id"]
        read = {"inputs": [{"id": "k1"}], "idProperty": "syncd_id", "properties": ["dealname"]}
        assert (await made.good("POST", f"{V3}/deals/batch/read", read))["results"][0]["properties"][
            "dealname"
        ] == "x"


async def test_merged_ids_in_batches() -> None:
    async with portal() as made:
        one, other = made.person(lastname="a"), made.person(lastname="b")
        new = await merged(made, one, other)
        got = await made.good("POST", f"{PLACE}/read", {"inputs": [{"id": one}, {"id": other}]})
        assert [found["id"] for found in got["results"]] == [new]
        update = {"inputs": [{"id": one, "properties": {"phone": "1"}}]}
        assert (await made.call("POST", f"{PLACE}/update", update)).status == 404
        made.sandbox.set_quirks(batch_merged=False)
        got = await made.call("POST", f"{PLACE}/read", {"inputs": [{"id": one}]})
        assert (got.status, got.body["results"]) == (207, [])


async def merged(made: Portal, one: str, other: str) -> str:
    """The new record's id."""
    body = {"primaryObjectId": one, "objectIdToMerge": other}
    return str((await made.good("POST", f"{V3}/contacts/merge", body))["id"])


async def test_merges_of_merges() -> None:
    async with portal() as made:
        ids = [made.person(email=f"p{n}@acme.com") for n in range(3)]
        first = await merged(made, ids[0], ids[1])
        last = await merged(made, ids[2], first)
        for old in (*ids, first):
            assert (await made.good("GET", f"{V3}/contacts/{old}"))["id"] == last
        found = await made.read("contacts", last, "hs_merged_object_ids", "email", "hs_additional_emails")
        assert set(found["hs_merged_object_ids"].split(";")) == {*ids, first}
        assert found["email"] == "p2@acme.com"
        assert set(found["hs_additional_emails"].split(";")) == {"p0@acme.com", "p1@acme.com"}
        got = await made.call("POST", f"{V3}/contacts", {"properties": {"email": "P1@acme.com"}})
        assert got.body["message"] == f"Contact already exists. Existing ID: {last}"
        by_mail = await made.good("GET", f"{V3}/contacts/p0@acme.com", idProperty="email")
        assert by_mail["id"] == last
        got = await made.call(
            "POST", f"{V3}/contacts/merge", {"primaryObjectId": last, "objectIdToMerge": last}
        )
        assert got.status == 400


async def test_a_merge_takes_the_associations_along_and_keeps_the_primary_ones() -> None:
    async with portal() as made:
        one, other = made.person(lastname="a"), made.person(lastname="b")
        firms = [made.person("companies", name=name) for name in ("A", "B")]
        primary = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
        for id, firm in zip((one, other), firms, strict=True):
            await made.good("PUT", f"/crm/v4/objects/contacts/{id}/associations/companies/{firm}", primary)
        new = await merged(made, one, other)
        got = await made.good("GET", f"/crm/v4/objects/contacts/{new}/associations/companies")
        types = {
            str(found["toObjectId"]): {t["typeId"] for t in found["associationTypes"]}
            for found in got["results"]
        }
        assert types == {firms[0]: {1, 279}, firms[1]: {279}}
        assert (await made.read("contacts", new, "associatedcompanyid"))["associatedcompanyid"] == firms[0]


async def test_a_merge_may_keep_the_id() -> None:
    async with portal({"quirks": {"merge_keeps_id": True}}) as made:
        one, other = made.person(lastname="a"), made.person(lastname="b", phone="1")
        assert await merged(made, one, other) == one
        assert (await made.good("GET", f"{V3}/contacts/{other}"))["id"] == one
        assert (await made.read("contacts", one, "phone"))["phone"] == "1"


async def test_archived_and_restored() -> None:
    async with portal() as made:
        id = (await made.contact(email="ann@acme.com"))["id"]
        firm = made.person("companies", name="A")
        await made.good("PUT", f"/crm/v4/objects/contacts/{id}/associations/default/companies/{firm}")
        for _ in range(2):
            assert (await made.call("DELETE", f"{V3}/contacts/{id}")).status == 204
        got = await made.good("GET", f"{V3}/contacts/{id}", archived="true")
        assert got["archived"]
        assert got["archivedAt"] >= got["createdAt"]
        links = f"/crm/v4/objects/companies/{firm}/associations/contacts"
        assert (await made.good("GET", links))["results"] == []
        made.sandbox.people.edit("contacts", "restore", id=id)
        assert (await made.good("GET", f"{V3}/contacts/{id}"))["archived"] is False
        assert len((await made.good("GET", links))["results"]) == 1
        await made.call("DELETE", f"{V3}/contacts/{id}")
        twin = (await made.contact(email="ann@acme.com"))["id"]
        assert twin != id
        control = {"object": "contacts", "op": "restore", "id": id}
        assert (await made.client.call("POST", "/_sandbox/edit", control)).status == 400


async def test_walking_a_list_while_records_come_and_go() -> None:
    async with portal() as made:
        ids = [made.person(lastname=str(n)) for n in range(5)]
        first = await made.good("GET", f"{V3}/contacts", limit="2")
        assert first["paging"]["next"]["after"] == ids[2]
        assert "limit=2" in first["paging"]["next"]["link"]
        made.sandbox.people.edit("contacts", "delete", id=ids[2])
        rest = await made.good("GET", f"{V3}/contacts", limit="100", after=ids[2])
        assert [one["id"] for one in rest["results"]] == ids[3:]
        assert "paging" not in rest
        for words in ({"limit": "101"}, {"limit": "51", "propertiesWithHistory": "phone"}, {"after": "x"}):
            assert (await made.call("GET", f"{V3}/contacts", **words)).status == 400


async def test_faults_in_batches() -> None:
    async with portal() as made:
        made.sandbox.arm("partial", rows=[1])
        got = await made.call("POST", f"{PLACE}/create", traced({"lastname": "a"}, {"lastname": "b"}))
        assert (got.status, got.body["errors"][0]["context"]) == (207, {"objectWriteTraceId": ["t1"]})
        made.sandbox.arm("fewer")
        got = await made.call("POST", f"{PLACE}/create", traced({"lastname": "c"}, {"lastname": "d"}))
        assert len(got.body["results"]) == 1
        poison = made.sandbox.arm("poison", field="lastname", value="e")
        got = await made.call("POST", f"{PLACE}/create", traced({"lastname": "e"}, {"lastname": "f"}))
        assert got.status == 400
        poison.release()
        made.sandbox.arm("row_lock")
        got = await made.call("POST", f"{PLACE}/create", traced({"lastname": "g"}))
        assert got.status == 423
        made.sandbox.arm("error_before", status=502)
        assert (await made.call("POST", f"{PLACE}/create", traced({"lastname": "h"}))).status == 502
        made.sandbox.arm("lose_next")
        assert "paging" not in await made.good("GET", f"{V3}/contacts", limit="1")
        made.sandbox.arm("short_page", route="find")
        assert len((await made.search(limit=4))["results"]) == 1, "of three"
        assert made.sandbox.faults.unfired() == []


async def test_what_is_new_may_be_hidden_from_search() -> None:
    async with portal() as made:
        made.person(lastname="a")
        made.sandbox.arm("hide_new", object="contacts")
        made.person(lastname="b")
        assert (await made.search())["total"] == 1
        assert len((await made.good("GET", f"{V3}/contacts"))["results"]) == 2
