"""Row locks: a call that writes children holds their parents, and one that comes meanwhile fails.

The service waits ten seconds for a lock before it gives up; here nothing takes that long by itself, so
calls clash only where a fault such as `slow` or `hang` keeps one of them under way.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterable, Iterator, Mapping
from contextlib import contextmanager
from typing import TYPE_CHECKING, Any

from connectors.salesforce.sandbox import ids
from connectors.salesforce.sandbox.refusals import locked

if TYPE_CHECKING:
    from connectors.salesforce.sandbox.org import Org

PARENTS = ("AccountId", "OpportunityId", "CampaignId")


class Locks:
    """What the calls that are under way hold. `mine` are those of the call that is worked on."""

    def __init__(self, org: Org) -> None:
        self.org = org
        self.held: Counter[str] = Counter()
        self.mine: Counter[str] = Counter()

    @contextmanager
    def holding(self, records: Iterable[Mapping[str, Any]]) -> Iterator[Counter[str]]:
        """For as long as a call is under way."""
        wanted = Counter(parent for record in records for parent in self.parents(record))
        self.held += wanted
        try:
            yield wanted
        finally:
            self.held -= wanted

    def parents(self, record: Mapping[str, Any], id: str | None = None) -> set[str]:
        """The parents of a record, as it is and as it will be."""
        if not self.org.quirks.lock_parents:
            return set()
        id = id or ids.read(record.get("Id") or record.get("id"))
        row = next((t.rows[id] for t in self.org.tables.values() if id in t.rows), None) if id else None
        values = [row.fields.get(name) for name in PARENTS] if row is not None else []
        values += [ids.read(record.get(name)) for name in PARENTS]
        return {value for value in values if value is not None}

    def check(self, record: Mapping[str, Any], id: str | None) -> None:
        """`Refused` UNABLE_TO_LOCK_ROW where another call holds a parent of the record."""
        busy = [parent for parent in self.parents(record, id) if self.held[parent] > self.mine[parent]]
        if busy:
            self.org.fired("lock_parents")
            raise locked(busy)
