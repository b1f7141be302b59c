"""Every answer of a walk through the API: against our list of fields, and the vendor's own descriptions."""

from __future__ import annotations

import json
import os
import re
import uuid
from collections.abc import Iterator
from copy import deepcopy
from pathlib import Path
from typing import Any

import pytest
from jsonschema import Draft4Validator
from ruamel.yaml import YAML

from tests.sandbox.client import Answer
from tests.sandbox.hubspot.portal import portal
from tests.sandbox.hubspot.tour import PATHS, Stop, Tour

CASES = Path(__file__).parents[2] / "cases" / "hubspot" / "answers.yaml"
TIME = re.compile(r"\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z")
PLAIN = {"text": str, "flag": bool, "whole": int}
MAPS = {"texts": "text", "values": "text or null", "lists": "many text"}


class Noted:
    """Our list of answers."""

    def __init__(self) -> None:
        self.shapes: dict[str, Any] = YAML(typ="safe").load(CASES.read_text())

    def wrong(self, said: Any, value: Any, place: str = "") -> Iterator[str]:
        """Where a value is not what was noted."""
        if isinstance(said, dict):
            yield from self._object(said, value, place)
        elif said.endswith(" or null"):
            if value is not None:
                yield from self.wrong(said.removesuffix(" or null"), value, place)
        elif said.startswith("many "):
            if not isinstance(value, list):
                yield f"{place}: no list"
            else:
                for number, one in enumerate(value):
                    yield from self.wrong(said.removeprefix("many "), one, f"{place}[{number}]")
        elif said in MAPS:
            yield from self._object({"*": MAPS[said]}, value, place)
        elif said in self.shapes and said != "nothing":
            yield from self.wrong(self.shapes[said], value, place)
        elif not _is(said, value):
            yield f"{place}: {value!r} is no {said}"

    def _object(self, fields: dict[str, Any], value: Any, place: str) -> Iterator[str]:
        if not isinstance(value, dict):
            yield f"{place}: no object"
            return
        any_name = fields.get("*")
        known = {name.removesuffix("?"): said for name, said in fields.items()}
        for name in fields if any_name is None else ():
            if not name.endswith("?") and name not in value:
                yield f"{place}.{name} is missing"
        for name, one in value.items():
            said = any_name if any_name is not None else known.get(name)
            if said is None:
                yield f"{place}.{name} was not noted"
            else:
                yield from self.wrong(said, one, f"{place}.{name}")


def _is(said: str, value: Any) -> bool:
    if said == "nothing":
        return value == b""
    if said == "time":
        return isinstance(value, str) and TIME.fullmatch(value) is not None
    if said == "uuid":
        return isinstance(value, str) and str(uuid.UUID(value)) == value
    if said == "number or text":
        return isinstance(value, str | int) and not isinstance(value, bool)
    return said == "anything" or type(value) is PLAIN[said]


async def walked(version: str, **quirks: Any) -> list[Stop]:
    async with portal({"quirks": quirks}) as made:
        return await Tour(made, version).walk()


@pytest.mark.parametrize("version", PATHS)
async def test_answers_are_as_we_noted_them(version: str) -> None:
    noted, stops = Noted(), await walked(version)
    wrong = [
        f"{stop.method} {stop.path}: {said}"
        for stop in stops
        for said in noted.wrong(stop.shape, stop.answer.body)
    ]
    assert wrong == []
    assert len(stops) > 60


def test_the_list_finds_what_is_wrong() -> None:
    good = {"id": "1", "label": "a", "primary": True}
    for value, said in (
        ({"id": 1, "name": "a", "primary": True}, "id"),
        ({"id": "1", "primary": True}, "name is missing"),
        ({"id": "1", "name": "a", "primary": True, "more": 1}, "more was not noted"),
        ({"id": "1", "name": None, "primary": True}, "name"),
        (good, "label was not noted"),
    ):
        assert any(said in one for one in Noted().wrong("team", value)), value


# the vendor's descriptions -----------------------------------------------------------------------------


class Described:
    """The OpenAPI descriptions in a folder: for a call and its status, the schemas of the answer."""

    def __init__(self, folder: Path) -> None:
        self.known: list[tuple[str, re.Pattern[str], dict[str, Any], dict[str, Any]]] = []
        for file in sorted(folder.rglob("*.json")):
            document = json.loads(file.read_text())
            for path, methods in document.get("paths", {}).items() if "openapi" in document else ():
                pattern = re.compile(re.sub(r"\{\w+\}", "[^/]+", path.rstrip("/")) + r"\Z")
                for method, operation in methods.items():
                    self.known.append((method.upper(), pattern, operation, document))

    def answers(self, stop: Stop) -> Iterator[dict[str, Any] | None]:
        """A schema for each description that knows the call; None: an answer without a body."""
        for method, pattern, operation, document in self.known:
            if method == stop.method and pattern.match(stop.path):
                told = operation["responses"].get(str(stop.answer.status), operation["responses"]["default"])
                if "$ref" in told:
                    told = document["components"]["responses"][told["$ref"].rpartition("/")[2]]
                content = list(told.get("content", {}).values())
                schema = content[0].get("schema") if content else None
                yield None if schema is None else {**schema, "components": document["components"]}


def closed(schema: dict[str, Any]) -> dict[str, Any]:
    """A schema that takes no field which it does not name; and no null but where the guides show one."""
    made = deepcopy(schema)
    for name, one in made["components"]["schemas"].items():
        if one.get("properties") and "oneOf" not in one:
            one["additionalProperties"] = False
        for field, of in (one.get("properties") or {}).items():
            if field == "properties" and "additionalProperties" in of:
                of["additionalProperties"] = {"type": ["string", "null"]}
            if field == "label" and name == "AssociationSpecWithLabel":
                one["properties"][field] = {"type": ["string", "null"]}
        if name == "Error":
            one["properties"]["status"] = {"type": "string"}
    return made


def faults(stop: Stop, schema: dict[str, Any] | None) -> list[str]:
    """Where an answer is not as it is described."""
    if schema is None:
        return [] if stop.answer.body == b"" else ["there is a body"]
    found = Draft4Validator(closed(schema)).iter_errors(stop.answer.body)
    return [f"{'/'.join(map(str, one.absolute_path))}: {one.message}" for one in found]


def test_a_description_finds_what_is_wrong() -> None:
    thing = {"type": "object", "required": ["id"], "properties": {"id": {"type": "string"}}}
    schema = {"$ref": "#/components/schemas/Thing", "components": {"schemas": {"Thing": thing}}}

    def said(status: int, body: Any) -> str:
        return " ".join(faults(Stop("GET", "/x", "", Answer(status, body, {})), schema))

    assert said(200, {"id": "1"}) == ""
    assert "'id' is a required property" in said(200, {})
    assert "'more' was unexpected" in said(200, {"id": "1", "more": 1})
    assert "1 is not of type 'string'" in said(200, {"id": 1})
    assert faults(Stop("GET", "/x", "", Answer(204, {}, {})), None) == ["there is a body"]


@pytest.mark.parametrize("version", PATHS)
async def test_answers_are_as_the_vendor_describes_them(version: str) -> None:
    folder = os.environ.get("SYNCD_SPECS")
    if folder is None:
        pytest.skip("SYNCD_SPECS names no folder of HubSpot's published OpenAPI files")
    described, unknown, wrong = Described(Path(folder)), set[str](), list[str]()
    for stop in await walked(version, integer_ids=False):
        each = [faults(stop, schema) for schema in described.answers(stop)]
        if not each:
            unknown.add(f"{stop.method} {stop.path}")
        elif all(each):
            wrong.append(f"{stop.method} {stop.path} {stop.answer.status}: {each[0][:3]}")
    assert wrong == []
    assert unknown == set(), "the folder lacks the description of these"
