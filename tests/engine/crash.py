"""A daemon that dies at numbered points and starts again, and the scenario that it must bring to its end."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from typing import Any, Protocol

import asyncpg

from syncd.config import Settings
from syncd.core.clock import Clock, SystemClock
from syncd.store.intents import ask
from syncd.store.store import Store
from tests.support.points import Killed, PointedStore, Points
from tests.support.rig import Rig

QUEUES = ("inbox", "outbox", "sends", "waits_in", "waits_out")


class Lab(Protocol):
    """Two systems and the people in them."""

    store_url: str
    settings: Settings
    steps: Sequence[str]
    silent: Sequence[str]
    """The systems that do not tell of deletes: a sweep finds them."""

    async def reset(self) -> None:
        """Empty both systems."""

    async def person(self, step: str) -> None:
        """What people do in one step, on both sides."""

    async def state(self) -> Any:
        """What both sides hold, without ids: equal exactly when a person would say so."""

    async def writes(self) -> Any:
        """A value that differs after any write to a side, also one that changes nothing."""

    def watch(self, points: Points | None) -> None:
        """Add points inside the systems, where they can have any."""


class Daemon:
    """Processes one after the other: the n-th dies at the point `deaths[n]`, the last one lives."""

    def __init__(
        self, lab: Lab, deaths: Sequence[int] = (), clock: Clock | None = None, *, telling: bool = False
    ) -> None:
        self.lab, self.deaths, self.telling = lab, list(deaths), telling
        self.clock = clock or SystemClock()
        self.lives: list[Points] = []
        self.unknown = 0
        self.rig: Rig | None = None
        self._store: PointedStore | None = None

    async def rest(self, *, sweep: bool = False) -> Rig:
        """Run, and start again after each death, until all is at rest."""
        while True:
            try:
                rig = self.rig or await self._start()
                await rig.settle()
                for system in self.lab.silent if sweep else ():
                    await rig.sweep(system)
                    await rig.settle()
                if await self._retried(rig):
                    await rig.settle()
                return rig
            except Killed:
                await self.end()

    async def _start(self) -> Rig:
        points = Points(self.deaths.pop(0) if self.deaths else None, telling=self.telling)
        self.lives.append(points)
        self._store = await PointedStore.open(self.lab.store_url, holder="crash", clock=self.clock)
        self._store.points = points
        await self._store.acquire_lease(wait=30)
        self.lab.watch(points)
        self.rig = await Rig.start(self._store, self.lab.settings, self.clock, points.keeper)
        return self.rig

    async def _retried(self, rig: Rig) -> bool:
        """A person tries creates again of which nobody can know what became: none is there yet."""
        store = rig.world.store
        async with store.plain() as con:
            rows = await con.fetch(
                "select p.parked, l.remote_id from parked p left join links l using (record_id, stream)"
                " where p.code = 'create_unknown'"
            )
        self.unknown += len(rows)
        assert [row for row in rows if row["remote_id"] is not None] == []
        for row in rows:
            await ask(store, "retry", {"parked": row["parked"]})
        return bool(rows)

    async def end(self) -> None:
        """Away with the process."""
        self.lab.watch(None)
        if self.rig is not None:
            await self.rig.aclose()
        if self._store is not None:
            await self._store.abandon()
        self.rig = self._store = None


@asynccontextmanager
async def at_rest(lab: Lab) -> AsyncIterator[Rig]:
    """One process that lives, once all is at rest."""
    daemon = Daemon(lab)
    try:
        yield await daemon.rest()
    finally:
        await daemon.end()


async def empty_store(url: str) -> None:
    """Forget everything but the schema."""
    con = await asyncpg.connect(url)
    sql = "select tablename from pg_tables where schemaname = 'public' and tablename <> 'alembic_version'"
    names = ", ".join(f'"{row["tablename"]}"' for row in await con.fetch(sql))
    await con.execute(f"truncate {names}")
    await con.close()


async def left_over(store: Store) -> dict[str, int]:
    """The queues that are not empty."""
    async with store.plain() as con:
        counts = {name: await con.fetchval(f"select count(*) from {name}") for name in QUEUES}
    return {name: count for name, count in counts.items() if count}


async def listed(store: Store) -> tuple[Any, ...]:
    """What a person is shown: conflicts by record, field and values, parked items by record and code."""
    async with store.plain() as con:
        records = await con.fetch("select record_id, fields from records")
        conflicts = await con.fetch("select record_id, field, state, candidates from conflicts")
        parked = await con.fetch("select record_id, direction, code from parked")
    names = {r["record_id"]: r["fields"].get("email") or r["fields"].get("name") for r in records}
    fights = [
        (names[c["record_id"]], c["field"], c["state"], _values(c["candidates"], names)) for c in conflicts
    ]
    return sorted(fights), sorted((names.get(p["record_id"]), p["direction"], p["code"]) for p in parked)


def _values(candidates: Sequence[Any], names: Mapping[int, str]) -> list[str]:
    return sorted(str(names.get(c["value"], c["value"])) for c in candidates)


async def story(lab: Lab, daemon: Daemon) -> tuple[Any, ...]:
    """The whole scenario; what both sides and the lists hold at its end."""
    await asyncio.gather(lab.reset(), empty_store(lab.store_url))
    for number, step in enumerate(lab.steps):
        await lab.person(step)
        rig = await daemon.rest(sweep=number == len(lab.steps) - 1)
    daemon.lives[-1].die_at = None
    await _no_more_writes(lab, rig)
    return await lab.state(), await listed(rig.world.store), await left_over(rig.world.store)


async def _no_more_writes(lab: Lab, rig: Rig) -> None:
    before = await lab.writes()
    for _ in range(2):
        assert await rig.settle() == 0
        await rig.sweep()
    assert await lab.writes() == before
