"""Deliveries read by the configured words: believed, refused, and turned into hints."""

from __future__ import annotations

import base64
import hashlib
import hmac
from collections.abc import Mapping
from contextlib import suppress
from datetime import UTC, datetime
from typing import Any

import orjson
import pytest
from hypothesis import given
from hypothesis import strategies as st

from connectors.base import CanReceive, Delivery, ObjectSpec, Refused
from connectors.rest import RestConnector
from connectors.rest.options import WebhookWords
from connectors.rest.webhooks import telling
from syncd.core.nouns import Op

NOW = datetime(2026, 3, 1, 12, tzinfo=UTC)
SIGNED = {
    "by": "hmac",
    "secret": "s3cret-word",
    "header": "X-Signature",
    "prefix": "sha256=",
    "over": "{timestamp}.{body}",
    "timestamp": "X-Timestamp",
}
EVENTS = {
    "events": "events",
    "object": "object",
    "objects": {"person": "contacts"},
    "op": "op",
    "deletes": "deleted",
    "version": "version",
    "at": "occurred_at",
}
BODY = orjson.dumps(
    {
        "events": [
            {
                "object": "person",
                "id": 7,
                "op": "updated",
                "version": 3,
                "occurred_at": "2026-03-01T11:59:00Z",
            },
            {"object": "contacts", "id": "c8", "op": "deleted"},
            {"object": "invoices", "id": "i9", "op": "created"},
        ]
    }
)


def receiver(verify: Mapping[str, Any], **words: Any) -> RestConnector:
    """A connector that takes webhooks."""
    hooks = {"verify": verify, **(words or EVENTS)}
    return RestConnector(
        "crm", {"url": "https://crm.example", "webhooks": hooks}, [ObjectSpec("contacts", ())]
    )


def delivery(body: bytes = BODY, headers: Mapping[str, str] = {}, **query: str) -> Delivery:
    """One delivery."""
    return Delivery("POST", "/hooks/crm", query, headers, body, NOW)


def signed(body: bytes = BODY, at: datetime = NOW, secret: str = "s3cret-word") -> Delivery:
    """As the sandbox signs."""
    stamp = str(int(at.timestamp()))
    digest = hmac.new(secret.encode(), f"{stamp}.".encode() + body, hashlib.sha256).hexdigest()
    return delivery(body, {"x-signature": f"sha256={digest}", "x-timestamp": stamp})


def test_events_are_hints_to_read_by_id() -> None:
    connector = receiver(SIGNED)
    assert isinstance(connector, CanReceive)
    one, two = connector.receive(signed())
    assert (one.object, one.remote_id, one.op, one.remote_version) == ("contacts", "7", Op.TOUCH, "3")
    assert one.occurred_at == datetime(2026, 3, 1, 11, 59, tzinfo=UTC)
    assert (two.remote_id, two.op, two.occurred_at) == ("c8", Op.DELETE, None)


@pytest.mark.parametrize(
    ("sent", "reason"),
    [
        (delivery(), "unsigned"),
        (delivery(headers={"x-timestamp": str(int(NOW.timestamp()))}), "unsigned"),
        (signed(secret="another"), "forged"),
        (signed(at=datetime(2026, 3, 1, 11, 50, tzinfo=UTC)), "stale"),
        (signed(at=datetime(2026, 3, 1, 12, 10, tzinfo=UTC)), "stale"),
        (delivery(headers={"x-signature": "sha256=00", "x-timestamp": "soon"}), "malformed"),
        (signed(b"{"), "malformed"),
        (signed(b"[]"), "malformed"),
        (signed(b'{"events": [7]}'), "malformed"),
        (signed(b'{"events": [{"object": "contacts"}]}'), "malformed"),
        (signed(b'{"events": [{"object": "contacts", "id": true}]}'), "malformed"),
    ],
)
def test_what_is_not_believed(sent: Delivery, reason: str) -> None:
    with pytest.raises(Refused) as caught:
        receiver(SIGNED).receive(sent)
    assert caught.value.reason == reason
    assert "s3cret" not in str(caught.value)


def test_a_signature_of_another_body_is_forged() -> None:
    sound = signed()
    with pytest.raises(Refused, match="wrong"):
        receiver(SIGNED).receive(delivery(BODY + b" ", sound.headers))


def test_base64_over_the_body() -> None:
    words = {"by": "hmac", "secret": "k", "header": "X-Hub", "encoding": "base64", "algorithm": "sha1"}
    body = b'{"id": 5}'
    digest = base64.b64encode(hmac.new(b"k", body, hashlib.sha1).digest()).decode()
    (change,) = receiver(words, id="id").receive(delivery(body, {"x-hub": digest}))
    assert (change.object, change.remote_id) == ("contacts", "5")


@pytest.mark.parametrize("place", ["header", "query"])
def test_tokens(place: str) -> None:
    connector = receiver(
        {"by": "token", "secret": "tok", place: "X-Token" if place == "header" else "token"}, id="id"
    )
    told = {"headers": {"x-token": "tok"}} if place == "header" else {"token": "tok"}
    assert len(connector.receive(delivery(b'{"id": 5}', **told))) == 1
    wrong = {"headers": {"x-token": "to"}} if place == "header" else {"token": "tokk"}
    for sent in (delivery(b'{"id": 5}'), delivery(b'{"id": 5}', **wrong)):
        with pytest.raises(Refused):
            connector.receive(sent)


def test_without_words_nothing_is_taken() -> None:
    made = RestConnector("crm", {"url": "https://crm.example"}, [])
    with pytest.raises(Refused):
        made.receive(delivery())


@given(st.binary(max_size=200), st.text(max_size=80))
def test_nothing_but_refusals_gets_out(body: bytes, text: str) -> None:
    for sent in (signed(body), delivery(body, {"x-signature": text, "x-timestamp": text})):
        with suppress(Refused):
            receiver(SIGNED).receive(sent)


@given(
    st.recursive(
        st.none() | st.booleans() | st.integers() | st.text(max_size=5),
        lambda x: st.lists(x) | st.dictionaries(st.sampled_from(["events", "id", "object", "op"]), x),
        max_leaves=8,
    )
)
def test_no_shape_of_a_signed_body_breaks_it(tree: Any) -> None:
    body = orjson.dumps(tree) if _fits(tree) else b"0"
    with suppress(Refused):
        receiver(SIGNED).receive(signed(body))


def _fits(tree: Any) -> bool:
    try:
        orjson.dumps(tree)
    except TypeError:
        return False
    return True


def test_only_a_signed_time_tells_deliveries_apart() -> None:
    def words(**verify: Any) -> WebhookWords:
        return WebhookWords.model_validate({"verify": verify, "events": "events", "id": "id"})

    signed = {"by": "hmac", "secret": "s", "header": "X-Signature"}
    timed = {**signed, "timestamp": "X-Time", "over": "{timestamp}.{body}"}
    assert telling(words(**timed)) == ("x-signature", "x-time")
    assert telling(words(**signed)) is None
    assert telling(words(by="none")) is None


@pytest.mark.parametrize(
    ("more", "said"),
    [
        ({"over": "{timestamp}", "timestamp": "X-Time"}, "body"),
        ({"timestamp": "X-Time"}, "timestamp"),
        ({"over": "{timestmp}.{body}"}, "timestmp"),
    ],
)
def test_a_signature_that_proves_too_little_is_refused(more: dict[str, str], said: str) -> None:
    verify = {"by": "hmac", "secret": "s", "header": "X-Signature", **more}
    with pytest.raises(ValueError, match=said):
        WebhookWords.model_validate({"verify": verify, "events": "events", "id": "id"})


@pytest.mark.parametrize(
    ("words", "body", "reason", "said"),
    [
        (
            {**EVENTS, "object": "objct"},
            BODY,
            "malformed",
            "no event names an object at `webhooks.object` (objct)",
        ),
        ({**EVENTS, "object": "objct"}, BODY, "malformed", "there are the keys object, id, op"),
        (
            {**EVENTS, "events": "evts"},
            BODY,
            "malformed",
            "no events at `webhooks.events` (evts); there are the keys",
        ),
        (
            {**EVENTS, "id": "uid"},
            BODY,
            "malformed",
            "no id at `webhooks.id` (uid); there are the keys object, id",
        ),
        (
            EVENTS,
            b'{"events": [{"object": "invoices", "id": 1}]}',
            "unknown",
            "it names objects (invoices) that are not synced here (contacts are)",
        ),
    ],
)
def test_what_names_nothing_of_ours_is_no_success(words: Any, body: bytes, reason: str, said: str) -> None:
    with pytest.raises(Refused) as caught:
        receiver(SIGNED, **words).receive(signed(body))
    assert caught.value.reason == reason
    assert said in str(caught.value)


def test_a_delivery_without_events_is_taken() -> None:
    assert receiver(SIGNED, **EVENTS).receive(signed(b'{"events": []}')) == []


def greeted(handshake: Mapping[str, Any], sent: Delivery) -> tuple[bytes, str] | None:
    """The answer to a question."""
    said = receiver({"by": "none"}, **EVENTS, handshake=handshake).greet(sent)
    return None if said is None else (said.body, said.media_type)


TOKEN = {"token": "t0ken", "token_at": "hub.verify_token"}


@pytest.mark.parametrize(
    ("handshake", "sent", "answer"),
    [
        ({"query": "hub.challenge"}, delivery(b"", **{"hub.challenge": "a7"}), (b"a7", "text/plain")),
        ({"query": "c", "answer": "json"}, delivery(b"", c="a7"), (b'{"c":"a7"}', "application/json")),
        ({"body": "challenge"}, delivery(b'{"challenge": "a7"}'), (b"a7", "text/plain")),
        (
            {"body": "data.challenge", "answer": "json"},
            delivery(b'{"data": {"challenge": 7}}'),
            (b'{"challenge":7}', "application/json"),
        ),
        (
            {"query": "c", **TOKEN},
            delivery(b"", **{"c": "a7", "hub.verify_token": "t0ken"}),
            (b"a7", "text/plain"),
        ),
        ({"query": "c"}, delivery(), None),
        ({"query": "c"}, delivery(b"", c="x" * 1001), None),
        ({"query": "c"}, delivery(b"", c="a\r\nSet-Cookie: x"), None),
        ({"body": "challenge"}, delivery(), None),
        ({"body": "challenge"}, delivery(b"{"), None),
        ({"body": "challenge"}, delivery(b'{"challenge": {"a": 1}}'), None),
        ({"body": "challenge"}, delivery(b'{"challenge": true}'), None),
    ],
)
def test_a_question_is_answered_with_its_value(
    handshake: Mapping[str, Any], sent: Delivery, answer: tuple[bytes, str] | None
) -> None:
    assert greeted(handshake, sent) == answer


@pytest.mark.parametrize(
    ("query", "reason"), [({"c": "a7"}, "unsigned"), ({"c": "a7", "hub.verify_token": "other"}, "forged")]
)
def test_a_question_with_a_wrong_token_is_not_answered(query: dict[str, str], reason: str) -> None:
    with pytest.raises(Refused) as caught:
        greeted({"query": "c", **TOKEN}, delivery(b"", **query))
    assert caught.value.reason == reason
    assert "t0ken" not in str(caught.value)


def test_without_a_handshake_nothing_is_sent_back() -> None:
    assert receiver({"by": "none"}, **EVENTS).greet(delivery(b"", challenge="x")) is None


@pytest.mark.parametrize(
    "handshake",
    [{}, {"query": "a", "body": "b"}, {"query": "a", "token": "t"}, {"query": "a", "token_at": "t"}],
)
def test_a_handshake_is_said_whole(handshake: dict[str, str]) -> None:
    with pytest.raises(ValueError, match="needs"):
        WebhookWords.model_validate({"verify": {"by": "none"}, "handshake": handshake})
