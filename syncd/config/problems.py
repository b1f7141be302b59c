"""What is wrong with a configuration, where, and what to do: the one form in which problems are reported."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches
from typing import TypeAlias

from syncd.core.errors import ConfigError

Path: TypeAlias = tuple[str | int, ...]
"""The keys and list indices that lead to a value."""


def dotted(path: Path) -> str:
    """A path as people write it: `kinds.contact.conflicts[0].strategy`."""
    text = ""
    for part in path:
        text += f"[{part}]" if isinstance(part, int) else f".{part}" if text else part
    return text


@dataclass(frozen=True, slots=True, order=True)
class Place:
    """A position in a file; line and column count from 1, line 0 means the file as a whole."""

    file: str
    line: int = 0
    column: int = 0

    def __str__(self) -> str:
        return f"{self.file}:{self.line}:{self.column}" if self.line else self.file


@dataclass(frozen=True, slots=True, order=True)
class Problem:
    """One thing that is wrong, or, as a `warning`, doubtful. Holds no secret."""

    file: str
    line: int
    column: int
    path: str
    message: str
    hint: str = ""
    warning: bool = False

    @property
    def place(self) -> Place:
        return Place(self.file, self.line, self.column)

    def __str__(self) -> str:
        parts = [str(self.place), self.path, "warning" if self.warning else "", self.message]
        text = ": ".join(part for part in parts if part)
        stop = "" if text.endswith(("?", ".")) else "."
        return f"{text}{stop} {self.hint}" if self.hint else text


class InvalidConfig(ConfigError):
    """The configuration is wrong; `problems` holds all that was found, in the order of the files."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("\n".join(map(str, problems)))
        self.problems = tuple(problems)


def did_you_mean(word: str, known: Iterable[str], otherwise: str = "") -> str:
    """A hint that names the closest known word, else lists the known ones, else `otherwise`."""
    words = sorted(set(known))
    folded = {other.lower(): other for other in words}
    close = get_close_matches(word.lower(), folded, n=1, cutoff=0.6)
    if close:
        return f'Did you mean "{folded[close[0]]}"?'
    if otherwise or not words:
        return otherwise
    return f"Known here: {listed(words)}."


def listed(words: Sequence[str], limit: int = 12) -> str:
    """Words joined by commas, cut after `limit`."""
    more = f", and {len(words) - limit} more" if len(words) > limit else ""
    return ", ".join(words[:limit]) + more
