"""Look at a system before it takes part: is it there, does it have what the mappings want of it?"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.base import Connector, ObjectInfo, Schema
from syncd.config import Problem, Settings, check_schema
from syncd.core.errors import NeedsOperator, RetryLater, SyncdError
from syncd.service.vendors import make_connector

LOOK_SECONDS = 20.0
"""How long a system may take to describe itself."""


@dataclass(frozen=True, slots=True)
class Look:
    """What one look at a system found. `connector` is open: whoever holds the look closes it.

    `trouble` is None where the system answered and lets us in; `away` says that it may come back by
    itself. `refused` holds, by kind, why that kind cannot run here; `findings` all differences between
    mappings and schema, warnings too.
    """

    system: str
    connector: Connector | None
    schema: Schema = field(default_factory=lambda: Schema({}))
    trouble: str | None = None
    away: bool = False
    refused: Mapping[str, str] = field(default_factory=dict)
    findings: Sequence[Problem] = ()

    def usable(self, kind: str) -> bool:
        """Whether a kind can run in this system."""
        return self.trouble is None and kind not in self.refused

    def sound_schema(self, settings: Settings) -> Schema:
        """The schema without the objects of refused kinds, whose maps it would not fit."""
        return Schema(
            {
                spec.object: self.schema.objects[spec.object]
                for name, kind in settings.kinds.items()
                if self.usable(name) and (spec := kind.systems.get(self.system)) is not None
            }
        )

    def notes(self, settings: Settings) -> list[tuple[str, str]]:
        """What the connector says that cannot be trusted, as (object, note)."""
        used = {k.systems[self.system].object for k in settings.kinds.values() if self.system in k.systems}
        infos: list[ObjectInfo] = [info for name, info in self.schema.objects.items() if name in used]
        return [(info.name, note) for info in infos for note in info.notes]


def used_systems(settings: Settings) -> list[str]:
    """The systems that some kind lives in."""
    return [name for name in settings.systems if any(name in k.systems for k in settings.kinds.values())]


async def look_at_all(settings: Settings, systems: Sequence[str]) -> dict[str, Look]:
    """Look at several systems at once; none keeps the others waiting for longer than it may take itself."""
    looks = await asyncio.gather(*(look_at(settings, system) for system in systems))
    return {look.system: look for look in looks}


async def look_at(settings: Settings, system: str) -> Look:
    """Look at one system. Never raises for what is wrong with it."""
    kinds = [name for name, kind in settings.kinds.items() if system in kind.systems]
    try:
        connector, schema = await _described(settings, system, kinds)
    except NeedsOperator as error:
        return await _look_closer(settings, system, kinds, error)
    except SyncdError as error:
        return Look(system, _asleep(settings, system), trouble=str(error), away=True)
    return _judged(settings, system, connector, schema, {})


async def _described(settings: Settings, system: str, kinds: Collection[str]) -> tuple[Connector, Schema]:
    """A connector for some kinds and what it describes; closed again where it raises."""
    connector = make_connector(settings, system, kinds)
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            return connector, await connector.describe()
    except TimeoutError:
        await connector.aclose()
        raise RetryLater(f"{system} did not describe itself within {LOOK_SECONDS:.0f} s") from None
    except SyncdError:
        await connector.aclose()
        raise
    except Exception as error:  # a connector's bug must not stop the other systems
        await connector.aclose()
        name = settings.systems[system].connector
        message = f"{system}: the connector {name} failed with {type(error).__name__} when asked to describe"
        raise NeedsOperator(message, "Report this to the connector's maker") from error


def _asleep(settings: Settings, system: str) -> Connector | None:
    """A connector that nothing is asked of yet: the engine knows its capabilities by it."""
    try:
        return make_connector(settings, system)
    except SyncdError:
        return None


async def _look_closer(settings: Settings, system: str, kinds: Sequence[str], first: NeedsOperator) -> Look:
    """One object may be what is wrong: find out which, so that the others can run."""
    try:
        bare, schema = await _described(settings, system, ())
        await bare.aclose()
        refused: dict[str, str] = _refusals(check_schema(settings, system, schema))
        for kind in kinds:
            if kind not in refused and (why := await _refusal(settings, system, kind)) is not None:
                refused[kind] = why
        if not refused:
            raise first
        good = [kind for kind in kinds if kind not in refused]
        connector, schema = await _described(settings, system, good)
    except SyncdError as error:
        away = not isinstance(error, NeedsOperator)
        return Look(system, _asleep(settings, system), trouble=str(error), away=away)
    return _judged(settings, system, connector, schema, refused)


async def _refusal(settings: Settings, system: str, kind: str) -> str | None:
    try:
        connector, _ = await _described(settings, system, [kind])
    except NeedsOperator as error:
        return str(error)
    await connector.aclose()
    return None


def _judged(
    settings: Settings, system: str, connector: Connector, schema: Schema, refused: Mapping[str, str]
) -> Look:
    findings = check_schema(settings, system, schema)
    return Look(
        system, connector, schema, refused={**refused, **_refusals(findings)}, findings=tuple(findings)
    )


def _refusals(findings: Sequence[Problem]) -> dict[str, str]:
    """The first error of each kind; a problem's path begins `kinds.NAME`."""
    found: dict[str, str] = {}
    for problem in findings:
        if not problem.warning:
            found.setdefault(problem.path.split(".")[1], str(problem))
    return found
