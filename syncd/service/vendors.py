"""The installed connectors as the configuration needs them, and those of a configuration, made."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from connectors import registry
from connectors.base import Connector, ObjectSpec
from syncd.config import ConnectorOptions, Settings, load


class Anything(BaseModel):
    """The options of a connector that declares none: everything is left to it."""

    model_config = ConfigDict(extra="allow")


def connector_options() -> dict[str, ConnectorOptions]:
    """The option models of all connectors that load, by name."""
    return {
        name: ConnectorOptions(
            getattr(entry.factory, "OPTIONS", Anything),
            getattr(entry.factory, "OBJECT_OPTIONS", Anything),
            getattr(entry.factory, "ARCHIVES", None),
        )
        for name, entry in registry.available().items()
        if entry.factory is not None
    }


def load_settings(path: Path) -> Settings:
    """The settings of a file or folder, judged with the installed connectors. Raises `InvalidConfig`."""
    return load(path, connector_options())


def object_specs(settings: Settings, system: str, kinds: Collection[str]) -> Mapping[str, ObjectSpec]:
    """What the configuration wants of one system's objects, by kind."""
    found = {}
    for kind in settings.kinds.values():
        spec = kind.systems.get(system)
        if spec is not None and kind.name in kinds:
            fields = spec.map.remote_fields
            found[kind.name] = ObjectSpec(spec.object, fields, spec.key_field, spec.object_options)
    return found


def make_connector(settings: Settings, system: str, kinds: Collection[str] | None = None) -> Connector:
    """The connector of a system for some kinds, or for all; connects to nothing yet.

    Raises `NeedsOperator` where it cannot be loaded.
    """
    own = settings.systems[system]
    specs = object_specs(settings, system, settings.kinds if kinds is None else kinds)
    factory = registry.load(own.connector)
    return factory(system, own.connector_settings(), list(specs.values()))
