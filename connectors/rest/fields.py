"""The fields of an object: as declared, as the API tells them, or as a page of records shows them."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, replace
from typing import Any

from connectors.base import FieldInfo
from connectors.http import HttpClient
from connectors.rest.call import compile_call
from connectors.rest.options import FieldWords, ObjectWords, SchemaWords
from connectors.rest.paths import MISSING, getter, steps
from connectors.rest.shape import Shape
from syncd.core.errors import NeedsOperator

TYPES = ("text", "email", "phone", "integer", "decimal", "boolean", "date", "datetime", "enum", "set")
FLAGS = ("required", "read_only", "unique", "default")
WORDS = ("type", "length", "scale", "options", "references", *FLAGS)
Infos = dict[str, FieldInfo]


def declared(words: ObjectWords) -> Infos:
    """What the configuration says."""
    own = own_fields(words)
    made = {n: FieldInfo(n, "text", read_only=True) for n in own if n != words.record.deleted}
    for name, said in words.fields.fields.items():
        known = FieldWords(type=said) if isinstance(said, str) else said
        told = known.model_dump()
        told["options"] = tuple(known.options) if known.options is not None else None
        made[name] = FieldInfo(name, **told)
    return {name: as_path(info) for name, info in made.items()}


def own_fields(words: ObjectWords) -> list[str]:
    """The fields by which the API keeps its books: id, version, time of the last change."""
    version = words.record.version
    found = [
        words.record.id,
        None if version and version.startswith("header:") else version,
        words.record.modified,
    ]
    return [name for name in found if name]


def as_path(info: FieldInfo) -> FieldInfo:
    """A field within a list can be read, but not written on its own."""
    inside = any(step.lstrip("-").isdigit() for step in steps(info.name)[1:])
    return replace(info, read_only=True) if inside else info


async def told(client: HttpClient, shape: Shape) -> Infos:
    """What the API's own description says. Raises `NeedsOperator` where it is not as configured."""
    words = shape.words.fields
    assert words.source is not None
    what = f"{shape.what}: schema"
    constants = {**shape.words.constants, "object": shape.object}
    call = compile_call("schema", words.source, constants, what)
    reply = await shape.ask(client, call, {})
    if reply.verdict is not None:
        failed = reply.verdict.failure(what)
        said = NeedsOperator(f"{what}: the server answered {reply.answer.status}", "Mend `schema.from`")
        raise failed or said
    at = compile_call("schema", words.source, constants, what)
    found = getter(words.at.replace("{object}", shape.object))(reply.body)
    return {
        info.name: as_path(info)
        for name, one in _each(found, words, at.what)
        if (info := _info(name, one, words))
    }


def _each(found: Any, words: SchemaWords, what: str) -> list[tuple[str, Any]]:
    if isinstance(found, dict):
        return list(found.items())
    if isinstance(found, list):
        name = getter(words.words.get("name", "name"))
        return [(str(n), one) for one in found if (n := name(one)) not in (MISSING, None)]
    raise NeedsOperator(f"{what}: the answer has no fields where `schema.at` points", "Mend `schema.at`")


def _info(name: str, one: Any, words: SchemaWords) -> FieldInfo:
    def say(word: str) -> Any:
        found = getter(words.words.get(word, word))(one)
        return None if found is MISSING else found

    native = str(say("type") or "")
    options = say("options")
    return FieldInfo(
        name,
        words.types.get(native, native if native in TYPES else "text"),
        **{flag: bool(say(flag)) for flag in FLAGS},
        length=_number(say("length")),
        scale=_number(say("scale")),
        options=tuple(map(_option, options)) if isinstance(options, list) and options else None,
        references=say("references") or None,
        native=native,
    )


def _option(said: Any) -> str:
    return str(said.get("value", said.get("name", ""))) if isinstance(said, dict) else str(said)


def _number(said: Any) -> int | None:
    return said if isinstance(said, int) and not isinstance(said, bool) and said > 0 else None


def seen(items: list[dict[str, Any]], known: Mapping[str, FieldInfo]) -> Infos:
    """What a page of records shows, for fields that nothing else tells of."""
    made: Infos = {}
    for item in items:
        for name, value in item.items():
            if name not in known and (name not in made or made[name].native == "null"):
                made[name] = FieldInfo(name, _guess(value), native="null" if value is None else "")
    return made


def _guess(value: Any) -> str:
    if isinstance(value, bool):
        return "boolean"
    if isinstance(value, list):
        return "set"
    return "integer" if isinstance(value, int) else "decimal" if isinstance(value, float) else "text"


@dataclass(frozen=True, slots=True)
class Known:
    """`closed`: no other fields exist, as far as the API or the configuration tells."""

    infos: Infos
    closed: bool
