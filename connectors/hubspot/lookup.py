"""Reading by id and by key, 100 records a call; what became of ids that are not there."""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from typing import Any

from connectors.hubspot.associations import fill
from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.memory import Own
from connectors.hubspot.record import HubRecord, absorbed
from syncd.core.errors import NeedsOperator
from syncd.core.nouns import Change, Op

BATCH = 100
Rows = dict[str, Mapping[str, Any]]


class Lookup:
    """Looks records of one object up. `sees_all`: what is found nowhere is gone. `own` hears what is read."""

    def __init__(
        self, client: HubSpotClient, record: HubRecord, *, sees_all: bool, own: Own | None = None
    ) -> None:
        self.client, self.record, self.sees_all = client, record, sees_all
        self.own = own if own is not None else Own()

    async def rows(self, ids: Sequence[str], *, archived: bool = False, key: str | None = None) -> Rows:
        """Records by their own ids: of those asked for that are there."""
        found: Rows = {}
        path = self.client.path("objects", self.record.name, "batch", "read")
        what = f"read of {self.record.name}"
        for start in range(0, len(ids), BATCH):
            body: dict[str, Any] = {
                "inputs": [{"id": id} for id in ids[start : start + BATCH]],
                "properties": self.record.asked,
                "propertiesWithHistory": [],
            }
            body |= {"idProperty": key} if key is not None else {}
            _, told = await self.client.post(path + ("?archived=true" if archived else ""), what, body)
            rows = self.client.results(told, what)
            for row in rows:
                self.record.stamp(row)
                self.own.met(self.record, row)
                found[str(row["id"])] = row
            if not archived:
                await fill(self.client, self.record.name, self.record.links.values(), rows)
            if self.record.words is not None:
                await self.record.words.fill(rows)
        return found

    async def fetch(self, ids: Sequence[str]) -> list[Change]:
        """One change per id that something can be said of."""
        wanted = list(dict.fromkeys(ids))
        rows = await self.rows([id for id in wanted if id.isdigit()])
        into = {old: row for row in rows.values() for old in absorbed(row)}
        lost = [id for id in wanted if id.isdigit() and id not in rows and id not in into]
        binned = await self.rows(lost, archived=True) if lost else {}
        found = []
        for id in wanted:
            if id in rows or id in binned:
                found.append(self.record.change(rows[id] if id in rows else binned[id]))
            elif id in into:
                found.append(self._merged(id, into[id]))
            else:
                found += await self._gone(id)
        return found

    def _merged(self, id: str, into: Mapping[str, Any]) -> Change:
        return Change(self.record.system, self.record.name, id, Op.MERGE, survivor_id=str(into["id"]))

    async def _gone(self, id: str) -> list[Change]:
        """A single read resolves merged ids where a batch does not."""
        path = self.client.path("objects", self.record.name, id)
        row = None
        if id.isdigit():
            row = await self.client.find(
                path, f"read of {self.record.name}", {"properties": self.record.modified}
            )
        if row is not None and str(row.get("id")) != id:
            return [self._merged(id, row)]
        if row is not None or not self.sees_all:
            return []
        return [Change(self.record.system, self.record.name, id, Op.DELETE)]

    async def find(self, keys: Sequence[str]) -> dict[str, Change]:
        """Living records by our key."""
        key = self.record.spec.key_field
        if key is None:
            raise NeedsOperator(
                f"{self.record.name} of system {self.record.system} has no key_field", "Set it"
            )
        rows = (await self.rows(list(dict.fromkeys(keys)), key=key)).values()
        asked = {one.casefold(): one for one in keys}
        said = {asked.get(str((row.get("properties") or {}).get(key)).casefold()): row for row in rows}
        return {one: self.record.change(row) for one, row in said.items() if one is not None}
