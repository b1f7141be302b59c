"""The twin's index: what it shows of a row is never older than its lag, whatever else is open or young."""

from __future__ import annotations

from datetime import UTC, datetime, timedelta

from connectors.memory import Features, FieldDef, MemoryRemote, ObjectDef
from tests.sim.twin.index import Past


class _Remote(MemoryRemote):
    """One that notes its past, on a clock that is set by hand."""

    def __init__(self) -> None:
        self.now, self.past = datetime(2026, 1, 1, tzinfo=UTC), Past()
        shapes = [ObjectDef("people", {"name": FieldDef()})]
        super().__init__(shapes, clock=lambda: self.now, seed=1, features=Features(read_lag=1.5))

    def closed(self, number: int) -> None:
        self.past.note(self.tables["people"], number)
        super().closed(number)

    def told(self) -> list[tuple[str, object]]:
        rows = self.past.told((0, ""), self.horizon(), self, self.tables["people"])
        return [(row.id, row.fields["name"]) for row in rows]


def test_a_long_transaction_holds_back_a_row_and_makes_none_older() -> None:
    remote = _Remote()
    ann = remote.create("people", {"name": "Ann"})
    long = remote.begin()
    remote.update("people", ann, {"name": "Ann Lee"})
    remote.now += timedelta(seconds=2)
    assert remote.told() == [], "its newest state that is old enough comes after what is open"
    long.update("people", ann, {"name": "Ann Poe"})
    long.commit()
    assert remote.told() == [], "and after what is young"
    remote.now += timedelta(seconds=2)
    assert remote.told() == [(ann, "Ann Poe")]


def test_it_shows_a_row_as_it_was_a_lag_ago() -> None:
    remote = _Remote()
    ann = remote.create("people", {"name": "Ann"})
    remote.now += timedelta(seconds=2)
    remote.update("people", ann, {"name": "Ann Lee"})
    assert remote.told() == [(ann, "Ann")]
