"""Who runs: one life of the daemon after the other; where a plan has it, a second one that wants the store.

A life may be killed, told to stop, stall, lose its lease or its store; how it must end then is judged here.
"""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from itertools import pairwise
from typing import TYPE_CHECKING

from syncd.core.errors import Fenced, StoreUnavailable
from syncd.engine.engine import Engine
from tests.sim.twin import oracles
from tests.sim.twin.life import Life
from tests.sim.twin.troubles import NAMES
from tests.sim.twin.worlds import braked

if TYPE_CHECKING:
    from tests.sim.twin.run import Run

AT_ONCE = 10.0
"""Seconds in which a daemon ends that is told to, or whose store is gone (F40)."""
LASTING = {"store", "rival", "stops"}
RESTART = 1.0
"""Seconds after which whoever keeps a service running starts one again that ended."""


class Daemons:
    """All lives of a run. `stops` in `Plan.more` are times of orderly stops and how long the daemon stays off
    then; `rival` is when a second daemon is there; `stalls` are points and seconds, for each who takes the
    store in turn."""

    def __init__(self, run: Run) -> None:
        self.run, self.plan = run, run.plan
        self.faults: list[str] = []
        self._deaths = list(self.plan.deaths)
        self._stalls = list(self.plan.more.get("stalls", ()))
        self._stops = list(self.plan.more.get("stops", ()))
        self._off = self._told = 0.0
        self._calm = False
        self._stopper: asyncio.Task[None] | None = None

    @property
    def seats(self) -> int:
        """How many daemons there are at once."""
        return 2 if "rival" in self.plan.more else 1

    async def live(self) -> None:
        """All of them, until the run has ended."""
        make = self.run.loop.create_task
        if self._stops:
            self._stopper = make(self._stop_now_and_then())
        rivals = [make(self._rival())] if self.seats > 1 else []
        await self._keep(0)
        for rival in rivals:
            await rival

    def unfired(self) -> list[str]:
        """What of the plan has not happened."""
        stops = ["stop"] if self._stopper is not None and not self._stopper.done() else []
        stalled = [f"stall of life {life.number}" for life in self.run.lives if life.stalled]
        waiting = ["stall" for life in self.run.lives if life.stall_at and not life.dead]
        return [*stops, *stalled, *waiting, *("stall" for _ in self._stalls), *self._starting()]

    def _starting(self) -> list[str]:
        """Who has the store has not read everything yet, or nobody has it."""
        if not LASTING & self.plan.more.keys():
            return []
        return [] if any(engine.caught_up.is_set() for engine in self._engines()) else ["start"]

    def _engines(self) -> list[Engine]:
        return [life.engine for life in self.run.lives if not life.dead and life.engine is not None]

    def failing(self) -> bool:
        """Whether a loop failed and has not tried again, or has not done its first round."""
        loops = [loop.health for engine in self._engines() for loop in engine.loops]
        return not loops or any(health.trouble or not health.rounds for health in loops)

    def calm(self) -> None:
        """Nobody dies any more, and who waits for the store goes."""
        self._calm = True
        for life in self.run.lives:
            life.die_at = life.stall_at = None
            if self.seats > 1 and life.number != self.run.server.holder:
                life.kill("not needed")

    def took(self, life: Life) -> None:
        """A life has the store, also after a stall."""
        life.has_store = True
        for other in self.run.lives:
            other.succeeded |= other is not life
        if self._stalls and not self._calm and not life.stall_at:
            point, lasts = self._stalls.pop(0)
            life.stall_at = (life.passed + point if point > 0 else point - life.written, lasts)

    def _woken(self, life: Life) -> None:
        if life.number == self.run.server.holder:
            self.took(life)

    async def _rival(self) -> None:
        await asyncio.sleep(self.plan.more["rival"])
        await self._keep(1)

    async def _keep(self, seat: int) -> None:
        run = self.run
        while not run.ended.is_set() and not (self._calm and self._held_elsewhere(seat)):
            life = self._born(seat)
            await run.loop.alone(run.server.let_go(seat))
            body = run.loop.create_task(run._life(life))
            death = run.loop.create_task(life.death.wait())
            await asyncio.wait({body, death}, return_when=asyncio.FIRST_COMPLETED)
            alone = not life.dead
            if alone:
                death.cancel()
                await self._ended(life, body.exception())
            body.cancel()
            await asyncio.gather(body, return_exceptions=True)
            await life.bury()
            if not run.ended.is_set():
                await run.loop.alone(run.server.let_go(seat))
                await run.watch.keep(run.server, run.loop)
                await self._wait(life, alone=alone)

    def _held_elsewhere(self, seat: int) -> bool:
        lives = self.run.lives
        return any(x.number == self.run.server.holder and x.seat != seat and not x.dead for x in lives)

    def _born(self, seat: int) -> Life:
        run, plan = self.run, self.plan
        number = len(run.lives) + 1
        pick = random.Random(f"life {plan.seed} {number}")
        die_at = self._deaths.pop(0) if self._deaths and not seat else None
        life = Life(number, pick, run.say, None if self._calm else die_at, plan.slow, seat)
        lasting = any(fault.what in NAMES for fault in plan.faults) or LASTING & plan.more.keys()
        lasting = lasting or bool(braked(plan))
        life.busy *= 11 if lasting else 1
        life.woken = self._woken
        life.born = run.loop.time()
        run.lives.append(life)
        return life

    async def _wait(self, life: Life, *, alone: bool) -> None:
        """Until the next one starts: at once after a kill."""
        off = self._off if life.stopping else RESTART if alone else 0.0
        if off:
            await asyncio.wait({asyncio.ensure_future(self.run.ended.wait())}, timeout=off)

    # -- how a life ends --------------------------------------------------------------------------------

    async def _ended(self, life: Life, error: BaseException | None) -> None:
        """By itself. `faults` says what it had no right to."""
        count, store = self.run.outcome.happened, self.run.troubles
        name = "ended by itself"
        if life.stopping and error is None:
            name = "stopped"
            count["orderly stop"] += 1
            await self._left_in_order(life)
        elif self._lost_to_another(life, error):
            name = "fenced" if life.has_store else "waited in vain"
            count[f"daemon {name}"] += 1
        elif isinstance(error, StoreUnavailable) and store.hurt_since(life.born):
            name = "the store is gone"
            count["daemon ended with its store"] += 1
        elif error is not None:
            self.faults.append(f"the daemon ended by itself: {error!r}")
        life.kill(name)

    def _lost_to_another(self, life: Life, error: BaseException | None) -> bool:
        """Fenced, or its connections were ended so that a successor need not wait for it."""
        ended = isinstance(error, StoreUnavailable) and bool(life.stalls)
        return self.seats > 1 and (isinstance(error, Fenced) or ended)

    async def _stop_now_and_then(self) -> None:
        for at, off in self._stops:
            await asyncio.sleep(max(0.0, at - self.run.loop.time()))
            while (life := self.run.lives[-1]).engine is None or life.dead:
                await asyncio.sleep(0.5)
            self._off, self._told = off, self.run.loop.time()
            life.stop()
            await life.death.wait()

    async def _left_in_order(self, life: Life) -> None:
        """A stop takes not long; after it the store is free for whoever comes, and nothing is half done."""
        run = self.run
        if (took := run.loop.time() - self._told) > AT_ONCE:
            self.faults.append(f"F40 slow stop: life {life.number} took {took:.1f} s to end")
        if any(line.open for line in run.server.seats[life.seat].lines):
            self.faults.append(f"F40 left open: life {life.number} ended within a transaction")
        sql = "select count(*) as n from lease where expires > $1"
        if (await run.server.ask(run.loop, sql, run.clock.now()))[0]["n"]:
            self.faults.append(f"F40 not released: life {life.number} ended, and keeps the store")

    def judged(self) -> Iterator[str]:
        """What of all this was not as it should be."""
        yield from self.faults
        yield from oracles.succeeded(self.run.server.order)
        count = self.run.outcome.happened
        count["stall"] += sum(len(life.stalls) for life in self.run.lives)
        holders = [life for what, life in self.run.server.order if what == "takes"]
        seats = {life.number: life.seat for life in self.run.lives}
        count["takeover from a live daemon"] += sum(
            seats[old] != seats[new] for old, new in pairwise(holders)
        )
