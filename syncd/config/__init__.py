"""YAML to typed settings, every problem with its position, secrets kept out of sight."""

from syncd.config.load import load
from syncd.config.problems import InvalidConfig, Place, Problem
from syncd.config.settings import (
    Brake,
    Brakes,
    ConnectorOptions,
    Deletes,
    KindSettings,
    KindSystemSettings,
    ServiceSettings,
    Settings,
    StoreSettings,
    SystemSettings,
)

__all__ = [
    "Brake",
    "Brakes",
    "ConnectorOptions",
    "Deletes",
    "InvalidConfig",
    "KindSettings",
    "KindSystemSettings",
    "Place",
    "Problem",
    "ServiceSettings",
    "Settings",
    "StoreSettings",
    "SystemSettings",
    "load",
]
