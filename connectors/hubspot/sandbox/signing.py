"""How HubSpot signs the requests that it sends (guide on validating requests)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re
from typing import Literal

Version = Literal["v1", "v2", "v3"]
DECODED = re.compile("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
"""The escapes of a URI that are undone before it is signed: of : / ? @ ! $ ' ( ) * , ; and no others."""


def v1(secret: str, body: bytes) -> str:
    """Of webhooks from private apps, and of older ones: SHA-256 over secret and body, in hex."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def v2(secret: str, method: str, uri: str, body: bytes) -> str:
    """Of older calls from workflows and cards: SHA-256 over secret, method, URI and body, in hex."""
    return hashlib.sha256(f"{secret}{method}{uri}".encode() + body).hexdigest()


def v3(secret: str, method: str, uri: str, body: bytes, timestamp: int) -> str:
    """HMAC-SHA-256 over method, URI with the escapes above undone, body and time (ms), in base64."""
    text = f"{method}{decoded(uri)}".encode() + body + str(timestamp).encode()
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()


def decoded(uri: str) -> str:
    """A URI as it is signed."""
    return DECODED.sub(lambda found: chr(int(found[1], 16)), uri)


def headers(version: Version, secret: str, uri: str, body: bytes, timestamp: int) -> dict[str, str]:
    """The headers of a delivery; with v3 goes the signature of v1, too."""
    if version == "v2":
        return {
            "X-HubSpot-Signature": v2(secret, "POST", uri, body),
            "X-HubSpot-Signature-Version": "v2",
        }
    told = {"X-HubSpot-Signature": v1(secret, body), "X-HubSpot-Signature-Version": "v1"}
    if version == "v3":
        told["X-HubSpot-Signature-v3"] = v3(secret, "POST", uri, body, timestamp)
        told["X-HubSpot-Request-Timestamp"] = str(timestamp)
    return told
