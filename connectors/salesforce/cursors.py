"""Cursors as JSON. Each names its way of reading, and the org that it is a place in."""

from __future__ import annotations

from typing import Any

import orjson

from syncd.core.errors import CursorLost, NeedsOperator
from syncd.core.nouns import Cursor

State = dict[str, Any]
MODES = ("poll", "bulk", "events")


def cursor(state: State) -> Cursor:
    """A state as a token."""
    return Cursor(orjson.dumps(state).decode())


def state_of(since: Cursor | None, org: str) -> State | None:
    """A token as a state, None for the beginning.

    Raises `CursorLost` for one that is none, and `NeedsOperator` for a place in another org: its records are
    other records, whatever their ids.
    """
    if since is None:
        return None
    state = _loaded(since)
    if not isinstance(state, dict) or state.get("mode") not in MODES:
        raise CursorLost("the cursor was made by another way of reading")
    known = state.get("org") or org
    if org and known != org:
        todo = "Give it the log-in of before, or name a new system for the other org"
        raise NeedsOperator(f"this log-in leads to org {org}, and what is linked is in org {known}", todo)
    return state


def of_events(since: Cursor | None) -> bool:
    """Whether a cursor is a place among events."""
    state = _loaded(since) if since is not None else None
    return isinstance(state, dict) and state.get("mode") == "events"


def _loaded(since: Cursor) -> Any:
    try:
        return orjson.loads(since.token)
    except orjson.JSONDecodeError:
        return None


def polled(state: State | None) -> State | None:
    """The state to poll on from, of a cursor that may be one of events."""
    if state is None or state["mode"] != "events":
        return state
    inner: Any = state.get("poll")
    if inner is None:
        return {"org": state.get("org"), **last_known(state)}
    if isinstance(inner, dict) and inner.get("mode") in ("poll", "bulk"):
        return {"org": state.get("org"), **inner}
    return None


def last_known(state: State) -> State:
    """The place of a poll that goes on from the last event, or from a poll that made up for events.

    Without a time to go on from, all is read again, and this is no first reading: deletes are told.
    """
    away: Any = state.get("away")
    if isinstance(away, dict) and away.get("mode") == "poll":
        return away
    at = state.get("at")
    known: State = {"high": at} if at is not None else {"again": None}
    return {"mode": "poll", **known, **({"refresh": state["refresh"]} if state.get("refresh") else {})}
