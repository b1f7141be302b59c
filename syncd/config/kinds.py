"""The kinds: field types, match keys, mappings and rules, compiled, with every finding at its position."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field
from typing import Any

from syncd.config.models import BrakeModel, KindModel, KindSystemModel
from syncd.config.places import Report
from syncd.config.problems import Path
from syncd.config.rules import compile_rules
from syncd.config.settings import Brake, Brakes, Deletes, KindSettings, KindSystemSettings, SystemSettings
from syncd.config.systems import own_settings
from syncd.core.fieldmap import Direction, Drift
from syncd.core.nouns import Rule
from syncd.core.problems import SpecError
from syncd.core.types import FieldType
from syncd.identity import Matcher, compile_match
from syncd.mapping.compile import CompiledMap, compile_map
from syncd.mapping.types import field_type


@dataclass(slots=True)
class Draft:
    """A kind as far as it could be compiled; `model` may lack the parts that are wrong."""

    name: str
    model: KindModel
    types: dict[str, FieldType]
    matcher: Matcher
    rules: tuple[Rule, ...] = ()
    maps: dict[str, CompiledMap] = field(default_factory=dict)

    @property
    def path(self) -> Path:
        return ("kinds", self.name)


def draft_kind(name: str, model: KindModel, written: Mapping[str, Any], report: Report) -> Draft:
    """Compile what a kind says; the findings go to the report. `model` is what is sound of `written`."""
    path = ("kinds", name)
    types = compile_types(model, path, report)
    draft = Draft(name, model, types, matcher_of(name, model, types, report))
    draft.rules = compile_rules(written.get("conflicts"), model, types, (*path, "conflicts"), report)
    for system, section in model.systems.items():
        compiled = map_of(name, system, section, draft.types, report)
        if compiled is not None:
            draft.maps[system] = compiled
    return draft


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
    kind: str, system: str, section: KindSystemModel, types: Mapping[str, FieldType], report: Report
) -> CompiledMap | None:
    """The mapping of a kind in one system, not yet knowing the remote's types."""
    path = ("kinds", kind, "systems", system, "fields")
    try:
        return compile_map(
            kind,
            system,
            section.object[0].name,
            types,
            section.fields,
            direction=Direction(section.direction),
            drift=Drift(section.drift),
        )
    except SpecError as error:
        add_findings(error, path, path, report)
        return None


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
        brakes=Brakes(brake(model.brakes.create), brake(model.brakes.update), brake(model.brakes.delete)),
        systems={
            name: kind_system(systems[name], section, draft.maps[name])
            for name, section in model.systems.items()
        },
    )


def brake(model: BrakeModel | None) -> Brake | None:
    return None if model is None else Brake(model.count, model.share, model.per)


def kind_system(system: SystemSettings, section: KindSystemModel, map: CompiledMap) -> KindSystemSettings:
    """The kind's own words where it has them, else the system's."""
    return KindSystemSettings(
        system=system.name,
        object=section.object[0].name,
        map=map,
        key_field=section.key_field,
        create=section.create,
        direction=Direction(section.direction),
        poll=section.poll or system.poll,
        sweep=section.sweep or system.sweep,
        guard=section.guard or system.guard,
        drift=Drift(section.drift),
        object_options=own_settings(section.model_dump(), KindSystemModel),
        spec=section.fields,
    )
