"""A CRM in memory: what people do in it, and what it holds. Nothing here knows of syncd's connector.

Transactions are numbered when they begin and seen when they commit, so a late commit appears behind later
ones, with an older stamp, as in a real database. `horizon` is the number below which nothing is open.
"""

from __future__ import annotations

import random
from collections.abc import Callable, Iterable, Mapping, Sequence
from datetime import UTC, datetime, timedelta

from connectors.memory.faults import Faults
from connectors.memory.shape import Features, FieldDef, ObjectDef, Quirks
from connectors.memory.table import Table
from connectors.memory.transaction import Transaction
from syncd.core.nouns import Fields, Value

Clock = Callable[[], datetime]

_REMOTES: dict[str, MemoryRemote] = {}


def _ticking() -> Clock:
    """A clock of its own: a millisecond passes at each look, from 2026-01-01."""
    ticks = iter(range(1 << 62))
    start = datetime(2026, 1, 1, tzinfo=UTC)
    return lambda: start + timedelta(milliseconds=next(ticks))


class MemoryRemote:
    """One CRM. `clock` returns zone-aware UTC; `seed` decides the order of answers."""

    def __init__(
        self,
        objects: Iterable[ObjectDef],
        *,
        clock: Clock | None = None,
        seed: int = 0,
        features: Features | None = None,
    ) -> None:
        self.tables = {shape.name: Table(shape) for shape in objects}
        self.clock = clock or _ticking()
        self.random = random.Random(seed)
        self.features = features or Features()
        self.quirks = Quirks()
        self.faults = Faults()
        self.calls: dict[str, int] = {}
        self.online = True
        self.login_valid = True
        self._txn = 0
        self._open: set[int] = set()
        self.listeners: list[Callable[[], None]] = []

    def register(self, name: str) -> MemoryRemote:
        """Make it known in this process, for `connector: memory, remote: NAME`."""
        _REMOTES[name] = self
        return self

    @staticmethod
    def named(name: str) -> MemoryRemote | None:
        """The remote registered under a name."""
        return _REMOTES.get(name)

    @staticmethod
    def forget(name: str) -> None:
        """Take a name out of the process-wide list."""
        _REMOTES.pop(name, None)

    def begin(self) -> Transaction:
        """Start a transaction that stays open until its `commit`."""
        self._txn += 1
        self._open.add(self._txn)
        return Transaction(self, self._txn, self.clock())

    def horizon(self) -> int:
        """The lowest transaction number that may still appear."""
        return min(self._open, default=self._txn + 1)

    def closed(self, number: int) -> None:
        """A transaction ended."""
        self._open.discard(number)
        for ring in self.listeners:
            ring()

    def create(self, object: str, fields: Fields, remote_id: str | None = None) -> str:
        """A person makes a record; returns its id."""
        with self.begin() as edit:
            return edit.create(object, fields, remote_id)

    def update(self, object: str, remote_id: str, fields: Fields) -> None:
        """A person edits a record."""
        with self.begin() as edit:
            edit.update(object, remote_id, fields)

    def delete(self, object: str, remote_id: str) -> None:
        """A person deletes a record, and what hangs on it."""
        with self.begin() as edit:
            edit.delete(object, remote_id)

    def restore(self, object: str, remote_id: str) -> None:
        """A person takes a record back out of the bin; needs `deletes_reported`."""
        with self.begin() as edit:
            edit.restore(object, remote_id)

    def merge(self, object: str, loser: str, winner: str, fields: Fields | None = None) -> None:
        """A person merges two records; `fields` are what the winner holds then. Needs `deletes_reported`."""
        with self.begin() as edit:
            edit.merge(object, loser, winner, fields)

    def convert(
        self, object: str, remote_id: str, to: str, fields: Fields | None = None, into: str | None = None
    ) -> str:
        """A person makes a record of another object of one, or joins it `into` one; its id."""
        with self.begin() as edit:
            return edit.convert(object, remote_id, to, fields, into)

    def reshape(self, object: str, fields: Mapping[str, FieldDef]) -> None:
        """An administrator changes an object's fields; values of those that are gone are hidden."""
        self.tables[object].reshape(fields)

    def bulk_edit(self, object: str, fields: Fields, ids: Sequence[str] | None = None) -> None:
        """A person edits many records at once: one transaction, one stamp."""
        with self.begin() as edit:
            for remote_id in list(self.rows(object)) if ids is None else ids:
                edit.update(object, remote_id, fields)

    def rows(self, object: str) -> dict[str, dict[str, Value]]:
        """The ground truth: the live records by id."""
        rows = self.tables[object].rows.values()
        return {row.id: dict(row.fields) for row in rows if not row.deleted and not row.archived}
