"""Salesforce change events, read through the Pub/Sub API (gRPC, Avro). Needs the extra `syncd[salesforce]`.

    if lacking() is None:                                   # else it says what to install; poll instead
        events = subscribe(sessions, endpoint=ENDPOINT, ca=None)
        after = await events.position("/data/ContactChangeEvent")      # None: not known yet
        async for batch in events.read("/data/ContactChangeEvent", after):   # ends when caught up
            ...  # batch.events; then store batch.replay_id, which is the cursor
        await events.bell()                                 # returns when something waits to be read
        await events.aclose()

`read` is a pull: it yields what comes after a replay id and ends when nothing came for `settle` seconds
(`grace` before the first answer of a new stream). The stream stays open behind it, so the next `read` from
the last replay id goes on where it was, at no call; from any other replay id it begins a new one. A batch
without events is a keepalive: it moves the cursor, so that a quiet object's cursor does not age. Where it
never falls quiet, `read` ends when it has caught up with the time at which it began. Ending early loses
nothing: what comes later rings `bell`. One reader per topic; a new `read` ends an older one.

`position` is for the time before there is a cursor: it listens from now on, and tells the newest replay id
as soon as the service told one (with the first event, or within 270 s). A load or poll that begins *after*
`position` returned an id may store it as the cursor: what is committed later comes after it. `bell` rings
when the first id is known, and for events that went by. While the service cannot be reached `position` stays
None, and `trouble` says why: whoever polls meanwhile is not held up.

**An event says what was committed at `committed_at`, not what is there now**: it may have waited on the bus
for hours. Take its ids for a look by id (`Op.TOUCH`), or judge it by its commit time.

What a `ChangeEvent` tells, and what not:
- `fields`: by the vendor's API names, values as REST writes them (`2026-03-01T09:00:00.000+0000`,
  `2026-03-01`, `09:00:00.000Z`, numbers, booleans). A missing key was not reported, None was cleared.
  Compound fields are flat: `FirstName`, `MailingCity`, `Place__Latitude__s`. A create or undelete reports
  all fields of the event's schema, an update those that changed, a delete none.
- `unsaid`: fields that changed, and whose value the event does not carry (a large text sent as a diff).
- `gap`: the ids changed, no fields are told; read them by id. `lost`: not even the ids are told (overflow, a
  wildcard id, a payload that nobody can decode); read the whole object again.
- Several ids share one event when one transaction changed them alike.

Errors: `CursorLost` (the replay id is older than 72 h, or not the service's: load anew, take a new position),
`NeedsOperator` (no right, no such topic, not selected for Change Data Capture, a log-in that is refused
twice), `RetryLater` for all that passes. No gRPC error gets out.

Sources: Pub/Sub API guide (Subscribe RPC Method, Pull Subscription and Flow Control, Handle Errors, Event
Deserialization Considerations), Change Data Capture Developer Guide (ChangeEventHeader Fields, Gap Events,
Overflow Events, Get Compound Fields in Change Events).
"""

from __future__ import annotations

import os
from collections.abc import Mapping
from importlib.util import find_spec
from pathlib import Path
from typing import TYPE_CHECKING

from connectors.salesforce.events.change import Batch, ChangeEvent, ChangeType, Session, Sessions
from syncd.core.clock import Clock, SystemClock
from syncd.core.errors import NeedsOperator

if TYPE_CHECKING:
    from connectors.salesforce.events.events import Events

__all__ = ["ENDPOINT", "Batch", "ChangeEvent", "ChangeType", "Session", "Sessions", "lacking", "subscribe"]

ENDPOINT = "https://api.pubsub.salesforce.com:7443"
"""The service's global address (Pub/Sub API guide, Pub/Sub API Endpoints)."""
os.environ.setdefault("GRPC_VERBOSITY", "ERROR")  # else gRPC tells standard error of each lost connection
NEEDED = ("grpc", "google.protobuf", "fastavro")


def lacking() -> str | None:
    """What is missing for change events and how to get it; None where all is there."""
    try:
        absent = [name for name in NEEDED if find_spec(name) is None]
    except ModuleNotFoundError:  # find_spec of a dotted name imports its parent
        absent = ["google.protobuf"]
    if not absent:
        return None
    return f"change events need {', '.join(absent)}: pip install 'syncd[salesforce]'"


def subscribe(
    sessions: Sessions,
    *,
    endpoint: str = ENDPOINT,
    ca: Path | None = None,
    clock: Clock | None = None,
    settle: float = 2.0,
    grace: float = 5.0,
    readers: Mapping[str, int] | None = None,
) -> Events:
    """A client; it connects when it is first used. Times in seconds.

    `readers`: by topic, how many read it, each from a place of its own; one where it is not said.

    `endpoint` is a URL; `http` (no TLS) is taken for this machine only. `ca` is a file of certificates to
    believe in place of the usual ones. Raises `NeedsOperator` where the extra is not installed.
    """
    missing = lacking()
    if missing is not None:
        raise NeedsOperator("change events cannot be read", f"{missing}, or let the system poll")
    from connectors.salesforce.events.events import Events

    return Events(sessions, endpoint, ca, clock or SystemClock(), settle, grace, readers or {})
