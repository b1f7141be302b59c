"""Cursors: where a walk stands, told to the client as one opaque word."""

from __future__ import annotations

import base64
import binascii

import orjson

from connectors.sandboxes.shape import Refusal
from connectors.sandboxes.table import Position, Row
from connectors.sandboxes.world import World


def cursor_after(world: World, last: Row, deleted: bool) -> str:
    """The cursor of what comes after a row; `deleted`: whether the walk shows deleted records."""
    what = [last.stamp, last.n + 1, int(deleted), world.clock.millis()]
    return base64.urlsafe_b64encode(orjson.dumps(what)).decode().rstrip("=")


def read_cursor(world: World, cursor: str) -> tuple[Position, bool]:
    """Where it stands; `Refusal` for one that was not made here, or is too old."""
    try:
        stamp, n, deleted, issued = map(
            int, orjson.loads(base64.urlsafe_b64decode(cursor + "=" * (-len(cursor) % 4)))
        )
    except (ValueError, TypeError, binascii.Error):
        raise Refusal(400, "bad_cursor", "this cursor was not made here", "cursor") from None
    life = world.quirks.cursor_life
    if life is not None and world.clock.millis() - issued > life * 1000:
        world.fired("cursor_life")
        raise Refusal(410, "cursor_expired", "the cursor is no longer known", "cursor")
    return (stamp, n), bool(deleted)
