"""The composition: settings become connectors, door keepers and the engine's world."""

from __future__ import annotations

from collections.abc import AsyncIterator, Mapping
from contextlib import AsyncExitStack, asynccontextmanager
from dataclasses import dataclass

from connectors.base import Connector
from syncd.config import Settings, with_schemas
from syncd.core.clock import Clock
from syncd.core.errors import NeedsOperator
from syncd.engine.build import build_world, look_world
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.quota import Words
from syncd.engine.world import World
from syncd.service.look import Look, used_systems
from syncd.service.remembered import looked
from syncd.service.stores import OpenStore, open_store
from syncd.store.store import Store


@dataclass(slots=True)
class Service:
    """What a command or the daemon works with.

    `settings` has the maps compiled for the remotes' types, where those are known. `looks` tells of each
    system in use; `keepers` are by system. `alone` says that it works by itself, not for a person who waits:
    then it keeps to its share of the systems' quotas.
    """

    settings: Settings
    clock: Clock
    opened: OpenStore
    looks: dict[str, Look]
    keepers: dict[str, Gatekeeper]
    alone: bool = False

    @property
    def store(self) -> Store:
        return self.opened.store

    @property
    def connectors(self) -> Mapping[str, Connector]:
        """By system; a system in trouble has one that nothing should be asked of."""
        return {name: look.connector for name, look in self.looks.items() if look.connector is not None}

    @property
    def refused(self) -> bool:
        """Whether a mapping or a log-in does not fit: the configuration must change, or the system."""
        return any(look.faults() for look in self.looks.values())

    def asleep(self) -> dict[tuple[str, str], str]:
        """Why a (system, kind) cannot run now."""
        return {
            (system, kind): look.trouble or look.refused[kind]
            for system, look in self.looks.items()
            for kind in self.settings.kinds
            if system in self.settings.kinds[kind].systems and not look.usable(kind)
        }

    async def world(self, *, look_only: bool = False) -> World:
        """The engine's world, what cannot run asleep in it.

        Needs the store's lease, unless it is to be looked at only: then nothing is registered in the store.
        """
        lost = next((look for look in self.looks.values() if look.connector is None), None)
        if lost is not None:
            raise NeedsOperator(f"{lost.system} cannot be used at all: {lost.trouble}", "Mend its connector")
        asleep = self.asleep()
        make = look_world if look_only else build_world
        world = await make(self.store, self.settings, self.connectors, self.clock)
        streams = world.streams.values()
        world.asleep = {stream.id for stream in streams if (stream.system, stream.kind) in asleep}
        return world

    async def take(self, looks: Mapping[str, Look]) -> None:
        """Use new looks in place of older ones of the same systems, whose connectors are closed."""
        for name, look in looks.items():
            old = self.looks.get(name)
            if old is not None and old.connector is not None:
                await old.connector.aclose()
            self.looks[name] = look
            self.keepers[name] = _keeper(self.settings, look, self.clock, alone=self.alone)
        schemas = {name: look.sound_schema(self.settings) for name, look in self.looks.items()}
        self.settings = with_schemas(self.settings, schemas)

    async def begin_anew(self, settings: Settings, looks: Mapping[str, Look]) -> None:
        """Another configuration, and what its systems look like by it. The old connectors are closed."""
        old = list(self.connectors.values())
        self.settings, self.looks, self.keepers = settings, {}, {}
        await self.take(looks)
        for connector in old:
            await connector.aclose()

    async def aclose(self) -> None:
        """Close all connectors; the store is the opener's."""
        for connector in self.connectors.values():
            await connector.aclose()


@asynccontextmanager
async def open_service(
    settings: Settings, *, clock: Clock, lease: bool, look: bool = True
) -> AsyncIterator[Service]:
    """The store open, and every system looked at unless `look` is off: then `take` the looks yourself.

    With `lease` as the store's only daemon, else beside it. Raises what `open_store` raises; what is wrong
    with a system is in its look.
    """
    async with AsyncExitStack() as stack:
        opened = await stack.enter_async_context(open_store(settings, clock, daemon=lease))
        service = Service(settings, clock, opened, {}, {}, alone=lease)
        stack.push_async_callback(service.aclose)
        if look:
            await service.take(await looked(opened.store, settings, used_systems(settings)))
        yield service


def _keeper(settings: Settings, look: Look, clock: Clock, *, alone: bool) -> Gatekeeper:
    spec = settings.systems[look.system]
    return Gatekeeper.of(
        look.system,
        clock,
        look.connector,
        calls_per_second=spec.calls_per_second,
        call_seconds=settings.service.call_seconds,
        words=Words(spec.share, spec.reserve) if alone else None,
    )
