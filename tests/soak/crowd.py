"""People at work in all three systems at a steady rate; what they did is known here, and asked of nobody."""

from __future__ import annotations

import asyncio
import time
from collections import Counter
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from itertools import count
from random import Random

from connectors.sandboxes.shape import Refusal
from tests.scenarios.three_edits import FIELDS, Edit, sql_of
from tests.scenarios.three_people import Row
from tests.scenarios.three_way import IDS, NAMES, PLACES, SIDES, ThreeWay, canonical, plain
from tests.soak.population import WHO, person

EDITED: dict[str, dict[str, Callable[[int], str]]] = {
    kind: {name: make for name, make in FIELDS[kind].items() if name != who} for kind, who in WHO.items()
}
ACTS = {"alone": 60, "apart": 10, "together": 18, "create": 5, "create_at_once": 2, "delete": 4, "merge": 1}
"""How often people do what, of 100. At once: two type the same person in two systems."""
Copies = Mapping[str, Mapping[str, str]]
"""By whom, the ids by system."""


@dataclass(frozen=True)
class Seen(Edit):
    """An edit, whom it was of, and the value that it went over: what its author saw."""

    who: str = ""
    base: str | None = None


@dataclass
class Crowd:
    """`edits` are committed. `gone`: who was deleted or merged away, and how. `blurred`: who took part in a
    merge: what became of their fields is the merge's word. `deleted`: in which system, and as what."""

    three: ThreeWay
    random: Random
    edits: list[Seen] = field(default_factory=list)
    acts: Counter[str] = field(default_factory=Counter)
    gone: dict[str, str] = field(default_factory=dict)
    blurred: set[str] = field(default_factory=set)
    deleted: dict[str, tuple[str, str]] = field(default_factory=dict)
    born: dict[str, tuple[str, ...]] = field(default_factory=dict)

    def __post_init__(self) -> None:
        self._numbers = count(1)

    async def work(self, per_second: float, until: asyncio.Event) -> None:
        """Act at random moments until it is said that it is enough."""
        while not until.is_set():
            (act,) = self.random.choices(list(ACTS), list(ACTS.values()))
            if await getattr(self, f"_{act}")():
                self.acts[act] += 1
            await asyncio.sleep(self.random.expovariate(per_second))

    # -- edits -----------------------------------------------------------------------------------------

    async def _alone(self) -> bool:
        return await self._edit(1, 1)

    async def _apart(self) -> bool:
        return await self._edit(self.random.choice((2, 3)), 2)

    async def _together(self) -> bool:
        return await self._edit(self.random.choice((2, 3)), 1)

    async def _edit(self, sides: int, fields: int) -> bool:
        """Somebody whom all have is edited in so many systems at one moment; with more than one field each
        system has its own."""
        kind = self.random.choice(list(EDITED))
        known = {who: ids for who, ids in (await self.copies(kind)).items() if len(ids) == len(SIDES)}
        free = sorted(known.keys() - self.gone.keys() - self.blurred)
        if not free:
            return False
        who = self.random.choice(free)
        names = self.random.sample(list(EDITED[kind]), min(fields, len(EDITED[kind])))
        where = self.random.sample(SIDES, sides)
        await self._do(kind, who, known[who], [(s, names[n % len(names)]) for n, s in enumerate(where)])
        return True

    async def _do(
        self, kind: str, who: str, ids: Mapping[str, str], parts: Sequence[tuple[str, str]]
    ) -> None:
        """Make them at one moment: nobody's commit comes before another one's edit."""
        three, made = self.three, list[Seen]()
        async with three.hand.transaction():
            for side, name in sorted(parts):  # the database first: its row is locked until all are made
                row = await self._row(side, kind, ids[side])
                if row is None:
                    continue
                value = EDITED[kind][name](next(self._numbers))
                edit = Seen(kind, 0, ids, side, name, value, time.time(), who=who, base=row[name])
                if side == "crm":
                    await three.hand.execute(*sql_of(edit))
                else:
                    try:
                        three.sandbox(side).people.edit(
                            PLACES[kind][side],
                            id=ids[side],
                            fields={NAMES[kind][name][SIDES.index(side)]: value},
                        )
                    except Refusal:
                        continue
                made.append(edit)
        self.edits += made

    async def _row(self, side: str, kind: str, id: str) -> Row | None:
        place = PLACES[kind][side]
        if side == "crm":
            sql = f"select * from {place} where {IDS[place]}::text = $1 for update"
            found = await self.three.hand.fetchrow(sql, id)
            return None if found is None else canonical(side, kind, found)
        row = self.three.sandbox(side).people.rows(place).get(id)
        return None if row is None else canonical(side, kind, row.fields)

    # -- who comes and goes ----------------------------------------------------------------------------

    async def _create(self) -> bool:
        return await self._born((self.random.choice(SIDES),))

    async def _create_at_once(self) -> bool:
        return await self._born(tuple(self.random.sample(SIDES, 2)))

    async def _born(self, where: tuple[str, ...]) -> bool:
        row = person(f"new{next(self._numbers)}", self.random)
        async with self.three.hand.transaction():
            if "crm" in where:
                await self.three.insert("contact", row)
            for side in where:
                if side != "crm":
                    fields = {NAMES["contact"][n][SIDES.index(side)]: v for n, v in row.items() if v}
                    people = self.three.sandbox(side).people
                    people.edit(PLACES["contact"][side], "create", fields=fields)
        self.born[row["email"]] = where
        return True

    async def _delete(self) -> bool:
        """Somebody goes of whom all systems say the same."""
        found = await self._settled(1)
        for who, ids in found:
            side = self.random.choice(SIDES)
            await self.delete(side, ids[side])
            self.gone[who] = f"deleted in {side}"
            self.deleted[who] = (side, ids[side])
        return bool(found)

    async def delete(self, side: str, id: str) -> None:
        """A contact goes."""
        if side == "crm":
            await self.three.hand.execute("delete from persons where pid::text = $1", id)
        else:
            self.three.sandbox(side).people.edit(PLACES["contact"][side], "delete", id=id)

    async def _merge(self) -> bool:
        """Two are found to be one, in Salesforce and HubSpot by different hands; the database comes last."""
        found = await self._settled(2)
        if len(found) < 2:
            return False
        (left, ids), (loser, others) = found
        for side in ("sales", "marketing"):
            place = PLACES["contact"][side]
            self.three.sandbox(side).people.edit(place, "merge", id=ids[side], loser=others[side])
        self.gone[loser] = f"merged into {left}"
        self.blurred |= {left, loser}
        return True

    async def _settled(self, number: int) -> list[tuple[str, Mapping[str, str]]]:
        """Contacts of whom all three say the same now."""
        said: dict[str, list[object]] = {}
        copies: dict[str, dict[str, str]] = {}
        for side in SIDES:
            for id, row in (await self.three.rows(side, "contact")).items():
                said.setdefault(row["email"], []).append(plain(row))
                copies.setdefault(row["email"], {})[side] = id
        good = [
            who
            for who, rows in said.items()
            if len(rows) == len(copies[who]) == len(SIDES) and rows.count(rows[0]) == len(rows)
        ]
        free = sorted(set(good) - self.gone.keys() - self.blurred)
        return [(who, copies[who]) for who in self.random.sample(free, min(number, len(free)))]

    async def copies(self, kind: str) -> Copies:
        """By whom, where they are: by what they are called, never by the daemon's links."""
        found: dict[str, dict[str, str]] = {}
        for side in SIDES:
            for id, row in (await self.three.rows(side, kind)).items():
                found.setdefault(str(row[WHO[kind]]), {})[side] = id
        return found
