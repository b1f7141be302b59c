"""The systems: which connector, its own settings, and what all systems have in common."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel, Secret

from syncd.config.models import KindSystemModel, ObjectModel, SystemModel, WebhooksModel
from syncd.config.places import Report
from syncd.config.problems import Path, did_you_mean
from syncd.config.settings import ConnectorOptions, SystemSettings, WebhookSettings
from syncd.config.validate import check

POLL = 30.0
SWEEP = 86_400.0
RESERVED = ("rule", "person")
"""What stands for a system where a decision, not a system, made a value."""


def check_system(
    name: str, data: Any, connectors: Mapping[str, ConnectorOptions], report: Report
) -> ConnectorOptions | None:
    """Check the connector's own settings; returns the connector, None where it is not known."""
    if name in RESERVED:
        report.key(
            ("systems", name), f'"{name}" is syncd\'s own word for who decided', "Choose another name."
        )
    connector = data.get("connector") if isinstance(data, dict) else None
    if not isinstance(connector, str):
        return None  # the shape's problem, reported with it
    if connector not in connectors:
        hint = did_you_mean(connector, connectors) or "No connector is installed."
        report.value(("systems", name, "connector"), f'there is no connector "{connector}"', hint)
        return None
    options = connectors[connector].options
    own = own_of_system(data)
    if "webhooks" in own and not takes_webhooks(options):
        del own["webhooks"]
        said = f'the connector "{connector}" takes no webhooks'
        report.key(("systems", name, "webhooks"), said, "Remove it: changes are polled.")
    check_own(options, SystemModel, own, ("systems", name), report)
    check_quota(name, data, connector, connectors[connector], report)
    return connectors[connector]


def check_quota(
    name: str, data: Mapping[str, Any], connector: str, known: ConnectorOptions, report: Report
) -> None:
    """A part of a limit that nobody tells of means nothing."""
    quota = data.get("quota")
    if not isinstance(quota, dict) or known.meters is not False:
        return
    for word in ("share", "reserve"):
        if word in quota:
            said = f'the connector "{connector}" hears of no limit'
            report.key(("systems", name, "quota", word), said, "Use calls_per_second.")


def takes_webhooks(options: type[BaseModel]) -> bool:
    """Whether a connector has words of its own for webhooks, be they none."""
    return "webhooks" in options.model_fields or options.model_config.get("extra") == "allow"


def own_of_system(data: Mapping[str, Any]) -> dict[str, Any]:
    """What belongs to the connector of a system's section, its own words under `webhooks` too."""
    own = own_settings(data, SystemModel)
    hooks = data.get("webhooks")
    return {**own, "webhooks": own_settings(hooks, WebhooksModel)} if isinstance(hooks, dict) else own


def own_settings(data: Mapping[str, Any], common: type[BaseModel]) -> dict[str, Any]:
    """The keys of a section that belong to the connector."""
    return {key: value for key, value in data.items() if key not in common.model_fields}


def check_own(
    model: type[BaseModel], common: type[BaseModel], own: dict[str, Any], path: Path, report: Report
) -> None:
    """Check a connector's own keys; an unknown one may be a slip in a common word as well."""
    known = {info.alias or name for name, info in model.model_fields.items()}
    if model.model_config.get("populate_by_name") or model.model_config.get("validate_by_name"):
        known |= model.model_fields.keys()
    if model.model_config.get("extra") != "allow":
        for key in own.keys() - known:
            hint = did_you_mean(key, known | common.model_fields.keys())
            report.key((*path, key), f'unknown key "{key}"', hint)
        own = {key: value for key, value in own.items() if key in known}
    check(model, own, path, report)


def system_settings(name: str, model: SystemModel, data: Mapping[str, Any]) -> SystemSettings:
    """The settings of a system without problems."""
    own, hooks = own_of_system(data), model.webhooks
    if hooks is not None:
        own["webhooks"] |= {"tolerance": hooks.tolerance}
    return SystemSettings(
        name,
        model.connector,
        Secret(own),
        model.quota.calls_per_second,
        model.quota.share,
        model.quota.reserve,
        model.guard,
        model.poll or POLL,
        model.sweep or SWEEP,
        model.linger or 0.0,
        None if hooks is None else WebhookSettings(hooks.rate, hooks.max_bytes, hooks.tolerance),
    )


def check_objects(name: str, kind: Any, found: Mapping[str, ConnectorOptions], report: Report) -> None:
    """Check the connector's own keys of a kind in each of its systems."""
    systems = kind.get("systems") if isinstance(kind, dict) else None
    for system, data in systems.items() if isinstance(systems, dict) else ():
        if system in found and isinstance(data, dict):
            path = ("kinds", name, "systems", system)
            for own, where in own_of_objects(data):
                check_own(found[system].object_options, KindSystemModel, own, (*path, *where), report)


def own_of_objects(data: Mapping[str, Any]) -> list[tuple[dict[str, Any], Path]]:
    """The connector's own words of a kind in a system, and where they stand: once, or for each object."""
    own, listed = own_settings(data, KindSystemModel), data.get("object")
    items = listed if isinstance(listed, list) else [listed]
    more = [own_settings(item, ObjectModel) if isinstance(item, dict) else {} for item in items]
    if not any(more):
        return [(own, ())]
    return [
        ({**own, **words}, ("object", index) if isinstance(listed, list) else ("object",))
        for index, words in enumerate(more)
    ]
