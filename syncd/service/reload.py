"""A new configuration for a daemon that runs: judged whole, and taken whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from syncd.config import InvalidConfig, Settings, check_orders
from syncd.core.errors import ConfigError
from syncd.service.look import Look, close_all
from syncd.service.vendors import load_settings

AT_START: Mapping[str, Callable[[Settings], Any]] = {
    "store": lambda settings: settings.store,
    "state": lambda settings: settings.state_dir,
    "service": lambda settings: settings.service,
}
"""What is opened when the daemon starts, and stays."""


def read_again(old: Settings) -> Settings:
    """The settings as the files are now. Raises `ConfigError`: nothing of them is to be used then."""
    new = load_settings(old.path)
    refuse_bad_rules(new)
    fixed = [name for name, part in AT_START.items() if part(new) != part(old)]
    if not _hooks(old) and _hooks(new):
        fixed.append("the first webhooks")
    if fixed:
        raise ConfigError(f"{', '.join(fixed)}: this takes a restart of the daemon; nothing was changed")
    return new


def refuse_bad_rules(settings: Settings) -> None:
    """Raise `InvalidConfig` where a strategy of the user's own depends on the order of arrival."""
    problems = check_orders(settings)
    if problems:
        raise InvalidConfig(problems)


async def judged(looks: Mapping[str, Look]) -> list[str]:
    """What is only out of reach, in a sentence each.

    Raises `ConfigError` with every problem where a system refuses what is wanted of it; then all is closed.
    """
    problems = [fault for look in looks.values() for fault in look.faults()]
    if problems:
        await close_all(looks)
        raise ConfigError("\n".join(problems))
    return [f"{name} is waited for: {look.trouble}" for name, look in looks.items() if look.away]


def _hooks(settings: Settings) -> bool:
    return any(system.webhooks for system in settings.systems.values())
