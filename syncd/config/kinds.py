"""The kinds: field types, match keys, mappings and rules, compiled, with every finding at its position."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from typing import Any

from syncd.config.models import BrakeModel, BrakesModel, KindModel, KindSystemModel
from syncd.config.objects import Part, check_parts, parts_of
from syncd.config.places import Report
from syncd.config.problems import Path
from syncd.config.rules import compile_rules
from syncd.config.settings import (
    Brake,
    Brakes,
    Deletes,
    Flap,
    KindSettings,
    KindSystemSettings,
    OwnStrategy,
    SystemSettings,
)
from syncd.config.validate import value_at
from syncd.core.fieldmap import Direction, Drift
from syncd.core.nouns import Rule
from syncd.core.problems import SpecError
from syncd.core.types import FieldType
from syncd.identity import Matcher, compile_match
from syncd.mapping.compile import CompiledMap, compile_map
from syncd.mapping.types import field_type
from syncd.mapping.where import Where, compile_where


@dataclass(slots=True)
class Draft:
    """A kind as far as it could be compiled; `model` may lack the parts that are wrong.

    `parts` are its objects by system, `maps` and `wheres` their mappings and filters by system and place.
    """

    name: str
    model: KindModel
    types: dict[str, FieldType]
    matcher: Matcher
    rules: tuple[Rule, ...] = ()
    parts: dict[str, list[Part]] = field(default_factory=dict)
    maps: dict[tuple[str, int], CompiledMap] = field(default_factory=dict)
    wheres: dict[tuple[str, int], Where] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return ("kinds", self.name)


def draft_kind(
    name: str,
    model: KindModel,
    written: Mapping[str, Any],
    report: Report,
    strategies: Mapping[str, OwnStrategy],
) -> Draft:
    """Compile what a kind says; the findings go to the report. `model` is what is sound of `written`."""
    path = ("kinds", name)
    types = compile_types(model, path, report)
    draft = Draft(name, model, types, matcher_of(name, model, types, report))
    conflicts = written.get("conflicts")
    draft.rules = compile_rules(conflicts, model, types, (*path, "conflicts"), report, strategies)
    for system, section in model.systems.items():
        here = (*path, "systems", system)
        check_parts(section, here, report)
        draft.parts[system] = parts_of(section, value_at(written, ("systems", system)))
        for place, part in enumerate(draft.parts[system]):
            compiled = map_of(name, section, part, here, draft.types, report)
            if compiled is not None:
                draft.maps[system, place] = compiled
            where = where_of(part, here, report)
            if where is not None:
                draft.wheres[system, place] = where
    return draft


def where_of(part: Part, path: Path, report: Report) -> Where | None:
    """The filter of an object, where it has a sound one. `path` is the section's."""
    if part.where is None:
        return None
    try:
        return compile_where(part.where)
    except SpecError as error:
        for finding in error.problems:
            report.value(part.path(path, "where"), finding.message, sentence(finding.hint))
    return None


def compile_types(model: KindModel, path: Path, report: Report) -> dict[str, FieldType]:
    """The types of the kind's fields; a field whose type is wrong counts as text, to judge the rest."""
    types: dict[str, FieldType] = {}
    for name, spec in model.fields.items():
        here = (*path, "fields", name)
        try:
            types[name] = field_type(short_form(spec), here)
        except SpecError as error:
            add_findings(error, (), here, report)
            types[name] = field_type("text")
    return types


def short_form(spec: Any) -> Any:
    """`{type: phone, region: DE}` as the types read it: `{phone: {region: DE}}`; other forms unchanged."""
    if not isinstance(spec, Mapping) or not isinstance(spec.get("type"), str):
        return spec
    options = {key: value for key, value in spec.items() if key not in ("type", "scale")}
    return {spec["type"]: options} if options else spec["type"]


def matcher_of(kind: str, model: KindModel, types: Mapping[str, FieldType], report: Report) -> Matcher:
    """The match rules; without any where one of them is wrong."""
    path = ("kinds", kind, "match")
    try:
        return compile_match(kind, model.match, types)
    except SpecError as error:
        add_findings(error, path, path, report)
        return compile_match(kind, [], types)


def map_of(
    kind: str,
    section: KindSystemModel,
    part: Part,
    path: Path,
    types: Mapping[str, FieldType],
    report: Report,
) -> CompiledMap | None:
    """The mapping of a kind in one object, not yet knowing the remote's types. `path` is the section's."""
    try:
        return compile_map(
            kind,
            str(path[-1]),
            part.name,
            types,
            part.fields,
            direction=Direction(section.direction),
            drift=Drift(section.drift),
        )
    except SpecError as error:
        add_line_findings(error, lambda *steps: part.path(path, *steps), report)
        return None


def add_line_findings(error: SpecError, path_of: Callable[..., Path], report: Report) -> None:
    """Findings about a mapping, each where its line is written; `path_of` takes `fields` and the line."""
    for finding in error.problems:
        line = (str(finding.path[0]),) if finding.path else ()
        prefix = path_of("fields", *line)
        path = report.places.written((*prefix, *finding.path[1:])) or path_of("fields")
        report.key(path, finding.message, sentence(finding.hint))


def add_findings(error: SpecError, prefix: Path, fallback: Path, report: Report) -> None:
    """Findings of a compiler as positioned problems; its paths go on from `prefix`."""
    for finding in error.problems:
        path = report.places.written((*prefix, *finding.path)) or fallback
        report.key(path, finding.message, sentence(finding.hint))


def sentence(hint: str) -> str:
    """A hint as a sentence."""
    ended = hint.endswith((".", "?", "!", "…")) or not hint
    return hint[:1].upper() + hint[1:] + ("" if ended else ".")


def kind_settings(draft: Draft, systems: Mapping[str, SystemSettings]) -> KindSettings:
    """The settings of a kind without problems."""
    model = draft.model
    return KindSettings(
        name=draft.name,
        field_types=draft.types,
        matcher=draft.matcher,
        rules=draft.rules,
        deletes=Deletes(model.deletes.policy, model.deletes.against_edit),
        brakes=brakes_of(model.brakes),
        systems={name: kind_system(systems[name], section, draft) for name, section in model.systems.items()},
    )


def brakes_of(model: BrakesModel) -> Brakes:
    flap = Flap(model.flap.count, model.flap.per) if model.flap.count else None
    return Brakes(brake(model.create), brake(model.update), brake(model.delete), flap)


def brake(model: BrakeModel | None) -> Brake | None:
    return None if model is None else Brake(model.count, model.share, model.per)


def kind_system(system: SystemSettings, section: KindSystemModel, draft: Draft) -> KindSystemSettings:
    """The kind's objects in a system: the first, with the others in it."""
    first, *others = [
        object_settings(system, section, part, draft, place)
        for place, part in enumerate(draft.parts[system.name])
    ]
    return replace(first, others=tuple(others))


def object_settings(
    system: SystemSettings, section: KindSystemModel, part: Part, draft: Draft, place: int
) -> KindSystemSettings:
    """The object's own words where it has them, else the kind's, else the system's."""
    return KindSystemSettings(
        system=system.name,
        object=part.name,
        map=draft.maps[system.name, place],
        where=draft.wheres.get((system.name, place)),
        key_field=part.key_field,
        create=part.create,
        direction=Direction(section.direction),
        poll=section.poll or system.poll,
        sweep=section.sweep or system.sweep,
        guard=section.guard or system.guard,
        drift=Drift(section.drift),
        object_options=part.own,
        spec=part.fields,
        written=part.written,
    )
