"""The journal of changes: what each committed transaction did to which record, for who wants to know.

`Journal.subscribe(listener)` calls `listener(changes)` once for each transaction that was committed, with
its changes in order; `Journal.since(number)` reads what was committed before. Numbers rise by one and are
never used twice.
"""

from __future__ import annotations

from bisect import bisect_right
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, Literal

Op = Literal["create", "update", "delete", "undelete"]
Cause = Literal["", "cascade", "merge", "convert", "automation"]


@dataclass(frozen=True, slots=True)
class Change:
    """One record's change.

    `fields` are the stored values after it, `before` those before it (None for a create): what describe
    calls fields but those worked out on reading (`connectors.salesforce.sandbox.look` has them). `changed`
    names the fields whose value differs, for an update; a save that changed nothing has none. `user` is a
    User id; `origin` such as `com/salesforce/api/rest/62.0;client=syncd`, empty where no API was used. `at`
    and `stamp` are milliseconds since 1970: when it was committed, and the record's SystemModstamp, which
    may be earlier. `transaction` is the same for all changes that were committed together, `sequence`
    counts them from 1. `cause` says what it was a part of; `master` is the record that a merge left.
    """

    number: int
    object: str
    id: str
    op: Op
    changed: tuple[str, ...]
    fields: Mapping[str, Any]
    before: Mapping[str, Any] | None
    user: str
    origin: str
    at: int
    stamp: int
    transaction: str
    sequence: int
    cause: Cause = ""
    master: str | None = None


Listener = Callable[[Sequence[Change]], None]
KEEP = 1_000_000
"""Changes that are kept; the oldest go first."""


class Journal:
    """All changes of one org, in the order of their commits."""

    def __init__(self) -> None:
        self.changes: list[Change] = []
        self.listeners: list[Listener] = []
        self.last = 0

    def subscribe(self, listener: Listener) -> Callable[[], None]:
        """Tell it of each transaction from now on; what is returned ends that."""
        self.listeners.append(listener)
        return lambda: self.listeners.remove(listener)

    def since(self, number: int) -> Sequence[Change]:
        """What came after this number."""
        return self.changes[bisect_right(self.changes, number, key=lambda change: change.number) :]

    def commit(self, changes: Sequence[Change]) -> None:
        """One transaction is over. To be called by the org alone."""
        if not changes:
            return
        self.changes += changes
        if len(self.changes) > KEEP * 2:
            del self.changes[:-KEEP]
        for listener in list(self.listeners):
            listener(changes)
