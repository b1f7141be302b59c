"""Errors in the vendor's words.

Status, errorCode, message, fields. Texts as public clients have recorded them.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call, Fault
from connectors.sandboxes.shape import Refusal


class Refused(Refusal):
    """A refusal with the fields that it is about, and what else the error's object holds."""

    def __init__(
        self, code: str, message: str, fields: Iterable[str] | None = None, status: int = 400, **more: Any
    ) -> None:
        self.fields = None if fields is None else list(fields)
        super().__init__(status, code, message, self.fields[0] if self.fields else None)
        self.more = more

    def error(self) -> dict[str, Any]:
        """As the REST API's errors look."""
        told: dict[str, Any] = {"message": self.message, "errorCode": self.code}
        if self.fields is not None:
            told["fields"] = self.fields
        return {**told, **self.more}


IDENTITY = "identity"
"""The tag of calls that say 403 to a session that is over (OAuth and identity URLs, "Identity URL")."""


def missing(text: str = "The requested resource does not exist") -> Refused:
    """404 NOT_FOUND."""
    return Refused("NOT_FOUND", text, status=404)


def no_record() -> Refused:
    """The id names no record."""
    return Refused(
        "NOT_FOUND", "Provided external ID field does not exist or is not accessible: Id", status=404
    )


def no_column(field: str, object: str) -> Refused:
    """A write of a field that is not there, or that the user may not see."""
    return Refused("INVALID_FIELD", f"No such column '{field}' on sobject of type {object}")


def not_writable(fields: Iterable[str]) -> Refused:
    """Fields that cannot be written, or not by this user."""
    names = list(fields)
    return Refused(
        "INVALID_FIELD_FOR_INSERT_UPDATE",
        f"Unable to create/update fields: {', '.join(names)}. Please check the security settings of this "
        "field and verify that it is read/write for your profile or permission set.",
        names,
    )


def parser_error(text: str) -> Refused:
    """JSON that cannot be read as what it should be."""
    return Refused("JSON_PARSER_ERROR", text)


def locked(ids: Iterable[str]) -> Refused:
    """Another transaction holds the record or its parent."""
    named = ",".join(ids)
    text = f"unable to obtain exclusive access to this record or 1 records: {named}"
    return Refused("UNABLE_TO_LOCK_ROW", text, [])


def struck(fault: Fault | None, place: int) -> Refused | None:
    """What the fault `partial` makes of the row at a place: `reasons` by place, or one `code` for `rows`."""
    if fault is None:
        return None
    args = fault.args
    if "reasons" in args:
        code = {str(row): code for row, code in args["reasons"].items()}.get(str(place))
    else:
        hit = place in args["rows"] if "rows" in args else place % 2
        code = args.get("code", "UNKNOWN_EXCEPTION") if hit else None
    return None if code is None else Refused(str(code), str(args.get("message", "this row failed")), [])


_KIT: dict[str, tuple[int, str, str]] = {
    "unauthorized": (401, "INVALID_SESSION_ID", "Session expired or invalid"),
    "token_expired": (401, "INVALID_SESSION_ID", "Session expired or invalid"),
    "forbidden": (403, "API_DISABLED_FOR_ORG", "API is not enabled for this Organization or Partner"),
    "rate_limited": (
        403,
        "REQUEST_LIMIT_EXCEEDED",
        "ConcurrentRequests (Concurrent API Requests) Limit exceeded.",
    ),
    "quota_exceeded": (403, "REQUEST_LIMIT_EXCEEDED", "TotalRequests Limit exceeded."),
    "cursor_expired": (400, "INVALID_QUERY_LOCATOR", "invalid query locator"),
    "no_object": (404, "NOT_FOUND", "The requested resource does not exist"),
    "not_found": (404, "NOT_FOUND", "The requested resource does not exist"),
    "unavailable": (503, "SERVER_UNAVAILABLE", "Server unavailable"),
    "internal": (
        500,
        "UNKNOWN_EXCEPTION",
        "An unexpected error occurred. Please include this ErrorId if you contact support: 1100100-1 (-1)",
    ),
    "locked_out": (400, "invalid_grant", "login rate exceeded"),
    "locked": (400, "UNABLE_TO_LOCK_ROW", "unable to obtain exclusive access to this record or 1 records: "),
}


def vendor(refusal: Refusal, ids: Iterable[str] = ()) -> Refused:
    """What the kit refuses, in the vendor's words; a fault's own status, code and message stand."""
    if isinstance(refusal, Refused):
        return refusal
    if refusal.code == "locked":
        made = locked(ids)
    else:
        status, code, text = _KIT.get(refusal.code, (refusal.status, refusal.code, refusal.message))
        if refusal.code in ("unauthorized", "token_expired"):
            status = refusal.status  # a quirk may dress it as another
        made = Refused(code, text, status=status)
    made.headers = refusal.headers
    return made


def answer(call: Call, refusal: Refusal) -> Answer:
    """The answer of a refused call: a list of errors, or an object for a log-in."""
    made = vendor(refusal, call.ids)
    headers = {n: v for n, v in made.headers.items() if n != "WWW-Authenticate"}
    if call.route == "token":
        body = {"error": made.code, "error_description": made.message}
        return Answer.json(body, made.status, headers)
    if made.status == 401 and call.tag == IDENTITY:
        return Answer(403, b"Bad_OAuth_Token", headers, "text/html")
    if made.status == 401:
        headers["WWW-Authenticate"] = "Token"
    return Answer.json([made.error()], made.status, headers)
