"""Webhooks out: signed as the vendor signs, in batches, tried again, of every kind."""

from __future__ import annotations

import asyncio
from typing import Any

import orjson
import pytest
from hubspot.utils.signature import Signature

from connectors.hubspot.sandbox import signing
from tests.sandbox.hubspot.portal import V3, Portal, listening, portal

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URI = "https://www.example.com/webhook_uri"
EVENT = b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
EVENT += b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM",'
EVENT += b'"changeFlag":"NEW","appId":54321}]'


@pytest.mark.parametrize(
    ("stamp", "signature"),
    [
        (1693657560000, "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
        (1700000300000, "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="),
    ],
)
def test_v3_is_the_vendors(stamp: int, signature: str) -> None:
    assert signing.v3(SECRET, "POST", URI, b"{'example_field':'example_value'}", stamp) == signature


def test_v1_and_v2_are_the_vendors() -> None:
    v1 = "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"
    assert signing.v1(SECRET, EVENT) == v1
    v2 = "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"
    assert signing.v2(SECRET, "POST", URI, b'{"example_field":"example_value"}') == v2
    bare = "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"
    assert signing.v2(SECRET, "GET", URI, b"") == bare


@pytest.mark.parametrize("escape", ["3A", "2F", "3F", "40", "21", "24", "27", "28", "29", "2A", "2C", "3B"])
def test_some_escapes_of_a_uri_are_undone(escape: str) -> None:
    plain = bytes.fromhex(escape).decode()
    for written in (escape, escape.lower()):
        assert signing.decoded(f"https://x.io/a?b=1%{written}2") == f"https://x.io/a?b=1{plain}2"


@pytest.mark.parametrize("escape", ["20", "25", "26", "3D", "23", "2B", "C3%A9"])
def test_others_stay(escape: str) -> None:
    assert signing.decoded(f"https://x.io/a?b=%{escape}") == f"https://x.io/a?b=%{escape}"


async def test_deliveries_carry_signatures_that_the_vendors_client_takes() -> None:
    async with portal() as made, listening(made) as ear:
        made.person(lastname="Björn")
        await ear.until(1)
        headers, body = ear.deliveries[0]
        given, at = headers["X-HubSpot-Signature-v3"], headers["X-HubSpot-Request-Timestamp"]
        known = {"client_secret": SECRET, "request_body": body.decode(), "http_uri": ear.url}
        assert Signature.is_valid(given, signature_version="v3", timestamp=at, **known)
        old = headers["X-HubSpot-Signature"]
        assert Signature.is_valid(old, SECRET, body.decode(), signature_version="v1")
        assert headers["X-HubSpot-Signature-Version"] == "v1"


async def test_a_uri_with_escapes_is_signed_half_decoded() -> None:
    async with portal() as made, listening(made, "/hook?to=a%3Ab%20c") as ear:
        made.person(lastname="x")
        await ear.until(1)
        headers, body = ear.deliveries[0]
        at = headers["X-HubSpot-Request-Timestamp"]
        signed = ear.url.replace("%3A", ":")
        assert (
            Signature.get_signature(SECRET, body.decode(), "v3", signed, "POST", at)
            == (headers["X-HubSpot-Signature-v3"])
        )


@pytest.mark.parametrize("version", ["v1", "v2"])
async def test_older_signatures(version: str) -> None:
    async with portal() as made, listening(made, signature=version) as ear:
        made.person(lastname="x")
        await ear.until(1)
        headers, body = ear.deliveries[0]
        assert headers["X-HubSpot-Signature-Version"] == version
        assert "X-HubSpot-Signature-v3" not in headers
        words = {"http_uri": ear.url, "signature_version": version}
        assert Signature.is_valid(headers["X-HubSpot-Signature"], SECRET, body.decode(), **words)


async def test_what_events_say() -> None:
    async with portal() as made, listening(made) as ear:
        told = await made.contact(email="ann@acme.com")
        await made.client.control("edit", object="contacts", id=told["id"], fields={"firstname": "Ann"})
        await made.sandbox.webhooks.idle.wait()
        (created,) = ear.of("contact.creation")
        assert (
            created.items()
            >= {
                "portalId": 62515,
                "appId": 54321,
                "attemptNumber": 0,
                "objectId": int(told["id"]),
                "changeFlag": "CREATED",
                "changeSource": "INTEGRATION",
                "sourceId": "54321",
            }.items()
        )
        changes = {
            (one["propertyName"], one["propertyValue"]): one for one in ear.of("contact.propertyChange")
        }
        assert changes["email", "ann@acme.com"]["changeSource"] == "INTEGRATION"
        assert changes["hs_email_domain", "acme.com"]["changeSource"] == "CALCULATED"
        assert changes["firstname", "Ann"]["sourceId"] == "userId:2620022"
        assert "lastmodifieddate" not in {name for name, _ in changes}


async def test_a_burst_goes_out_in_hundreds() -> None:
    async with portal() as made, listening(made, kinds=["creation"]) as ear:
        for n in range(250):
            made.person(lastname=str(n))
        await made.sandbox.webhooks.idle.wait()
        assert sorted(len(orjson.loads(body)) for _, body in ear.deliveries) == [50, 100, 100]
        assert len({one["objectId"] for one in ear.events}) == 250


async def test_what_is_refused_comes_again_with_its_attempt() -> None:
    async with portal() as made, listening(made, kinds=["creation"]) as ear:
        clock = made.sandbox.clock
        clock.stop()
        ear.refuse = 2
        made.person(lastname="x")
        for attempt in (1, 2, 3):
            await ear.until(attempt)
            await waiting(made)
            clock.advance(300)
        assert [one["attemptNumber"] for one in ear.events] == [0, 1, 2]
        assert len({one["eventId"] for one in ear.events}) == 1
        await made.sandbox.webhooks.idle.wait()


async def waiting(made: Portal) -> None:
    """Let the sandbox go on until it waits for its clock, or is done."""
    hooks = made.sandbox.webhooks
    async with asyncio.timeout(10):
        while not (hooks.waiting or hooks.idle.is_set()):
            await asyncio.sleep(0)


async def test_after_ten_more_attempts_within_a_day_it_is_given_up() -> None:
    async with portal() as made, listening(made, kinds=["creation"]) as ear:
        clock, begun = made.sandbox.clock, made.sandbox.clock.monotonic()
        clock.stop()
        ear.refuse = 99
        made.person(lastname="x")
        for attempt in range(10):
            await ear.until(attempt + 1)
            await waiting(made)
            clock.advance(60 * 2**attempt * 1.2)
        await made.sandbox.webhooks.idle.wait()
        assert [one["attemptNumber"] for one in ear.events] == list(range(11))
        assert clock.monotonic() - begun < 26 * 3600


async def test_doubled_and_dropped_deliveries() -> None:
    async with portal({"webhooks": {"duplicate": 3, "drop": 4}}) as made:
        async with listening(made, kinds=["creation"]) as ear:
            ids = []
            for n in range(8):
                ids.append(made.person(lastname=str(n)))
                await made.sandbox.webhooks.idle.wait()
            await ear.until(8)
            counts = [sum(one["objectId"] == int(id) for one in ear.events) for id in ids]
        assert counts == [1, 1, 2, 0, 1, 2, 1, 0]
        assert made.sandbox.fired.counts["webhook_drop"] == 2


@pytest.mark.parametrize("at_once", [1, 10])
async def test_a_reordered_delivery_goes_after_its_successor(at_once: int) -> None:
    async with portal({"webhooks": {"reorder": 1}}) as made:
        async with listening(made, kinds=["creation"], at_once=at_once) as ear:
            made.person(lastname="alone")
            await made.sandbox.webhooks.idle.wait()
            assert made.sandbox.fired.counts["webhook_reorder"] == 0, "it has no successor"
            ids = [int(made.person(lastname=str(n))) for n in range(200)]
            await made.sandbox.webhooks.idle.wait()
        assert [one["objectId"] for one in ear.events[1:]] == ids[100:] + ids[:100]
        assert made.sandbox.fired.counts["webhook_reorder"] == 1


async def test_merge_deletion_restore_and_privacy() -> None:
    async with portal() as made, listening(made) as ear:
        one, other = made.person(email="a@acme.com"), made.person(email="b@acme.com", phone="1")
        merged = await made.good(
            "POST", f"{V3}/contacts/merge", {"primaryObjectId": one, "objectIdToMerge": other}
        )
        await made.call("DELETE", f"{V3}/contacts/{merged['id']}")
        made.sandbox.people.edit("contacts", "restore", id=merged["id"])
        await made.call(
            "POST", f"{V3}/contacts/gdpr-delete", {"objectId": "a@acme.com", "idProperty": "email"}
        )
        await made.sandbox.webhooks.idle.wait()
        (merge,) = ear.of("contact.merge")
        assert merge["primaryObjectId"] == int(one)
        assert merge["mergedObjectIds"] == [int(other)]
        assert merge["newObjectId"] == int(merged["id"])
        assert merge["numberOfPropertiesMoved"] > 0
        assert len(ear.of("contact.deletion")) == 2, "a privacy deletion tells a deletion, too"
        assert len(ear.of("contact.restore")) == len(ear.of("contact.privacyDeletion")) == 1
        assert (await made.call("GET", f"{V3}/contacts/{merged['id']}")).status == 404
        assert (await made.call("GET", f"{V3}/contacts/{one}")).status == 404


async def test_a_primary_association_tells_twice_from_each_end() -> None:
    async with portal() as made:
        contact, firm = made.person(lastname="x"), made.person("companies", name="Acme")
        async with listening(made, kinds=["associationChange"]) as ear:
            path = f"/crm/v4/objects/contacts/{contact}/associations/companies/{firm}"
            specs = [{"associationCategory": "HUBSPOT_DEFINED", "associationTypeId": 1}]
            await made.good("PUT", path, specs)
            await made.good("DELETE", path)
            await made.sandbox.webhooks.idle.wait()
        told = [
            (one["associationRemoved"], one["isPrimaryAssociation"])
            for one in ear.of("contact.associationChange")
        ]
        assert sorted(told) == [(False, False), (False, True), (True, False), (True, True)]
        event = ear.of("company.associationChange")[0]
        assert event["associationType"] == "COMPANY_TO_CONTACT"
        assert (event["fromObjectId"], event["toObjectId"]) == (int(firm), int(contact))


async def test_subscriptions_by_the_api_of_a_public_app() -> None:
    async with portal() as made, listening(made, subscribe=False) as ear:
        key, base = {"hapikey": "developer-key"}, "/webhooks/v3/54321"
        assert (await made.call("GET", f"{base}/settings")).status == 401
        settings = {"targetUrl": ear.url, "throttling": {"maxConcurrentRequests": 10}}
        await made.good("PUT", f"{base}/settings", settings, **key)

        async def subscribe(event: str, **words: Any) -> Any:
            body = {"eventType": event, "active": True, **words}
            return await made.call("POST", f"{base}/subscriptions", body, **key)

        wanted = await subscribe("contact.propertyChange", propertyName="phone")
        await subscribe("object.creation", objectTypeId="2-3057700")
        assert (await subscribe("contact.propertyChange", propertyName="lastmodifieddate")).status == 400
        assert (await subscribe("lead.creation")).status == 400
        made.person(lastname="x", phone="1")
        made.person("machines", serial_number="S1")
        await made.sandbox.webhooks.idle.wait()
        types = [(one["subscriptionType"], one.get("propertyValue")) for one in ear.events]
        assert sorted(types, key=str) == [("contact.propertyChange", "1"), ("object.creation", None)]
        assert ear.of("contact.propertyChange")[0]["subscriptionId"] == int(wanted.body["id"])
        assert ear.of("object.creation")[0]["objectTypeId"] == "2-3057700"
        paused = await made.good(
            "PATCH", f"{base}/subscriptions/{wanted.body['id']}", {"active": False}, **key
        )
        assert paused["active"] is False
        made.person(lastname="y", phone="2")
        assert made.sandbox.webhooks.idle.is_set()


async def test_sensitive_values_are_not_told() -> None:
    fields = {"contacts": {"diagnosis": {"sensitivity": "sensitive", "group": "contactinformation"}}}
    async with portal({"fields": fields}) as made, listening(made, kinds=["propertyChange"]) as ear:
        made.person(diagnosis="flu")
        await made.sandbox.webhooks.idle.wait()
        (event,) = [one for one in ear.events if one["propertyName"] == "diagnosis"]
        assert (event["propertyValue"], event["isSensitive"]) == ("REDACTED", True)
