"""`syncd check`: everything that can be known before the daemon runs, in one go, with reads only."""

from __future__ import annotations

import asyncio
from collections.abc import Collection, Sequence
from contextlib import AsyncExitStack
from dataclasses import dataclass

from syncd.config import Problem, Settings, check_orders
from syncd.core.errors import StoreUnavailable
from syncd.service.connections import connections, logging_in, opened
from syncd.service.logins import Logins
from syncd.service.look import Look, close_all, look_at_all
from syncd.store.pool import place
from syncd.store.revision import is_current

LOST = "its tokens are in the store, which is out of reach"


@dataclass(frozen=True, slots=True)
class SystemCheck:
    """One system. `trouble` is None where it answered and let us in; `away` says that it may mend itself.

    `refused` are reasons beside the findings; `empty` are objects without a record to judge the words by.
    `login` says since when and by which account it is connected, where its tokens are kept.
    """

    name: str
    connector: str
    trouble: str | None
    away: bool
    objects: int
    refused: Sequence[str]
    notes: Sequence[str]
    empty: Sequence[str] = ()
    login: str | None = None


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
        return mapping or any(s.refused or (s.trouble and not s.away) for s in self.systems)

    @property
    def out_of_reach(self) -> bool:
        """Whether a system or the store cannot be used."""
        return self.store_trouble is not None or any(system.away for system in self.systems)


async def check(settings: Settings) -> Checked:
    """Look at every system, and at the store where it is a database of yours, or keeps tokens."""
    where, trouble = await _store(settings)
    rules = await asyncio.to_thread(check_orders, settings)
    kept = logging_in(settings)
    async with AsyncExitStack() as stack:
        logins = None
        if kept and trouble is None:
            try:
                logins = await stack.enter_async_context(opened(settings))
            except StoreUnavailable as error:
                trouble = str(error)
        looks = await _looks(settings, kept if logins is None else (), logins)
        stack.push_async_callback(close_all, looks)
        told = {c.system: str(c) for c in await connections(logins, settings)} if logins is not None else {}
        findings = [finding for look in looks.values() for finding in look.findings]
        systems = [_system(settings, look, told.get(look.system)) for look in looks.values()]
    return Checked([*settings.warnings, *rules, *findings], systems, where, trouble)


async def _looks(settings: Settings, lost: Collection[str], logins: Logins | None) -> dict[str, Look]:
    """Looks at all systems, but for those whose tokens are `lost`, in the order of the file."""
    looks = await look_at_all(settings, [name for name in settings.systems if name not in lost], logins)
    looks |= {name: Look(name, None, trouble=LOST, away=True) for name in lost}
    return {name: looks[name] for name in settings.systems}


def _system(settings: Settings, look: Look, login: str | None) -> SystemCheck:
    told = {str(finding) for finding in look.findings}
    return SystemCheck(
        look.system,
        settings.systems[look.system].connector,
        look.trouble,
        look.away,
        len(look.schema.objects),
        [why for why in dict.fromkeys(look.refused.values()) if why not in told],
        [f"{name}: {note}" for name, note in look.notes(settings)],
        [info.name for info in look.used(settings) if info.records == 0],
        login,
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
