"""What may go wrong with the next events, and with the next gRPC calls, on demand.

Faults for events are armed by these names, for an `object` and `ids` if said. For calls the kit's names
serve (`drop`, `error_before`, `rate_limited`, `unauthorized`, `forbidden`, `hang`, `slow`, `cursor_expired`)
with the `route` `pubsub.topic`, `pubsub.schema` or `pubsub.subscribe`, and the topic (or schema id) as
`object`. A fault for `any` call means REST's alone, so that a stream in the background does not eat it.
"""

from __future__ import annotations

from connectors.sandboxes.faults import Call, Fault, Plan

EVENT = "pubsub.event"
EVENT_FAULTS: dict[str, tuple[str, str]] = {
    "event_gap": (EVENT, "the change event is sent as a gap: ids and no fields"),
    "event_overflow": (EVENT, "an overflow event is sent in its place: not even ids"),
    "event_wildcard": (EVENT, "its record ids are a wildcard, as after a field's type was changed"),
    "event_late": (EVENT, "it reaches the bus `seconds` later, or when released"),
    "event_duplicate": (EVENT, "it is sent twice, under two replay ids"),
    "event_lost": (EVENT, "it is never sent"),
    "event_garbled": (EVENT, "its payload cannot be decoded"),
    "stream_reset": ("pubsub.subscribe", "the stream ends with UNAVAILABLE when it has something to send"),
    "stream_silent": ("pubsub.subscribe", "the stream sends nothing any more, not even keepalives"),
}
"""By name: what it meets, and what it does."""


def take(plan: Plan, name: str, call: Call) -> Fault | None:
    """The fault of this name that fires at this event or call, if any."""
    if not plan.armed:
        return None
    fitting = (f for f in plan.armed if f.name == name and f.route == call.route and f.takes(call))
    return next((f for f in fitting if f.fire()), None)
