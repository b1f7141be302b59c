"""One rising sequence for ids, pages, the outbox and evidence, handed out in process from blocks."""

from __future__ import annotations

import asyncio
from typing import Any

from syncd.core.errors import SyncdError

BLOCK = 1000
"""By how much `store_seq` rises at a time: each value of it begins a block of that many numbers."""


class Numbers:
    """Numbers that only rise within the process. A block that a killed process had not used up is lost."""

    __slots__ = ("_blocks", "_filling", "_last", "_next")

    def __init__(self) -> None:
        self._next = 1
        self._last = 0
        self._blocks: list[int] = []
        self._filling = asyncio.Lock()

    def take(self) -> int:
        """The next number; raises `SyncdError` when more were taken than were asked for."""
        number = self._next
        if number > self._last:
            number = self._turn()
        self._next = number + 1
        return number

    def left(self) -> int:
        """How many numbers can be taken before the next fill."""
        return self._last - self._next + 1 + BLOCK * len(self._blocks)

    def drop(self) -> None:
        """Forget the numbers at hand: another process may have taken higher ones meanwhile."""
        self._next, self._last = 1, 0
        self._blocks.clear()

    async def fill(self, con: Any, wanted: int) -> None:
        """See that `wanted` numbers are left; asks the database when there are fewer."""
        if self.left() >= wanted:
            return
        async with self._filling:  # two answers crossing would hand out the higher block first
            blocks = -(-(wanted - self.left()) // BLOCK)
            if blocks > 0:
                rows = await con.fetch("select nextval('store_seq') from generate_series(1, $1)", blocks)
                self._blocks.extend(row[0] for row in rows)

    def _turn(self) -> int:
        if not self._blocks:
            raise SyncdError("the store's sequence ran dry: ask write() for more numbers")
        first = self._blocks.pop(0)
        self._last = first + BLOCK - 1
        return first
