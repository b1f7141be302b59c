"""One simulated remote: a single record that people edit and syncd writes.

Sets keep, per element, the operations that their present state includes; texts carry their edit's number.
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

CUT = 5


@dataclass(frozen=True)
class Quirks:
    """How a remote behaves. `guard`: compare, read or none. `stored`: answers show what was stored.

    `normalise`: keep, fold (trim and lower case) or cut. `clock` is its error in seconds. `rewrites` is how
    often a rule of its own puts another text in place of one that we write, in the very save.
    """

    normalise: str = "keep"
    guard: str = "read"
    stored: bool = True
    clock: float = 0.0
    rewrites: float = 0.0


@dataclass
class Remote:
    """The record in one system, and what has been committed there.

    `log` holds (field, before, after, who): person, syncd, or late for a write of ours that nobody waited
    for any more. `covered` holds, per field, the value that a write without an answer went over, until it is
    read; `unanswered` the same for a write that may yet be answered, and `topped` the edits typed on top of
    one, with what it went over.
    """

    name: str
    quirks: Quirks
    values: dict[str, Any]
    version: int = 0
    modified: float = 0.0
    elements: dict[str, frozenset[int]] = field(default_factory=dict)
    log: list[tuple[str, Any, Any, str]] = field(default_factory=list)
    covered: dict[str, Any] = field(default_factory=dict)
    unanswered: dict[str, Any] = field(default_factory=dict)
    topped: list[tuple[int, Any]] = field(default_factory=list)

    def read(self) -> tuple[dict[str, Any], str]:
        """A snapshot and its version."""
        return dict(self.values), str(self.version)

    def person(self, name: str, value: Any, now: float = 0.0) -> Any:
        """A person's edit; answers what was stored."""
        return self._set(name, value, "person", now)

    def write(
        self, fields: Mapping[str, Any], expected: str | None, now: float, *, late: bool = False
    ) -> bool:
        """Commit a write of ours; False where compare-and-set refuses it."""
        if self.quirks.guard == "compare" and expected != str(self.version):
            return False
        for name, value in fields.items():
            if late:
                self.covered.setdefault(name, self.values.get(name))
            else:
                self.covered.pop(name, None)
                self.unanswered[name] = self.values.get(name)
            self._set(name, value, "late" if late else "syncd", now)
        return True

    def answered(self, *, lost: bool) -> list[tuple[int, Any]]:
        """The write is over. If its answer was lost: the texts typed on top, and what it went over."""
        topped = self.topped if lost else []
        if lost:
            self.covered |= {name: over for name, over in self.unanswered.items() if name != "Tags"}
        self.unanswered, self.topped = {}, []
        return topped

    def _set(self, name: str, value: Any, who: str, now: float) -> Any:
        value = self._stored(value)
        self.log.append((name, self.values.get(name), value, who))
        self.values[name] = value
        self.version += 1
        self.modified = now
        return value

    def _stored(self, value: Any) -> Any:
        if not isinstance(value, str) or self.quirks.normalise == "keep":
            return value
        return value.strip().lower() if self.quirks.normalise == "fold" else value[:CUT].rstrip()
