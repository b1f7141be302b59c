"""A feed that is an index: it shows records as they were some seconds ago, also those that moved since."""

from __future__ import annotations

from bisect import bisect_left
from collections.abc import Iterator
from copy import copy
from dataclasses import dataclass, field
from datetime import timedelta

from connectors.memory.remote import MemoryRemote
from connectors.memory.table import Row, Table
from connectors.memory.wire import Listing, Wire

Place = tuple[int, str]


@dataclass(slots=True)
class Past:
    """The states of one table's rows, in the order in which they were committed, by their transactions."""

    states: list[tuple[int, str, Row]] = field(default_factory=list)

    def note(self, table: Table, number: int) -> None:
        """A transaction ended: keep what it left."""
        start = bisect_left(table.log, (number, ""))
        for txn, remote_id in table.log[start:]:
            row = table.rows.get(remote_id)
            if txn == number and row is not None and row.txn == number:
                then = copy(row)
                then.fields, then.touched = dict(row.fields), dict(row.touched)
                self.states.append((txn, remote_id, then))

    def told(self, after: Place, before: int, remote: MemoryRemote, table: Table) -> Iterator[Row]:
        """The rows as the index has them, in the order of their changes, from a place up to what is old.

        Whoever is shown is shown as of one moment: a row whose state of then lies behind the end is left out,
        for an older one would be a lie about the lag.
        """
        young = remote.clock() - timedelta(seconds=remote.features.read_lag)
        shown: dict[str, tuple[Place, Row]] = {}
        end = (before, "")
        for txn, remote_id, row in self.states:
            if row.committed is not None and row.committed > young:
                end = min(end, (txn, remote_id))
            elif remote_id in table.rows:
                shown[remote_id] = (txn, remote_id), row
        yield from (row for place, row in sorted(shown.values(), key=lambda x: x[0]) if after < place < end)


class IndexWire(Wire):
    """The log-in to a remote that lists changes from its index, table by table."""

    def __init__(self, remote: MemoryRemote, pasts: dict[str, Past]) -> None:
        super().__init__(remote)
        self.pasts = pasts

    async def changes(self, object: str, after: Place, limit: int, base: int) -> Listing:
        await self._read(object)
        found: list[Row] = []
        for row in self.pasts[object].told(after, self.remote.horizon(), self.remote, self._table(object)):
            found.append(row)
            if len(found) > self._limit(limit):
                break
        since = base if self.remote.features.partial_fields else None
        return self._listing(found, limit, since)
