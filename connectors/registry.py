"""Which connectors are installed: packages announce them under the entry point group `syncd.connectors`."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from dataclasses import dataclass
from importlib.metadata import EntryPoint, entry_points
from typing import cast

from connectors.base import Factory
from syncd.core.errors import NeedsOperator

GROUP = "syncd.connectors"


@dataclass(frozen=True, slots=True)
class Entry:
    """One announced connector: either its `factory`, or the `problem` that keeps it from loading."""

    name: str
    package: str
    version: str
    target: str
    factory: Factory | None = None
    problem: str | None = None


def available(points: Iterable[EntryPoint] | None = None) -> Mapping[str, Entry]:
    """Every announced connector by name, each imported; one that fails does not disturb the others."""
    found: dict[str, Entry] = {}
    for point in sorted(entry_points(group=GROUP) if points is None else points, key=lambda p: p.name):
        entry = _import(point)
        known = found.get(point.name)
        found[point.name] = (
            entry if known is None or known.target == entry.target else _contested(known, entry)
        )
    return found


def load(name: str, points: Iterable[EntryPoint] | None = None) -> Factory:
    """The factory of one connector; `NeedsOperator` says what is installed, or why this one cannot load."""
    chosen = [p for p in (entry_points(group=GROUP) if points is None else points) if p.name == name]
    entry = available(chosen).get(name)
    if entry is None:
        names = ", ".join(sorted({p.name for p in entry_points(group=GROUP)})) or "none"
        raise NeedsOperator(
            f"there is no connector {name!r}", f"Installed are: {names}. Mend the name or add its package"
        )
    if entry.factory is None:
        raise NeedsOperator(
            f"connector {name!r} of package {entry.package} cannot be used: {entry.problem}",
            "Mend or remove that package",
        )
    return entry.factory


def _import(point: EntryPoint) -> Entry:
    package, version = (point.dist.name, point.dist.version) if point.dist else ("unknown", "")
    entry = Entry(point.name, package, version, point.value)
    try:
        factory = point.load()
    except (Exception, SystemExit) as error:  # a stranger's module may do anything while it is imported
        return Entry(*_head(entry), problem=f"{type(error).__name__}: {error}")
    if not callable(factory):
        return Entry(*_head(entry), problem=f"{point.value} is not a class or function")
    return Entry(*_head(entry), factory=cast("Factory", factory))


def _contested(one: Entry, other: Entry) -> Entry:
    both = " and ".join(sorted({one.package, other.package}))
    return Entry(*_head(one), problem=f"the name is claimed twice, by {both}")


def _head(entry: Entry) -> tuple[str, str, str, str]:
    return entry.name, entry.package, entry.version, entry.target
