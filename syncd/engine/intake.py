"""Intake: read a stream's changes page by page; the cursor commits with what the page did."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Sequence
from math import inf
from typing import TypeAlias

from syncd.core.errors import CursorLost
from syncd.core.nouns import Cursor, Page
from syncd.engine.apply import apply, incoming
from syncd.engine.batch import Batch, Incoming
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.past import Past
from syncd.engine.world import Stream, World

PER_TRANSACTION = 500
"""Changes per transaction: larger batches hold the writer for too long, smaller ones cost round trips."""
FULL = 50
"""A page of so many changes is likely to be followed by another, and may wait for it."""
PATIENCE = 0.1
"""Seconds for which pages wait to be applied together."""

LATELY = 0.5
"""Seconds for which a read tells what is there: under load one does for many creates."""
AT_MOST = 0.5
"""Seconds for which a push waits for a read that is under way; its other writes wait with it."""

Read: TypeAlias = tuple[Page, int]
"""A page with the sequence from before its request left."""

_CURSOR = "update streams set cursor = $2, read_at = now() where stream = $1"


class Intake:
    """Reads one stream from its cursor to its end, again and again."""

    def __init__(self, world: World, stream: Stream, keeper: Gatekeeper) -> None:
        self.world, self.stream, self.keeper = world, stream, keeper
        self._lagging = Past(stream.can.read_lag)
        self._all_told = Past(stream.can.read_lag + stream.can.late)
        self._shown = 0
        self._began = -inf
        self._began_at = 0
        self._reading = asyncio.Lock()

    async def cursor(self) -> Cursor | None:
        """Where the last committed page ended."""
        async with self.world.store.read() as con:
            token = await con.fetchval("select cursor from streams where stream = $1", self.stream.id)
        return None if token is None else Cursor(token)

    async def read(self) -> int:
        """Read until caught up; returns how many changes did something.

        Raises what the connector raises; `CursorLost` after the cursor was dropped, so that the next read
        begins anew.
        """
        async with self._reading:
            return await self._read()

    async def read_lately(self, newest: int) -> bool:
        """Have all read that was there a moment ago, and all that was there when `newest` was numbered.

        Nothing is asked where a read that ended began just now, and after that. False where another read has
        been under way for long, such as one from the beginning: come again.
        """
        try:
            async with asyncio.timeout(AT_MOST):
                await self._reading.acquire()
        except TimeoutError:
            return False
        try:
            late = self.world.clock.monotonic() - self._began >= LATELY
            if late or self._began_at <= newest:
                await self._read()
        finally:
            self._reading.release()
        return True

    async def _read(self) -> int:
        since = await self.cursor()
        pages = self.stream.connector.read_changes(self.stream.object, since)
        did, began, began_at = 0, self.world.clock.monotonic(), self.world.store.seq()
        shown = self._all_told.note(began, began_at)
        try:
            async for group in self._grouped(pages):
                did += await self._take(group, since)
                since = group[-1][0].cursor
        except CursorLost:
            async with self.world.store.write() as tx:
                await tx.execute(_CURSOR, self.stream.id, None)
            raise
        self._shown, self._began, self._began_at = shown, began, began_at
        self.world.counters[self.stream.id].read_at = self.world.clock.now()
        return did

    async def _grouped(self, pages: AsyncIterator[Page]) -> AsyncIterator[list[Read]]:
        """Pages that are applied together. Under load batches grow; a small page waits for no other.

        What was read before a failure is applied before it is raised.
        """
        group: list[Read] = []
        size, began = 0, 0.0
        try:
            async for page, evidence in self._paced(pages):
                began = began if group else self.world.clock.monotonic()
                group.append((page, evidence))
                size += len(page.changes)
                waited = self.world.clock.monotonic() - began
                if len(page.changes) < FULL or size >= PER_TRANSACTION or waited > PATIENCE:
                    yield group
                    group, size = [], 0
        except Exception:
            if group:
                yield group
            raise
        if group:
            yield group

    async def _paced(self, pages: AsyncIterator[Page]) -> AsyncIterator[Read]:
        """Each page with the sequence from before its request left."""
        while True:
            evidence = self._evidence()
            self.world.counters[self.stream.id].calls += 1
            page = await self.keeper.call(lambda: anext(pages, None), about=self.stream.object)
            if page is None:
                return
            yield page, evidence

    def _evidence(self) -> int:
        """The sequence now, less the feed's declared lag: a lagging feed shows what was, not what is."""
        return self._lagging.note(self.world.clock.monotonic(), self.world.store.seq())

    async def _take(self, group: Sequence[Read], since: Cursor | None) -> int:
        """Apply pages and move the cursor with them; quiet pages write nothing."""
        cursor = group[-1][0].cursor
        items = [
            item
            for page, evidence in group
            for item in incoming(self.stream, page.changes, evidence, shown=self._shown)
        ]
        chunks = [items[i : i + PER_TRANSACTION] for i in range(0, len(items), PER_TRANSACTION)]
        did = 0
        for chunk in chunks[:-1]:
            did += (await self._commit(chunk, None)).applied
        if chunks or cursor != since:
            body = _body(group) if len(chunks) == 1 else None
            did += (await self._commit(chunks[-1] if chunks else (), cursor, body)).applied
        return did

    async def _commit(
        self, items: Sequence[Incoming], cursor: Cursor | None, body: bytes | None = None
    ) -> Batch:
        evidence = min((item.evidence for item in items), default=0)
        async with self.world.store.write(numbers=5 * len(items) + 100) as tx:
            batch = await apply(
                tx, self.world, self.stream, items, source="feed", evidence=evidence, body=body
            )
            if cursor is not None:
                await tx.execute(_CURSOR, self.stream.id, cursor.token)
        return batch


def _body(group: Sequence[Read]) -> bytes | None:
    """The pages as the remote sent them, one JSON text; None where one came without."""
    bodies = [page.body for page, _ in group if page.body is not None]
    if len(bodies) < len(group):
        return None
    return bodies[0] if len(bodies) == 1 else b"[" + b",".join(bodies) + b"]"
