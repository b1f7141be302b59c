"""Webhooks: who sent a delivery, and which records it names. Values that it carries are not believed."""

from __future__ import annotations

import hmac
from collections.abc import Iterator, Mapping, Sequence
from datetime import datetime, timedelta
from typing import Any
from urllib.parse import quote, urlencode

import orjson

from connectors.base import Delivery, Refused
from connectors.hubspot import signatures
from connectors.hubspot.names import Names
from connectors.hubspot.options import HubSpotWebhooks
from connectors.hubspot.values import EPOCH
from syncd.core.nouns import Change, Op

SIGNED, SIGNED_V3, SENT = "x-hubspot-signature", "x-hubspot-signature-v3", "x-hubspot-request-timestamp"
RETRIED = timedelta(hours=48)
"""HubSpot tries again for a day. Signatures of v1 and v2 hold no time: what tells only of older things is
not believed."""
DELETED = frozenset({"deletion", "privacyDeletion"})
NAMING: Mapping[str, tuple[str, ...]] = {
    **dict.fromkeys(("creation", "deletion", "privacyDeletion", "propertyChange", "restore"), ("objectId",)),
    "merge": ("primaryObjectId", "mergedObjectIds", "newObjectId"),
}
"""Where an event of a kind names records of its object."""


def telling(words: HubSpotWebhooks | None) -> tuple[str, ...]:
    """The headers that tell one delivery from another. With v1 and v2 the body does it: events have times."""
    if words is None:
        return ()
    return (SIGNED_V3, SENT) if words.signature == "v3" else (SIGNED,)


class Receiver:
    """Reads deliveries of one portal. Pure: its only clock is the delivery's own."""

    def __init__(
        self, system: str, words: HubSpotWebhooks, secret: str, names: Names, watched: Mapping[str, set[str]]
    ) -> None:
        self.system, self.words, self.secret, self.names = system, words, secret, names
        self.watched = watched
        self.pairs: Mapping[str, tuple[str, str]] = {}
        """Objects of associations, with the objects at both ends."""
        self.portal = ""
        """The portal's id, once it is known: an app is told of all portals that it is installed in."""
        self.odd = 0
        self.odd_at: datetime | None = None
        """Events that could not be read, and when the last of them came."""

    def receive(self, delivery: Delivery) -> list[Change]:
        """One change per record that the events name. Raises `Refused`; not for an event that cannot be read
        among others that can: it is counted."""
        self._verify(delivery)
        events, odd = _events(delivery.body)
        if self.words.signature != "v3":
            _recent(events, delivery)
        ours = [e for e in events if str(e.get("portalId", self.portal)) == self.portal or not self.portal]
        if ours and not any(self._about(event) or self._other(event) for event in ours):
            kinds = ", ".join(sorted({str(event["subscriptionType"])[:60] for event in ours}))
            said = "take them out of the app's subscriptions"
            raise Refused("unknown", f"it names no object that is synced here ({kinds}): {said}")
        places = self._read(ours, odd, delivery.received_at)
        return [
            Change(self.system, object, id, op, seen_at=delivery.received_at)
            for object, id, op in dict.fromkeys(places)
        ]

    # -- who sent it -----------------------------------------------------------------------------------

    def _verify(self, delivery: Delivery) -> None:
        if self.words.signature == "v3":
            self._verify_v3(delivery)
            return
        told = delivery.headers.get(SIGNED)
        if not told:
            raise Refused("unsigned", "the signature is missing")
        if self.words.signature == "v1":
            good = [signatures.v1(self.secret, delivery.body)]
        else:
            uris = self._uris(delivery)
            good = [signatures.v2(self.secret, delivery.method, uri, delivery.body) for uri in uris]
        _same(told, good)

    def _verify_v3(self, delivery: Delivery) -> None:
        told, sent = delivery.headers.get(SIGNED_V3), delivery.headers.get(SENT)
        if not told or not sent:
            older = "; there is one of v1, as private apps sign: set `webhooks.signature: v1`"
            hint = older if SIGNED in delivery.headers and not told else ""
            raise Refused("unsigned", f"the signature of v3 or its time is missing{hint}")
        method, body = delivery.method, delivery.body
        _same(told, [signatures.v3(self.secret, method, uri, body, sent) for uri in self._uris(delivery)])
        if not sent.isascii() or not sent.isdigit() or len(sent) > 15:
            raise Refused("malformed", "the time of sending cannot be read")
        age = (delivery.received_at - EPOCH) - timedelta(milliseconds=int(sent))
        if abs(age) > timedelta(seconds=self.words.tolerance):
            raise Refused("stale", f"it was signed {age.total_seconds():.0f} s ago")

    def _uris(self, delivery: Delivery) -> list[str]:
        """The address that HubSpot may have signed: that of the app's settings, or what the call shows."""
        if self.words.url is not None:
            return [self.words.url]
        host = delivery.headers.get("x-forwarded-host") or delivery.headers.get("host", "")
        query = urlencode(delivery.query, quote_via=quote)
        target = f"{quote(delivery.path)}{'?' + query if query else ''}"
        if delivery.target.startswith("/"):  # as it was sent: a `+` or a bare name would be told otherwise
            target = delivery.target
        rest = f"{host}{target}"
        return [f"https://{rest}", f"http://{rest}"]

    # -- what it names ---------------------------------------------------------------------------------

    def _read(self, events: Sequence[Mapping[str, Any]], odd: int, at: datetime) -> list[tuple[str, str, Op]]:
        """What the events name. HubSpot sends a refused delivery again as it is: one odd event of a hundred
        must not keep back the others."""
        places: list[tuple[str, str, Op]] = []
        failed: list[Refused] = []
        for event in events:
            try:
                places += list(self._places(event))
            except Refused as refused:
                failed.append(refused)
        if failed and len(failed) == len(events):
            raise failed[0]
        if failed or odd:
            self.odd, self.odd_at = self.odd + odd + len(failed), at
        return places

    def _about(self, event: Mapping[str, Any]) -> list[str]:
        """The configured objects that an event is about."""
        said = str(event["subscriptionType"]).partition(".")[0]
        if said == "object":
            return self.names.by_type(str(event.get("objectTypeId")))
        return self.names.by_word(said)

    def _other(self, event: Mapping[str, Any]) -> list[str]:
        """The objects at the other end of an association: CONTACT_TO_COMPANY."""
        _, _, word = str(event.get("associationType") or "").partition("_TO_")
        return self.names.by_word(word) if word else []

    def _places(self, event: Mapping[str, Any]) -> Iterator[tuple[str, str, Op]]:
        """(object, id, op) of what is to be looked at."""
        kind, about = str(event["subscriptionType"]).partition(".")[2], self._about(event)
        if kind == "associationChange":
            yield from ((object, id, Op.TOUCH) for id in _ids(event, "fromObjectId") for object in about)
            ends = _ids(event, "toObjectId")
            yield from ((object, id, Op.TOUCH) for id in ends for object in self._other(event))
            yield from self._between(event)
            return
        op = Op.DELETE if kind in DELETED else Op.TOUCH
        ids = [id for name in NAMING.get(kind, ()) for id in _ids(event, name)]
        for object in about:
            if kind != "propertyChange" or str(event.get("propertyName")) in self.watched.get(object, ()):
                yield from ((object, id, op) for id in ids)

    def _between(self, event: Mapping[str, Any]) -> Iterator[tuple[str, str, Op]]:
        """The associations that are records of their own, from whichever end they are told."""
        (one, *_), (other, *_) = _ids(event, "fromObjectId"), _ids(event, "toObjectId")
        here, there = self._about(event), self._other(event)
        for name, (first, second) in self.pairs.items():
            if first in here and second in there:
                yield name, f"{one}-{other}", Op.TOUCH
            elif first in there and second in here:
                yield name, f"{other}-{one}", Op.TOUCH


def _events(body: bytes) -> tuple[list[Mapping[str, Any]], int]:
    """The events, and how many are none."""
    try:
        told = orjson.loads(body)
    except orjson.JSONDecodeError:
        raise Refused("malformed", "the body is not JSON") from None
    if not isinstance(told, list) or not told:
        raise Refused("malformed", "the body is not a list of events")
    events: list[Mapping[str, Any]]
    events = [one for one in told if isinstance(one, dict) and "." in str(one.get("subscriptionType"))]
    if not events:
        raise Refused("malformed", "no event has a subscriptionType")
    return events, len(told) - len(events)


def _ids(event: Mapping[str, Any], name: str) -> list[str]:
    """The ids at a place, one or a list; where there is none, the event cannot be read."""
    told = event.get(name)
    ids = [str(one) for one in (told if isinstance(told, list) else [told])]
    if not ids or any(not id.isascii() or not id.isdigit() or len(id) > 20 for id in ids):
        raise Refused("malformed", f"there is no id at {name}")
    return ids


def _recent(events: list[Mapping[str, Any]], delivery: Delivery) -> None:
    """Raises `Refused` where all that a delivery tells of happened long ago, or is yet to come."""
    for event in events:
        at = event.get("occurredAt")
        if not isinstance(at, int) or abs(at) > 10**14:
            continue
        if abs((delivery.received_at - EPOCH) - timedelta(milliseconds=at)) <= RETRIED:
            return
    raise Refused("stale", "all that it tells of happened long ago")


def _same(told: str, good: list[str]) -> None:
    raw = told.encode("utf-8", "surrogateescape")
    if not any(hmac.compare_digest(raw, one.encode()) for one in good):
        raise Refused("forged", "the signature is wrong: compare secret and url with the app's settings")
