"""Errors in the vendor's words: status, category, message, context, errors, links, a correlation id.

Texts as the error handling guide shows them and as public clients have recorded them.
"""

from __future__ import annotations

import uuid
from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any

import orjson

from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call
from connectors.sandboxes.shape import Refusal

SCOPES = "https://developers.hubspot.com/scopes"
NO_CREDENTIALS = (
    "Authentication credentials not found. This API supports OAuth 2.0 authentication and you can find "
    "more details at https://developers.hubspot.com/docs/methods/auth/oauth-overview"
)
Context = Mapping[str, Sequence[str]]


@dataclass(frozen=True, slots=True)
class Problem:
    """What is wrong with the value of one property."""

    name: str
    code: str
    message: str


class Refused(Refusal):
    """A refusal whose code is the category; `more` joins the body, `policy` makes it a 429's."""

    def __init__(
        self,
        status: int,
        category: str,
        message: str,
        *,
        errors: Iterable[Mapping[str, Any]] = (),
        context: Context | None = None,
        other: str | None = None,
        policy: str | None = None,
        **more: Any,
    ) -> None:
        super().__init__(status, category, message, None, other)
        self.errors, self.context, self.policy, self.more = list(errors), dict(context or {}), policy, more

    def body(self) -> dict[str, Any]:
        """As a whole call is refused."""
        told: dict[str, Any] = {"status": "error", "message": self.message}
        if self.policy is not None:
            names = {"errorType": "RATE_LIMIT", "policyName": self.policy, "requestId": uuid.uuid4().hex}
            return {**told, "correlationId": str(uuid.uuid4()), **names}
        told |= {"correlationId": str(uuid.uuid4()), "category": self.code, **self.more}
        if self.errors:
            told["errors"] = self.errors
        if self.context:
            told["context"] = self.context
        return told

    def one(self, context: Context) -> dict[str, Any]:
        """As one input of a batch is refused."""
        told = {"status": "error", "category": self.code, "message": self.message}
        return {**told, "context": {**self.context, **context}, "errors": self.errors, "links": {}}


def invalid(problems: Iterable[Problem], portal: int) -> Refused:
    """Property values that cannot be: JSON inside the text, and one error each."""
    found = list(problems)
    listed = [
        {
            "isValid": False,
            "message": p.message,
            "error": p.code,
            "name": p.name,
            "localizedErrorMessage": p.message,
            "portalId": portal,
        }
        for p in found
    ]
    errors = [{"message": p.message, "code": p.code, "context": {"propertyName": [p.name]}} for p in found]
    text = f"Property values were not valid: {orjson.dumps(listed).decode()}"
    refused = Refused(400, "VALIDATION_ERROR", text, errors=errors)
    refused.field = found[0].name if found else None
    return refused


def wrong(message: str, **more: Any) -> Refused:
    """A request that makes no sense."""
    return Refused(400, "VALIDATION_ERROR", message, **more)


def missing(message: str = "resource not found", **more: Any) -> Refused:
    """There is no such record, property, pipeline or the like."""
    return Refused(404, "OBJECT_NOT_FOUND", message, **more)


def exists(id: str) -> Refused:
    """A contact with this e-mail is there."""
    return Refused(409, "CONFLICT", f"Contact already exists. Existing ID: {id}", other=id)


def taken(object: str, name: str, value: str, on: str, other: str, portal: int) -> Refused:
    """Another record has this unique value; `on` is the record that was written."""
    kind = f"ObjectTypeId{{legacyObjectType={object.upper()}}}"
    place = f"portalId={portal}, objectTypeId={kind}, propertyName={name}, value={value}"
    text = f"Cannot set PropertyValueCoordinates{{{place}}} on {on}. {other} already has that value."
    return Refused(400, "VALIDATION_ERROR", text, other=other)


def lacking(object: str, names: Sequence[str]) -> Refused:
    """A new record without what it must have."""
    text = f"Error creating {object.upper()}. Some required properties were not set."
    context = {"properties": list(names)}
    return wrong(text, errors=[{"message": text, "code": "REQUIRED_FIELD", "context": context}])


def scopeless(scopes: Sequence[str]) -> Refused:
    """The app was not granted a scope."""
    return Refused(
        403,
        "MISSING_SCOPES",
        "This app hasn't been granted all required scopes to make this call. Read more about required "
        f"scopes here: {SCOPES}.",
        errors=[
            {
                "message": "One or more of the following scopes are required.",
                "context": {"requiredGranularScopes": list(scopes)},
            }
        ],
        links={"scopes": SCOPES},
    )


def limited(policy: str) -> Refused:
    """Too many calls: DAILY, TEN_SECONDLY_ROLLING or SECONDLY."""
    return Refused(429, "RATE_LIMITS", f"You have reached your {policy.lower()} limit.", policy=policy)


_KIT: dict[str, tuple[int, str, str]] = {
    "unauthorized": (401, "INVALID_AUTHENTICATION", NO_CREDENTIALS),
    "token_expired": (
        401,
        "EXPIRED_AUTHENTICATION",
        "The OAuth token used to make this call expired 1 second(s) ago.",
    ),
    "forbidden": (403, "FORBIDDEN", "You do not have permissions to make this call."),
    "no_object": (404, "OBJECT_NOT_FOUND", "resource not found"),
    "not_found": (404, "OBJECT_NOT_FOUND", "resource not found"),
    "locked": (423, "LOCKED", "The record is locked. Wait at least 2 seconds and try again."),
    "cursor_expired": (400, "VALIDATION_ERROR", "The paging cursor is not valid"),
    "bad_row": (400, "VALIDATION_ERROR", "Property values were not valid: []"),
    "internal": (500, "INTERNAL_ERROR", "internal error"),
    "unavailable": (503, "SERVICE_UNAVAILABLE", "service temporarily unavailable"),
}


def vendor(refusal: Refusal) -> Refused:
    """What the kit refuses, in the vendor's words."""
    if isinstance(refusal, Refused):
        return refusal
    if refusal.code in ("rate_limited", "quota_exceeded"):
        made = limited("DAILY" if refusal.code == "quota_exceeded" else "TEN_SECONDLY_ROLLING")
    else:
        status, category, text = _KIT.get(refusal.code, (refusal.status, refusal.code, refusal.message))
        made = Refused(status, category, text)
        if refusal.code not in ("unauthorized", "token_expired"):
            made.status = refusal.status if refusal.code in ("locked", "internal", "unavailable") else status
    made.headers = refusal.headers
    return made


def answer(call: Call, refusal: Refusal) -> Answer:
    """The answer to a refused call; log-ins are refused in the words of OAuth, too."""
    made = vendor(refusal)
    headers = {n: v for n, v in made.headers.items() if n != "WWW-Authenticate"}
    if call.route == "token":
        text, status = made.message, str(made.more.get("said", made.code)).upper()
        body = {"error": made.code, "error_description": text, "status": status, "message": text}
        return Answer.json(body, made.status, headers)
    body = made.body()
    return Answer.json(body, made.status, {**headers, "X-HubSpot-Correlation-Id": body["correlationId"]})
