"""Webhooks: who sent a delivery, and which records it names."""

from __future__ import annotations

import base64
import hmac
from collections.abc import Sequence
from datetime import timedelta
from typing import Any

import orjson

from connectors.base import Delivery, Greeting, Refused
from connectors.rest.handshake import Handshake
from connectors.rest.moments import Form, form_of
from connectors.rest.options import VerifyWords, WebhookWords
from connectors.rest.paths import MISSING, getter, there
from connectors.rest.template import HOLE
from syncd.core.nouns import Change, Op


def telling(words: WebhookWords) -> tuple[str, ...] | None:
    """The headers that, with the body, tell one delivery from another; None where none does for sure.

    Without a signed time two honest deliveries may be the same to the byte, and dropping the second as a
    replay would lose a change. A replay costs no more than a look at the ids that it names.
    """
    said = words.verify
    if said.by != "hmac" or said.header is None or said.timestamp is None:
        return None
    return said.header.lower(), said.timestamp.lower()


class Receiver:
    """Reads deliveries. Pure: its only clock is the delivery's own."""

    def __init__(self, system: str, words: WebhookWords, objects: Sequence[str]) -> None:
        self.system, self.words, self.objects = system, words, tuple(objects)
        self.form = form_of(words.at_form, "UTC")
        self.sent_form = form_of(words.verify.timestamp_form, "UTC")
        self.events, self.id = getter(words.events), getter(words.id)
        self.object, self.op = _maybe(words.object), _maybe(words.op)
        self.version, self.at = _maybe(words.version), _maybe(words.at)
        self.handshake = None if words.handshake is None else Handshake(words.handshake)

    def receive(self, delivery: Delivery) -> list[Change]:
        """One change per event of an object that is configured. Raises `Refused`."""
        verify(self.words.verify, delivery, self.sent_form, self.words.tolerance)
        try:
            body = orjson.loads(delivery.body)
        except orjson.JSONDecodeError:
            raise Refused("malformed", "the body is not JSON") from None
        found = self.events(body)
        events = found if isinstance(found, list) else [found]
        changes = [change for event in events if (change := self._change(event, delivery, body)) is not None]
        if events and not changes:
            raise self._not_ours(events)
        return changes

    def greet(self, delivery: Delivery) -> Greeting | None:
        """The answer to a vendor's question; None for what is none. Raises `Refused`."""
        return None if self.handshake is None else self.handshake.answer(delivery)

    def _not_ours(self, events: list[Any]) -> Refused:
        """Why none of the events is about what is synced: another subscription, or a slip in the words."""
        path, known = self.words.object, ", ".join(self.objects) or "none"
        if path is None:
            return Refused("unknown", f"several objects are configured ({known}): say `webhooks.object`")
        said = self.object(events[0])
        if all(self.object(event) in (MISSING, None) for event in events):
            where = f"`webhooks.object` ({path}); {there(events[0])}"
            return Refused("malformed", f"no event names an object at {where}")
        shown = f" ({said})" if isinstance(said, str) and said.isidentifier() and len(said) <= 40 else ""
        todo = "leave them out of the subscription, or name them in `webhooks.objects`"
        return Refused("unknown", f"it names objects{shown} that are not synced here ({known} are): {todo}")

    def _change(self, event: Any, delivery: Delivery, body: Any) -> Change | None:
        if not isinstance(event, dict):
            where = f"`webhooks.events` ({self.words.events}); {there(body)}"
            raise Refused("malformed", f"there are no events at {where}")
        object, remote_id = self._object(event), self.id(event)
        if object is None:
            return None
        if isinstance(remote_id, bool) or not isinstance(remote_id, str | int) or remote_id == "":
            raise Refused(
                "malformed", f"an event has no id at `webhooks.id` ({self.words.id}); {there(event)}"
            )
        version, at = self.version(event), self.at(event)
        op = Op.DELETE if str(self.op(event)) in self.words.deletes else Op.TOUCH
        return Change(
            self.system,
            object,
            str(remote_id),
            op,
            remote_version=None if version in (MISSING, None) else str(version),
            occurred_at=None if at is MISSING else self.form.read(at),
            seen_at=delivery.received_at,
        )

    def _object(self, event: dict[str, Any]) -> str | None:
        """The configured object of an event; None for one that is not synced."""
        if self.words.object is None:
            return self.objects[0] if len(self.objects) == 1 else None
        said = str(self.object(event))
        name = self.words.objects.get(said, said)
        return name if name in self.objects else None


def verify(words: VerifyWords, delivery: Delivery, form: Form, tolerance: float) -> None:
    """Raises `Refused`: unsigned, forged or stale."""
    if words.by == "none" or words.secret is None:
        return
    secret = words.secret.get_secret_value()
    if words.by == "token":
        where = delivery.headers if words.header is not None else delivery.query
        name = (words.header or "").lower() or (words.query or "")
        _same(where.get(name), (words.prefix + secret).encode())
        return
    told = delivery.headers.get((words.header or "").lower())
    _fresh(words, delivery, form, tolerance)
    digest = hmac.new(secret.encode(), signed_text(words, delivery), words.algorithm).digest()
    if words.encoding == "hex":
        _same(told.lower() if told is not None else None, (words.prefix.lower() + digest.hex()).encode())
    else:
        _same(told, words.prefix.encode() + base64.b64encode(digest))


def signed_text(words: VerifyWords, delivery: Delivery) -> bytes:
    """What the signature was made over."""
    parts = {
        "body": delivery.body,
        "method": delivery.method.encode(),
        "path": delivery.path.encode(),
        "timestamp": delivery.headers.get((words.timestamp or "").lower(), "").encode(),
    }
    made, at = b"", 0
    for match in HOLE.finditer(words.over):
        made += words.over[at : match.start()].encode() + parts.get(match[2] or "", b"")
        at = match.end()
    return made + words.over[at:].encode()


def _fresh(words: VerifyWords, delivery: Delivery, form: Form, tolerance: float) -> None:
    """A signed time keeps an old delivery from being sent again."""
    if words.timestamp is None:
        return
    raw = delivery.headers.get(words.timestamp.lower())
    if raw is None:
        raise Refused("unsigned", "the time of sending is missing")
    sent = form.read(raw)
    if sent is None:
        raise Refused("malformed", "the time of sending cannot be read")
    if abs(delivery.received_at - sent) > timedelta(seconds=tolerance):
        raise Refused("stale", "it was sent too long ago")


def _same(told: str | None, wanted: bytes) -> None:
    if not told:
        raise Refused("unsigned", "the signature or token is missing")
    if not hmac.compare_digest(told.encode("utf-8", "surrogateescape"), wanted):
        raise Refused("forged", "the signature or token is wrong")


def _maybe(path: str | None) -> Any:
    return (lambda event: MISSING) if path is None else getter(path)
