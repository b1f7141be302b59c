"""Where each value of the configuration was written, and the list of what is wrong with it."""

from __future__ import annotations

from collections.abc import Iterable
from dataclasses import dataclass, field, replace

from syncd.config.problems import Path, Place, Problem, dotted


@dataclass(slots=True)
class Places:
    """The positions of keys and values by path, over all files read."""

    root: Place
    keys: dict[Path, Place] = field(default_factory=dict)
    values: dict[Path, Place] = field(default_factory=dict)

    def written(self, path: Path) -> Path:
        """The longest beginning of a path that stands in the files."""
        while path and path not in self.keys and path not in self.values:
            path = path[:-1]
        return path

    def of_value(self, path: Path) -> Place:
        """Where the value at `path` starts; the nearest parent's key where the path does not exist."""
        return self.values[path] if path in self.values else self.of_key(path)

    def of_key(self, path: Path) -> Place:
        """Where the key of `path` stands; for a list item, where the item starts."""
        for length in range(len(path), 0, -1):
            found = self.keys.get(path[:length]) or self.values.get(path[:length])
            if found:
                return found
        return self.root


@dataclass(slots=True)
class Report:
    """Collects problems and warnings while a configuration is read; nothing stops at the first."""

    places: Places
    problems: list[Problem] = field(default_factory=list)
    warnings: list[Problem] = field(default_factory=list)
    broken: set[Path] = field(default_factory=set)
    """Paths with a problem of their own, about whose content nothing more should be said."""

    def at(self, place: Place, path: Path, message: str, hint: str = "") -> None:
        """A problem at a known position."""
        self.problems.append(problem_at(place, path, message, hint))

    def value(self, path: Path, message: str, hint: str = "") -> None:
        """A problem with the value at `path`."""
        if path not in self.broken:
            self.at(self.places.of_value(path), path, message, hint)

    def key(self, path: Path, message: str, hint: str = "") -> None:
        """A problem with a key, or with a section as a whole."""
        if path not in self.broken:
            self.at(self.places.of_key(path), path, message, hint)

    def warn(self, path: Path, message: str, hint: str = "") -> None:
        """Something doubtful that does not stop syncd."""
        problem = problem_at(self.places.of_key(path), path, message, hint)
        self.warnings.append(replace(problem, warning=True))

    def spoil(self, path: Path) -> None:
        """Say nothing more about the value at `path`: what is wrong with it is known."""
        self.broken.add(path)


def problem_at(place: Place, path: Path, message: str, hint: str = "") -> Problem:
    """A problem at a position."""
    return Problem(place.file, place.line, place.column, dotted(path), message, hint)


def in_order(problems: Iterable[Problem]) -> list[Problem]:
    """Problems in the order of the files, each once."""
    return sorted(set(problems))
