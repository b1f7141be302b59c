"""Simulated people: each edits one record in one system, and the demo looks when the other one shows it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from syncd.service.demo.databases import IDS, KINDS, Databases
from syncd.service.demo.sides import CODES
from syncd.service.demo.words import PLACES, STAGES, TITLES

LOOK_EVERY = 0.02


@dataclass(slots=True)
class Edit:
    """`there` is (system, table, id column, id, column, value) of what the other system must show.

    `column` None: the row must be gone. Times in seconds, monotonic; `arrived` is None until it is seen.
    """

    number: int
    system: str
    said: str
    at: float
    there: tuple[str, str, str, Any, str | None, Any]
    arrived: float | None = None

    @property
    def latency(self) -> float | None:
        """Seconds from its commit until the other system showed it."""
        return None if self.arrived is None else self.arrived - self.at


@dataclass(slots=True)
class Crowd:
    """The people. No two of them touch one record, so that every edit must arrive as it was made."""

    databases: Databases
    pairs: dict[str, list[tuple[int, int]]]
    random: Random
    edits: list[Edit] = field(default_factory=list)
    made: int = 0

    @classmethod
    def of(cls, databases: Databases, pairs: dict[str, list[tuple[int, int]]], seed: int = 7) -> Crowd:
        """People for records that both systems have, as (crm id, erp id) by kind."""
        random = Random(seed + 2)
        shuffled = {kind: random.sample(found, len(found)) for kind, found in pairs.items()}
        return cls(databases, shuffled, random)

    @property
    def missing(self) -> list[Edit]:
        """Edits that the other system does not show yet."""
        return [edit for edit in self.edits if edit.arrived is None]

    @property
    def latencies(self) -> list[float]:
        """Of all edits that arrived, in the order in which they were made."""
        return [edit.latency for edit in self.edits if edit.latency is not None]

    def take(self, kind: str) -> tuple[int, int]:
        """A record that nobody touched yet and nobody else will."""
        return self.pairs[kind].pop()

    async def edit(self) -> Edit:
        """One person edits something somewhere."""
        self.made += 1
        system = self.random.choice(("crm", "erp"))
        act = self.random.choices(ACTS, WEIGHTS)[0]
        edit = await act(self, system)
        self.edits.append(edit)
        return edit

    async def work(self, seconds: float, *, rate: float) -> None:
        """Edit `rate` times a second."""
        start = time.monotonic()
        for turn in range(round(seconds * rate)):
            await asyncio.sleep(max(0.0, start + turn / rate - time.monotonic()))
            await self.edit()

    async def look(self) -> None:
        """See once what has arrived: one query per table that something is missing in."""
        places: dict[tuple[str, str, str], list[Edit]] = {}
        for edit in self.missing:
            places.setdefault(edit.there[:3], []).append(edit)
        for (system, table, key), edits in places.items():
            sql = f"select * from {table} where {key} = any($1)"
            rows = await self.databases.side(system).fetch(sql, [edit.there[3] for edit in edits])
            found = {row[key]: row for row in rows}
            for edit in edits:
                if _shows(edit, found.get(edit.there[3])):
                    edit.arrived = time.monotonic()

    async def keep_looking(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)


def _shows(edit: Edit, row: Any) -> bool:
    column, value = edit.there[4:]
    if column is None or row is None:
        return column is None and row is None
    return bool(row[column] == value)


# -- what they do -------------------------------------------------------------------------------------------


async def _update(
    crowd: Crowd, system: str, kind: str, columns: Sequence[str], values: Sequence[Any], said: str
) -> Edit:
    """Set a column (crm's, erp's) of a record to a value (crm's, erp's); the other system must follow."""
    here = 0 if system == "crm" else 1
    pair, tables = crowd.take(kind), KINDS[kind]
    sql = f"update {tables[here]} set {columns[here]} = $2 where {IDS[tables[here]]} = $1"
    await crowd.databases.side(system).execute(sql, pair[here], values[here])
    there = 1 - here
    other, table = ("crm", "erp")[there], tables[there]
    place = (other, table, IDS[table], pair[there], columns[there], values[there])
    return Edit(crowd.made, system, f"{kind} {pair[here]}: {said}", time.monotonic(), place)


async def _phone(crowd: Crowd, system: str) -> Edit:
    number = phone(crowd.random)
    return await _update(crowd, system, "contact", ("phone", "tel"), (number, number), f"phone {number}")


async def _tags(crowd: Crowd, system: str) -> Edit:
    tags = [f"fair {crowd.made}", "vip"]
    return await _update(
        crowd, system, "contact", ("tags", "labels"), (";".join(tags), tags), f"tags {', '.join(tags)}"
    )


async def _town(crowd: Crowd, system: str) -> Edit:
    town = crowd.random.choice(PLACES[crowd.random.choice(list(PLACES))].towns)
    town = f"{town} {crowd.made}"
    return await _update(crowd, system, "company", ("city", "town"), (town, town), f"moves to {town}")


async def _staff(crowd: Crowd, system: str) -> Edit:
    staff, columns = 2_000 + crowd.made, ("employees", "headcount")
    return await _update(crowd, system, "company", columns, (staff, staff), f"staff {staff}")


async def _amount(crowd: Crowd, system: str) -> Edit:
    cents = 10_000_00 + crowd.made * 101
    values = (Decimal(cents) / 100, cents)
    return await _update(crowd, system, "deal", ("amount", "cents"), values, f"amount {values[0]}")


async def _stage(crowd: Crowd, system: str) -> Edit:
    pair = crowd.pairs["deal"][-1]
    now = await crowd.databases.crm.fetchval("select stage from deals where id = $1", pair[0])
    stage = STAGES[(STAGES.index(now or "new") + 1) % len(STAGES)]
    return await _update(crowd, system, "deal", ("stage", "status"), (stage, CODES[stage]), f"is {stage}")


async def _newcomer(crowd: Crowd, system: str) -> Edit:
    about = PLACES[crowd.random.choice(list(PLACES))]
    first, last = crowd.random.choice(about.firsts), crowd.random.choice(about.lasts)
    mail = f"{first[1]}.{last[1]}.new{crowd.made}@mail.example".lower()
    title = crowd.random.choice(TITLES)
    if system == "crm":
        sql = "insert into contacts (first_name, last_name, email, title) values ($1, $2, $3, $4)"
        await crowd.databases.crm.execute(sql, first[0], last[0], mail, title)
        place = ("erp", "people", "mail", mail, "job", title)
    else:
        sql = "insert into people (name, mail, job) values ($1, $2, $3)"
        await crowd.databases.erp.execute(sql, f"{first[0]} {last[0]}", mail, title)
        place = ("crm", "contacts", "email", mail, "title", title)
    return Edit(crowd.made, system, f"new contact {first[0]} {last[0]}", time.monotonic(), place)


async def _leaver(crowd: Crowd, _: str) -> Edit:
    """Only the erp tells of deletes by itself: its triggers log them. The crm's are found by sweeps."""
    ours, theirs = crowd.take("contact")
    await crowd.databases.erp.execute("delete from people where person_no = $1", theirs)
    place = ("crm", "contacts", "id", ours, None, None)
    return Edit(crowd.made, "erp", f"contact {theirs} deleted", time.monotonic(), place)


def phone(random: Random) -> str:
    """A number in the form in which syncd keeps it, so that both systems hold it letter by letter."""
    return f"+49305{random.randrange(10_000_000):07}"


Act = Callable[[Crowd, str], Awaitable[Edit]]
_ACTS: dict[Act, int] = {
    _phone: 6,
    _tags: 2,
    _town: 4,
    _staff: 2,
    _amount: 4,
    _stage: 4,
    _newcomer: 3,
    _leaver: 1,
}
ACTS, WEIGHTS = list(_ACTS), list(_ACTS.values())
