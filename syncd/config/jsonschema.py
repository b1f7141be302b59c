"""The JSON Schema of the configuration, for editors."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from pydantic import BaseModel

from conflict.strategies import STRATEGIES
from syncd.config.models import Root
from syncd.config.settings import ConnectorOptions
from syncd.config.units import FIELD_NAME
from syncd.mapping.types import PLAIN_TYPES

DRAFT = "https://json-schema.org/draft/2020-12/schema"
REFERENCE = {"type": "string", "pattern": r"\$\{(env|file):[^}]+\}"}
WORDS = {"type": "array", "items": {"type": "string"}, "minItems": 1}
FIELD_TYPES: dict[str, dict[str, Any]] = {
    "ref": {"type": "string", "description": "The kind that the field refers to."},
    "set": {"description": "The type of the elements.", "$ref": "#/$defs/FieldType"},
    "enum": {**WORDS, "description": "The options."},
    "phone": {"type": "object", "properties": {"region": {"type": "string", "pattern": "^[A-Za-z]{2}$"}}},
}


def json_schema(connectors: Mapping[str, ConnectorOptions] | None = None) -> dict[str, Any]:
    """A JSON Schema (draft 2020-12) of the file; with `connectors`, their own settings are in it.

    A folder's files each hold a part, so nothing is required at the top.
    """
    schema = Root.model_json_schema(ref_template="#/$defs/{model}")
    definitions: dict[str, Any] = schema.setdefault("$defs", {})
    definitions["FieldType"] = field_type_schema()
    of_fields(definitions["KindModel"])["patternProperties"] = {FIELD_NAME: {"$ref": "#/$defs/FieldType"}}
    of_fields(definitions["KindSystemModel"])["additionalProperties"] = line_schema()
    definitions["RuleModel"]["properties"]["strategy"]["enum"] = sorted(STRATEGIES)
    if connectors:
        add_connectors(definitions, connectors)
    schema.pop("required", None)
    allow_references(schema)
    return {"$schema": DRAFT, **schema, "title": "syncd"}


def of_fields(definition: dict[str, Any]) -> dict[str, Any]:
    found: dict[str, Any] = definition["properties"]["fields"]
    return found


def field_type_schema() -> dict[str, Any]:
    """A type by name, or by one key with its option, or with `type` and its options."""
    forms: list[dict[str, Any]] = [{"enum": sorted(PLAIN_TYPES)}]
    for name, option in FIELD_TYPES.items():
        forms.append(
            {
                "type": "object",
                "properties": {name: option},
                "required": [name],
                "additionalProperties": False,
            }
        )
    long = {"type": {"enum": sorted(PLAIN_TYPES)}, "region": {"type": "string"}, "scale": {"type": "integer"}}
    forms.append({"type": "object", "properties": long, "required": ["type"], "additionalProperties": False})
    return {"description": "The type of a field of ours.", "anyOf": forms}


def line_schema() -> dict[str, Any]:
    """A line of a mapping: the remote field's name, or a mapping."""
    options = {
        "to": {"anyOf": [{"type": "string"}, WORDS], "description": "The remote field, or several."},
        "association": {
            "type": "string",
            "description": "In place of `to`, for a reference: the object whose record is associated.",
        },
        "direction": {"enum": ["both", "in", "out"]},
        "drift": {"enum": ["restore", "leave"]},
    }
    return {"anyOf": [{"type": "string"}, {"type": "object", "properties": options}]}


def add_connectors(definitions: dict[str, Any], connectors: Mapping[str, ConnectorOptions]) -> None:
    """Each connector's own settings, for a system chosen by the word under `connector`."""
    system, place = definitions["SystemModel"], definitions["KindSystemModel"]
    system["properties"]["connector"]["enum"] = sorted(connectors)
    system["allOf"] = []
    open_place = False
    for name, known in sorted(connectors.items()):
        own = adopted(definitions, known.options, f"{name}-system")
        open_webhooks(definitions, own)
        only_here = {"properties": {"connector": {"const": name}}, "required": ["connector"]}
        system["allOf"].append({"if": only_here, "then": with_common(own, system)})
        own = adopted(definitions, known.object_options, f"{name}-object")
        open_place |= own.get("additionalProperties", True) is not False
        for key, shape in own.get("properties", {}).items():
            others = place["properties"].get(key, {}).get("anyOf", [])
            place["properties"][key] = {"anyOf": [*others, shape]}
    place["additionalProperties"] = open_place  # which connector it is, only the system's section tells


def adopted(definitions: dict[str, Any], model: type[BaseModel], title: str) -> dict[str, Any]:
    """A connector's model, with the definitions that it needs added under names of their own."""
    shape = model.model_json_schema(ref_template="#/$defs/" + title + "-{model}")
    for name, inner in shape.pop("$defs", {}).items():
        definitions[f"{title}-{name}"] = inner
    return shape


def open_webhooks(definitions: dict[str, Any], own: dict[str, Any]) -> None:
    """Let the words that all systems have for webhooks stand beside the connector's."""
    shape = own.get("properties", {}).get("webhooks", {})
    for branch in (shape, *shape.get("anyOf", ())):
        if "$ref" in branch:
            common = definitions["WebhooksModel"]["properties"]
            definitions[branch["$ref"].rpartition("/")[2]].setdefault("properties", {}).update(common)


def with_common(own: dict[str, Any], system: dict[str, Any]) -> dict[str, Any]:
    """A connector's keys beside those that all systems have."""
    common = dict.fromkeys(system["properties"], True)
    return {
        "properties": {**common, **own.get("properties", {})},
        "required": own.get("required", []),
        "additionalProperties": own.get("additionalProperties", True),
    }


def allow_references(node: Any) -> None:
    """Let numbers and booleans be written as `${env:NAME}` too."""
    for item in list(node.values()) if isinstance(node, dict) else node if isinstance(node, list) else ():
        allow_references(item)
    if isinstance(node, dict) and node.get("type") in ("integer", "number", "boolean"):
        bounds = {key: node.pop(key) for key in list(node) if key not in ("description", "default", "title")}
        node["anyOf"] = [bounds, REFERENCE]
