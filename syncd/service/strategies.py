"""Which strategies of the user's own are installed: packages announce them as `syncd.strategies`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from importlib.metadata import EntryPoint, entry_points

from syncd.config import OwnStrategy

GROUP = "syncd.strategies"


def available(points: Iterable[EntryPoint] | None = None) -> Mapping[str, OwnStrategy]:
    """Every announced strategy by name, each imported; one that fails does not disturb the others."""
    found: dict[str, OwnStrategy] = {}
    targets: dict[str, str] = {}
    for point in entry_points(group=GROUP) if points is None else points:
        if targets.setdefault(point.name, point.value) == point.value:
            found[point.name] = _import(point)
        else:
            both = f"{found[point.name].package} and {_package(point)}"
            found[point.name] = OwnStrategy(both, problem="the name is claimed twice")
    return found


def _package(point: EntryPoint) -> str:
    return point.dist.name if point.dist else "unknown"


def _import(point: EntryPoint) -> OwnStrategy:
    try:
        function = point.load()
    except (Exception, SystemExit) as error:  # a stranger's module may do anything while it is imported
        return OwnStrategy(_package(point), problem=f"{type(error).__name__}: {error}")
    if not callable(function):
        return OwnStrategy(_package(point), problem=f"{point.value} is not a function")
    return OwnStrategy(_package(point), function)
