"""What only shows when several parts of the configuration are held against each other."""

from __future__ import annotations

from collections.abc import Collection, Iterator, Mapping

from syncd.config.kinds import Draft
from syncd.config.objects import Part
from syncd.config.places import Report
from syncd.config.problems import did_you_mean
from syncd.config.settings import ConnectorOptions
from syncd.core.fieldmap import Direction
from syncd.core.types import Ref


def cross_check(
    drafts: Mapping[str, Draft],
    systems: Collection[str],
    kinds: Collection[str],
    found: Mapping[str, ConnectorOptions],
    report: Report,
) -> None:
    """All checks. `systems` and `kinds` are the names written, `found` those whose connector is known."""
    for draft in drafts.values():
        check_systems_exist(draft, systems, report)
        check_references(draft, drafts, (kinds, systems), report)
        check_associations(draft, drafts, report)
        check_key_fields(draft, report)
        check_archiving(draft, found, report)
        warn_thin(draft, report)
    check_objects_once(drafts, report)
    warn_unused(drafts, systems, report)


def check_systems_exist(draft: Draft, systems: Collection[str], report: Report) -> None:
    for name in draft.model.systems:
        if name not in systems:
            report.key(
                (*draft.path, "systems", name), f'there is no system "{name}"', did_you_mean(name, systems)
            )


def check_references(
    draft: Draft,
    drafts: Mapping[str, Draft],
    names: tuple[Collection[str], Collection[str]],
    report: Report,
) -> None:
    """A reference's kind must exist, and live in every system where the reference is mapped."""
    kinds, systems = names
    for name, kind in references(draft):
        where = (*draft.path, "fields", name)
        if kind not in kinds:
            report.value(where, f'refers to the kind "{kind}", which there is not', did_you_mean(kind, kinds))
        for system, line in lines_of(draft, name):
            mapped = ("kinds", kind, "systems", system) in report.places.keys  # even if wrongly
            if kind in drafts and system in systems and not mapped:
                hint = f"Map {kind} in {system} too, or remove this field there."
                report.key(
                    (*draft.path, "systems", system, "fields", line),
                    f"{kind} is not mapped in {system}",
                    hint,
                )


def check_associations(draft: Draft, drafts: Mapping[str, Draft], report: Report) -> None:
    """An association leads to an object in which the reference's kind lives."""
    for system, parts in draft.parts.items():
        for part in parts:
            for line, kind, object in associations(draft, part):
                wanted = [one.name for one in drafts[kind].parts.get(system, ())] if kind in drafts else []
                if wanted and object not in wanted:
                    path = (*part.path((*draft.path, "systems", system), "fields", line), "association")
                    message = f"{kind} is mapped to {' or '.join(wanted)} in {system}"
                    hint = f"Write {{association: {wanted[0]}}}, or map {kind} to the other object."
                    report.value(path, message, hint)


def associations(draft: Draft, part: Part) -> Iterator[tuple[str, str, str]]:
    """The lines of an object that are associations: the line, the reference's kind, the object named."""
    for line, spec in part.fields.items():
        declared = draft.types.get(line)
        if isinstance(spec, Mapping) and "association" in spec and isinstance(declared, Ref):
            yield line, declared.kind, str(spec["association"])


def references(draft: Draft) -> Iterator[tuple[str, str]]:
    """The kind's reference fields and the kinds they point at."""
    for name, kind in draft.types.items():
        if isinstance(kind, Ref):
            yield name, kind.kind


def lines_of(draft: Draft, name: str) -> Iterator[tuple[str, str]]:
    """The systems that map a field, each with the key of its line, told once."""
    for system, parts in draft.parts.items():
        for line in dict.fromkeys(line for part in parts for line in part.fields):
            if name in [word.strip() for word in line.split(",")]:
                yield system, line


def check_key_fields(draft: Draft, report: Report) -> None:
    """Our key's field belongs to us alone."""
    for system, parts in draft.parts.items():
        for place, part in enumerate(parts):
            compiled = draft.maps.get((system, place))
            if compiled and part.key_field in compiled.remote_fields:
                path = part.path((*draft.path, "systems", system), "key_field")
                message = f"{part.key_field} is a mapped field as well"
                report.value(path, message, "Give our key a field of its own.")


def check_archiving(draft: Draft, found: Mapping[str, ConnectorOptions], report: Report) -> None:
    """Where deletes become archiving, every system that is written must be able to archive."""
    if draft.model.deletes.policy != "archive":
        return
    for system, section in draft.model.systems.items():
        ability = found[system].archives if system in found else None
        if section.direction == "in" or ability is None or ability is True:
            continue
        path = (*draft.path, "systems", system)
        if ability is False:
            where = (*draft.path, "deletes", "policy")
            report.value(where, f"{system} cannot archive", "Use propagate, unlink or ignore.")
        elif not all(part.own.get(ability) for part in draft.parts[system]):
            report.key(
                path, f'deletes archive, and "{ability}" is missing', f"Add {ability}, or another policy."
            )


def warn_thin(draft: Draft, report: Report) -> None:
    """Warn of kinds that cannot do what a sync is for."""
    sections = draft.model.systems
    if len(sections) < 2:
        report.warn(
            draft.path, "lives in one system only", "Map it in a second one to keep the two the same."
        )
    elif all(section.direction == "in" for section in sections.values()):
        report.warn(draft.path, "is read everywhere and written nowhere", "Give one system direction: both.")
    elif all(section.direction == "out" for section in sections.values()):
        report.warn(draft.path, "is written everywhere and read nowhere", "Give one system direction: both.")
    for name in draft.types:
        if not any(lines_of(draft, name)) and sections:
            report.warn((*draft.path, "fields", name), "is mapped in no system", "Map it, or remove it.")
    ways = [way for compiled in draft.maps.values() for way in compiled.directions().items()]
    for name in draft.types:
        mine = {way for other, way in ways if other == name}
        if mine == {Direction.OUT} and len(sections) > 1:
            report.warn(
                (*draft.path, "fields", name), "is written and never read", "Give one line direction: in."
            )


def check_objects_once(drafts: Mapping[str, Draft], report: Report) -> None:
    """One remote record belongs to one kind."""
    holder: dict[tuple[str, str], str] = {}
    for draft in drafts.values():
        for system, parts in draft.parts.items():
            for part in parts:
                first = holder.setdefault((system, part.name), draft.name)
                if first != draft.name:
                    path = part.path((*draft.path, "systems", system), "object")
                    message = f"{part.name} of {system} already belongs to the kind {first}"
                    report.value(path, message, "Give each object one kind.")


def warn_unused(drafts: Mapping[str, Draft], systems: Collection[str], report: Report) -> None:
    used = {system for draft in drafts.values() for system in draft.model.systems}
    for name in systems:
        if name not in used:
            report.warn(("systems", name), "is used by no kind", "Map a kind in it, or remove it.")
