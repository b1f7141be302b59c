"""Look at a system before it takes part: is it there, does it have what the mappings want of it?"""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Mapping, Sequence
from dataclasses import dataclass, field

from connectors.base import Connector, ObjectInfo, Schema
from syncd.config import Problem, Settings, check_schema
from syncd.config.places import problem_at
from syncd.config.problems import Path
from syncd.core.errors import LoginNeeded, Misconfigured, NeedsOperator, RetryLater, SyncdError
from syncd.service.logins import Logins
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

    def faults(self) -> list[str]:
        """What a person must mend, in the file or in the system; not that it is out of reach."""
        told = [str(finding) for finding in self.findings if not finding.warning]
        told += [why for why in self.refused.values() if why not in told]
        return [self.trouble, *told] if self.trouble is not None and not self.away else told

    def sound_schema(self, settings: Settings) -> Schema:
        """The schema without the objects of refused kinds, whose maps it would not fit."""
        return Schema(
            {
                spec.object: self.schema.objects[spec.object]
                for name, kind in settings.kinds.items()
                if self.usable(name) and self.system in kind.systems
                for spec in kind.systems[self.system].objects
            }
        )

    def notes(self, settings: Settings) -> list[tuple[str, str]]:
        """What the connector says that cannot be trusted, as (object, note)."""
        return [(info.name, note) for info in self.used(settings) for note in info.notes]

    def used(self, settings: Settings) -> list[ObjectInfo]:
        """The objects that kinds are mapped to."""
        used = {s.object for k in settings.kinds.values() for s in k.objects if s.system == self.system}
        return [info for name, info in self.schema.objects.items() if name in used]


def used_systems(settings: Settings) -> list[str]:
    """The systems that some kind lives in."""
    return [name for name in settings.systems if any(name in k.systems for k in settings.kinds.values())]


async def look_at_all(
    settings: Settings, systems: Sequence[str], logins: Logins | None = None
) -> dict[str, Look]:
    """Look at several systems at once; none keeps the others waiting for longer than it may take itself."""
    looks = await asyncio.gather(*(look_at(settings, system, logins) for system in systems))
    return {look.system: look for look in looks}


async def close_all(looks: Mapping[str, Look]) -> None:
    """Close the connectors of looks that nobody uses."""
    for look in looks.values():
        if look.connector is not None:
            await look.connector.aclose()


async def look_at(settings: Settings, system: str, logins: Logins | None = None) -> Look:
    """Look at one system, by tokens of `logins`. Never raises for what is wrong with it."""
    kinds = [name for name, kind in settings.kinds.items() if system in kind.systems]
    try:
        connector, schema = await _described(settings, system, kinds, logins)
    except LoginNeeded as error:
        return Look(system, _asleep(settings, system, logins), trouble=_of_system(settings, system, error))
    except NeedsOperator as error:
        return await _look_closer(settings, system, kinds, error, logins)
    except SyncdError as error:
        return Look(system, _asleep(settings, system, logins), trouble=str(error), away=True)
    return _judged(settings, system, connector, schema, {})


async def _described(
    settings: Settings, system: str, kinds: Collection[str], logins: Logins | None
) -> tuple[Connector, Schema]:
    """A connector for some kinds and what it describes; closed again where it raises."""
    connector = make_connector(settings, system, kinds, logins)
    try:
        async with asyncio.timeout(LOOK_SECONDS):
            if logins is not None:
                await logins.recognise(system, connector)
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


def _asleep(settings: Settings, system: str, logins: Logins | None) -> Connector | None:
    """A connector that nothing is asked of yet: the engine knows its capabilities by it."""
    try:
        return make_connector(settings, system, logins=logins)
    except SyncdError:
        return None


async def _look_closer(
    settings: Settings, system: str, kinds: Sequence[str], first: NeedsOperator, logins: Logins | None
) -> Look:
    """One object may be what is wrong: find out which, so that the others can run."""
    try:
        refused = await _not_listed(settings, system, logins)
        left = [kind for kind in kinds if kind not in refused]
        errors = {kind: await _refusal(settings, system, kind, logins) for kind in left}
        if not refused and _are_of_the_system(list(errors.values())):
            raise first
        blamed = {
            kind: _placed(settings, ("kinds", kind, "systems", system), error)
            for kind, error in errors.items()
            if error is not None
        }
        good = [kind for kind in left if kind not in blamed]
        connector, schema = await _described(settings, system, good, logins)
    except NeedsOperator as error:
        return Look(system, _asleep(settings, system, logins), trouble=_of_system(settings, system, error))
    except SyncdError as error:
        return Look(system, _asleep(settings, system, logins), trouble=str(error), away=True)
    return _judged(settings, system, connector, schema, blamed)


async def _not_listed(settings: Settings, system: str, logins: Logins | None) -> dict[str, str]:
    """What a system refuses that lists what it has; some describe only what they are asked for."""
    bare, schema = await _described(settings, system, (), logins)
    await bare.aclose()
    return _refusals(check_schema(settings, system, schema)) if schema.objects else {}


async def _refusal(settings: Settings, system: str, kind: str, logins: Logins | None) -> NeedsOperator | None:
    try:
        connector, _ = await _described(settings, system, [kind], logins)
    except NeedsOperator as error:
        return error
    await connector.aclose()
    return None


def _are_of_the_system(errors: Sequence[NeedsOperator | None]) -> bool:
    """Whether no object is to blame: each does alone, or several fail and the same is to be done."""
    todos = {None if error is None else error.todo for error in errors}
    return todos <= {None} or (len(errors) > 1 and len(todos) == 1)


def _placed(settings: Settings, path: Path, error: NeedsOperator) -> str:
    """An error with the place of the section that it is about, or of the word in it that is wrong."""
    if isinstance(error, Misconfigured) and error.key:
        return str(_at_its_word(settings, path, error))
    return str(problem_at(settings.places.of_key(path), path, str(error)))


def _at_its_word(settings: Settings, path: Path, error: Misconfigured) -> Problem:
    """The line of the word; that of the kind's object, if it says the word itself."""
    places, system, steps = settings.places, str(path[-1]), tuple(error.key.split("."))
    plain: Path = ("systems", system, *steps)
    if path[0] == "kinds":
        object = settings.kinds[str(path[1])].systems[system].object
        own: Path = ("systems", system, "objects", object, *steps)
        if len(places.written(own)) - 4 >= max(1, len(places.written(plain)) - 2):
            return problem_at(places.of_value(own), own, error.said, error.todo)
    return problem_at(places.of_value(plain), plain, error.said, error.todo)


def _of_system(settings: Settings, system: str, error: NeedsOperator) -> str:
    """An error of a whole system with its place."""
    return _placed(settings, ("systems", system), error)


def _judged(
    settings: Settings, system: str, connector: Connector, schema: Schema, blamed: Mapping[str, str]
) -> Look:
    """Mappings held against the schema. Of kinds that were refused before, it says nothing true."""
    findings = [found for found in check_schema(settings, system, schema) if kind_of(found) not in blamed]
    return Look(
        system, connector, schema, refused={**_refusals(findings), **blamed}, findings=tuple(findings)
    )


def _refusals(findings: Sequence[Problem]) -> dict[str, str]:
    """The first error of each kind."""
    found: dict[str, str] = {}
    for problem in findings:
        if not problem.warning:
            found.setdefault(kind_of(problem), str(problem))
    return found


def kind_of(problem: Problem) -> str:
    """The kind that a finding of `check_schema` is about."""
    return problem.path.split(".")[1]  # it begins `kinds.NAME`
