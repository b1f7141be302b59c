"""One HTTP run: the twin's story, told with sandboxes and the real connectors."""

from __future__ import annotations

import asyncio
import json
from collections.abc import Iterator, Mapping
from contextlib import AbstractAsyncContextManager, AsyncExitStack, contextmanager, nullcontext
from contextvars import Context
from math import inf
from types import MappingProxyType
from typing import Any, cast

from connectors.base import Connector
from connectors.registry import load
from syncd.config import Settings
from syncd.engine import unseen
from syncd.engine.gatekeeper import Gatekeeper
from tests.sim.http import hubspot, rest, salesforce
from tests.sim.http.crm import HttpCrm
from tests.sim.http.hooks import NOWHERE, Hooks
from tests.sim.http.loop import HttpLoop
from tests.sim.http.weather import IN_LISTS, Storm
from tests.sim.twin.crm import Crm
from tests.sim.twin.database import Server
from tests.sim.twin.life import Life
from tests.sim.twin.loop import TwinLoop
from tests.sim.twin.oracles import SECRET
from tests.sim.twin.plan import CONFIG, SystemPlan, has_key
from tests.sim.twin.run import Outcome, Run, settings_of
from tests.support.rig import specs

VENDORS: dict[str, Any] = {"hubspot": hubspot, "rest": rest, "salesforce": salesforce}
"""By connector: `NAMES`, `sandbox_of`, `words_of`, `token_of`, `bind`."""


class HttpServer(Server):
    """The store's connections; statements of a dead process may still be under way."""

    def __init__(self, url: str) -> None:
        super().__init__(url)
        self._alone = asyncio.Lock()

    async def let_go(self, seat: int = 0) -> None:
        for line in self.seats[seat].lines:
            await line.con.execute("rollback")
        await super().let_go(seat)

    async def ask(self, loop: TwinLoop, sql: str, *args: Any) -> list[Any]:
        async with self._alone:
            return await super().ask(loop, sql, *args)

    async def tell(self, loop: TwinLoop, sql: str, *args: Any) -> None:
        async with self._alone:
            await super().tell(loop, sql, *args)


class HttpRun(Run):
    """One run in the making."""

    QUEUES = (*Run.QUEUES, "looks")
    LAST_ACTS = 40
    LAST_SWEEPS = 12
    """How often everything is looked at once more at the end, until what only a sweep meets was met."""
    _open: Mapping[str, Any] = MappingProxyType({})

    def make_crms(self) -> dict[str, Crm]:
        crms = {system.name: self._crm(system) for system in self.plan.systems}
        self.names = {theirs: ours for crm in crms.values() for ours, theirs in crm.names.objects.items()}
        return cast(dict[str, Crm], crms)

    def _crm(self, system: SystemPlan) -> HttpCrm:
        vendor = VENDORS[system.features["connector"]]
        return HttpCrm(system, vendor.sandbox_of(system, self.clock), vendor.NAMES, self.loop, self.say)

    weather: Storm

    def make_weather(self) -> Storm:
        assert isinstance(self.loop, HttpLoop)
        self._partings: list[asyncio.Task[None]] = []
        self.hooks = Hooks(self.clock, self.loop)
        return Storm(self.crms, self.hooks, self.clock)

    def make_settings(self) -> Settings:
        systems, env = [], []
        for name, crm in self._http.items():
            vendor = VENDORS[crm.plan.features["connector"]]
            words = {**vendor.words_of(crm.plan, crm.sandbox)}
            words |= {"poll": f"{self.plan.poll}s", "sweep": f"{self.plan.sweep}s"}
            env.append((f"TOKEN_{name}", vendor.token_of(crm.sandbox)))
            systems.append(f"  {name}: {json.dumps(words)}")
        text = CONFIG.format(
            types="",
            systems="\n".join(systems),
            firms=self._objects("firms"),
            people=self._objects("people"),
            rules=self.plan.rules,
            deletes=self.plan.deletes,
            match_name="match: [name]",
            match_email="match: [email]",
        )
        return settings_of(text, *env)

    def _objects(self, object: str) -> str:
        lines = []
        for name, crm in self._http.items():
            words: dict[str, Any] = {"object": crm.names.objects[object]}
            theirs = crm.names.fields[object]
            words["fields"] = {("company" if n == "firm" else n): field for n, field in theirs.items()}
            if has_key(crm.plan):
                words["key_field"] = "syncd_key"
            lines.append(f"      {name}: {json.dumps(words)}")
        return "\n".join(lines)

    @property
    def _http(self) -> dict[str, HttpCrm]:
        return cast(dict[str, HttpCrm], self.crms)

    def make_connectors(self, life: Life) -> dict[str, Any]:
        made: dict[str, Any] = {}
        for name, spec in self.settings.systems.items():
            connector: Any = load(spec.connector)(name, spec.connector_settings(), specs(self.settings, name))
            connector.client.counted._monotonic = self.loop.time
            self._http[name].watch(connector.client, life)
            VENDORS[spec.connector].bind(connector, self.clock)
            made[name] = connector
        self._open = made
        return made

    def make_keeper(self, name: str, connector: Connector) -> Gatekeeper:
        return Gatekeeper.of(name, self.clock, connector)

    def moment(self) -> float:
        held = [f.lasts for f in self.plan.faults if f.what in ("hang", "slow")]
        return super().moment() + sum(held)

    async def late(self) -> list[str]:
        """Nothing: an edit that is seen after its stamp is for the sweep, as these feeds go by stamps."""
        return []

    async def _end_weather(self) -> None:
        for _ in range(self.LAST_SWEEPS):
            if not any(plan.what in IN_LISTS for plan in self.weather.unfired()):
                break
            if self.store is not None and not self.lives[-1].dead:
                await self._ask_to_sweep()
            await asyncio.sleep(10.0)
        await super()._end_weather()

    async def _life(self, life: Life) -> None:
        self._open, life.busy = {}, inf  # each request is two points more
        vars(self).pop("world", None)
        life.begin(self.loop)  # the receiver is this process's, too
        held = AsyncExitStack()
        try:
            await held.enter_async_context(self._receiver(life))
            await super()._life(life)
        finally:
            for connector in self._open.values():
                held.push_async_callback(connector.aclose)
            # a process that ended by itself may be ended once more: what it held is let go of beside it
            parting = Context().run(self.loop.create_task, held.aclose())
            self._partings.append(parting)
            await asyncio.wait({parting})

    def _receiver(self, life: Life) -> AbstractAsyncContextManager[None]:
        """Where webhooks are taken, if any system sends some."""
        if not any("webhooks" in system.more for system in self.plan.systems):
            return nullcontext()
        return self.hooks.taken(life, self.settings, lambda: self._open, lambda: vars(self).get("world"))

    async def tell(self) -> Outcome:
        assert isinstance(self.loop, HttpLoop)
        async with AsyncExitStack() as stack:
            stack.enter_context(_histories_read_at_once())
            for crm in self._http.values():
                served = await stack.enter_async_context(crm.sandbox.serving())
                self.loop.ports.add(int(served.url.rpartition(":")[2]))
                if "webhooks" in crm.plan.more:
                    told = crm.sandbox.webhooks.subscribe(NOWHERE, secret=SECRET)
                    self.hooks.subscribe(crm.plan.name, told)
            outcome = await super().tell()
            await asyncio.gather(*self._partings)
        outcome.faults += self.weather.believed()
        outcome.happened.update(f"armed in vain {name}" for name in self.weather.never())
        for (_, what), times in self.hooks.deliveries.items():
            outcome.happened[f"webhook {what}"] += times
        return outcome


@contextmanager
def _histories_read_at_once() -> Iterator[None]:
    """How long ago a write was PostgreSQL tells, whose clock is not ours: that counts for nothing here.

    What stands in a sandbox's history stands there at once.
    """
    waits: Any = unseen.Historian.__init__.__kwdefaults__
    often, settled = unseen.EVERY, waits["settled"]
    unseen.EVERY, waits["settled"] = 10.0, 0.0
    try:
        yield
    finally:
        unseen.EVERY, waits["settled"] = often, settled
