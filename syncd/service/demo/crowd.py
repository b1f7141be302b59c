"""Simulated people: each edits one record in one system, and the demo looks when all others show it."""

from __future__ import annotations

import asyncio
import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field
from random import Random
from typing import Any, TypeAlias

from syncd.service.demo.systems import Copies, Systems

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
    acts: Mapping[tuple[str, Act], int]
    copies: dict[str, list[Copies]]
    random: Random
    edits: list[Edit] = field(default_factory=list)
    made: int = 0

    @classmethod
    def of(
        cls,
        systems: Systems,
        acts: Mapping[tuple[str, Act], int],
        copies: dict[str, list[Copies]],
        seed: int = 7,
    ) -> Crowd:
        """People for records that all systems of their kind have. `acts`: what they do, and how often."""
        random = Random(seed + 2)
        mixed = {kind: random.sample(found, len(found)) for kind, found in copies.items()}
        return cls(systems, acts, mixed, random)

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
        kind, act = self.random.choices(list(self.acts), list(self.acts.values()))[0]
        edit = await act(self, self.random.choice(list(self.systems.kinds[kind])))
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


# -- what they may do --------------------------------------------------------------------------------------


async def change(
    crowd: Crowd, system: str, kind: str, columns: Sequence[str], values: Sequence[Any], said: str
) -> Edit:
    """Set a column of a record to a value, each as the systems of the kind say it; the others follow."""
    copies, tables = crowd.take(kind), crowd.systems.kinds[kind]
    names, told = (dict(zip(tables, words, strict=True)) for words in (columns, values))
    await crowd.systems.update(system, tables[system], copies[system], {names[system]: told[system]})
    at = time.monotonic()
    there = [
        Place(other, table, crowd.systems.key(other, table), copies[other], names[other], told[other])
        for other, table in tables.items()
        if other != system
    ]
    return Edit(crowd.made, system, f"{kind} {copies[system]}: {said}", at, there)


async def create(
    crowd: Crowd,
    system: str,
    kind: str,
    rows: Mapping[str, Mapping[str, Any]],
    keys: Mapping[str, str],
    said: str,
) -> Edit:
    """A new row, in each system's words in `rows`; others must show the value of their column of `keys`."""
    tables = crowd.systems.kinds[kind]
    await crowd.systems.insert(system, tables[system], rows[system])
    at = time.monotonic()
    there = [
        Place(other, table, keys[other], rows[other][keys[other]], keys[other], rows[other][keys[other]])
        for other, table in tables.items()
        if other != system
    ]
    return Edit(crowd.made, system, f"new {kind} {said}", at, there)


async def leave(crowd: Crowd, system: str, kind: str) -> Edit:
    """A row is deleted; it must go from the others."""
    copies, tables = crowd.take(kind), crowd.systems.kinds[kind]
    await crowd.systems.delete(system, tables[system], copies[system])
    at = time.monotonic()
    there = [
        Place(other, table, crowd.systems.key(other, table), copies[other], None, None)
        for other, table in tables.items()
        if other != system
    ]
    return Edit(crowd.made, system, f"{kind} {copies[system]} deleted", at, there)


Act: TypeAlias = Callable[[Crowd, str], Awaitable[Edit]]
"""What a person does in a system, for a kind of record that all systems of the kind have."""
