"""A small field map for simulations: three texts and a set, written without the mapping package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.core.errors import Unlinked
from syncd.core.fieldmap import Copied, Direction, Drift, Refs


@dataclass(frozen=True)
class PlainEntry:
    """One canonical field, one remote field, as it is. `held` cannot be told while record 1 has no copy."""

    name: str
    remote_name: str
    is_set: bool = False
    direction: Direction = Direction.BOTH
    drift: Drift = Drift.RESTORE
    refs: Mapping[str, str] = field(default_factory=dict)

    @property
    def canon(self) -> tuple[str, ...]:
        return (self.name,)

    @property
    def remote(self) -> tuple[str, ...]:
        return (self.remote_name,)

    @property
    def sets(self) -> frozenset[str]:
        return frozenset({self.name}) if self.is_set else frozenset()

    def incoming(self, values: tuple[Any, ...], refs: Refs) -> tuple[Any, ...]:
        return values

    def outgoing(self, values: tuple[Any, ...], refs: Refs) -> tuple[Any, ...]:
        if self.name == "held" and 1 not in refs.outward:
            raise Unlinked(1)
        return values


@dataclass(frozen=True)
class PlainMap:
    """The mapping of one simulated system."""

    system: str
    entries: tuple[PlainEntry, ...]
    kind: str = "contact"
    object: str = "contacts"
    hash: str = "plain"
    copied: Copied = field(default_factory=Copied)

    @property
    def computed(self) -> tuple[PlainEntry, ...]:
        return self.entries

    @property
    def by_canon(self) -> dict[str, tuple[PlainEntry, ...]]:
        return {entry.name: (entry,) for entry in self.entries}

    @property
    def remote_fields(self) -> tuple[str, ...]:
        return tuple(entry.remote_name for entry in self.entries)


@dataclass(frozen=True)
class Lane:
    """Which way the field `score` travels in one system."""

    direction: Direction = Direction.BOTH
    drift: Drift = Drift.RESTORE


def plain_map(system: str, lane: Lane | None = None) -> PlainMap:
    """Texts `name` and `held`, a set `tags`, a text `score` with a lane; remote names differ from ours."""
    lane = lane or Lane()
    entries = (
        PlainEntry("name", "Name"),
        PlainEntry("held", "Held"),
        PlainEntry("tags", "Tags", is_set=True),
        PlainEntry("score", "Score", direction=lane.direction, drift=lane.drift),
    )
    return PlainMap(system, entries)
