"""Reading by id, by key, and everything."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping, Sequence
from typing import Any

from connectors.salesforce import soql
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.ids import is_id, long_id
from connectors.salesforce.rights import views_all
from connectors.salesforce.sobject import SObject
from syncd.core.errors import NeedsOperator, RetryLater
from syncd.core.nouns import Change, Op

LEAST_ROOM = 500
"""Bytes of ids or keys that a query must have room for."""


class Lookup:
    """Looks records of one object up. `sees_all`: this user is to see every record that there is."""

    def __init__(self, client: SalesforceClient, sobject: SObject, *, sees_all: bool, page: int) -> None:
        self.client, self.sobject, self.sees_all, self.page = client, sobject, sees_all, page

    async def fetch(self, ids: Sequence[str]) -> list[Change]:
        """One change per id that something can be said of; deleted ones are found in the recycle bin.

        A lead that is nowhere may have become a contact and be hidden from this user: nothing is said of it,
        for a delete would be carried on. Nor is anything said of what is nowhere while this user's rights do
        not show every record: they were reduced, and it may be there.
        """
        wanted = {id: long_id(id) for id in dict.fromkeys(ids)}
        rows = await self.by_id([id for id in wanted.values() if is_id(id)])
        lacking = any(is_id(id) and id not in rows for id in wanted.values())
        certain = lacking and await self._sees_all()
        found: list[Change] = []
        for asked, id in wanted.items():
            if id in rows:
                found.append(self.sobject.change(rows[id]))
            elif not is_id(id) or certain:
                found.append(Change(self.sobject.system, self.sobject.name, asked, Op.DELETE))
        return found

    async def _sees_all(self) -> bool:
        """Whether a record that is not found is none: asked after it was looked for."""
        if not self.sees_all or self.sobject.converts:
            return False
        return await views_all(self.client, self.sobject.name)

    async def by_id(self, ids: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Rows by id, deleted ones among them."""
        rows = await self._among("Id", ids, self.sobject.all_fields, all_rows=True)
        return {long_id(str(row["Id"])): row for row in rows}

    async def by_key(self, keys: Sequence[str]) -> dict[str, Mapping[str, Any]]:
        """Living rows by our key, which they have in the object's key field."""
        field = self.sobject.spec.key_field
        if field is None:
            raise NeedsOperator(
                f"{self.sobject.name} of system {self.sobject.system} has no key_field", "Set it"
            )
        rows = await self._among(field, keys, self.sobject.fields, all_rows=False)
        asked = {key.casefold(): key for key in keys}
        found = {asked.get(str(row.get(field)).casefold()): row for row in rows}
        return {key: row for key, row in found.items() if key is not None}

    async def find(self, keys: Sequence[str]) -> dict[str, Change]:
        """Living records by our key."""
        return {key: self.sobject.change(row) for key, row in (await self.by_key(keys)).items()}

    async def _among(
        self, field: str, values: Sequence[str], fields: Sequence[str], *, all_rows: bool
    ) -> list[Mapping[str, Any]]:
        name, what = self.sobject.name, f"read of {self.sobject.name} by {field}"
        bare = len(soql.encoded(soql.select(fields, name, soql.among(field, []))))
        if soql.ADDRESS - bare < LEAST_ROOM:
            raise NeedsOperator(
                f"system {self.sobject.system}: the fields of {name} do not fit into one query",
                "Map fewer fields",
            )
        rows: list[Mapping[str, Any]] = []
        for part in soql.chunks(values, soql.ADDRESS - bare):
            query = soql.select(fields, name, soql.among(field, part))
            async for page in self._pages(query, what, all_rows=all_rows):
                rows += page
        return rows

    async def _pages(
        self, query: str, what: str, *, all_rows: bool
    ) -> AsyncIterator[list[Mapping[str, Any]]]:
        """The pages of a query, which together have as many rows as the first one says."""
        _, body = await self.client.query(query, what, all_rows=all_rows, page=self.page)
        total, seen = body.get("totalSize"), 0
        while True:
            seen += len(body["records"])
            if body["done"] and isinstance(total, int) and seen != total:
                raise RetryLater(f"{self.client.name}: {what}: {seen} records came of {total}")
            yield body["records"]
            if body["done"]:
                return
            body = await self.client.more(str(body["nextRecordsUrl"]), what)
