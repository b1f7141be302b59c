"""`syncd check`: everything that can be known before the daemon runs, in one go, with reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass

from syncd.config import Problem, Settings
from syncd.core.errors import StoreUnavailable
from syncd.service.look import Look, look_at_all
from syncd.store.pool import place
from syncd.store.revision import is_current


@dataclass(frozen=True, slots=True)
class SystemCheck:
    """One system. `trouble` is None where it answered; `refused` are reasons beside the findings."""

    name: str
    connector: str
    trouble: str | None
    objects: int
    refused: Sequence[str]
    notes: Sequence[str]


@dataclass(frozen=True, slots=True)
class Checked:
    """What was found. `problems` have places in the file, warnings among them."""

    problems: Sequence[Problem]
    systems: Sequence[SystemCheck]
    store: str
    store_trouble: str | None

    @property
    def wrong(self) -> bool:
        """Whether the configuration must change."""
        mapping = any(not problem.warning for problem in self.problems)
        return mapping or any(system.refused for system in self.systems)

    @property
    def out_of_reach(self) -> bool:
        """Whether a system or the store cannot be used."""
        return self.store_trouble is not None or any(system.trouble for system in self.systems)


async def check(settings: Settings) -> Checked:
    """Look at every system, and at the store where it is a database of yours."""
    looks, store = await asyncio.gather(look_at_all(settings, list(settings.systems)), _store(settings))
    try:
        findings = [finding for look in looks.values() for finding in look.findings]
        systems = [_system(settings, look) for look in looks.values()]
    finally:
        for look in looks.values():
            if look.connector is not None:
                await look.connector.aclose()
    return Checked([*settings.warnings, *findings], systems, *store)


def _system(settings: Settings, look: Look) -> SystemCheck:
    told = {str(finding) for finding in look.findings}
    return SystemCheck(
        look.system,
        settings.systems[look.system].connector,
        look.trouble,
        len(look.schema.objects),
        [why for why in look.refused.values() if why not in told],
        [f"{name}: {note}" for name, note in look.notes(settings)],
    )


async def _store(settings: Settings) -> tuple[str, str | None]:
    """Where the store is, and what is wrong with it; an embedded one is not started for this."""
    if settings.store.url is None:
        return f"embedded, in {settings.state_dir}", None
    url = settings.store.url.get_secret_value()
    try:
        if await is_current(url):  # and says why it cannot be reached better than the migrations' driver
            return place(url), None
    except StoreUnavailable as error:
        return place(url), str(error)
    return await asyncio.to_thread(_look_at_store, url)


def _look_at_store(url: str) -> tuple[str, str | None]:
    from syncd.store import migrate

    try:
        pending = migrate.pending(url)
        if pending and not migrate.empty(url):
            return place(url), "it lacks tables of this version: run `syncd db upgrade`"
    except StoreUnavailable as error:
        return place(url), str(error)
    return place(url), None
