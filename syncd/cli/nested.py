"""What is different inside two nested values, in words."""

from __future__ import annotations

from typing import Any

from syncd.core.nouns import Value

_ENTRIES = {"set_item_removed": "only ours: {}", "set_item_added": "only theirs: {}"}


def nested(ours: Value, theirs: Value) -> str:
    """The differences inside two lists or two objects; empty for all other values."""
    if not (isinstance(ours, list) and isinstance(theirs, list)) and not (
        isinstance(ours, dict) and isinstance(theirs, dict)
    ):
        return ""
    from deepdiff import DeepDiff  # a third of a second, which only nested values need

    if _is_set(ours) and _is_set(theirs):
        found = DeepDiff(set(ours), set(theirs)).to_dict()
        said = [text.format(_items(found[name])) for name, text in _ENTRIES.items() if name in found]
        return "; ".join(said)
    return "; ".join(DeepDiff(ours, theirs, verbose_level=2).pretty().splitlines())


def _is_set(value: Value) -> bool:
    """Canonical sets are sorted lists of texts without repeats."""
    return isinstance(value, list) and all(isinstance(item, str) for item in value)


def _items(paths: Any) -> str:
    """The elements in paths such as `root['a']`."""
    return ", ".join(sorted(str(path)[len("root[") : -1] for path in paths))
