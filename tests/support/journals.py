"""The journal of a store, exported and replayed as `syncd journal` does."""

from __future__ import annotations

import orjson

from syncd.service.replay import Replayed, Replayer
from syncd.store.journal import journal
from syncd.store.store import Store


async def exported(store: Store, *, events: bool = True) -> list[bytes]:
    """The lines of a store's journal."""
    return [orjson.dumps(line) async for line in journal(store, events=events)]


def replayed(lines: list[bytes]) -> Replayed:
    """What the decisions in them come to today, none of a package's own."""
    return Replayer({}).read(lines)


async def assert_replays(store: Store) -> Replayed:
    """No decision of the store comes out otherwise, and each history leads to what its record holds."""
    found = replayed(await exported(store, events=False))
    assert found.clean, found
    return found
