"""From the service's errors to what happens next.

The gRPC status alone does not tell; the trailer `error-code` does (Pub/Sub API guide, Handle Errors). Codes
are shown here without their common beginning.
"""

from __future__ import annotations

from collections.abc import Iterable
from typing import Any

from syncd.core.errors import CursorLost, NeedsOperator, RetryLater, SyncdError

COMMON = "sfdc.platform.eventbus.grpc."
AUTH = frozenset({"service.auth.error", "service.auth.refresh.invalid"})
LOST = frozenset({"subscription.fetch.replayid.corrupted", "subscription.fetch.replayid.validation.failed"})
SELECT = "Select the object for Change Data Capture in Setup, or add it to the channel"
GRANT = "Grant the integration user read access to the object and View All Data, or View All on the object"
OPERATOR = {
    "service.auth.headers.invalid": "Log in again: the token, the instance URL or the org id is wrong",
    "service.tenant.license": "Ask Salesforce for the Pub/Sub API, or let the system poll",
    "topic.not.found": SELECT,
    "topic.validation.empty": "Name the channel",
    "topic.meta.permission": GRANT,
    "schema.meta.permission": GRANT,
    "subscription.topic.cannot.subscribe": GRANT,
}
"""What a person must do, by code."""
WAITS = {
    "subscription.limit.exceeded": 900.0,
    "concurrent.client.limit.exceeded": 60.0,
    "service.protection.triggered": 30.0,
    "service.protection.stream.limit.triggered": 30.0,
    "service.unavailable": 5.0,
}
"""Seconds to wait, by code; the first is the org's allocation of 24 h, which comes free bit by bit."""
MEANS = {
    "subscription.limit.exceeded": "the org's allocation of delivered events is used up for now",
    "concurrent.client.limit.exceeded": "too many clients are subscribed in this org",
}
PASSING = frozenset(
    {"UNAVAILABLE", "DEADLINE_EXCEEDED", "CANCELLED", "INTERNAL", "UNKNOWN", "ABORTED", "RESOURCE_EXHAUSTED"}
)


def code_of(error: Any) -> str:
    """The service's own code of a gRPC error, without the common beginning; empty where it gave none."""
    trailers: Iterable[tuple[str, Any]] = error.trailing_metadata() or ()
    found = next((value for key, value in trailers if key.lower() == "error-code"), "")
    return str(found.decode() if isinstance(found, bytes) else found).removeprefix(COMMON)


def is_auth(error: Any) -> bool:
    """Whether another token may help."""
    return code_of(error) in AUTH or str(error.code().name) == "UNAUTHENTICATED"


def step(error: Any, topic: str) -> SyncdError:
    """What happens next after a gRPC error (`grpc.aio.AioRpcError`) on a topic, or on a schema."""
    code, status = code_of(error), str(error.code().name)
    said = MEANS.get(code, f"the service says {code or status}")
    what = f"change events of {topic}: {said}"
    if code in LOST:
        return CursorLost(f"{what}: the replay id is older than 72 hours, or not this org's")
    if code in OPERATOR:
        return NeedsOperator(what, OPERATOR[code])
    if is_auth(error):
        return NeedsOperator(what, "Log in again, and look at the session's IP settings")
    if code in WAITS or status in PASSING:
        return RetryLater(what, WAITS.get(code))
    if status == "PERMISSION_DENIED":
        return NeedsOperator(what, GRANT)
    if status == "NOT_FOUND":
        return NeedsOperator(what, SELECT)
    if code.endswith((".internal.error", ".api.unavailable", ".replay.repeated")):
        return RetryLater(what)
    return NeedsOperator(what, "Look the code up in the Pub/Sub API guide (Handle Errors)")
