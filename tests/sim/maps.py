"""A small field map for simulations: two texts and a set, written without the mapping package."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.core.errors import Unlinked
from syncd.core.fieldmap import Direction, Drift, Refs


@dataclass(frozen=True)
class PlainEntry:
    """One canonical field, one remote field, no conversion; `blocked` systems cannot be told yet."""

    name: str
    remote_name: str
    is_set: bool = False
    blocked: frozenset[str] = frozenset()
    system: str = ""
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

    @property
    def remote_fields(self) -> tuple[str, ...]:
        return tuple(entry.remote_name for entry in self.entries)


def plain_map(system: str) -> PlainMap:
    """`name` and `held` are texts, `tags` a set; remote names differ from ours."""
    entries = (
        PlainEntry("name", "Name"),
        PlainEntry("held", "Held"),
        PlainEntry("tags", "Tags", is_set=True),
    )
    return PlainMap(system, entries)
