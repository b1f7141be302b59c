"""Which sandboxes are installed: packages announce them under the entry point group `syncd.sandboxes`."""

from __future__ import annotations

from importlib.metadata import entry_points

from connectors.sandboxes.server import Sandbox
from syncd.core.errors import ConfigError

GROUP = "syncd.sandboxes"


def names() -> list[str]:
    """All that are installed."""
    return sorted({point.name for point in entry_points(group=GROUP)})


def load(name: str) -> type[Sandbox]:
    """One by name. `ConfigError` says which there are, or why this one cannot be used."""
    points = {(p.name, p.value): p for p in entry_points(group=GROUP) if p.name == name}
    if not points:
        raise ConfigError(f"there is no sandbox {name!r}; installed are: {', '.join(names()) or 'none'}")
    if len(points) > 1:
        raise ConfigError(f"the sandbox {name!r} is claimed by more than one package; remove one of them")
    (point,) = points.values()
    try:
        found = point.load()
    except Exception as error:  # a stranger's module may do anything while it is imported
        raise ConfigError(f"sandbox {name!r} cannot be used: {type(error).__name__}: {error}") from None
    if not (isinstance(found, type) and issubclass(found, Sandbox)):
        raise ConfigError(f"sandbox {name!r} cannot be used: {point.value} is no Sandbox")
    return found
