"""A soak from the first start to the judgement."""

from __future__ import annotations

import asyncio
import os
import re
import time
from collections import Counter
from collections.abc import Callable
from contextlib import suppress
from dataclasses import dataclass
from pathlib import Path
from random import Random
from typing import Any

from syncd.store.migrate import upgrade
from tests.scenarios.three_way import ThreeWay
from tests.soak.crowd import Crowd
from tests.soak.judge import Judge, Touches, Verdict
from tests.soak.lives import Lives, spread
from tests.soak.population import WHO, fill_sales, people, population
from tests.soak.report import QUICK, Report, quantiles
from tests.support.postgres import Databases

REST = 180.0
"""Seconds in which all must be the same once people rest."""


@dataclass(frozen=True)
class Plan:
    """How long people work, in seconds, and at which rate; how often what goes wrong meanwhile.

    On a machine that is busy with other things all of that takes longer, up to `at_most`.
    """

    seed: int
    seconds: float
    kills: int
    stalls: int
    rate: float = 4.0
    at_most: float = float("inf")


async def soak(plan: Plan, server: str, folder: Path, say: Callable[[str], None] = lambda _: None) -> Report:
    """Run it with databases on a server of PostgreSQL; nothing of it is left but the report."""
    databases = Databases(server, tag=f"soak_{os.getpid()}")
    rows = population(plan.seed)
    try:
        async with databases.scope() as scope:
            store, database = await scope.copy_of_template(upgrade), await scope.empty()
            async with ThreeWay.started(folder, store, database, people(rows), org=None) as three:
                fill_sales(three, rows)
                everybody = {
                    kind: {str(row[WHO[kind]]) for side in by_side.values() for row in side}
                    for kind, by_side in rows.items()
                }
                return await _Soak(plan, three, everybody, say).run()
    finally:
        await asyncio.to_thread(databases.drop_all)


class _Soak:
    """One run."""

    def __init__(
        self, plan: Plan, three: ThreeWay, everybody: dict[str, set[str]], say: Callable[[str], None]
    ) -> None:
        self.plan, self.three, self.everybody, self.say = plan, three, everybody, say
        self.crowd = Crowd(three, Random(f"people {plan.seed}"))
        self.touches = Touches()
        self.lives = Lives(three, Random(f"lives {plan.seed}"), say)
        self.wrong: list[str] = []
        self.loads: list[float] = []

    async def run(self) -> Report:
        self.touches.watch(self.three)
        began = time.monotonic()
        try:
            await self.lives.start()
            await self.lives.at_work()
            await self.three.until(self.three.at_rest, within=REST)
            self.say(f"the first sync took {time.monotonic() - began:.1f} s")
            await self._under_fire()
            verdict = await self._end()
        finally:
            await self.lives.aclose()
        return self._report(verdict, time.monotonic() - began)

    async def _under_fire(self) -> None:
        """People work, and things go wrong at the moments of the plan, or as soon after as they can."""
        plan, enough = self.plan, asyncio.Event()
        working = asyncio.create_task(self.crowd.work(plan.rate, enough))
        began, acts = time.monotonic(), Counter[str]()
        try:
            for at, act in spread(Random(f"when {plan.seed}"), plan.kills, plan.stalls, plan.seconds):
                if working.done() or time.monotonic() - began > plan.at_most:
                    break
                await asyncio.sleep(max(0.0, began + at - time.monotonic()))
                await getattr(self.lives, act)()
                acts[act] += 1
                self.loads.append(os.getloadavg()[0])
                if not sum(acts.values()) % 10:
                    self.say(f"{time.monotonic() - began:.0f} s: {dict(acts)}, {len(self.crowd.edits)} edits")
            await self.lives.at_work()
            await asyncio.sleep(max(0.0, began + plan.seconds - time.monotonic()))
        finally:
            enough.set()
            await working
        await self.lives.woken()

    async def _end(self) -> Verdict:
        """Come to rest, look whether it lasts, compare."""
        three = self.three
        await self._rested("after people rest")
        for who in [who for who, how in self.crowd.gone.items() if how.startswith("merged")]:
            for id in (await self.crowd.copies("contact")).get(who, {}).items():
                if id[0] == "crm":
                    await self.crowd.delete(*id)
        await three.swept()
        await self._rested("after a sweep")
        with suppress(AssertionError):
            await three.until(three.at_rest, within=60)
        before = await three.touched()
        for _ in range(2):
            await three.swept()
        if await three.touched() != before:
            self.wrong.append("I2: two quiet sweeps wrote something")
        listed = await self._reconciled()
        assert self.lives.daemon is not None
        code, seconds = await self.lives.daemon.stop()
        if code or seconds > 10:
            self.wrong.append(f"SIGTERM ended with {code} after {seconds:.1f} s")
        return await Judge(three, self.crowd, self.touches, self.everybody, listed).judge()

    async def _rested(self, when: str) -> None:
        """The queues are empty, within a time."""

        async def empty() -> bool:
            return not await self.three.left()

        try:
            await self.three.until(empty, within=REST)
        except AssertionError as error:
            self.wrong.append(f"I1: no rest {when}: {str(error)[:600]}")

    async def _reconciled(self) -> dict[tuple[str, str], str]:
        """What `syncd reconcile` lists as open, by system and id; what it cannot explain is wrong."""
        done = await self.three.syncd("reconcile", "--json")
        if done.code not in (0, 1):
            self.wrong.append(f"reconcile ended with {done.code}: {done.err[-600:]}")
            return {}
        found = {}
        for one in done.json()["differences"]:
            if one["reason"] in ("conflict", "parked", "held", "blocked", "stored", "listed"):
                code = re.match(r"parked \(\w+\)", one["detail"])
                words = f"{one['what']}: {code[0] if code else one['reason']}"
                for place in await self._places(one):
                    found[place] = words
            else:
                self.wrong.append(f"I1: reconcile says {one}")
        return found

    async def _places(self, one: dict[str, Any]) -> list[tuple[str, str]]:
        """Where a difference is: the system and id, or those of its record's copies where one is missing."""
        if one["remote_id"] is not None:
            return [(one["system"], str(one["remote_id"]))]
        sql = """select s.system, l.remote_id from links l join streams s using (stream)
        where l.record_id = $1 and l.state = 'live'"""
        rows = await self.three.store.fetch(sql, one["record_id"])
        return [(row["system"], row["remote_id"]) for row in rows]

    def _report(self, verdict: Verdict, seconds: float) -> Report:
        told = self.lives.told
        for kind, n in (("kills", self.plan.kills - told.kills), ("stalls", self.plan.stalls - told.stalls)):
            if n:
                self.wrong.append(f"{n} {kind} of the plan never happened")
        if told.fenced != told.stalls:
            self.wrong.append(f"of {told.stalls} stalled daemons {told.fenced} were fenced")
        return Report(
            seed=self.plan.seed,
            seconds=round(seconds, 1),
            load=(min(self.loads, default=0.0), max(self.loads, default=0.0)),
            kills={
                "in all": told.kills,
                "with work waiting or under way": told.kills_with_work,
                "in a write": told.kills_in_a_call,
                "while it started": told.kills_early,
            },
            stalls={
                "in all": told.stalls,
                "with work waiting or under way": told.stalls_with_work,
                "in a write": told.stalls_in_a_call,
                "fenced": told.fenced,
                "successors refused at first": told.refused,
            },
            back=quantiles(told.back),
            computing=quantiles(told.computing),
            taken_over=quantiles(told.taken_over),
            slow_restarts=sum(one >= QUICK for one in told.back),
            acts=dict(self.crowd.acts),
            edits=len(self.crowd.edits),
            became=dict(verdict.became),
            lost=verdict.lost,
            duplicates=verdict.duplicates,
            open_items=dict(verdict.open_items),
            listed=verdict.listed,
            faults=[*told.faults, *self.wrong, *verdict.faults],
        )
