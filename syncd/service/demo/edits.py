"""Simulated people: each edits one record in one system, and the demo looks when all others show it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from decimal import Decimal
from random import Random
from typing import Any

from syncd.service.demo.sides import CODES
from syncd.service.demo.systems import KINDS, Copies, Systems, id_of
from syncd.service.demo.words import PLACES, STAGES, TITLES

LOOK_EVERY = 0.02


@dataclass(frozen=True, slots=True)
class Place:
    """What another system must show: in the row whose `key` is `id`, `value` in `column`.

    `column` None: the row must be gone.
    """

    system: str
    table: str
    key: str
    id: Any
    column: str | None
    value: Any

    def shown_by(self, row: Mapping[str, Any] | None) -> bool:
        """Whether the row says so."""
        if self.column is None or row is None:
            return self.column is None and row is None
        return bool(row[self.column] == self.value)


@dataclass(slots=True)
class Edit:
    """`there` are the places that do not show it yet. Times in seconds, monotonic.

    `arrived` is None until every other system has shown it.
    """

    number: int
    system: str
    said: str
    at: float
    there: list[Place]
    arrived: float | None = None

    @property
    def latency(self) -> float | None:
        """Seconds from its commit until the last of the other systems showed it."""
        return None if self.arrived is None else self.arrived - self.at


@dataclass(slots=True)
class Crowd:
    """The people. No two of them touch one record, so that every edit must arrive as it was made."""

    systems: Systems
    copies: dict[str, list[Copies]]
    random: Random
    edits: list[Edit] = field(default_factory=list)
    made: int = 0

    @classmethod
    def of(cls, systems: Systems, copies: dict[str, list[Copies]], seed: int = 7) -> Crowd:
        """People for records that all systems of their kind have, by kind."""
        random = Random(seed + 2)
        return cls(
            systems, {kind: random.sample(found, len(found)) for kind, found in copies.items()}, random
        )

    @property
    def missing(self) -> list[Edit]:
        """Edits that some other system does not show yet."""
        return [edit for edit in self.edits if edit.arrived is None]

    @property
    def latencies(self) -> list[float]:
        """Of all edits that arrived, in the order in which they were made."""
        return [edit.latency for edit in self.edits if edit.latency is not None]

    def take(self, kind: str) -> Copies:
        """A record that nobody touched yet and nobody else will."""
        return self.copies[kind].pop()

    async def edit(self) -> Edit:
        """One person edits something somewhere."""
        self.made += 1
        kind, act = self.random.choices(ACTS, WEIGHTS)[0]
        edit = await act(self, self.random.choice(list(KINDS[kind])))
        self.edits.append(edit)
        return edit

    async def work(self, seconds: float, *, rate: float) -> None:
        """Edit `rate` times a second."""
        start = time.monotonic()
        for turn in range(round(seconds * rate)):
            await asyncio.sleep(max(0.0, start + turn / rate - time.monotonic()))
            await self.edit()

    async def look(self) -> None:
        """See once what has arrived: one question per table that something is missing in."""
        wanted: dict[tuple[str, str, str], list[tuple[Edit, Place]]] = {}
        for edit in self.missing:
            for place in edit.there:
                wanted.setdefault((place.system, place.table, place.key), []).append((edit, place))
        for (system, table, key), places in wanted.items():
            rows = await self.systems.rows(system, table, key, [place.id for _, place in places])
            found = {row[key]: row for row in rows}
            for edit, place in places:
                if place.shown_by(found.get(place.id)):
                    edit.there.remove(place)
        for edit in self.missing:
            edit.arrived = None if edit.there else time.monotonic()

    async def keep_looking(self) -> None:
        """Look until cancelled."""
        while True:
            await self.look()
            await asyncio.sleep(LOOK_EVERY)


# -- what they do -------------------------------------------------------------------------------------------


async def _update(
    crowd: Crowd, system: str, kind: str, columns: Sequence[str], values: Sequence[Any], said: str
) -> Edit:
    """Set a column of a record to a value (each as the crm, the erp and marketing say it); others follow."""
    copies, tables = crowd.take(kind), KINDS[kind]
    names, told = (dict(zip(tables, words, strict=True)) for words in (columns, values))
    await crowd.systems.update(system, tables[system], copies[system], {names[system]: told[system]})
    at = time.monotonic()
    there = [
        Place(other, table, id_of(table), copies[other], names[other], told[other])
        for other, table in tables.items()
        if other != system
    ]
    return Edit(crowd.made, system, f"{kind} {copies[system]}: {said}", at, there)


async def _phone(crowd: Crowd, system: str) -> Edit:
    number = phone(crowd.random)
    return await _update(crowd, system, "contact", PHONES, (number,) * 3, f"phone {number}")


async def _tags(crowd: Crowd, system: str) -> Edit:
    tags = [f"fair {crowd.made}", "vip"]
    columns, values = ("tags", "labels", "lists"), (";".join(tags), tags, tags)
    return await _update(crowd, system, "contact", columns, values, f"tags {', '.join(tags)}")


async def _town(crowd: Crowd, system: str) -> Edit:
    town = crowd.random.choice(PLACES[crowd.random.choice(list(PLACES))].towns)
    town = f"{town} {crowd.made}"
    return await _update(crowd, system, "company", ("city", "town", "town"), (town,) * 3, f"moves to {town}")


async def _staff(crowd: Crowd, system: str) -> Edit:
    staff, columns = 2_000 + crowd.made, ("employees", "headcount", "size")
    return await _update(crowd, system, "company", columns, (staff,) * 3, f"staff {staff}")


async def _amount(crowd: Crowd, system: str) -> Edit:
    cents = 10_000_00 + crowd.made * 101
    values = (Decimal(cents) / 100, cents)
    return await _update(crowd, system, "deal", ("amount", "cents"), values, f"amount {values[0]}")


async def _stage(crowd: Crowd, system: str) -> Edit:
    now = await crowd.systems.value("crm", "deals", crowd.copies["deal"][-1]["crm"], "stage")
    stage = STAGES[(STAGES.index(now or "new") + 1) % len(STAGES)]
    return await _update(crowd, system, "deal", ("stage", "status"), (stage, CODES[stage]), f"is {stage}")


async def _newcomer(crowd: Crowd, system: str) -> Edit:
    about = PLACES[crowd.random.choice(list(PLACES))]
    first, last = crowd.random.choice(about.firsts), crowd.random.choice(about.lasts)
    mail = f"{first[1]}.{last[1]}.new{crowd.made}@mail.example".lower()
    name = (first[0], last[0])
    rows = {
        "crm": {"first_name": name[0], "last_name": name[1], "email": mail},
        "erp": {"name": " ".join(name), "mail": mail},
        "marketing": {"given": name[0], "family": name[1], "address": mail},
    }
    title = {"crm": "title", "erp": "job"}
    if system in title:
        rows[system][title[system]] = crowd.random.choice(TITLES)
    await crowd.systems.insert(system, KINDS["contact"][system], rows[system])
    at = time.monotonic()
    there = [
        Place(other, table, MAILS[other], mail, MAILS[other], mail)
        for other, table in KINDS["contact"].items()
        if other != system
    ]
    return Edit(crowd.made, system, f"new contact {' '.join(name)}", at, there)


async def _leaver(crowd: Crowd, system: str) -> Edit:
    """The erp's triggers log deletes, marketing's webhooks tell of them. The crm's are found by sweeps."""
    system = "erp" if system == "crm" else system
    copies, tables = crowd.take("contact"), KINDS["contact"]
    await crowd.systems.delete(system, tables[system], copies[system])
    at = time.monotonic()
    there = [
        Place(other, table, id_of(table), copies[other], None, None)
        for other, table in tables.items()
        if other != system
    ]
    return Edit(crowd.made, system, f"contact {copies[system]} deleted", at, there)


def phone(random: Random) -> str:
    """A number in the form in which syncd keeps it, so that all systems hold it letter by letter."""
    return f"+49305{random.randrange(10_000_000):07}"


PHONES = ("phone", "tel", "mobile")
"""Where the crm, the erp and marketing keep a contact's number."""
MAILS = {"crm": "email", "erp": "mail", "marketing": "address"}
Act = Callable[[Crowd, str], Awaitable[Edit]]
_ACTS: dict[tuple[str, Act], int] = {
    ("contact", _phone): 6,
    ("contact", _tags): 2,
    ("company", _town): 4,
    ("company", _staff): 2,
    ("deal", _amount): 4,
    ("deal", _stage): 4,
    ("contact", _newcomer): 3,
    ("contact", _leaver): 1,
}
ACTS, WEIGHTS = list(_ACTS), list(_ACTS.values())
