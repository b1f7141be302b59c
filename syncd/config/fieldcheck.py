"""One remote field held against what is mapped to it."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from typing import Any

from syncd.config.places import Report
from syncd.config.problems import Path, did_you_mean, listed
from syncd.config.settings import KindSettings, KindSystemSettings
from syncd.config.shape import FieldLike
from syncd.core.fieldmap import ASSOCIATIONS, Direction
from syncd.core.types import Enum, FieldType

TEXTS = ("text", "email", "phone", "enum")
NUMBERS = ("integer", "decimal")
HOLDS: Mapping[str, tuple[str, ...]] = {
    "text": (*TEXTS, "integer"),
    "email": TEXTS,
    "phone": TEXTS,
    "enum": (*TEXTS, "integer"),
    "integer": (*NUMBERS, *TEXTS),
    "decimal": (*NUMBERS, *TEXTS),
    "boolean": ("boolean", "integer", *TEXTS),
    "date": ("date", "datetime", *TEXTS),
    "datetime": ("datetime", *TEXTS),
}
"""Which remote types can hold a canonical one as it is; what is not named here is not judged."""

LENGTHS = {"text": 255, "email": 254, "phone": 25}
"""Characters that a value of the type may well have."""

PLAIN = {"to", "association", "direction", "drift", "blank"}
"""Options of a line that do not change the form of its values."""


def remote_names(section: KindSystemSettings) -> Iterator[tuple[str, tuple[str, ...]]]:
    """The lines of a mapping, each with its remote fields."""
    entries = {entry.canon: entry for entry in section.map.entries}
    for line in section.spec:
        entry = entries.get(canon_of(line))
        if entry is not None:
            yield line, entry.remote


def canon_of(line: str) -> tuple[str, ...]:
    """The canonical fields of a line's key."""
    return tuple(name.strip() for name in line.split(","))


def check_field(
    kind: KindSettings,
    section: KindSystemSettings,
    line: str,
    name: str,
    described: Mapping[str, FieldLike],
    path: Path,
    report: Report,
) -> None:
    """A remote field must be there, be writable where we write it, and hold what we send."""
    info = described.get(name)
    if info is None and name.startswith(ASSOCIATIONS):
        message = f'{section.object} has no associations with "{name.removeprefix(ASSOCIATIONS)}"'
        hint = "Check the name; where a record holds the other one's id in a field, write that field's name."
        report.value(path, message, hint)
        return
    if info is None:
        report.value(path, f'{section.object} has no field "{name}"', did_you_mean(name, described))
        return
    canon = canon_of(line)
    entry = next(entry for entry in section.map.entries if entry.canon == canon)
    if entry.direction is Direction.IN:
        return
    if info.read_only:
        report.value(path, f"{name} is read-only there", "Write {to: " + name + ", direction: in}.")
        return
    options = section.spec[line] if isinstance(section.spec[line], Mapping) else {}
    if len(canon) == 1 and options.keys() <= PLAIN:
        check_form(kind.field_types[canon[0]], name, info, path, report)
    if len(canon) == 1:
        check_length(kind.field_types[canon[0]], name, info, options, path, report)


def check_form(declared: FieldType, name: str, info: FieldLike, path: Path, report: Report) -> None:
    """The remote type and its options, for values that are sent as they are."""
    holds = HOLDS.get(declared.name)
    if holds and info.type in HOLDS and info.type not in holds:
        message = f"{name} is a {info.type} there, which cannot hold a {declared.name}"
        report.value(path, message, "Map it to another field, or give our field another type.")
    if isinstance(declared, Enum) and info.options is not None:
        missing = [option for option in declared.options if option not in info.options]
        if missing:
            message = f"{name} does not know the options {listed(missing)}"
            report.value(path, message, "Add them there, or translate them with values.")


def check_length(
    declared: FieldType, name: str, info: FieldLike, options: Mapping[str, Any], path: Path, report: Report
) -> None:
    """Warn where values may be longer than the remote keeps."""
    if info.length is None or declared.name not in LENGTHS:
        return
    longest = options.get("max_length", LENGTHS[declared.name])
    if isinstance(longest, int) and longest > info.length:
        message = f"{name} keeps {info.length} characters, and a {declared.name} may be longer"
        report.warn(
            path, message, f"Add max_length: {info.length} to cut it on purpose, or lengthen it there."
        )
