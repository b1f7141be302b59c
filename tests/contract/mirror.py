"""The smallest engine there is: rows and a cursor, to judge a connector by what they come to."""

from __future__ import annotations

from typing import Any

from syncd.core.errors import CursorLost
from syncd.core.nouns import Change, Cursor, Op, Page


class Mirror:
    """What is known of one object by reading it."""

    def __init__(self, connector: Any, object: str) -> None:
        self.connector = connector
        self.object = object
        self.rows: dict[str, dict[str, Any]] = {}
        self.versions: dict[str, str | None] = {}
        self.cursor: Cursor | None = None

    async def poll(self) -> list[Change]:
        """Read what changed; a lost cursor means a sweep and a fresh one."""
        told: list[Change] = []
        try:
            async for page in self.connector.read_changes(self.object, self.cursor):
                told += self.take(page)
        except CursorLost:
            self.cursor = None
            await self.sweep()
            return told + await self.poll()
        return told

    def take(self, page: Page) -> list[Change]:
        """Apply a page and keep its cursor."""
        for change in page.changes:
            self.apply(change)
        self.cursor = page.cursor
        return list(page.changes)

    def apply(self, change: Change) -> None:
        """Believe one change."""
        if change.op is Op.DELETE:
            self.rows.pop(change.remote_id, None)
            return
        known = self.rows.get(change.remote_id, {}) if change.partial else {}
        self.rows[change.remote_id] = {**known, **change.fields}
        self.versions[change.remote_id] = change.remote_version

    async def sweep(self) -> set[str]:
        """Read everything; what is not there is asked for by id before it is believed gone."""
        seen: set[str] = set()
        complete = False
        async for page in self.connector.scan(self.object):
            assert not complete, "a page came after the complete one"
            seen |= {change.remote_id for change in page.changes}
            for change in page.changes:
                self.apply(change)
            complete = page.complete
        assert complete, "the scan ended without saying that it is complete"
        missing = sorted(set(self.rows) - seen)
        for change in await self.connector.fetch(self.object, missing) if missing else []:
            self.apply(change)
        return seen
