"""The installed connectors as the configuration needs them, and those of a configuration, made."""

from __future__ import annotations

from collections.abc import Collection
from pathlib import Path

from pydantic import BaseModel, ConfigDict

from connectors import registry
from connectors.base import Connector, ObjectSpec
from syncd.config import ConnectorOptions, Settings, load
from syncd.service.logins import Logins
from syncd.service.strategies import available


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
            hasattr(entry.factory, "meter"),
            getattr(entry.factory, "EXAMPLE", None),
        )
        for name, entry in registry.available().items()
        if entry.factory is not None
    }


def load_settings(path: Path) -> Settings:
    """The settings of a file or folder, judged with the installed connectors. Raises `InvalidConfig`."""
    return load(path, connector_options(), strategies=available())


def object_specs(settings: Settings, system: str, kinds: Collection[str]) -> list[ObjectSpec]:
    """What the configuration wants of one system's objects, for some kinds."""
    return [
        ObjectSpec(spec.object, spec.remote_fields, spec.key_field, spec.object_options)
        for kind in settings.kinds.values()
        if kind.name in kinds
        for spec in kind.objects
        if spec.system == system
    ]


def make_connector(
    settings: Settings, system: str, kinds: Collection[str] | None = None, logins: Logins | None = None
) -> Connector:
    """The connector of a system for some kinds, or for all; connects to nothing yet.

    With `logins` its tokens are kept in their store. Raises `NeedsOperator` where it cannot be loaded.
    """
    own = settings.systems[system]
    specs = object_specs(settings, system, settings.kinds if kinds is None else kinds)
    factory = registry.load(own.connector)
    connector = factory(system, own.connector_settings(), specs)
    if logins is not None:
        logins.attach(system, connector)
    return connector
