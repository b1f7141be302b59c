"""One simulated remote: a single record that people edit and syncd writes, with its causal history.

Every text a person writes carries the edit's number, so the oracle knows each value's history by
looking at it. Sets keep, per element, the operations that their present state includes.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

NUMBER = re.compile(r"(\d+)")


def edit_of(value: Any) -> int | None:
    """The number of the edit that made a text, None for a blank."""
    found = NUMBER.search(value) if isinstance(value, str) else None
    return int(found.group(1)) if found else None


@dataclass(frozen=True)
class Quirks:
    """How a remote behaves. `guard`: compare, read or none. `stored`: answers show what was stored."""

    normalise: bool = False
    guard: str = "read"
    stored: bool = True
    clock: float = 0.0


@dataclass
class Remote:
    """The record in one system, and what has been committed there."""

    name: str
    quirks: Quirks
    values: dict[str, Any]
    version: int = 0
    elements: dict[str, frozenset[int]] = field(default_factory=dict)
    log: list[tuple[str, Any, Any, str]] = field(default_factory=list)

    def read(self) -> tuple[dict[str, Any], str]:
        """A snapshot and its version."""
        return dict(self.values), str(self.version)

    def person(self, name: str, value: Any) -> None:
        """A person's edit; the caller keeps its history."""
        self._set(name, value, "person")

    def write(self, fields: Mapping[str, Any], expected: str | None) -> bool:
        """Commit a write of ours; False where compare-and-set refuses it."""
        if self.quirks.guard == "compare" and expected != str(self.version):
            return False
        for name, value in fields.items():
            self._set(name, value, "syncd")
        return True

    def _set(self, name: str, value: Any, who: str) -> None:
        if self.quirks.normalise and isinstance(value, str):
            value = value.strip().lower()
        self.log.append((name, self.values.get(name), value, who))
        self.values[name] = value
        self.version += 1
