"""One run: people, faults and lives of the daemon on one virtual clock; then rest, and the judges."""

from __future__ import annotations

import asyncio
import gc
import random
import tempfile
from collections import Counter
from collections.abc import Callable, Iterator, Mapping
from contextlib import contextmanager
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from functools import lru_cache
from pathlib import Path
from types import MappingProxyType
from typing import Any, cast

import asyncpg

from connectors.base import Connector, Schema
from syncd.config import Settings, load, with_schemas
from syncd.core.errors import StoreUnavailable, SyncdError
from syncd.engine import engine as engine_module
from syncd.engine.build import build_world
from syncd.engine.engine import Engine
from syncd.engine.gatekeeper import LONGEST_PAUSE, Gatekeeper
from syncd.engine.quota import Words
from syncd.engine.schemas import LOOK_EVERY
from syncd.engine.send import LOOK_STANDS
from syncd.engine.supervise import LONGEST_WAIT
from syncd.service.daemon import DRAIN_SECONDS
from syncd.store.intents import ask
from syncd.store.store import Store
from tests.sim.twin.backup import Backup
from tests.sim.twin.crm import START, Crm, Wire, distances
from tests.sim.twin.daemons import Daemons
from tests.sim.twin.database import Server, open_store
from tests.sim.twin.faults import Weather
from tests.sim.twin.handbrake import Handbrake
from tests.sim.twin.judge import judge, late
from tests.sim.twin.life import Life
from tests.sim.twin.loop import TwinLoop
from tests.sim.twin.oracles import SECRET
from tests.sim.twin.people import People
from tests.sim.twin.plan import Event, Plan, config
from tests.sim.twin.shape import wide
from tests.sim.twin.store_troubles import StoreTroubles
from tests.sim.twin.troubles import NAMES, SCHEMA
from tests.sim.twin.watch import Watch, heard
from tests.support.rig import options, specs

QUEUES = ("inbox", "outbox", "sends")
PATIENCE = 400.0
"""Virtual seconds after which everything must have come to rest."""


class Clock:
    """The daemon's clock: the loop's."""

    def __init__(self, loop: TwinLoop) -> None:
        self._loop = loop

    def now(self) -> datetime:
        return START + timedelta(seconds=self._loop.time())

    def monotonic(self) -> float:
        return self._loop.time()

    async def sleep(self, seconds: float) -> None:
        await asyncio.sleep(seconds)


@dataclass
class Outcome:
    """What came of a run. `faults` is empty when every promise held; `log` is what decided."""

    plan: Plan
    faults: list[str] = field(default_factory=list)
    log: list[str] = field(default_factory=list)
    happened: Counter[str] = field(default_factory=Counter)
    seconds: float = 0.0

    @property
    def bytes(self) -> bytes:
        """The decision log."""
        return "\n".join(self.log).encode()


class Run:
    """One run in the making. `names`: the twin's names of objects, by what a system calls them."""

    names: Mapping[str, str] = MappingProxyType({})
    QUEUES: tuple[str, ...] = QUEUES
    LAST_ACTS = 25
    """What people do at most at the end, until every fault that is armed has fired."""

    def __init__(self, plan: Plan, loop: TwinLoop, server: Server) -> None:
        self.plan, self.loop, self.server = plan, loop, server
        self.outcome = Outcome(plan)
        self.clock = Clock(loop)
        self.lives: list[Life] = []
        self.crms = self.make_crms()
        self.people = People(self.crms, self.outcome.happened)
        self.people.decide = self._decide
        self.handbrake = Handbrake(self)
        self.people.release = self.handbrake.work
        self.weather = self.make_weather()
        self.watch = Watch()
        self.settings: Settings
        self.store: Store | None = None
        self.backup = Backup(server, loop, self.watch)
        self.troubles = StoreTroubles(server, loop, plan.more.get("store", ()), self.backup)
        self.daemons = Daemons(self)
        self.ended = asyncio.Event()

    # -- what another kind of run makes in its own way -------------------------------------------------

    def make_crms(self) -> dict[str, Crm]:
        """The systems of the plan."""
        more = wide(self.plan)
        crms = {s.name: Crm(s, self.plan.seed, self.loop, self.say, more) for s in self.plan.systems}
        for name, crm in crms.items():
            crm.register(f"twin-{name}")
            crm.called = self._called
            distances(crm, random.Random(f"way {self.plan.seed} {name}"), self.plan.slow * 4)
        return crms

    def _called(self, what: str, life: int) -> None:
        if what == "write":
            self.server.order.append(("calls", life))

    def make_weather(self) -> Weather:
        """Their faults."""
        return Weather(self.crms)

    def make_settings(self) -> Settings:
        """The daemon's configuration."""
        return settings_of(config(self.plan))

    def make_connectors(self, life: Life) -> Mapping[str, Any]:
        """What one life talks to the systems with."""
        return {
            name: Wire(name, spec.connector_settings(), specs(self.settings, name), life)
            for name, spec in self.settings.systems.items()
        }

    def make_keeper(self, name: str, connector: Connector) -> Gatekeeper:
        """The door to a system, with its quota where it has one."""
        limit = self.crms[name].limit if name in self.crms else None
        if limit is None or not isinstance(connector, Wire):
            return Gatekeeper(name, self.clock)
        return Gatekeeper(name, self.clock, meter=connector.meter, words=Words(share=limit.share))

    def moment(self) -> float:
        """How long a guarding read and the write after it take at most, in seconds."""
        waits = "stalls" in self.plan.more or any(crm.limit for crm in self.crms.values())
        return 0.1 + 60 * self.plan.slow + (LOOK_STANDS if waits else 0.0)

    async def late(self) -> list[str]:
        """What only a sweep can find, though it should not be so."""
        return await late(self)

    # -- the story -------------------------------------------------------------------------------------

    def say(self, what: str) -> None:
        self.outcome.log.append(f"{self.loop.time():.6f} {what}")

    async def tell(self) -> Outcome:
        """The whole story."""
        self.settings = self.make_settings()
        with heard(self.settings, self.watch.lines):
            return await self._story()

    async def _story(self) -> Outcome:
        await self.server.make_room(self.loop, self.daemons.seats)
        await self.server.empty(self.loop)
        self.server.troubles = self.troubles
        daemon = self.loop.create_task(self.daemons.live())
        watching = self.loop.create_task(self._watch())
        try:
            await self.weather.pass_by(self.plan.faults)
            self.troubles.begin(self.say)
            for event in self.plan.events:
                await self.people.act(event)
            await self.people.finish()
            await self._end_weather()
            await self._to_rest()
            self.outcome.faults += await judge(self)
        except Restless as error:
            self.outcome.faults.append(str(error))
        finally:
            self.ended.set()
            watching.cancel()
            for life in self.lives:
                life.kill("the end")
            await daemon
            for life in self.lives:
                life.dead = True
                await life.bury()
        self._account()
        return self.outcome

    async def _watch(self) -> None:
        """Count now and then what could grow."""
        while True:
            await asyncio.sleep(1800.0 if "hours" in self.plan.more else 20.0)
            await self.watch.sample(self.server, self.loop)

    # -- the daemon ------------------------------------------------------------------------------------

    async def _life(self, life: Life) -> None:
        life.begin(self.loop)
        seconds = 3600.0 if "hours" in self.plan.more else 30.0
        store = open_store(self.server, life, self.loop, self.clock, seconds)
        if self.daemons.seats == 1:
            self.store = store
        try:
            await store.acquire_lease(wait=30)
            self.store = store
            self.daemons.took(life)
            await self._work(life, store)
        finally:
            if not life.dead:
                await store.close()

    async def _work(self, life: Life, store: Store) -> None:
        """Until the engine is stopped, or the store is lost."""
        wires = self.make_connectors(life)
        schemas = {name: await self._described(connector) for name, connector in wires.items()}
        settings = with_schemas(self.settings, schemas)
        connectors = cast(dict[str, Connector], wires)
        world = await build_world(store, settings, connectors, self.clock)
        self.world = world
        keepers = {name: self.make_keeper(name, connectors[name]) for name in settings.systems}
        life.engine = Engine(world, settings, keepers, drain_seconds=DRAIN_SECONDS)
        if life.stopping:
            life.engine.stop()
        await life.engine.run()

    async def _described(self, connector: Connector) -> Schema:
        """A system that is out of reach at the start is waited for; the service runs the others meanwhile."""
        while True:
            try:
                return await connector.describe()
            except SyncdError:
                await asyncio.sleep(1.0)

    async def _decide(self, which: int, candidate: int) -> bool:
        """A person settles one of the open questions about a field, in the daemon's words."""
        sql = """select conflict, candidates from conflicts where state = 'open' and field <> ''
        order by conflict"""
        rows = await self.server.ask(self.loop, sql)
        if not rows or self.store is None:
            return False
        row = rows[which % len(rows)]
        words = {"conflict": row["conflict"], "candidate": candidate % len(row["candidates"])}
        try:
            self.watch.asked.append(await ask(self.store, "decide", words))
        except (StoreUnavailable, asyncpg.DeadlockDetectedError):  # the daemon died, or the command failed
            return False
        return True

    # -- rest ------------------------------------------------------------------------------------------

    async def _end_weather(self) -> None:
        """What is armed, or will be, must fire: people go on working until it has."""
        waits = [min(p.how, LONGEST_PAUSE) for p in self.plan.faults if p.what == "long_wait"]
        await asyncio.sleep(max(waits, default=0.0) * 1.1)
        await asyncio.sleep(max((p.at for p in self.plan.faults), default=0.0) - self.loop.time())
        names = list(self.crms)
        for number in range(self.LAST_ACTS):
            if not self._unfired():
                break
            system = names[number % len(names)]
            await self.people.act(Event(8.0, "create", system, "people", 1000 + number))
        self.outcome.faults += [f"never fired: {plan}" for plan in self._unfired()]
        self.weather.disarm()
        await self.weather.clear()
        self.daemons.calm()

    def _unfired(self) -> list[object]:
        return [*self.weather.unfired(), *self.troubles.unfired(), *self.daemons.unfired()]

    async def _to_rest(self) -> None:
        """Until nothing is on its way; then everything is looked at once more, and nothing may be written."""
        if set(self.weather.fired()) & set(SCHEMA):
            await asyncio.sleep(LOOK_EVERY + 5.0)  # a field that is back is found by a look
        elif any(fault.what in NAMES or fault.times > 3 for fault in self.plan.faults):
            await asyncio.sleep(LONGEST_WAIT + self.plan.poll)  # a loop that failed for long tries again late
        await self._tried_again()
        await self._quiet()
        self.outcome.faults += await self.late()
        await self._swept()
        await self._quiet()
        before = [crm.writes for crm in self.crms.values()]
        await self._swept()
        await asyncio.sleep(self.plan.poll * 2)
        if [crm.writes for crm in self.crms.values()] != before:
            self.outcome.faults.append("stop: something was written when everything was at rest")

    async def _tried_again(self) -> None:
        """A loop that failed, or was told to come back later, reads nothing until then: wait for it. So
        does one of a daemon that is still starting."""
        end = self.loop.time() + LONGEST_WAIT + self.plan.poll
        while self.loop.time() < end and self.daemons.failing():
            await asyncio.sleep(2.0)

    async def _quiet(self) -> None:
        end = self.loop.time() + self._patience()
        still, seen = 0, max(2.0, *(crm.features.read_lag for crm in self.crms.values()))
        while still < 2:
            before = [crm.writes for crm in self.crms.values()]
            await asyncio.sleep(self.plan.poll + seen)
            same = before == [crm.writes for crm in self.crms.values()] and not await self.handbrake.let_go()
            still = still + 1 if same and not await self._left() else 0
            if self.loop.time() > end:
                raise Restless(f"stop: no rest after {PATIENCE:.0f} s: {await self._left()}")

    def _patience(self) -> float:
        """Longer where calls are few, or sweeps are seldom looked for."""
        rare = "hours" in self.plan.more or any(crm.limit for crm in self.crms.values())
        return PATIENCE * (4 if rare else 1)

    async def _left(self) -> dict[str, int]:
        sql = " union all ".join(
            f"select '{name}' as name, count(*) as n from {name}" for name in self.QUEUES
        )
        rows = await self.server.ask(self.loop, sql)
        return {row["name"]: row["n"] for row in rows if row["n"]}

    async def _swept(self) -> None:
        """Ask for a sweep of everything, and wait for it."""
        await self._ask_to_sweep()
        end = self.loop.time() + self._patience()
        while await self.server.ask(
            self.loop, "select 1 from streams where swept_at is null or swept_at < '1971-01-01'"
        ):
            await asyncio.sleep(2.0)
            if self.loop.time() > end:
                raise Restless("stop: a sweep never comes to its end")

    async def _ask_to_sweep(self) -> None:
        """As `syncd` does."""
        assert self.store is not None
        async with self.store._writer:  # else it would wait for a transaction that cannot go on meanwhile
            sql = "update streams set swept_at = 'epoch' where swept_at is not null"
            await self.server.tell(self.loop, sql)

    def _account(self) -> None:
        happened = self.outcome.happened
        happened.update(f"fault {name}" for name in self.weather.fired())
        happened.update(f"store {name}" for name in self.troubles.fired.elements())
        happened["kill"] += sum(life.killed for life in self.lives)
        for crm in self.crms.values():
            happened.update(f"quirk {number}" for number in crm.quirks.fired)
            happened["writes"] += crm.writes
        self.outcome.seconds = self.loop.time()


class Restless(Exception):
    """It never came to rest."""


def run(plan: Plan, runner: asyncio.Runner, server: Server, make: type[Run] = Run) -> Outcome:
    """Tell a plan's story on a worker's loop; a new run begins at second 0."""
    loop = runner.get_loop()
    assert isinstance(loop, TwinLoop)
    loop.begin_anew()
    random.seed(plan.seed)  # the supervisor's jitter
    with _unhurried(hours="hours" in plan.more):
        return runner.run(_told(plan, loop, server, make))


async def _told(plan: Plan, loop: TwinLoop, server: Server, make: type[Run]) -> Outcome:
    outcome = await make(plan, loop, server).tell()
    left = sorted(asyncio.all_tasks() - {asyncio.current_task()}, key=hash)
    for task in left:  # calls that were still on their way to a CRM
        task.cancel()
    await asyncio.gather(*left, return_exceptions=True)
    return outcome


@contextmanager
def _unhurried(*, hours: bool) -> Iterator[None]:
    """Queues are looked at less often, and nothing is collected as garbage at a moment of its own choice.

    In a run of many `hours` all looks are rarer: what is looked for is not there, and each costs a statement.
    """
    looks = (engine_module.LOOK_AGAIN, engine_module.SWEEP_DUE, engine_module.EVERY)
    engine_module.LOOK_AGAIN = 600.0 if hours else 5.0
    engine_module.SWEEP_DUE, engine_module.EVERY = (600.0, 600.0) if hours else looks[1:]
    gc.disable()  # what it ends, such as a generator that nobody walks any more, it ends at any moment
    try:
        yield
    finally:
        gc.enable()
        engine_module.LOOK_AGAIN, engine_module.SWEEP_DUE, engine_module.EVERY = looks


@lru_cache(maxsize=256)
def settings_of(text: str, *env: tuple[str, str]) -> Settings:
    """The settings of a text; `env` is what it may ask for by `${env:…}`."""
    with tempfile.TemporaryDirectory() as folder:
        file = Path(folder) / "twin.yaml"
        file.write_text(text, encoding="utf-8")
        return load(file, options(), {"TWIN_SECRET": SECRET, **dict(env)})


Say = Callable[[str], object]
