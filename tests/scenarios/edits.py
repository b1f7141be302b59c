"""What people do in the two systems: edits, at the same fields or at others, creates, deletes."""

from __future__ import annotations

import random
from collections.abc import Callable, Sequence
from dataclasses import dataclass
from itertools import count
from typing import Any

import orjson

from tests.scenarios.org import IDS, SIDES, TABLES, Org

Value = Callable[[int], Any]


@dataclass(frozen=True)
class Field:
    """A canonical field, its columns in both systems, and how its n-th value is written and remembered."""

    name: str
    org: str
    erp: str
    value: Value
    said: Value
    part: str = ""

    def change(self, side: str, n: int) -> str:
        """The assignment. `part` is what stands before the value where the ERP has both in one column."""
        before = f"{self.part} || " if side == "erp" and self.part else ""
        return f"{self.org if side == 'org' else self.erp} = {before}'{self.value(n)}'"


def _text(name: str, org: str, erp: str, word: str) -> Field:
    return Field(name, org, erp, lambda n: f"{word} {n}", lambda n: f"{word} {n}")


def _last_name(n: int) -> str:
    return f"Last{n}"


def _date(n: int) -> str:
    return f"{2030 + n // 336}-{1 + n // 28 % 12:02}-{1 + n % 28:02}"


FIELDS = {
    "account": [
        _text("name", "name", "title", "Firm"),
        _text("city", "billing_city", "town", "City"),
        _text("street", "billing_street", "street", "Street"),
    ],
    "contact": [
        _text("title", "title", "job", "Job"),
        _text("phone", "phone", "tel", "555"),
        Field("last_name", "last_name", "name", _last_name, _last_name, "split_part(name, ' ', 1) || ' '"),
        Field("email", "email", "mail", lambda n: f"Edit{n}@x.example", lambda n: f"edit{n}@x.example"),
    ],
    "opportunity": [
        _text("name", "name", "subject", "Deal"),
        Field("amount", "amount", "value", lambda n: f"{n}.50", lambda n: f"{n}.5"),
        Field("close_date", "close_date", "closing", _date, _date),
    ],
}


@dataclass(frozen=True)
class Edit:
    """One edit of one field of one record in one system."""

    record: int
    kind: str
    side: str
    remote_id: str
    field: Field
    n: int

    def sql(self) -> str:
        """The statement; ids and values are ours, so they need no quoting but quotes."""
        key = "id" if self.side == "org" else IDS[self.kind]
        table = TABLES[self.side][self.kind]
        return f"update {table} set {self.field.change(self.side, self.n)} where {key} = '{self.remote_id}';"


class People:
    """Seeded people. Every value is new, and nobody touches a field of a record twice on one side.

    `elsewhere` makes the edits of a side that is no database.
    """

    def __init__(self, org: Org, seed: int, **elsewhere: Callable[[Sequence[Edit]], None]) -> None:
        self.org, self.rng, self.elsewhere = org, random.Random(seed), elsewhere
        self.made: list[Edit] = []
        self._values = count(1)
        self._touched: set[tuple[str, int, str]] = set()

    async def edits(self, alone: int, together: int) -> dict[str, list[Edit]]:
        """For each side `together` edits of the same fields on both and `alone` others, in random order."""
        links = await self.org.links(self.org.hands)
        found: dict[str, list[Edit]] = {side: [] for side in SIDES}
        places = [(record, spot) for record, (kind, *_) in links.items() for spot in FIELDS[kind]]
        self.rng.shuffle(places)
        for record, spot in places:
            both = len(found["erp"]) < together
            side = "org" if len(found["org"]) <= len(found["erp"]) else "erp"
            for where in SIDES if both else (side,):
                kind, org, erp = links[record]
                if (where, record, spot.name) not in self._touched and len(found[where]) < together + alone:
                    self._touched.add((where, record, spot.name))
                    remote_id = org if where == "org" else erp
                    found[where].append(Edit(record, kind, where, remote_id, spot, next(self._values)))
        self.made += found["org"] + found["erp"]
        return found

    async def do(self, side: str, edits: Sequence[Edit], size: int = 50) -> None:
        """Make edits, so many in a transaction."""
        for start in range(0, len(edits), size):
            part = edits[start : start + size]
            if side in self.org.hands:
                await self.org.hands[side].execute("".join(edit.sql() for edit in part))
            else:
                self.elsewhere[side](part)

    async def lost(self) -> list[Edit]:
        """Edits that are neither what stands, nor in the history of what stood, nor in a conflict."""
        con = self.org.cons["store"]
        known: set[tuple[int, str, str]] = set()
        for row in await con.fetch("select record_id, changes from versions"):
            known |= {(row["record_id"], name, str(v)) for name, v in orjson.loads(row["changes"]).items()}
        for row in await con.fetch("select record_id, field, candidates from conflicts"):
            values = [c["value"] for c in orjson.loads(row["candidates"])]
            known |= {(row["record_id"], row["field"], str(value)) for value in values}
        return [e for e in self.made if (e.record, e.field.name, str(e.field.said(e.n))) not in known]
