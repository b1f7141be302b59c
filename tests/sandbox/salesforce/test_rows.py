"""Rows over REST: ids of both lengths, conditional calls, keys, parents by theirs, describe, collections."""

from __future__ import annotations

from collections.abc import AsyncIterator
from email.utils import format_datetime
from typing import Any
from urllib.parse import quote

import pytest
from yarl import URL

from connectors.salesforce.sandbox import ids
from connectors.sandboxes.shape import Refusal
from tests.sandbox.salesforce.clients import Org, org

CONTACT = {"attributes": {"type": "Contact"}}


@pytest.fixture
async def crm() -> AsyncIterator[Org]:
    async with org() as made:
        made.sandbox.clock.stop()
        yield made


@pytest.mark.parametrize("whole", ["0122a000000PCxAAAW", "003q000000KvQ1tAAF", "00128000004ffFXAAY"])
def test_the_suffix_of_an_id(whole: str) -> None:
    """Ids of real orgs."""
    assert ids.whole(whole[:15]) == whole
    assert ids.read(whole.lower()[:15] + whole[15:]) == whole, "the suffix brings the lost case back"
    assert ids.read(whole[:14]) is None


async def test_versions_and_resources(crm: Org) -> None:
    versions = {one["version"]: one["label"] for one in (await crm.get("/services/data")).body}
    assert (versions["60.0"], versions["62.0"]) == ("Spring '24", "Winter '25")
    assert (await crm.get("")).body["sobjects"] == "/services/data/v62.0/sobjects"
    for path in ("/services/data/v9.0/limits", "/services/data/v62.0/nonsense"):
        got = await crm.get(path)
        assert (got.status, got.code) == (404, "NOT_FOUND")
    got = await crm.call("PUT", "sobjects/Contact", {})
    assert (got.status, got.code) == (405, "METHOD_NOT_ALLOWED")
    assert (await crm.get("query", q="x" * 17_000)).status == 414


async def test_both_lengths_of_an_id(crm: Org) -> None:
    id = crm.made("Contact", LastName="Li")
    for given in (id, id[:15]):
        got = await crm.get(f"sobjects/Contact/{given}", fields="Id,Name")
        assert got.body == {"attributes": got.body["attributes"], "Id": id, "Name": "Li"}
    assert (await crm.get(f"sobjects/contact/{id}")).status == 200
    for given, status, code in ((id[:14], 404, "NOT_FOUND"), ("003gK0000000ZZZ", 404, "NOT_FOUND")):
        got = await crm.get(f"sobjects/Contact/{given}")
        assert (got.status, got.code) == (status, code)
    got = await crm.call("PATCH", "sobjects/Contact/003gK0000000ZZZ", {"Title": "x"})
    assert (got.status, got.code) == (404, "INVALID_CROSS_REFERENCE_KEY")
    assert (await crm.call("PATCH", "sobjects/Contact/x", {"Title": "x"})).code == "MALFORMED_ID"
    got = await crm.call("PATCH", f"sobjects/Contact/{id}", {"Id": id})
    assert got.said == "The Id field should not be specified in the sobject data."


async def test_only_if_it_did_not_move(crm: Org) -> None:
    id = crm.made("Contact", LastName="Li")
    read = crm.sandbox.clock.now()
    when = {"If-Unmodified-Since": format_datetime(read.replace(microsecond=0), usegmt=True)}
    path = f"sobjects/Contact/{id}"
    assert (await crm.call("PATCH", path, {"Title": "a"}, headers=when)).status == 204
    crm.sandbox.clock.advance(1)
    crm.edit("Contact", id, fields={"Title": "b"})
    got = await crm.call("PATCH", path, {"Title": "c"}, headers=when)
    assert (got.status, got.code) == (412, "ENTITY_FAILED_IFLASTMODIFIED_ON_UPDATE")
    assert crm.sandbox.people.rows("Contact")[id].fields["Title"] == "b"
    assert (await crm.call("GET", path, headers=when)).status == 412
    since = {"If-Modified-Since": when["If-Unmodified-Since"]}
    assert (await crm.call("GET", path, headers=since)).status == 200
    since = {"If-Modified-Since": (await crm.get(path)).headers["Last-Modified"]}
    assert (await crm.call("GET", path, headers=since)).status == 304
    bad = {"If-Unmodified-Since": "soon"}
    assert (await crm.call("PATCH", path, {"Title": "c"}, headers=bad)).status == 400


async def test_only_accounts_have_etags(crm: Org) -> None:
    firm, person = crm.made("Account", Name="A"), crm.made("Contact", LastName="L")
    tag = (await crm.get(f"sobjects/Account/{firm}")).headers["ETag"]
    assert "ETag" not in (await crm.get(f"sobjects/Contact/{person}")).headers
    headers = {"If-Match": tag}
    assert (await crm.call("GET", f"sobjects/Account/{firm}", headers={"If-None-Match": tag})).status == 304
    assert (await crm.call("PATCH", f"sobjects/Account/{firm}", {"Name": "B"}, headers=headers)).status == 204
    assert (await crm.call("PATCH", f"sobjects/Account/{firm}", {"Name": "C"}, headers=headers)).status == 412
    got = await crm.call(
        "PATCH", f"sobjects/Contact/{person}", {"LastName": "B"}, headers={"If-Match": '"x"'}
    )
    assert got.status == 204, "elsewhere it is ignored"


async def test_parents_by_a_key_of_theirs(crm: Org) -> None:
    firm = crm.made("Account", Name="A", Syncd_Id__c="a/1")
    body = {"LastName": "L", "Account": {"Syncd_Id__c": "A/1"}}
    made = await crm.call("POST", "sobjects/Contact", body)
    assert crm.sandbox.people.rows("Contact")[made.body["id"]].fields["AccountId"] == firm
    got = await crm.call("POST", "sobjects/Contact", {"LastName": "L", "Account": {"Syncd_Id__c": "b"}})
    assert got.said == "Foreign key external ID: b not found for field Syncd_Id__c in entity Account"


@pytest.mark.parametrize("key", ["plain", "a/b", "50% & more?", "ünï+code", "x y"])
async def test_upsert_by_any_key(crm: Org, key: str) -> None:
    url = URL(f"/services/data/v62.0/sobjects/Contact/Syncd_Id__c/{quote(key, safe='')}", encoded=True)
    told = []
    for name in ("A", "B"):
        async with crm.http.patch(url, json={"LastName": name}) as got:
            told.append((got.status, (await got.json())["created"]))
    assert told == [(201, True), (200, False)]
    (row,) = crm.sandbox.people.rows("Contact").values()
    assert (row.fields["LastName"], row.fields["Syncd_Id__c"]) == ("B", key)
    async with crm.http.get(url) as got:
        assert (await got.json())["Id"] == row.id
    only = URL(f"{url}x?updateOnly=true", encoded=True)
    async with crm.http.patch(only, json={"LastName": "C"}) as got:
        assert got.status == 404
    async with crm.http.patch(url, json={"LastName": "C", "Syncd_Id__c": key}) as got:
        assert (await got.json())[0]["errorCode"] == "INVALID_FIELD"
    async with crm.http.delete(url) as got:
        assert (got.status, row.deleted) == (204, True)


async def test_unique_keys_ignore_case_and_the_deleted(crm: Org) -> None:
    first = crm.made("Contact", LastName="A", Syncd_Id__c="Key")
    got = await crm.call("POST", "sobjects/Contact", {"LastName": "B", "Syncd_Id__c": "KEY"})
    said = f"duplicate value found: Syncd_Id__c duplicates value on record with id: {first[:15]}"
    assert (got.status, got.code, got.said) == (400, "DUPLICATE_VALUE", said)
    crm.edit("Contact", first, "delete")
    assert (await crm.call("POST", "sobjects/Contact", {"LastName": "B", "Syncd_Id__c": "KEY"})).status == 201
    with pytest.raises(Refusal, match="duplicate value found"):
        crm.edit("Contact", first, "restore")


async def test_describe_is_asked_only_when_it_changed(crm: Org) -> None:
    got = await crm.get("sobjects/Lead/describe")
    crm.sandbox.clock.advance(5)
    since = {
        "If-Modified-Since": format_datetime(crm.sandbox.clock.now().replace(microsecond=0), usegmt=True)
    }
    assert (await crm.call("GET", "sobjects/Lead/describe", headers=since)).status == 304
    crm.sandbox.clock.advance(5)
    await crm.control("schema", object="Lead", field="New__c", shape={"type": "double", "scale": 1})
    new = await crm.call("GET", "sobjects/Lead/describe", headers=since)
    added = {one["name"]: one for one in new.body["fields"]}.keys() - {
        one["name"] for one in got.body["fields"]
    }
    assert added == {"New__c"}
    status = next(one for one in new.body["fields"] if one["name"] == "Status")
    assert (status["type"], status["defaultedOnCreate"], status["nillable"]) == ("picklist", True, False)
    assert "Open - Not Contacted" in [one["value"] for one in status["picklistValues"]]
    address = {one["name"] for one in new.body["fields"] if one["compoundFieldName"] == "Address"}
    assert {"Street", "City", "PostalCode"} <= address


async def many(crm: Org, method: str, path: str, *records: Any, strict: bool = False) -> Any:
    return (await crm.call(method, path, {"allOrNone": strict, "records": list(records)})).body


async def test_a_collection_gives_each_record_its_result(crm: Org) -> None:
    made = await many(
        crm,
        "POST",
        "composite/sobjects",
        {**CONTACT, "LastName": "A"},
        {**CONTACT, "LastName": "B", "Nope": 1},
        {"attributes": {"type": "Account"}, "Name": "C"},
        {"attributes": {"type": "Nope"}, "Name": "C"},
        {**CONTACT, "LastName": "D", "AccountId": "001gK0000000ZZZ"},
    )
    codes = [one["errors"][0]["statusCode"] if one["errors"] else one["id"][:3] for one in made]
    cross = "INSUFFICIENT_ACCESS_ON_CROSS_REFERENCE_ENTITY"
    assert codes == ["003", "INVALID_FIELD", "001", "INVALID_TYPE", cross]
    changed = await many(
        crm,
        "PATCH",
        "composite/sobjects",
        {**CONTACT, "Id": made[0]["id"][:15], "Title": "x"},
        {**CONTACT, "id": "003gK0000000ZZZ", "Title": "x"},
        {**CONTACT, "Title": "x"},
    )
    assert [one["success"] for one in changed] == [True, False, False]
    assert changed[0]["id"] == made[0]["id"]
    wanted = ",".join([made[0]["id"], "003gK0000000ZZZ"])
    read = await crm.get("composite/sobjects/Contact", ids=wanted, fields="Id,Title")
    assert [one and one["Title"] for one in read.body] == ["x", None]
    body = {"ids": [made[0]["id"]], "fields": ["Name"]}
    assert (await crm.call("POST", "composite/sobjects/Contact", body)).body[0]["Name"] == "A"
    gone = await crm.call("DELETE", f"composite/sobjects?allOrNone=false&ids={wanted}")
    assert [one["success"] for one in gone.body] == [True, False]


async def test_all_or_none(crm: Org) -> None:
    records = [{**CONTACT, "LastName": "A"}, {**CONTACT}]
    made = await many(crm, "POST", "composite/sobjects", *records, strict=True)
    assert [one["errors"][0]["statusCode"] for one in made] == [
        "ALL_OR_NONE_OPERATION_ROLLED_BACK",
        "REQUIRED_FIELD_MISSING",
    ]
    assert crm.sandbox.people.rows("Contact") == {}
    assert crm.sandbox.journal.changes == []
    assert (await crm.rows("SELECT Id FROM Contact WHERE SystemModstamp > 2020-01-01T00:00:00Z")) == []


async def test_what_fails_a_whole_collection(crm: Org) -> None:
    poison = {**CONTACT, "LastName": "A", "Birthdate": "soon"}
    got = await crm.call("POST", "composite/sobjects", {"records": [{**CONTACT, "LastName": "B"}, poison]})
    assert (got.status, got.code) == (400, "JSON_PARSER_ERROR")
    got = await crm.call("POST", "composite/sobjects", {"records": [{**CONTACT, "LastName": "B"}] * 201})
    assert got.status == 400
    mixed = [{**CONTACT, "LastName": "B"}, {"attributes": {"type": "Account"}, "Name": "C"}] * 6
    assert (
        await crm.call("POST", "composite/sobjects", {"records": mixed})
    ).code == "EXCEEDED_MAX_TYPES_LIMIT"
    assert crm.sandbox.people.rows("Contact") == {}


async def test_faults_in_collections(crm: Org) -> None:
    records = [{**CONTACT, "LastName": f"n{n}"} for n in range(4)]
    crm.sandbox.arm("partial", rows=[1], code="UNABLE_TO_LOCK_ROW")
    made = await many(crm, "POST", "composite/sobjects", *records)
    assert [one["success"] for one in made] == [True, False, True, True]
    crm.sandbox.arm("fewer", count=2)
    assert len(await many(crm, "POST", "composite/sobjects", *records)) == 2
    crm.sandbox.arm("poison", field="LastName", value="n3")
    got = await crm.call("POST", "composite/sobjects", {"records": records})
    assert (got.status, got.code) == (400, "JSON_PARSER_ERROR")
    crm.sandbox.arm("row_lock", ids=[made[0]["id"]])
    updates = [{**CONTACT, "Id": made[place]["id"], "Title": "x"} for place in (0, 2)]
    locked = await many(crm, "PATCH", "composite/sobjects", *updates)
    assert [one["success"] for one in locked] == [False, True]
    assert locked[0]["errors"][0]["statusCode"] == "UNABLE_TO_LOCK_ROW"
    assert [fault.fired for fault in crm.sandbox.faults.armed] == [1, 1, 1, 1]


async def test_the_same_key_twice_in_one_collection(crm: Org) -> None:
    records = [{**CONTACT, "LastName": name, "Syncd_Id__c": name} for name in ("k", "K", "other")]
    made = await many(crm, "PATCH", "composite/sobjects/Contact/Syncd_Id__c", *records)
    assert [one["success"] for one in made] == [False, False, True]
    assert made[1]["errors"] == [
        {
            "statusCode": "DUPLICATE_VALUE",
            "message": "Duplicate external id specified: K",
            "fields": ["Syncd_Id__c"],
        }
    ]
