"""What is wrong with a piece of the configuration, before it is known in which file and line it stands."""

from __future__ import annotations

from collections.abc import Iterable, Sequence
from dataclasses import dataclass
from difflib import get_close_matches

from syncd.core.errors import SyncdError


@dataclass(frozen=True, slots=True)
class Problem:
    """One finding. `path` holds the keys and list indexes from the judged section down to the culprit."""

    path: tuple[str | int, ...]
    message: str
    hint: str = ""

    def __str__(self) -> str:
        where = ".".join(str(key) for key in self.path)
        return ": ".join(filter(None, (where, self.message))) + (f" ({self.hint})" if self.hint else "")


class SpecError(SyncdError):
    """A section cannot be compiled; `problems` holds all findings, never none."""

    def __init__(self, problems: Sequence[Problem]) -> None:
        super().__init__("; ".join(str(problem) for problem in problems))
        self.problems = tuple(problems)


def nearest(word: object, known: Iterable[str]) -> str:
    """A hint that names the closest known word, or all of them when none is close."""
    words = sorted(known)
    close = get_close_matches(str(word), words, n=1)
    if close:
        return f"did you mean {close[0]}?"
    return f"known are: {', '.join(words)}" if words else "none are known here"
