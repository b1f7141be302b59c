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
    """A path with `*` for any step, and what to do meanwhile. `lists`: only a list is refused."""

    path: tuple[str, ...]
    what: str
    meanwhile: str
    lists: bool = False


NOT_YET = (
    NotYet(("systems", "*", "quota", "share"), "a share of the quota", "Use calls_per_second."),
    NotYet(("systems", "*", "quota", "reserve"), "a reserve of the quota", "Use calls_per_second."),
    NotYet(("kinds", "*", "systems", "*", "object"), "several objects for a kind", "Name one.", lists=True),
    NotYet(("kinds", "*", "systems", "*", "where"), "a filter on records", "Remove it: all take part."),
    NotYet(("kinds", "*", "systems", "*", "fields", "*", "association"), "associations", "Remove the field."),
    NotYet(("kinds", "*", "fields", "*", "scale"), "a scale of decimals", "Remove it: all digits are kept."),
    NotYet(("kinds", "*", "conflicts", "*", "when"), "a condition on a rule", "Remove it."),
    NotYet(("kinds", "*", "brakes", "update"), "a brake on updates", "Remove it."),
)


def refuse_not_yet(tree: Any, report: Report) -> None:
    """Add a problem for each thing in the tree that is not built yet."""
    for entry in NOT_YET:
        for path, value in matches(tree, entry.path, ()):
            if not entry.lists or isinstance(value, list):
                report.key(path, f"not yet: {entry.what}", entry.meanwhile)
                report.spoil(path)


def matches(value: Any, pattern: tuple[str, ...], path: Path) -> Iterator[tuple[Path, Any]]:
    """The paths and values in a tree that fit a pattern."""
    if not pattern:
        yield path, value
        return
    items = value.items() if isinstance(value, dict) else enumerate(value) if isinstance(value, list) else ()
    for key, item in items:
        if pattern[0] in ("*", key):
            yield from matches(item, pattern[1:], (*path, key))
