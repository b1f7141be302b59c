"""What a store of JSON cannot hold: a NUL character, or half a surrogate pair, in what a remote says.

Such a value enters as a stand-in, a JSON object that tells it from all others. No type reads it, so it is
listed as unreadable and holds up nothing else.
"""

from __future__ import annotations

import json
import re

from syncd.core.nouns import Fields, Value

_HALVES = re.compile("[\ud800-\udfff]")
_MARK = "unstorable"


def storable(fields: Fields) -> Fields:
    """The fields with stand-ins where they are needed; the same object where none is."""
    for value in fields.values():
        if _is_odd(value):
            return {name: stand_in(v) if _is_odd(v) else v for name, v in fields.items()}
    return fields


def stand_in(value: Value) -> Value:
    """A JSON object in place of a value, equal exactly for equal values."""
    return {"$": _MARK, "text": json.dumps(value, sort_keys=True)}


def stands_in(value: Value) -> bool:
    """Whether a value is a stand-in."""
    return isinstance(value, dict) and value.get("$") == _MARK


def _is_odd(value: Value) -> bool:
    if value.__class__ is str:
        return "\0" in value or not (value.isascii() or _HALVES.search(value) is None)
    if isinstance(value, list):
        return any(map(_is_odd, value))
    return isinstance(value, dict) and (any(map(_is_odd, value)) or any(map(_is_odd, value.values())))
