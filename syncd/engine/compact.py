"""A long outage ends in one write per record, and until then in one row: the outbox stays bounded."""

from __future__ import annotations

from syncd.engine.world import World
from syncd.store.compact import compact_outbox, count_outbox

EVERY = 60.0
"""Seconds between looks."""
LEAST = 1_000
"""Rows below which nothing is worth the trouble."""


class Compactor:
    """Compacts the outbox rows of streams to which nothing was written since the last look.

    Where writes succeed the rows go by themselves. A round costs a walk through these rows, so the next
    one waits until there are twice as many.
    """

    def __init__(self, world: World, *, least: int = LEAST) -> None:
        self.world, self.least = world, least
        self._pushed: dict[int, int] = {}
        self._left = 0

    async def work(self) -> int:
        """Look, and compact where it pays; returns the rows that went."""
        idle = self._idle()
        if not idle:
            return 0
        rows = await count_outbox(self.world.store, idle)
        if rows < max(self.least, 2 * self._left):
            return 0
        gone = await compact_outbox(self.world.store, idle)
        self._left = rows - gone
        self.world.pruned["outbox"] = self.world.pruned.get("outbox", 0) + gone
        return gone

    async def wait(self) -> None:
        """Until the next look."""
        await self.world.clock.sleep(EVERY)

    def _idle(self) -> list[int]:
        pushed = {number: self.world.counters[number].pushed for number in self.world.streams}
        idle = [number for number, n in pushed.items() if self._pushed.get(number) == n]
        self._pushed = pushed
        return idle
