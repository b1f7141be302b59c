"""Reading one line of a `fields:` section: its words and its shape. What they mean follows in `build`."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from dataclasses import dataclass
from enum import StrEnum
from typing import Any, TypeVar

from syncd.core.fieldmap import ASSOCIATIONS, Direction, Drift
from syncd.core.problems import nearest
from syncd.core.types import FieldType, Ref
from syncd.mapping.compounds import COMPOUNDS
from syncd.mapping.steps import Fault

FORMS = ("values", "boolean", "split", "scale")
MOMENTS = ("epoch", "date_format", "zone")
AFTER = ("prefix", "max_length")
COMMON = ("to", "association", "direction", "drift", "transform")
OPTIONS = (*COMMON, *FORMS, *MOMENTS, *AFTER, "blank", "region")
TRANSFORMS = ("trim", "lower", "upper", *COMPOUNDS)
_NOT_YET = ("cel", "expr", "expression", "value", "when", "default")

Choice = TypeVar("Choice", bound=StrEnum)


@dataclass(frozen=True, slots=True)
class Defaults:
    """What holds for a whole mapping, and what is known of the remote object."""

    direction: Direction
    drift: Drift
    remote_types: Mapping[str, str]


@dataclass(frozen=True, slots=True)
class Draft:
    """One line, its shape checked, its options not yet."""

    canon: tuple[str, ...]
    remote: tuple[str, ...]
    types: tuple[FieldType, ...]
    direction: Direction
    drift: Drift
    transforms: tuple[str, ...]
    options: Mapping[str, Any]


def line_faults(key: str, spec: Any, field_types: Mapping[str, FieldType]) -> Iterator[Fault]:
    """All that is wrong with a line's words, before their meaning is looked at."""
    for name in names_of(key):
        if name not in field_types:
            yield Fault(f"the kind has no field {name}", nearest(name, field_types))
    if isinstance(spec, str) and spec:
        return
    if not isinstance(spec, Mapping):
        yield Fault("expected the remote field's name, or {to: NAME, …}", "write email: Email")
        return
    for word in spec:
        if word in _NOT_YET:
            yield Fault(f"{word} is not supported yet", "leave this field out for now", (word,))
        elif word not in OPTIONS:
            yield Fault(f"{word} is not an option of a field", nearest(word, OPTIONS), (word,))
    if "association" in spec:
        yield from _association_faults(key, spec, field_types)
    elif "to" not in spec and not any(word in _NOT_YET for word in spec):
        yield Fault("to is missing: which remote field is it?", "write {to: NAME, …}")


def _association_faults(
    key: str, spec: Mapping[str, Any], field_types: Mapping[str, FieldType]
) -> Iterator[Fault]:
    """An association stands for one reference, and in place of a remote field's name."""
    object, names = spec["association"], names_of(key)
    if not isinstance(object, str) or not object:
        hint = "write {association: companies}"
        yield Fault("association names an object of the remote", hint, ("association",))
    if "to" in spec:
        yield Fault("a field is an association or a remote field, not both", "remove one", ("to",))
    wrong = [name for name in names if name in field_types and not isinstance(field_types[name], Ref)]
    if len(names) > 1 or wrong:
        what = f"{wrong[0]} is of type {field_types[wrong[0]].name}" if wrong else "these are several fields"
        hint = "give the field a type such as {ref: company}"
        yield Fault(f"an association is a reference, and {what}", hint, ("association",))


def names_of(key: str) -> tuple[str, ...]:
    """The canonical fields of a line's key."""
    return tuple(name.strip() for name in str(key).split(","))


def draft(key: str, spec: Any, field_types: Mapping[str, FieldType], defaults: Defaults) -> Draft:
    """The line in its full form; raises `Fault`."""
    full = _full(spec)
    canon = names_of(key)
    remote = _remote_names(full["to"])
    if len(set(canon)) < len(canon) or len(set(remote)) < len(remote):
        raise Fault("a field is named twice in one line", "name each field once")
    return Draft(
        canon=canon,
        remote=remote,
        types=tuple(field_types[name] for name in canon),
        direction=_direction(full, defaults.direction),
        drift=_choice(Drift, full, "drift", defaults.drift),
        transforms=_transforms(full.get("transform", [])),
        options={word: full[word] for word in full if word not in COMMON},
    )


def _full(spec: Any) -> Mapping[str, Any]:
    if isinstance(spec, str):
        return {"to": spec}
    return {"to": ASSOCIATIONS + spec["association"], **spec} if "association" in spec else spec


def _remote_names(to: Any) -> tuple[str, ...]:
    names = to if isinstance(to, list) else [to]
    if not names or not all(isinstance(name, str) and name for name in names):
        raise Fault("to is a remote field's name or a list of names", "write to: Email", ("to",))
    return tuple(names)


def _direction(full: Mapping[str, Any], default: Direction) -> Direction:
    direction = _choice(Direction, full, "direction", default)
    if default not in (Direction.BOTH, direction):
        hint = f"remove it here, or widen direction: {default} of the system"
        raise Fault(f"the whole mapping goes {default} only", hint, ("direction",))
    return direction


def _choice(kind: type[Choice], full: Mapping[str, Any], word: str, default: Choice) -> Choice:
    value = full.get(word, default)
    if value not in list(kind):
        raise Fault(f"{word} is one of {', '.join(kind)}", nearest(value, kind), (word,))
    return kind(value)


def _transforms(value: Any) -> tuple[str, ...]:
    names = value if isinstance(value, list) else [value]
    for name in names:
        if name not in TRANSFORMS:
            raise Fault("no such transform", nearest(name, TRANSFORMS), ("transform",))
    return tuple(names)
