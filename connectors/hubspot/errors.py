"""What one error of a write says of its record: of a whole call, or of one input of a batch (207)."""

from __future__ import annotations

import re
from collections.abc import Mapping
from typing import Any

import orjson

from connectors.hubspot.verdict import category
from syncd.core.nouns import UNKNOWN_FIELD, Exists, Missing, Push, PushOp, PushResult, Rejected, Uncertain

_EXISTS = re.compile(r"\A\w+ already exists\. Existing ID: (?P<id>\d+)\b")
"""Of a contact, by its e-mail. Anchored, like the next: HubSpot quotes people's values in other messages."""
_TAKEN = re.compile(
    r"\ACannot set PropertyValueCoordinates\{.*?propertyName=(?P<name>[^,}]+),"
    r".* on \S+\. (?P<id>\d+) already has that value\.\Z",
    re.DOTALL,
)
"""Of any unique property. The id before it is that of the record which was to be written."""
TAKEN = "TAKEN"
EMAIL = "email"
UNKNOWN = "PROPERTY_DOESNT_EXIST"
FAILED = frozenset({"INTERNAL_ERROR", "INTERNAL_SERVER_ERROR", "SERVICE_UNAVAILABLE", "TIMEOUT"})
"""Categories that say nothing of the record, nor whether it was written."""


def taken(error: Mapping[str, Any]) -> tuple[str, str] | None:
    """The unique property whose value another record has already, and that record's id."""
    message = str(error.get("message") or "")
    if category(error) == "CONFLICT" and (found := _EXISTS.search(message)):
        return EMAIL, found["id"]
    found = _TAKEN.search(message)
    return (found["name"], found["id"]) if found is not None else None


def refused(push: Push, error: Mapping[str, Any]) -> PushResult:
    """The result of a push that HubSpot refuses; its message holds no value.

    A create may be of what is there already. An update is of another record than the one that has the value:
    only the property is refused.
    """
    other = taken(error)
    if other is not None:
        name, id = other
        if push.op is PushOp.CREATE:
            return Exists(push.push_id, id)
        said = f"the record {id} has this value already, which must be unique"
        return Rejected(push.push_id, TAKEN, said, name)
    kind = category(error)
    if kind == "OBJECT_NOT_FOUND":
        return Missing(push.push_id)
    if kind in FAILED:
        return Uncertain(push.push_id, f"HubSpot failed: {kind}")
    code, field = _detail(error)
    said = f"HubSpot refuses it: {code or kind or 'no reason given'}"
    if code == UNKNOWN:
        return Rejected(push.push_id, UNKNOWN_FIELD, said, field)
    return Rejected(push.push_id, code or kind or "refused", said, field)


def _detail(error: Mapping[str, Any]) -> tuple[str, str | None]:
    """The code and the property of the first problem, from `errors`, or from the JSON in the message."""
    for one in error.get("errors") or ():
        if isinstance(one, Mapping) and one.get("code"):
            names = (one.get("context") or {}).get("propertyName") or []
            return str(one["code"]), str(names[0]) if names else None
    _, _, text = str(error.get("message") or "").partition("Property values were not valid: ")
    try:
        first = orjson.loads(text)[0]
        return str(first["error"]), str(first["name"])
    except (orjson.JSONDecodeError, IndexError, KeyError, TypeError):
        return "", None
