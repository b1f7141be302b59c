"""The engine on real databases, stepped by hand: what a daemon's loops do, in a fixed order."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from pathlib import Path

from connectors.base import Connector, ObjectSpec
from connectors.registry import available, load
from syncd.config import ConnectorOptions, Settings, with_schemas
from syncd.config import load as load_settings
from syncd.core.clock import Clock, SystemClock
from syncd.engine.build import build_world, in_order
from syncd.engine.commands import Commands
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.inbox import Inbox
from syncd.engine.intake import Intake
from syncd.engine.push import Pusher
from syncd.engine.recover import recover
from syncd.engine.schemas import SchemaWatch
from syncd.engine.sweep import Sweeper
from syncd.engine.unseen import Historian
from syncd.engine.world import Stream, World
from syncd.store.store import Store


def options() -> dict[str, ConnectorOptions]:
    """The option models of the installed connectors."""
    return {
        name: ConnectorOptions(entry.factory.OPTIONS, entry.factory.OBJECT_OPTIONS)
        for name, entry in available().items()
        if entry.factory is not None
    }


def specs(settings: Settings, system: str) -> list[ObjectSpec]:
    """What the configuration wants of one system's objects."""
    return [
        ObjectSpec(spec.object, spec.remote_fields, spec.key_field, spec.object_options)
        for kind in settings.kinds.values()
        for spec in kind.objects
        if spec.system == system
    ]


class Rig:
    """A world with its parts at hand."""

    def __init__(
        self,
        world: World,
        settings: Settings,
        connectors: Mapping[str, Connector],
        keeper: Callable[[str, Clock], Gatekeeper] = Gatekeeper,
    ) -> None:
        self.world, self.settings, self.connectors = world, settings, connectors
        self.keepers = {name: keeper(name, world.clock) for name in settings.systems}
        self.streams = [stream for kind in in_order(world.kinds) for stream in kind.streams]
        self.intakes = {s.id: Intake(world, s, self.keepers[s.system]) for s in self.streams}
        self.pushers = {
            s.id: Pusher(world, s, self.keepers[s.system], self.intakes[s.id] if s.reads else None)
            for s in self.streams
        }
        self.inboxes = {s.id: Inbox(world, s, self.keepers[s.system]) for s in self.streams}
        self.commands = Commands(world)
        self.looks: list[SchemaWatch] = []

    @classmethod
    async def make(
        cls, store: Store, config: Path, clock: Clock | None = None, *, paced: bool = False
    ) -> Rig:
        """Load `config`, connect, describe, build, recover. `paced`: doors keep to the vendors' limits."""
        settings = load_settings(config, options(), {})
        return await cls.start(store, settings, clock, paced=paced)

    @classmethod
    async def start(
        cls,
        store: Store,
        settings: Settings,
        clock: Clock | None = None,
        keeper: Callable[[str, Clock], Gatekeeper] = Gatekeeper,
        *,
        paced: bool = False,
    ) -> Rig:
        """The same of settings that are loaded already; `keeper` makes the door to each system."""
        connectors: dict[str, Connector] = {
            name: load(system.connector)(name, system.connector_settings(), specs(settings, name))
            for name, system in settings.systems.items()
        }
        schemas = {name: await connector.describe() for name, connector in connectors.items()}
        settings = with_schemas(settings, schemas)
        world = await build_world(store, settings, connectors, clock or SystemClock())
        await recover(world)
        if paced:
            return cls(world, settings, connectors, lambda n, time: Gatekeeper.of(n, time, connectors[n]))
        return cls(world, settings, connectors, keeper)

    async def aclose(self) -> None:
        for connector in self.connectors.values():
            await connector.aclose()

    def stream(self, system: str, kind: str) -> Stream:
        """The stream of a kind in a system."""
        return next(s for s in self.streams if (s.system, s.kind) == (system, kind))

    async def read(self) -> int:
        """Read every stream to its end; returns how many changes did something."""
        return sum([await self.intakes[s.id].read() for s in self.streams if s.reads])

    async def work(self) -> int:
        """Work off the inboxes and write what is behind, once each."""
        done = await self.commands.work()
        for stream in self.streams:
            done += await self.inboxes[stream.id].work()
        for stream in self.streams:
            if stream.writes:
                done += await self.pushers[stream.id].push()
        return done

    async def look(self) -> int:
        """Look at schemas that are in doubt, as a daemon does; the first time at all. Returns what moved."""
        if not self.looks:
            for name, keeper in self.keepers.items():
                mine = [stream for stream in self.streams if stream.system == name]
                self.looks.append(SchemaWatch(self.world, name, mine, keeper))
        return sum([await look.work() for look in self.looks])

    async def settle(self, rounds: int = 30) -> int:
        """Read and work until a whole round does nothing; returns the number of pushes accepted."""
        before = self.pushed()
        for _ in range(rounds):
            if not await self.read() + await self.work():
                return self.pushed() - before
        raise AssertionError("the systems never came to rest")

    def pushed(self) -> int:
        return sum(counters.pushed for counters in self.world.counters.values())

    async def look_back(self) -> int:
        """Look at the histories of what was written; returns how many edits were found written over."""
        did = 0
        for s in self.streams:
            if s.writes and s.historian is not None:
                did += await Historian(self.world, s, self.keepers[s.system], settled=0.0).work()
        return did

    async def sweep(self, system: str | None = None) -> int:
        """Sweep every stream, or those of one system."""
        did = 0
        for s in self.streams:
            if s.reads and system in (None, s.system):
                did += await Sweeper(self.world, s, self.keepers[s.system]).sweep()
        return did
