"""Paths into JSON: `a.b.0`, or a JSON pointer `/a/b~1c/0`; the empty path is the whole value."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from typing import Any

Get = Callable[[Any], Any]
_NAME = re.compile(r"[A-Za-z_$@][\w$@-]{0,39}")
SHOWN = 12
"""Keys that a message names, at most."""


class Missing:
    """Stands for "nothing is there", which is not the same as null."""

    __slots__ = ()

    def __bool__(self) -> bool:
        return False

    def __repr__(self) -> str:
        return "MISSING"


MISSING = Missing()


def steps(path: str) -> tuple[str, ...]:
    """The names and indexes of a path."""
    if path.startswith("/"):
        return tuple(part.replace("~1", "/").replace("~0", "~") for part in path[1:].split("/"))
    return tuple(path.split(".")) if path else ()


def getter(path: str) -> Get:
    """A function that finds what stands at a path, or `MISSING`."""
    names = steps(path)
    if not names:
        return lambda value: value
    if len(names) == 1 and not names[0].lstrip("-").isdigit():
        name = names[0]
        return lambda value: value.get(name, MISSING) if type(value) is dict else MISSING
    return lambda value: walk(value, names)


def walk(value: Any, names: tuple[str, ...]) -> Any:
    """Step by step into dicts and lists."""
    for name in names:
        if type(value) is dict:
            value = value.get(name, MISSING)
        elif type(value) is list and name.lstrip("-").isdigit():
            index = int(name)
            value = value[index] if -len(value) <= index < len(value) else MISSING
        else:
            return MISSING
    return value


def place(target: dict[str, Any], path: str, value: Any) -> None:
    """Put a value at a path of names, making the mappings on the way."""
    *way, last = steps(path)
    for name in way:
        inner = target.get(name)
        if type(inner) is not dict:
            inner = target[name] = {}
        target = inner
    target[last] = value


def whereabouts(path: str) -> Callable[[Any, Mapping[str, str]], Any]:
    """The same for an answer: a path into its body, or `header:NAME` (None where it is not sent)."""
    kind, colon, name = path.partition(":")
    if colon and kind == "header":
        return lambda body, headers: headers.get(name, MISSING)
    get = getter(path)
    return lambda body, headers: get(body)


def there(value: Any) -> str:
    """What stands where a path was looked for, for a message: names of keys, never a value."""
    if type(value) is list:
        inner = f", the first with the keys {_keys(value[0])}" if value and type(value[0]) is dict else ""
        return f"there is a list of {len(value)}{inner}"
    if type(value) is not dict:
        return "there is nothing" if value is None else "there is a plain value"
    return f"there are the keys {_keys(value)}" if value else "there is an empty object"


def _keys(value: dict[str, Any]) -> str:
    """The keys that look like names; where ids or people's addresses are keys, none does."""
    names = [name for name in value if _NAME.fullmatch(name)]
    more = f" and {len(value) - SHOWN} more" if len(value) > SHOWN else ""
    return ", ".join(names[:SHOWN]) + more if names else "that are no names"
