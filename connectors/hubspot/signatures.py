"""How HubSpot signs what it sends (guide on validating requests)."""

from __future__ import annotations

import base64
import hashlib
import hmac
import re

_UNDONE = re.compile("%(3A|2F|3F|40|21|24|27|28|29|2A|2C|3B)", re.IGNORECASE)
"""The escapes of an address that are undone before it is signed, and no others."""


def v1(secret: str, body: bytes) -> str:
    """Of private apps: SHA-256 over secret and body, in hex."""
    return hashlib.sha256(secret.encode() + body).hexdigest()


def v2(secret: str, method: str, uri: str, body: bytes) -> str:
    """Of older calls: SHA-256 over secret, method, address and body, in hex."""
    return hashlib.sha256(f"{secret}{method}{uri}".encode() + body).hexdigest()


def v3(secret: str, method: str, uri: str, body: bytes, timestamp: str) -> str:
    """HMAC with SHA-256 over method, address with some escapes undone, body and time, in base64."""
    text = f"{method}{undone(uri)}".encode("utf-8", "surrogateescape") + body
    text += timestamp.encode("utf-8", "surrogateescape")
    return base64.b64encode(hmac.new(secret.encode(), text, hashlib.sha256).digest()).decode()


def undone(uri: str) -> str:
    """An address as it is signed."""
    return _UNDONE.sub(lambda found: chr(int(found[1], 16)), uri)
