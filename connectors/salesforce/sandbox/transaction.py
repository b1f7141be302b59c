"""Transactions: what a call commits together, told to the journal at its end, or taken back whole."""

from __future__ import annotations

import secrets
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import dataclass, field, replace
from typing import Any

from connectors.salesforce.sandbox.journal import Change
from connectors.salesforce.sandbox.table import Image, OrgTable
from connectors.sandboxes.table import Row


@dataclass(slots=True)
class Caller:
    """Who calls, and by what: `origin` as in `Change.origin`; `allow_save` past duplicate rules."""

    user: str
    origin: str = ""
    allow_save: bool = False
    include_details: bool = False


@dataclass(slots=True)
class Transaction:
    """What was done so far. `undo` holds rows as they were; None: the row was not there."""

    key: str
    undo: list[tuple[OrgTable, Row, Image | None]] = field(default_factory=list)
    changes: list[Change] = field(default_factory=list)
    told: list[tuple[OrgTable, Row, str]] = field(default_factory=list)

    def keep(self, table: OrgTable, row: Row, *, made: bool = False) -> None:
        """To be called before a row is changed, or after it was made."""
        self.undo.append((table, row, None if made else table.image(row)))

    def back_to(self, mark: tuple[int, int, int]) -> None:
        """Take back all that was done since a mark."""
        while len(self.undo) > mark[0]:
            table, row, image = self.undo.pop()
            if image is None:
                table.take_out(row)
            else:
                table.put_back(row, image)
        del self.changes[mark[1] :], self.told[mark[2] :]

    @property
    def mark(self) -> tuple[int, int, int]:
        """Where it stands now."""
        return len(self.undo), len(self.changes), len(self.told)

    @contextmanager
    def whole(self) -> Iterator[None]:
        """All of the block or nothing."""
        mark = self.mark
        try:
            yield
        except BaseException:
            self.back_to(mark)
            raise

    def numbered(self, first: int, at: int) -> list[Change]:
        """The changes as they are committed."""
        return [
            replace(change, number=first + place, at=at, sequence=place + 1)
            for place, change in enumerate(self.changes)
        ]


def new_key() -> str:
    """A transaction key: 36 characters in the form of a UUID."""
    text = secrets.token_hex(16)
    return "-".join((text[:8], text[8:12], text[12:16], text[16:20], text[20:]))


def stamped(fields: dict[str, Any], when: str, user: str) -> dict[str, Any]:
    """Fields with who saved them last, and when."""
    return {**fields, "LastModifiedDate": when, "LastModifiedById": user}
