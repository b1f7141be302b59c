"""Everything of an object, by the list, whose order is that of ids."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from datetime import datetime
from typing import Any
from urllib.parse import urlencode

from connectors.hubspot.associations import fill
from connectors.hubspot.client import HubSpotClient, after
from connectors.hubspot.lookup import Lookup
from connectors.hubspot.memory import Own
from connectors.hubspot.record import HubRecord
from syncd.core.nouns import Cursor, Page

MOST = 100
LONGEST = 4000
"""Characters of a query that names properties. HubSpot refuses an address that is too long (414) and does not
say which is; usual servers take 8,000."""
NEVER = ""
"""No record's id."""
Rows = Sequence[Mapping[str, Any]]


class Whole:
    """Walks one object's records; `own` hears of them. The list shows what is stored, not what is indexed.

    Where the mapping wants so many properties that the address would be too long, the list tells the ids, and
    a batch read of each page the values: one call more for a hundred records.
    """

    def __init__(self, client: HubSpotClient, record: HubRecord, page: int, own: Own | None = None) -> None:
        self.client, self.record, self.page = client, record, min(page, MOST)
        self.own = own if own is not None else Own()

    async def walk(self, start: str | None = None) -> AsyncIterator[tuple[Rows, str | None, datetime | None]]:
        """Pages of rows from a place, each with the next place (None: the end) and the server's clock."""
        what, path = f"list of {self.record.name}", self.client.path("objects", self.record.name)
        query = {"limit": str(self.page), "properties": ",".join(self.record.asked)}
        apart = len(urlencode(query)) > LONGEST
        if apart:
            query["properties"] = self.record.modified
        place, told = start, NEVER
        while True:
            answer, body = await self.client.get(path, what, {**query, **({"after": place} if place else {})})
            found = self.client.results(body, what)
            rows = [row for row in found if str(row.get("id")) != told]
            for row in rows:
                self.record.stamp(row)
                self.own.met(self.record, row)
            rows = await self._read(rows) if apart else await self._filled(rows)
            place = after(body)
            told = NEVER if place is not None else self._to_be_sure(found, told)
            place = place or told or None
            yield rows, place, answer.date()
            if place is None:
                return

    async def _filled(self, rows: list[Mapping[str, Any]]) -> list[Mapping[str, Any]]:
        await fill(self.client, self.record.name, self.record.links.values(), rows)
        if self.record.words is not None:
            await self.record.words.fill(rows)
        return rows

    async def _read(self, rows: Rows) -> list[Mapping[str, Any]]:
        """The same records with all that is asked of them, but those that went meanwhile."""
        ids = [str(row["id"]) for row in rows]
        full = await Lookup(self.client, self.record, sees_all=False).rows(ids) if ids else {}
        return [full[id] for id in ids if id in full]

    def _to_be_sure(self, rows: Rows, told: str) -> str:
        """A full page that names no next one is not believed to be the last before it was asked about: the id
        to go on from, whose record was `told` then."""
        last = str(rows[-1]["id"]) if len(rows) >= self.page else NEVER
        return last if last != told else NEVER

    async def scan(self) -> AsyncIterator[Page]:
        """A sweep."""
        async for rows, place, _ in self.walk():
            yield Page([self.record.change(row) for row in rows], Cursor(""), complete=place is None)
