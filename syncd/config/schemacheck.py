"""The mapping held against what a remote really has."""

from __future__ import annotations

from collections.abc import Iterator, Mapping
from functools import partial

from syncd.config.fieldcheck import check_field, remote_names
from syncd.config.kinds import add_line_findings
from syncd.config.places import Report, in_order
from syncd.config.problems import Problem, did_you_mean
from syncd.config.remotemap import recompiled
from syncd.config.settings import KindSettings, KindSystemSettings, Settings
from syncd.config.shape import ObjectLike, SchemaLike
from syncd.core.fieldmap import Direction
from syncd.core.problems import SpecError
from syncd.core.types import Ref


def check_schema(settings: Settings, system: str, schema: SchemaLike) -> list[Problem]:
    """All differences between the mappings of a system and its schema; some are only a `warning`."""
    report = Report(settings.places)
    for kind in settings.kinds.values():
        for section in kind.systems[system].objects if system in kind.systems else ():
            check_object(settings, kind, section, schema, report)
    check_cycles(settings, system, schema, report)
    return in_order([*report.problems, *report.warnings])


def check_object(
    settings: Settings, kind: KindSettings, section: KindSystemSettings, schema: SchemaLike, report: Report
) -> None:
    """One object of a kind: there, with all that the mapping wants of it."""
    described = schema.objects.get(section.object)
    if described is None:
        hint = did_you_mean(section.object, schema.objects, "It may be hidden from this account.")
        here = section.path(kind.name, "object")
        report.value(here, f'{section.system} has no "{section.object}"', hint)
        return
    for line, names in remote_names(section):
        for name in names:
            here = section.path(kind.name, "fields", line)
            check_field(kind, section, line, name, described.fields, here, report)
    check_where(kind, section, described, report)
    check_references(settings, kind, section, described, report)
    check_key(kind, section, described, report)
    check_required(kind, section, described, report)
    try:
        recompiled(kind, section, described.fields)
    except SpecError as error:
        add_line_findings(error, partial(section.path, kind.name), report)


def check_where(
    kind: KindSettings, section: KindSystemSettings, described: ObjectLike, report: Report
) -> None:
    """What a filter speaks of must be there."""
    for name in section.where.names if section.where is not None else ():
        if name not in described.fields:
            hint = did_you_mean(name, described.fields)
            here = section.path(kind.name, "where")
            report.value(here, f'{section.object} has no field "{name}"', hint)


def check_key(kind: KindSettings, section: KindSystemSettings, described: ObjectLike, report: Report) -> None:
    """The field for our key: there, writable, unique."""
    if section.key_field is None:
        return
    here = section.path(kind.name, "key_field")
    info = described.fields.get(section.key_field)
    if info is None:
        hint = did_you_mean(section.key_field, described.fields, "Create it there, unique and as text.")
        report.value(here, f'{section.object} has no field "{section.key_field}"', hint)
    elif info.read_only:
        report.value(here, f"{section.key_field} is read-only there", "Choose a field that may be written.")
    elif not info.unique:
        hint = "Make it unique there: else a lost answer may end in a duplicate."
        report.value(here, f"{section.key_field} is not unique there", hint)


def check_required(
    kind: KindSettings, section: KindSystemSettings, described: ObjectLike, report: Report
) -> None:
    """A create fails where a required field is filled by nothing."""
    if section.create == "no" or section.direction is Direction.IN:
        return
    filled = {
        name for entry in section.map.entries if entry.direction is not Direction.IN for name in entry.remote
    }
    filled.add(section.key_field or "")
    for name, info in described.fields.items():
        if info.required and not info.default and not info.read_only and name not in filled:
            hint = "Map a field to it, give it a default there, or set create: no."
            here = section.path(kind.name, "fields")
            report.key(here, f'nothing fills "{name}", which {section.object} requires', hint)


def check_references(
    settings: Settings, kind: KindSettings, section: KindSystemSettings, described: ObjectLike, report: Report
) -> None:
    """A foreign key must point at the object that the reference's kind is mapped to."""
    for name, target, remote in references(kind, section):
        info = described.fields.get(remote)
        wanted = [item.object for item in settings.kinds[target].systems[section.system].objects]
        if info is not None and info.references not in (None, *wanted):
            path, places = section.path(kind.name, "fields", name), '" or "'.join(wanted)
            message = f'{remote} refers to "{info.references}", and {target} is mapped to "{places}"'
            report.key(path, message, "Map the field to the right column, or the kind to the other object.")


def references(kind: KindSettings, section: KindSystemSettings) -> Iterator[tuple[str, str, str]]:
    """Reference fields mapped here: canonical name, the kind pointed at, the remote field."""
    for entry in section.map.entries:
        declared = kind.field_types[entry.canon[0]]
        if isinstance(declared, Ref):
            yield entry.canon[0], declared.kind, entry.remote[0]


def check_cycles(settings: Settings, system: str, schema: SchemaLike, report: Report) -> None:
    """Records that each require the other's id first can never be created."""
    needs = {name: dict(required_targets(kind, system, schema)) for name, kind in settings.kinds.items()}
    for start in sorted(needs):
        trail = cycle_from(start, needs)
        if trail and start == min(trail):  # each ring is told once
            path = ("kinds", start, "systems", system, "fields", needs[start][trail[1]])
            ring = " → ".join(trail)
            hint = "Let one of these fields be empty there, or do not map it."
            report.key(path, f"each of these requires the next one first: {ring}", hint)


def required_targets(kind: KindSettings, system: str, schema: SchemaLike) -> Iterator[tuple[str, str]]:
    """The kinds that a create here requires a reference to, with the field."""
    for section in kind.systems[system].objects if system in kind.systems else ():
        described = schema.objects.get(section.object)
        if described is None or section.create == "no":
            continue
        for name, target, remote in references(kind, section):
            info = described.fields.get(remote)
            if info is not None and info.required and not info.default:
                yield target, name


def cycle_from(start: str, needs: Mapping[str, Mapping[str, str]]) -> list[str]:
    """The shortest way from a kind back to itself, empty where there is none."""
    trails = [[start]]
    seen: set[str] = set()
    for trail in trails:
        for target in needs.get(trail[-1], {}):
            if target == start:
                return [*trail, start]
            if target not in seen:
                seen.add(target)
                trails.append([*trail, target])
    return []
