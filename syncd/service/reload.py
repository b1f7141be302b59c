"""A new configuration for a daemon that runs: judged whole, and taken whole or not at all."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from typing import Any

from syncd.config import Settings
from syncd.core.errors import ConfigError
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
    fixed = [name for name, part in AT_START.items() if part(new) != part(old)]
    if not _hooks(old) and _hooks(new):
        fixed.append("the first webhooks")
    if fixed:
        raise ConfigError(f"{', '.join(fixed)}: this takes a restart of the daemon; nothing was changed")
    return new


def _hooks(settings: Settings) -> bool:
    return any(system.webhooks for system in settings.systems.values())
