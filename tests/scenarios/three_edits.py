"""What people do in the three systems, and what must have become of it: known here, never asked."""

from __future__ import annotations

import time
from collections.abc import Awaitable, Callable, Mapping, Sequence
from dataclasses import dataclass, field, replace
from itertools import count
from random import Random
from typing import Any

import orjson

from tests.scenarios.three_links import tie
from tests.scenarios.three_way import IDS, NAMES, PLACES, REFS, SIDES, Moved, ThreeWay, plain

BEST = ("crm", "sales", "marketing")
"""Whose value stands where several edit one field, as the configuration says."""
FIELDS: dict[str, dict[str, Callable[[int], str]]] = {
    "account": {
        "name": lambda n: f"Firm {n}",
        "street": lambda n: f"{n} New Street",
        "country": lambda n: f"Country {n}",
    },
    "contact": {
        "title": lambda n: f"Job {n}",
        "phone": lambda n: f"+1902555{n:04}",
        "email": lambda n: f"edit{n}@x.example",
        "last_name": lambda n: f"Last{n}",
    },
    "deal": {"name": lambda n: f"Deal {n}", "note": lambda n: f"Note {n}"},
}
"""By kind and field: its n-th value, which no other record has."""
FEW = {"deal": 6}
"""Of which kinds there are so many times fewer, and so are their edits."""
POOL = {"account": 40, "contact": 12}
"""How many records others are made to point at; nobody merges or deletes them."""


@dataclass(frozen=True)
class Edit:
    """One field of one record in one system. `at`: when it was committed, seconds of the wall clock.

    `to`, of a reference: the ids of the record that it is to point at, whose number is the value.
    """

    kind: str
    record: int
    ids: Mapping[str, str]
    side: str
    name: str
    value: str
    at: float = 0.0
    to: Mapping[str, str] | None = None

    @property
    def unheard(self) -> bool:
        """Whether it moves no stamp: a webhook tells of it, which may be dropped, or a sweep (F11)."""
        return (self.side, self.kind, self.name) == ("marketing", "deal", "account")


@dataclass
class Crowd:
    """Seeded people; no record is taken twice, so that it is known what must stand in the end."""

    three: ThreeWay
    seed: int
    made: list[Edit] = field(default_factory=list)

    def __post_init__(self) -> None:
        self.random, self._numbers = Random(self.seed), count(1)
        self._taken: set[tuple[str, int]] = set()
        self._pools: dict[str, list[tuple[int, dict[str, str]]]] = {}

    async def take(
        self, kind: str, number: int, fit: Callable[[Mapping[str, Any]], Any] = bool
    ) -> list[tuple[int, dict[str, str]]]:
        """Records that all three have and nobody touched, and that `fit` by what the org says of them.

        Of contacts, none whose address another has, nor who has a deal.
        """
        found = [
            (n, ids) for n, ids in (await self.three.copies(kind)).items() if (kind, n) not in self._taken
        ]
        rows = await self.three.rows("sales", kind)
        busy = {row["contact"] for row in (await self.three.rows("sales", "deal")).values()}
        twice = self.three.people.twice
        found = [one for one in found if (rows[one[1]["sales"]].get("email") or "") not in twice]
        found = [one for one in found if one[1]["sales"] not in busy and fit(rows[one[1]["sales"]])]
        chosen = self.random.sample(sorted(found, key=lambda one: one[0]), number)
        self._taken |= {(kind, record) for record, _ in chosen}
        return chosen

    async def edits(self, alone: int, apart: int, together: int) -> list[Edit]:
        """Of each kind: so many records with one edit, with edits of different fields by all three at once
        (F26), and with edits of one field by two or three at once (F27); nothing is done yet."""
        found: list[Edit] = []
        for kind, fields in FIELDS.items():
            one, each, all_ = (-(-many // FEW.get(kind, 1)) for many in (alone, apart, together))
            for n, (record, ids) in enumerate(await self.take(kind, one + each + all_)):
                names = self.random.sample([*fields, *REFS[kind]], 3)
                sides = self.random.sample(SIDES, 3)
                if n < one:
                    names, sides = names[:1], sides[:1]
                elif n >= one + each:
                    sides = sides[: self.random.choice((2, 3))]
                    names = names[:1] * len(sides)
                for side, name in zip(sides, names, strict=True):
                    found.append(await self.edit(kind, record, ids, side, name))
        return found

    async def edit(self, kind: str, record: int, ids: Mapping[str, str], side: str, name: str) -> Edit:
        """Of one field, which is given a value that no other record has, or one after the other of a pool."""
        if name not in REFS[kind]:
            return Edit(kind, record, ids, side, name, FIELDS[kind][name](next(self._numbers)))
        if name not in self._pools:
            self._pools[name] = await self.take(name, POOL[name])
        pool, now = self._pools[name], (await self.three.rows("sales", kind))[ids["sales"]][name]
        number, to = chosen = next(one for one in pool if one[1]["sales"] != now)
        pool.remove(chosen)
        pool.append(chosen)
        return Edit(kind, record, ids, side, name, str(number), to=to)

    async def do(self, edits: Sequence[Edit], meanwhile: Callable[[], Awaitable[None]] | None = None) -> None:
        """Make them at one moment: nobody's commit comes before another one's edit.

        `meanwhile` is waited for before the database commits.
        """
        hand = self.three.hand
        async with hand.transaction():
            for edit in edits:
                if edit.side == "crm":
                    await hand.execute(*sql_of(edit))
            for edit in edits:
                if edit.side != "crm":
                    self._elsewhere(edit)
            if meanwhile is not None:
                await meanwhile()
            at = time.time()
        self.made += [replace(edit, at=at) for edit in edits]

    def _elsewhere(self, edit: Edit) -> None:
        place, id = PLACES[edit.kind][edit.side], edit.ids[edit.side]
        name = {**NAMES[edit.kind], **REFS[edit.kind]}[edit.name][SIDES.index(edit.side)]
        value = edit.value if edit.to is None else edit.to[edit.side]
        if edit.to is not None and edit.side == "marketing":
            tie(self.three.marketing, place, id, name, value)
        else:
            self.three.sandbox(edit.side).people.edit(place, id=id, fields={name: value})

    # -- what became of them ---------------------------------------------------------------------------

    def _stands(self) -> dict[tuple[str, int, str], Edit]:
        """Of each field that was edited, the edit that must stand."""
        found: dict[tuple[str, int, str], Edit] = {}
        for edit in sorted(self.made, key=lambda edit: BEST.index(edit.side), reverse=True):
            found[edit.kind, edit.record, edit.name] = edit
        return found

    async def wrong(self) -> list[Any]:
        """Edits that must stand and do not, somewhere; and edits that lost and no conflict keeps."""
        rows = {(kind, side): await self.three.rows(side, kind) for kind in PLACES for side in SIDES}
        stands = self._stands()
        found: list[Any] = []
        for edit in stands.values():
            for side in SIDES:
                row = rows[edit.kind, side].get(edit.ids[side])
                if row is None or not same(edit, row, side):
                    found.append((side, edit, row))
        kept = set[tuple[int, str, str]]()
        for said in await self.three.store.fetch("select record_id, field, candidates from conflicts"):
            values = [str(one["value"]) for one in orjson.loads(said["candidates"])]
            kept |= {(said["record_id"], said["field"], value) for value in values}
        lost = [edit for edit in self.made if edit not in stands.values()]
        return found + [
            ("not kept", edit) for edit in lost if (edit.record, edit.name, edit.value) not in kept
        ]

    def latencies(self, edits: Sequence[Edit]) -> dict[str, list[float]]:
        """By where they were made: seconds until the last of the others showed them, by `three.seen`."""
        found: dict[str, list[float]] = {side: [] for side in SIDES}
        for edit in edits:
            if edit.name not in REFS[edit.kind]:  # the portal's events tell of no association of deals
                others = [side for side in SIDES if side != edit.side]
                found[edit.side].append(max(_shown(edit, s, self.three.seen) - edit.at for s in others))
        return found


def _shown(edit: Edit, side: str, seen: Sequence[Moved]) -> float:
    """When a side first showed an edit."""
    return next(
        moved.at
        for moved in seen
        if (moved.side, moved.kind, moved.id) == (side, edit.kind, edit.ids[side])
        and moved.at >= edit.at
        and moved.row is not None
        and same(edit, moved.row, side)
    )


def same(edit: Edit, row: Mapping[str, Any], side: str) -> bool:
    if edit.to is not None:
        return bool(row[edit.name] == edit.to[side])
    return plain({edit.name: row[edit.name]}) == plain({edit.name: edit.value})


def sql_of(edit: Edit) -> tuple[str, str, str]:
    table = PLACES[edit.kind]["crm"]
    column = {**NAMES[edit.kind], **REFS[edit.kind]}[edit.name][SIDES.index("crm")]
    key = f"{IDS[table]}::text"
    if edit.to is not None:
        kind = "uuid" if edit.name == "contact" else "text"
        sql = f"update {table} set {column} = $1::text::{kind} where {key} = $2"
        return sql, edit.to["crm"], edit.ids["crm"]
    if edit.name == "last_name":  # who typed the name may have left white space behind it
        return (
            f"update {table} set name = regexp_replace(name, '\\S+\\s*$', $1) where {key} = $2",
            edit.value,
            edit.ids["crm"],
        )
    return f"update {table} set {column} = $1 where {key} = $2", edit.value, edit.ids["crm"]
