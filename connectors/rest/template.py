"""Templates: a tree of JSON with placeholders, compiled once into a function of their values.

`{name}` alone keeps the value's type; within a text it becomes text. A part whose placeholder has no value
(None, or not given) is left out of its mapping; a list keeps null in its place. `{name*}` alone in a list
spreads a list into it, `{name**}` a list of lists; under the key `*` mappings are spread into theirs.
`{{name}}` says `{name}` itself, and braces around anything but a name stay as they are; that of a name
which is no placeholder is refused with the configuration (`options/checks`).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Collection, Mapping, Sequence
from dataclasses import dataclass
from typing import Any
from urllib.parse import quote

import orjson

Values = Mapping[str, Any]
Fill = Callable[[Values], Any]

HOLE = re.compile(r"\{\{(\w+)\}\}|\{(\w+)(\*{0,2})\}")


@dataclass(frozen=True, slots=True)
class Template:
    """`names` are the placeholders that it uses; `fill` gives None for a template that has no value."""

    fill: Fill
    names: frozenset[str]


def compile_tree(tree: Any, known: Collection[str]) -> Template:
    """Compile any JSON value."""
    names: set[str] = set()
    return Template(_tree(tree, known, names), frozenset(names))


def _tree(tree: Any, known: Collection[str], names: set[str]) -> Fill:
    if isinstance(tree, str):
        return text(tree, known, names)
    if isinstance(tree, Mapping):
        return _mapping(tree, known, names)
    return _list(tree, known, names) if isinstance(tree, list) else lambda values: tree


def _mapping(tree: Mapping[str, Any], known: Collection[str], names: set[str]) -> Fill:
    fixed = {k: v for k, v in tree.items() if is_fixed(v, known) and is_fixed(k, known)}
    spread = _tree(tree["*"], known, names) if "*" in tree else None
    rest = [(k, v) for k, v in tree.items() if k not in fixed and k != "*"]
    moving = [(k, _tree(v, known, names)) for k, v in rest if is_fixed(k, known)]
    keyed = [(text(k, known, names), _tree(v, known, names)) for k, v in rest if not is_fixed(k, known)]
    if not moving and not keyed and spread is None:
        return lambda values: fixed

    def fill(values: Values) -> dict[str, Any]:
        made = dict(fixed)
        if spread is not None:
            found = spread(values)
            for part in found if isinstance(found, list) else [found or {}]:
                made.update(part)
        for key, make in moving:
            value = make(values)
            if value is not None:
                made[key] = value
        for name, make in keyed:
            key, value = name(values), make(values)
            if key is not None and value is not None:
                made[str(key)] = value
        return made

    return fill


def _list(tree: Sequence[Any], known: Collection[str], names: set[str]) -> Fill:
    if is_fixed(tree, known):
        return lambda values: tree
    parts = [(_tree(item, known, names), _stars(item, known)) for item in tree]

    def fill(values: Values) -> list[Any]:
        made: list[Any] = []
        for make, stars in parts:
            value = make(values)
            if stars == 0:
                made.append(value)
            elif stars == 1:
                made += value or ()
            else:
                for inner in value or ():
                    made += inner
        return made

    return fill


def _stars(item: Any, known: Collection[str]) -> int:
    match = HOLE.fullmatch(item) if isinstance(item, str) else None
    return len(match[3] or "") if match and match[2] in known else 0


def is_fixed(tree: Any, known: Collection[str]) -> bool:
    """Whether a tree has no placeholders, and no braces to unfold."""
    if isinstance(tree, str):
        return not any(match[1] or match[2] in known for match in HOLE.finditer(tree))
    if isinstance(tree, Mapping):
        return "*" not in tree and all(is_fixed(k, known) and is_fixed(v, known) for k, v in tree.items())
    return all(is_fixed(item, known) for item in tree) if isinstance(tree, list) else True


def text(
    pattern: str, known: Collection[str], names: set[str], code: Callable[[str], str] | None = None
) -> Fill:
    """A text; `code` writes each value into it, percent-encoding in an address."""
    whole = HOLE.fullmatch(pattern)
    if whole and whole[2] in known and code is None:
        name = whole[2]
        names.add(name)
        return lambda values: values.get(name)
    parts = _parts(pattern, known)
    used = [name for name, hole in parts if hole]
    names.update(used)
    if not used:
        fixed = "".join(part for part, _ in parts)
        return lambda values: fixed
    put = code or str

    def fill(values: Values) -> str | None:
        made = []
        for part, hole in parts:
            if hole:
                value = values.get(part)
                if value is None:
                    return None
                part = put(as_text(value))
            made.append(part)
        return "".join(made)

    return fill


def _parts(pattern: str, known: Collection[str]) -> list[tuple[str, bool]]:
    parts: list[tuple[str, bool]] = []
    at = 0
    for match in HOLE.finditer(pattern):
        name = match[1] or match[2]
        if match[1] is None and name not in known:
            continue
        parts.append((pattern[at : match.start()], False))
        parts.append(("{" + name + "}", False) if match[1] else (name, True))
        at = match.end()
    return [*parts, (pattern[at:], False)]


def as_text(value: Any) -> str:
    """A value within a text: lists joined by commas, mappings as JSON."""
    if isinstance(value, str):
        return value
    if isinstance(value, list | tuple):
        return ",".join(map(as_text, value))
    if value is True or value is False:
        return "true" if value else "false"
    return orjson.dumps(value).decode() if isinstance(value, Mapping) else str(value)


def encoded(value: str) -> str:
    """Percent-encoded for a path segment or a query."""
    return quote(value, safe="-._~,:@")


def compile_path(path: str, known: Collection[str], names: set[str]) -> Fill:
    """An address' path; each value in it is percent-encoded, its slashes too. It raises `Unsayable`."""
    return text(path, known, names, _segment)


class Unsayable(ValueError):
    """A value that no address can hold."""


def _segment(value: str) -> str:
    """Within a path; `.` and `..` would name another one, encoded or not (RFC 3986, 5.2.4 and 6.2.2.2)."""
    if value in (".", ".."):
        raise Unsayable("a path cannot hold . or .. as an id")
    return encoded(value)


def compile_query(
    query: Mapping[str, Any], known: Collection[str], names: set[str]
) -> Callable[[Values], str]:
    """A query; parameters without a value are left out, and `{name*}` repeats one for each item."""
    pairs = [(text(k, known, names), _tree(v, known, names), _stars(v, known)) for k, v in query.items()]

    def fill(values: Values) -> str:
        made = []
        for key, make, stars in pairs:
            value = make(values)
            if value is None:
                continue
            items = value if stars else [joined(value) if isinstance(value, list) else value]
            made += [f"{encoded(str(key(values)))}={encoded(as_text(item))}" for item in items]
        return "&".join(made)

    return fill


def joined(value: list[Any]) -> Any:
    """A list of plain values joined by commas; one with structure as JSON."""
    if any(isinstance(item, Mapping | list) for item in value):
        return orjson.dumps(value).decode()
    return as_text(value)
