"""What the configuration can say and this version does not act on: refused, never ignored.

Whoever builds one of these removes its line.
"""

from __future__ import annotations

from collections.abc import Iterator
from dataclasses import dataclass
from typing import Any

from syncd.config.places import Report
from syncd.config.problems import Path


@dataclass(frozen=True, slots=True)
class NotYet:
    """A path with `*` for any step, and what to do meanwhile."""

    path: tuple[str, ...]
    what: str
    meanwhile: str


NOT_YET = (
    NotYet(("kinds", "*", "fields", "*", "scale"), "a scale of decimals", "Remove it: all digits are kept."),
)


def refuse_not_yet(tree: Any, report: Report) -> None:
    """Add a problem for each thing in the tree that is not built yet."""
    for entry in NOT_YET:
        for path in matches(tree, entry.path, ()):
            report.key(path, f"not yet: {entry.what}", entry.meanwhile)
            report.spoil(path)


def matches(value: Any, pattern: tuple[str, ...], path: Path) -> Iterator[Path]:
    """The paths in a tree that fit a pattern."""
    if not pattern:
        yield path
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if pattern[0] in ("*", key):
            yield from matches(item, pattern[1:], (*path, key))
