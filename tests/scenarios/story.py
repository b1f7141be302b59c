"""What happens to the two: a first sync, people at work on both sides at once, a kill in the middle of it."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Awaitable, Callable, Iterator
from functools import partial
from itertools import chain, count

from tests.scenarios.beside import ASKED, Beside
from tests.scenarios.persons import BOTH, EACH, VALUES, Edit, Person, said
from tests.support.commands import Running

WHOLE = 2 * EACH - BOTH
SIDES = ("far", "office")
TOGETHER, APART, ALONE = 12, 8, 30
"""In each half, on each side: edits of one field on both sides, of two fields of one record, others."""
NEW, GONE, FOUGHT = 8, 6, 2
"""Likewise: new persons, deletes, and deletes of persons whom the other side edits."""

TRIES = 4
"""Kills, at most, until one has met a create whose answer was not there yet."""


class Story:
    """Seeded. Nobody is touched twice but by a clash, so that each edit can be looked for at the end."""

    def __init__(self, world: Beside, seed: int = 3) -> None:
        self.world, self.rng = world, random.Random(seed)
        self.clashes: list[tuple[Edit, Edit]] = []
        self.alone: list[Edit] = []
        self.kept: dict[str, list[str]] = {side: [] for side in SIDES}
        self.new: list[str] = []
        self.gone: list[str] = []
        self.values = count(1)

    async def told(self) -> None:
        """The whole of it; what is asserted holds for any two systems."""
        world = self.world
        await self._looked_at()
        people = await world.people()
        emails = sorted(people["far"].keys() & people["office"].keys())
        assert len(emails) == BOTH
        # a name of three words is parted by guess, and an edit of such a guess may count as made beside it
        plain = [email for email in emails if people["far"][email]["name"].count(" ") == 1]
        self.rng.shuffle(plain)
        spots = iter(plain)
        async with world.running() as daemon:
            await world.settled()
            assert [len(found) for found in (await world.people()).values()] == [WHOLE, WHOLE]
            assert await world.lost() == []
            working = asyncio.create_task(self._work(spots))
            caught = [await self._killed(daemon)]
            await working
        while not any(caught):
            assert len(caught) < TRIES
            async with world.running() as daemon:
                self.new.append(f"late{len(caught)}@office.example")
                await world.sides["office"].create(_newcomer(0, self.new[-1]))
                caught.append(await self._killed(daemon))
        await self._work(spots, stopped=True)
        async with world.running() as daemon:
            await world.swept()
            await world.settled()
            await self._nothing_is_lost()
            await world.quiet()
            assert (await daemon.stop())[0] == 0
        assert await world.reconciled() == []

    async def _looked_at(self) -> None:
        """`check` is content, and `plan` writes nothing."""
        before = [await side.writes() for side in self.world.sides.values()]
        for command in ("check", "plan"):
            done = await self.world.syncd(command)
            assert done.code == 0, done.out + done.err
        assert [await side.writes() for side in self.world.sides.values()] == before

    async def _killed(self, daemon: Running) -> bool:
        """Kill -9 while a create is under way; whether it still was."""
        open_creates = "select count(*) > 0 from sends where op = 'create'"
        await self.world.store.until(open_creates)
        daemon.process.kill()
        await daemon.process.wait()
        return bool(await self.world.store.con.fetchval(open_creates))

    async def _work(self, spots: Iterator[str], *, stopped: bool = False) -> None:
        """Half of the work. What both sides do to one person is a clash for certain if syncd is `stopped`."""
        pairs = [self._both(next(spots), list(VALUES)[n % len(VALUES)]) for n in range(TOGETHER)]
        alone = [self._edit(side, next(spots)) for side in SIDES for _ in range(ALONE)]
        for email in (next(spots) for _ in range(APART)):
            names = self.rng.sample(list(VALUES), 2)
            alone += [self._edit(side, email, name) for side, name in zip(SIDES, names, strict=True)]
        gone = {side: [next(spots) for _ in range(GONE)] for side in SIDES}
        self.gone += chain(*gone.values())
        if stopped:
            self.clashes += pairs
            for side, other in zip(SIDES, reversed(SIDES), strict=True):
                fought = [next(spots) for _ in range(FOUGHT)]
                gone[side] += fought
                self.kept[other] = fought
                alone += [self._edit(other, email, "title") for email in fought]
            self.world.one_sided = {*chain(*self.kept.values())}
        self.alone += alone
        edits = [*chain(*pairs), *alone]
        self.world.made += edits
        await asyncio.gather(*(self._on(side, edits, gone[side], stopped=stopped) for side in SIDES))

    async def _on(self, side: str, edits: list[Edit], gone: list[str], *, stopped: bool) -> None:
        """One side's part, in mixed order."""
        here = self.world.sides[side]
        rows = await here.rows()
        ids = {said(person)["email"]: id for id, person in rows.items()}
        acts: list[Callable[[], Awaitable[object]]] = []
        for edit in (edit for edit in edits if edit.side == side):
            id = ids[edit.email]
            value = [*(rows[id]["tags"] or ()), edit.value] if edit.field == "tags" else edit.value
            acts.append(partial(here.edit, id, edit.field, value))
        new = [f"new{n}.{'b' if stopped else 'a'}@{side}.example" for n in range(NEW)]
        self.new += new
        acts += [partial(here.create, _newcomer(n, email)) for n, email in enumerate(new)]
        acts += [partial(here.delete, ids[email]) for email in gone]
        self.rng.shuffle(acts)
        for act in acts:
            await act()

    def _edit(self, side: str, email: str, field: str | None = None) -> Edit:
        return Edit(side, email, field or self.rng.choice(list(VALUES)), next(self.values))

    def _both(self, email: str, field: str) -> tuple[Edit, Edit]:
        return self._edit("far", email, field), self._edit("office", email, field)

    async def _nothing_is_lost(self) -> None:
        """Every edit stands on both sides; of a clash one value does, and the other is listed."""
        people = await self.world.people()
        wanted = WHOLE + len(self.new) - len(self.gone) - FOUGHT
        for side, found in people.items():
            assert len(found) == wanted
            assert found.keys() >= {*self.new, *self.kept[side]}
            assert not found.keys() & {*self.gone, *self.world.one_sided.difference(self.kept[side])}
            seen = [edit for edit in self.alone if edit.email in found]
            assert len(seen) == len(self.alone) - FOUGHT
            over = [(edit, found[edit.email]) for edit in seen if not edit.stands(found[edit.email])]
            assert over == [], over
        for edits in self.clashes:
            stand = [[e.stands(people[side][e.email]) for side in SIDES] for e in edits]
            match edits[0].field:
                case "tags":
                    assert stand == [[True, True], [True, True]]
                case name if name == ASKED:
                    assert stand == [[True, False], [False, True]]
                case _:
                    assert sorted(stand) == [[False, False], [True, True]], edits
        asked = sum(edits[0].field == ASKED for edits in self.clashes)
        assert asked > 0
        assert len(await self.world.asked()) >= asked
        assert await self.world.lost() == []


def _newcomer(n: int, email: str) -> Person:
    return {
        "first_name": "Nea",
        "last_name": f"Neumann{n}",
        "email": email,
        "phone": f"+49 40 8{n:06}",
        "title": None,
        "street": None,
        "city": "Kiel",
        "birthday": "1990-05-17",
        "tags": ["new"],
    }
