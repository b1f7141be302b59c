"""HubSpot's webhooks: the published signatures, and what each kind of event names."""

from __future__ import annotations

from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson
import pytest
from pydantic import ValidationError

from connectors.base import Delivery, ObjectSpec, Refused
from connectors.hubspot import HubSpotConnector, signatures
from connectors.hubspot.options import HubSpotOptions
from connectors.hubspot.sandbox import signing
from syncd.core.nouns import Change, Op

SECRET = "yyyyyyyy-yyyy-yyyy-yyyy-yyyyyyyyyyyy"
URI = "https://www.example.com/webhook_uri"
NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
DAY = timedelta(days=1)
OBJECTS = [
    ObjectSpec("contacts", ("firstname", "email"), "syncd_id"),
    ObjectSpec("company", ("name",)),
    ObjectSpec("0-3", ("dealname",)),
    ObjectSpec("2-77", ("name",)),
]
FIRST = (
    b'[{"eventId":1,"subscriptionId":12345,"portalId":62515,"occurredAt":1564113600000,'
    b'"subscriptionType":"contact.creation","attemptNumber":0,"objectId":123,"changeSource":"CRM",'
    b'"changeFlag":"NEW","appId":54321}]'
)
REAL = (
    b'[{"eventId":3944863254,"subscriptionId":3327050,"portalId":49532047,"appId":9318066,'
    b'"occurredAt":1742175136625,"subscriptionType":"contact.creation","attemptNumber":7,'
    b'"objectId":106500991877,"changeFlag":"CREATED","changeSource":"INTEGRATION","sourceId":"9318066"}]'
)


def made(**words: Any) -> HubSpotConnector:
    told = {"auth": {"token": "x"}, "webhooks": {"secret": SECRET, **words}}
    return HubSpotConnector("hub", told, OBJECTS)


def delivery(body: bytes, at: datetime = NOW, version: Any = "v3", uri: str = URI) -> Delivery:
    """A body as HubSpot sends it to an address."""
    headers = signing.headers(version, SECRET, uri, body, int(at.timestamp() * 1000))
    host, slash, path = uri.removeprefix("https://").partition("/")
    told = {name.lower(): value for name, value in headers.items()} | {"host": host}
    return Delivery("POST", slash + path, {}, told, body, at)


def event(kind: str, **words: Any) -> dict[str, Any]:
    at = int(NOW.timestamp() * 1000)
    return {"subscriptionType": kind, "portalId": 62515, "occurredAt": at, "eventId": 1, **words}


def told(*events: Mapping[str, Any], connector: HubSpotConnector | None = None) -> list[tuple[str, str, Op]]:
    """(object, id, op) that a delivery with these events names."""
    connector = connector or made()
    return [(c.object, c.remote_id, c.op) for c in connector.receive(delivery(orjson.dumps(list(events))))]


def refusal(body: bytes, connector: HubSpotConnector | None = None, **more: Any) -> str:
    with pytest.raises(Refused) as caught:
        (connector or made()).receive(delivery(body, **more))
    return caught.value.reason


@pytest.mark.parametrize(
    ("sent", "signature"),
    [
        (1693657560000, "K36dawei4A+QBNolUOqo7s91KQDWQ5MXZ/QufNYuk/Y="),
        (1700000300000, "RnbPH7+UMKVkbV32P8bz450N4M56aPmcru1+D3kSDtw="),
    ],
)
def test_the_vectors_of_v3(sent: int, signature: str) -> None:
    body = b"{'example_field':'example_value'}"
    assert signatures.v3(SECRET, "POST", URI, body, str(sent)) == signature
    at = datetime.fromtimestamp(sent / 1000, UTC)
    headers = {
        "host": "www.example.com",
        "x-hubspot-signature-v3": signature,
        "x-hubspot-request-timestamp": str(sent),
    }
    found = []
    for age in (0, 299, 301, -301):
        with pytest.raises(Refused) as caught:
            made().receive(Delivery("POST", "/webhook_uri", {}, headers, body, at + timedelta(seconds=age)))
        found.append(caught.value.reason)
    assert found == ["malformed", "malformed", "stale", "stale"], "believed, for five minutes; but no JSON"


def test_the_vectors_of_v1_and_v2() -> None:
    assert signatures.v1(SECRET, FIRST) == "232db2615f3d666fe21a8ec971ac7b5402d33b9a925784df3ca654d05f4817de"
    body = b'{"example_field":"example_value"}'
    post = "9569219f8ba981ffa6f6f16aa0f48637d35d728c7e4d93d0d52efaa512af7900"
    get = "eee2dddcc73c94d699f5e395f4b9d454a069a6855fbfa152e91e88823087200e"
    assert signatures.v2(SECRET, "POST", URI, body) == post
    assert signatures.v2(SECRET, "GET", URI, b"") == get


def test_the_escapes_that_are_undone() -> None:
    every = "https://x/%3A%2F%3F%40%21%24%27%28%29%2A%2C%3B%20%25%3d"
    assert signatures.undone(every) == "https://x/:/?@!$'()*,;%20%25%3d"


def test_a_real_payload() -> None:
    (change,) = made().receive(delivery(REAL, datetime.fromtimestamp(1742175140, UTC)))
    assert (change.object, change.remote_id, change.op) == ("contacts", "106500991877", Op.TOUCH)
    assert change.fields == {}


@pytest.mark.parametrize(
    ("kind", "words", "named"),
    [
        ("contact.creation", {"objectId": 7}, [("contacts", "7", Op.TOUCH)]),
        ("contact.deletion", {"objectId": 7}, [("contacts", "7", Op.DELETE)]),
        ("contact.privacyDeletion", {"objectId": 7}, [("contacts", "7", Op.DELETE)]),
        ("company.restore", {"objectId": "7"}, [("company", "7", Op.TOUCH)]),
        ("contact.propertyChange", {"objectId": 7, "propertyName": "email"}, [("contacts", "7", Op.TOUCH)]),
        ("contact.propertyChange", {"objectId": 7, "propertyName": "jobtitle"}, []),
        (
            "deal.merge",
            {"primaryObjectId": 1, "mergedObjectIds": [2, 3], "newObjectId": 4},
            [("0-3", id, Op.TOUCH) for id in "1234"],
        ),
        ("object.creation", {"objectId": 7, "objectTypeId": "2-77"}, [("2-77", "7", Op.TOUCH)]),
        ("object.creation", {"objectId": 7, "objectTypeId": "0-1"}, [("contacts", "7", Op.TOUCH)]),
        (
            "contact.associationChange",
            {"associationType": "CONTACT_TO_COMPANY", "fromObjectId": 1, "toObjectId": 2},
            [("contacts", "1", Op.TOUCH), ("company", "2", Op.TOUCH)],
        ),
        (
            "ticket.associationChange",
            {"associationType": "TICKET_TO_CONTACT", "fromObjectId": 1, "toObjectId": 2},
            [("contacts", "2", Op.TOUCH)],
        ),
        ("contact.somethingNew", {"objectId": 7}, []),
    ],
)
def test_what_events_name(kind: str, words: dict[str, Any], named: list[Any]) -> None:
    assert told(event(kind, **words)) == named


def test_each_record_is_named_once() -> None:
    many = [event("contact.propertyChange", objectId=n % 3, propertyName="email") for n in range(100)]
    assert told(*many) == [("contacts", str(n), Op.TOUCH) for n in range(3)]


def test_what_names_nothing_of_ours() -> None:
    body = orjson.dumps([event("ticket.creation", objectId=1), event("conversation.newMessage")])
    assert refusal(body) == "unknown"
    assert refusal(orjson.dumps([event("object.creation", objectTypeId="2-78", objectId=1)])) == "unknown"
    mixed = [event("ticket.creation", objectId=1), event("deal.creation", objectId=2)]
    assert told(*mixed) == [("0-3", "2", Op.TOUCH)]


@pytest.mark.parametrize("id", [None, True, 1.5, "x", "", -1, {"a": 1}, [], "1" * 21, "７"])
def test_what_can_be_no_id(id: Any) -> None:
    assert refusal(orjson.dumps([event("contact.creation", objectId=id)])) == "malformed"


@pytest.mark.parametrize(
    "odd",
    [
        event("deal.merge", primaryObjectId=1, mergedObjectIds=[2]),
        event("contact.associationChange", associationType="CONTACT_TO_COMPANY", fromObjectId=1),
        event("contact"),
        "odd",
        None,
    ],
)
def test_an_odd_event_keeps_no_other_back(odd: Any) -> None:
    connector = made()
    connector.client.now = lambda: NOW
    assert refusal(orjson.dumps([odd]), connector) == "malformed"
    assert connector.notes() == []
    good = [event("contact.propertyChange", objectId=n, propertyName="email") for n in range(99)]
    assert told(*good[:50], odd, *good[50:], connector=connector) == [
        ("contacts", str(n), Op.TOUCH) for n in range(99)
    ]
    (note,) = connector.notes()
    assert note.startswith("1 events of webhooks could not be read")
    connector.client.now = lambda: NOW + 2 * DAY
    assert connector.notes() == []


def test_the_address_may_be_configured() -> None:
    """A proxy shows another host and path than those that HubSpot signed."""
    uri = "https://hooks.example/hubspot?tag=%C3%A9%2Fx"
    sound = delivery(FIRST, uri=uri)
    seen = Delivery("POST", "/hooks/hub", {}, {**sound.headers, "host": "10.0.0.7:8687"}, FIRST, NOW)
    assert len(made(url=uri).receive(seen)) == 1
    with pytest.raises(Refused, match="compare secret and url"):
        made().receive(seen)


@pytest.mark.parametrize(
    "target", ["/hub?tag=a+b", "/hub?bare", "/hub?a=1&a=2", "/hub?a=%2F%c3%a9", "/a%20b?x=~*"]
)
def test_the_address_is_signed_as_it_was_sent(target: str) -> None:
    sound = delivery(FIRST, uri=f"https://hooks.example{target}")
    parts = urlsplit(target)
    query = dict(parse_qsl(parts.query, keep_blank_values=True))
    seen = Delivery("POST", unquote(parts.path), query, sound.headers, FIRST, NOW, target)
    assert len(made().receive(seen)) == 1


def test_private_apps() -> None:
    """v1 has no time of sending: what happened long ago is not believed, an honest retry of a day is."""
    words = {"signature": "v1"}
    at = datetime(2019, 7, 26, 4, tzinfo=UTC)
    assert len(made(**words).receive(delivery(FIRST, at, "v1"))) == 1
    assert len(made(**words).receive(delivery(FIRST, at + DAY, "v1"))) == 1
    assert refusal(FIRST, made(**words), at=at + 3 * DAY, version="v1") == "stale"
    assert refusal(FIRST, made(**words), at=at - 3 * DAY, version="v1") == "stale"
    assert refusal(FIRST + b" ", made(**words), version="v2") == "forged"
    assert made(**words).capabilities.delivery_headers == ("x-hubspot-signature",)
    assert len(made(signature="v2").receive(delivery(FIRST, at, "v2"))) == 1


def test_an_older_signature_is_no_substitute() -> None:
    with pytest.raises(Refused, match="signature: v1") as caught:
        made().receive(delivery(FIRST, version="v1"))
    assert caught.value.reason == "unsigned"


def test_a_secret_there_must_be() -> None:
    with pytest.raises(ValidationError, match="client secret"):
        HubSpotOptions.model_validate({"auth": {"token": "x"}, "webhooks": {}})
    app = {"client_id": "a", "client_secret": SECRET, "refresh_token": "r"}
    connector = HubSpotConnector("hub", {"auth": app, "webhooks": {}}, OBJECTS)
    changes: list[Change] = list(connector.receive(delivery(FIRST)))
    assert len(changes) == 1, "an app's webhooks are signed with its secret"


def test_without_the_word_nothing_is_believed() -> None:
    connector = HubSpotConnector("hub", {"auth": {"token": "x"}}, OBJECTS)
    assert connector.capabilities.delivery_headers == ()
    with pytest.raises(Refused):
        connector.receive(delivery(FIRST))
