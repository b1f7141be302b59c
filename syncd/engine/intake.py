"""Intake: read a stream's changes page by page; the cursor commits with what the page did."""

from __future__ import annotations

from collections import deque
from collections.abc import AsyncIterator, Sequence

from syncd.core.errors import CursorLost
from syncd.core.nouns import Change, Cursor, Page
from syncd.engine.apply import apply, incoming
from syncd.engine.batch import Batch
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.world import Stream, World

PER_TRANSACTION = 500
"""Changes per transaction: larger batches hold the writer for too long, smaller ones cost round trips."""

_CURSOR = "update streams set cursor = $2, read_at = now() where stream = $1"


class Intake:
    """Reads one stream from its cursor to its end, again and again."""

    def __init__(self, world: World, stream: Stream, keeper: Gatekeeper) -> None:
        self.world, self.stream, self.keeper = world, stream, keeper
        self._marks: deque[tuple[float, int]] = deque()

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
        since = await self.cursor()
        pages = self.stream.connector.read_changes(self.stream.object, since)
        did = 0
        try:
            async for page, evidence in self._paced(pages):
                did += await self.take(page, evidence, since)
                since = page.cursor
        except CursorLost:
            async with self.world.store.write() as tx:
                await tx.execute(_CURSOR, self.stream.id, None)
            raise
        self.world.counters[self.stream.id].read_at = self.world.clock.now()
        return did

    async def _paced(self, pages: AsyncIterator[Page]) -> AsyncIterator[tuple[Page, int]]:
        """Each page with the sequence from before its request left."""
        while True:
            evidence = self._evidence()
            self.world.counters[self.stream.id].calls += 1
            page = await self.keeper.call(lambda: anext(pages, None))
            if page is None:
                return
            yield page, evidence

    def _evidence(self) -> int:
        """The sequence now, less the feed's declared lag: a lagging feed shows what was, not what is."""
        now, seq = self.world.clock.monotonic(), self.world.store.seq()
        if not self.stream.can.read_lag:
            return seq
        self._marks.append((now, seq))
        while len(self._marks) > 1 and self._marks[1][0] <= now - self.stream.can.read_lag:
            self._marks.popleft()
        then, old = self._marks[0]
        return old if then <= now - self.stream.can.read_lag else 0

    async def take(self, page: Page, evidence: int, since: Cursor | None = None) -> int:
        """Apply one page and move the cursor with it; a quiet page writes nothing."""
        did = 0
        chunks = [page.changes[i : i + PER_TRANSACTION] for i in range(0, len(page.changes), PER_TRANSACTION)]
        for chunk in chunks[:-1]:
            did += (await self._commit(chunk, evidence, None)).applied
        if chunks or page.cursor != since:
            last = chunks[-1] if chunks else ()
            body = page.body if len(chunks) == 1 else None
            did += (await self._commit(last, evidence, page.cursor, body)).applied
        return did

    async def _commit(
        self, changes: Sequence[Change], evidence: int, cursor: Cursor | None, body: bytes | None = None
    ) -> Batch:
        items = incoming(self.stream, changes, evidence)
        async with self.world.store.write(numbers=5 * len(items) + 100) as tx:
            batch = await apply(
                tx, self.world, self.stream, items, source="feed", evidence=evidence, body=body
            )
            if cursor is not None:
                await tx.execute(_CURSOR, self.stream.id, cursor.token)
        return batch
