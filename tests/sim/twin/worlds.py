"""Worlds: what firms and people have in a run beyond their plain fields, as words in the plan.

`SystemPlan.more["world"]` has, each by object: `fields`, the words of `FieldDef` by field; `where`, who takes
part. An object that is in `fields` only is one more. `Plan.more["world"]` has `kinds`, canonical fields and
their types by kind; `map`, ours to theirs by object (a system may have its own `map`); and `brakes` by kind.
"""

from __future__ import annotations

import json
from collections.abc import Mapping
from typing import Any

from ruamel.yaml import YAML

from connectors.memory import FieldDef
from tests.sim.twin.shape import Plan, SystemPlan

KINDS = {"firms": "company", "people": "contact", "leads": "contact"}
PLAIN = {
    "firms": {"name": "name", "city": "city"},
    "people": {"email": "email", "name": "name", "phone": "phone", "company": "firm"},
    "leads": {"email": "email", "name": "name", "phone": "phone"},
}
TYPED = ("note", "born", "met")
"""Fields whose values do not show their edit's number (`People.words`)."""
SHOWN = "hidden != 'yes'"
"""The one filter: a firm that says so takes no part."""


def objects(plan: SystemPlan, plain: Mapping[str, Mapping[str, FieldDef]]) -> dict[str, dict[str, FieldDef]]:
    """The fields of every object of a system; one more object has those of people, without their firm."""
    more = _of(plan).get("fields", {})
    found = {name: dict(fields) for name, fields in plain.items()}
    for name, fields in more.items():
        if name not in found:
            found[name] = {field: shape for field, shape in plain["people"].items() if field != "firm"}
        found[name] |= {field: FieldDef(**words) for field, words in fields.items()}
    return found


def takes_part(plan: SystemPlan, object: str, row: Mapping[str, Any]) -> bool:
    """Whether a system's filter lets a record in."""
    return object not in _of(plan).get("where", {}) or row.get("hidden") != "yes"


def mapped(plan: Plan, object: str) -> dict[str, str]:
    """Ours to theirs, of all fields that an object has in the configuration."""
    return PLAIN[object] | _of(plan).get("map", {}).get(object, {})


def referring(plan: Plan, object: str) -> dict[str, str]:
    """The canonical fields of a kind that refer, and to which kind."""
    more = _of(plan).get("kinds", {}).get(KINDS[object], {})
    return {"company": "company"} | {n: kind["ref"] for n, kind in more.items() if isinstance(kind, dict)}


def enlarged(text: str, plan: Plan) -> str:
    """The configuration with what the world adds to it."""
    world = _of(plan)
    if not world and not any(_of(system) for system in plan.systems):
        return text
    settings = YAML(typ="safe", pure=True).load(text)
    for name, fields in world.get("kinds", {}).items():
        settings["kinds"][name]["fields"] |= fields
    for name, brakes in world.get("brakes", {}).items():
        settings["kinds"][name]["brakes"] |= {op: {**b, "per": f"{b['per']}s"} for op, b in brakes.items()}
    for object, fields in world.get("map", {}).items():
        for system in plan.systems:
            _add(settings, system, object, fields)
    for system in plan.systems:
        for object, where in _of(system).get("where", {}).items():
            settings["kinds"][KINDS[object]]["systems"][system.name]["where"] = where
        if "leads" in _of(system).get("fields", {}):
            _split(settings, system)
    return json.dumps(settings)


def _add(settings: Any, system: SystemPlan, object: str, fields: Mapping[str, str]) -> None:
    there = settings["kinds"][KINDS[object]]["systems"][system.name]
    own = _of(system).get("map", {}).get(object, {})
    there["fields"] |= {ours: own.get(ours, theirs) for ours, theirs in fields.items()}


def _split(settings: Any, system: SystemPlan) -> None:
    """People of a system that may be leads; a lead has no firm."""
    there = settings["kinds"]["contact"]["systems"][system.name]
    there["object"] = [
        {"name": "people", "fields": {"company": there["fields"].pop("company")}},
        {"name": "leads"},
    ]


def braked(plan: Plan) -> dict[str, dict[str, dict[str, float]]]:
    """The brakes that are set, by kind and operation: `count` and `per` (s)."""
    found: dict[str, dict[str, dict[str, float]]] = _of(plan).get("brakes", {})
    return found


def _of(plan: Plan | SystemPlan) -> dict[str, Any]:
    found: dict[str, Any] = plan.more.get("world", {})
    return found
