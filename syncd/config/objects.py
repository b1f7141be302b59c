"""The objects of a kind in one system: what the kind says of all, and each of its own."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from syncd.config.models import KindSystemModel, ObjectModel
from syncd.config.places import Report
from syncd.config.problems import Path

WORDS = ("key_field", "where")
"""What an object may say in place of its kind's section, beside fields, create and the connector's words."""


@dataclass(frozen=True, slots=True)
class Part:
    """One object with everything that holds for it. `written` says where its own words stand.

    Its keys are `object`, `key_field`, `fields.LINE`; the paths go on from the section. What is not in it
    stands in the section itself.
    """

    name: str
    fields: Mapping[str, Any]
    key_field: str | None
    where: str | None
    create: str
    own: Mapping[str, Any]
    written: Mapping[str, Path]

    def path(self, section: Path, *steps: str) -> Path:
        """Where a word of this object is written."""
        return (*section, *self.written.get(".".join(steps), steps))


def parts_of(section: KindSystemModel, raw: Any) -> list[Part]:
    """The objects of a section. `raw` is the section as written, which tells lists from single ones."""
    maker = maker_of(section)
    listed = isinstance(raw, Mapping) and isinstance(raw.get("object"), list)
    return [
        _part(section, item, index if listed else None, makes=index == maker)
        for index, item in enumerate(section.object)
    ]


def maker_of(section: KindSystemModel) -> int:
    """The place of the object in which new records are made: the one that says so, else the first."""
    return next((i for i, item in enumerate(section.object) if item.create == "yes"), 0)


def _part(section: KindSystemModel, item: ObjectModel, index: int | None, *, makes: bool) -> Part:
    where: Path = ("object",) if index is None else ("object", index)
    written: dict[str, Path] = {"object": where}
    for word in WORDS:
        if getattr(item, word) is not None:
            written[word] = (*where, word)
    for line in item.fields:
        written[f"fields.{line}"] = (*where, "fields", line)
    lines = {**section.fields, **item.fields}
    common = section.create if makes or section.create != "yes" else "no"
    return Part(
        item.name,
        {line: spec for line, spec in lines.items() if spec is not None or line not in item.fields},
        item.key_field or section.key_field,
        item.where or section.where,
        item.create or common,
        {**(section.model_extra or {}), **(item.model_extra or {})},
        written,
    )


def check_parts(section: KindSystemModel, path: Path, report: Report) -> None:
    """Each object once, one that takes new records, and no line taken away that is not there."""
    for index, item in enumerate(section.object):
        here = (*path, "object", index)
        if any(other.name == item.name for other in section.object[:index]):
            report.value(here, f"{item.name} is named twice", "Name each object once.")
        for line in item.fields:
            if item.fields[line] is None and line not in section.fields:
                hint = "Remove the line."
                report.value((*here, "fields", line), "takes away a field that is not mapped", hint)
    makers = [index for index, item in enumerate(section.object) if item.create == "yes"]
    for index in makers[1:]:
        message = f"{section.object[makers[0]].name} takes new records already"
        hint = "A record is made in one object of a system: set create: yes for one."
        report.value((*path, "object", index, "create"), message, hint)
