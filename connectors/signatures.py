"""Signed webhooks, the common way: an HMAC with SHA-256 over the time of sending and the body.

`X-Timestamp` holds seconds since the epoch, `X-Signature` is `sha256=` and the hex digest of
`TIMESTAMP.BODY` under the shared secret. The body is `{"events": [{"object", "id", "op", "version"}]}`,
with `created`, `updated` or `deleted` as `op` and an optional `version`.
"""

from __future__ import annotations

import hashlib
import hmac
from collections.abc import Mapping, Sequence
from typing import Any

import orjson
from pydantic import BaseModel, ConfigDict, SecretStr

from connectors.base import Delivery, Refused
from syncd.core.nouns import Change, Op

TIMESTAMP, SIGNATURE = "x-timestamp", "x-signature"
HEADERS = (TIMESTAMP, SIGNATURE)
OPS = {"created": Op.TOUCH, "updated": Op.TOUCH, "deleted": Op.DELETE}


class SignedOptions(BaseModel):
    """The connector's part of `webhooks`. `tolerance` in seconds comes from the words common to all."""

    model_config = ConfigDict(extra="forbid", frozen=True)

    secret: SecretStr
    tolerance: float = 300.0


def signed(secret: str, body: bytes, at: float) -> dict[str, str]:
    """The headers that a sender adds at a time, in seconds since the epoch."""
    stamp = str(int(at))
    return {"X-Timestamp": stamp, "X-Signature": f"sha256={_digest(secret, stamp, body)}"}


def receive_signed(system: str, options: SignedOptions | None, delivery: Delivery) -> Sequence[Change]:
    """What a delivery names, as `CanReceive.receive` promises it."""
    if options is None:
        raise Refused("unknown", "no secret is configured, so nothing can be believed")
    _check(options, delivery)
    try:
        events = orjson.loads(delivery.body)["events"]
        return [_change(system, event) for event in events]
    except (orjson.JSONDecodeError, KeyError, TypeError):
        raise Refused("malformed", "its body is not the JSON of events that was agreed") from None


def _check(options: SignedOptions, delivery: Delivery) -> None:
    stamp, signature = (delivery.headers.get(name, "") for name in HEADERS)
    if not stamp or not signature:
        raise Refused("unsigned", f"it lacks {TIMESTAMP} or {SIGNATURE}")
    good = f"sha256={_digest(options.secret.get_secret_value(), stamp, delivery.body)}"
    if not hmac.compare_digest(good.encode(), signature.encode("utf-8", "replace")):
        raise Refused("forged", "its signature is not ours: compare the secrets on both sides")
    try:
        age = delivery.received_at.timestamp() - float(stamp)
    except ValueError:
        raise Refused("malformed", f"its {TIMESTAMP} is no number") from None
    if not abs(age) <= options.tolerance:
        raise Refused("stale", f"it was signed {age:.0f} s ago")


def _digest(secret: str, stamp: str, body: bytes) -> str:
    text = stamp.encode("utf-8", "replace") + b"." + body
    return hmac.new(secret.encode(), text, hashlib.sha256).hexdigest()


def _change(system: str, event: Mapping[str, Any]) -> Change:
    object, remote_id, version = event["object"], event["id"], event.get("version")
    if not isinstance(object, str) or isinstance(remote_id, bool) or not isinstance(remote_id, str | int):
        raise TypeError("an event names no record")
    told = None if version is None else str(version)
    return Change(system, object, str(remote_id), OPS[event["op"]], remote_version=told)
