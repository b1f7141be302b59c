"""Finds secrets written into the file itself."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from typing import Annotated, Any, Union, get_args, get_origin

from pydantic import BaseModel, Secret, SecretBytes, SecretStr
from pydantic.fields import FieldInfo

from syncd.config.models import SecretsModel
from syncd.config.places import Report
from syncd.config.problems import Path

NAMES = re.compile(
    r"(^|_)(password|passwd|passphrase|pwd|token|secret|private_key|api_?key|access_key|signing_key)$",
    re.IGNORECASE,
)
URL_PASSWORD = re.compile(r"^[a-z][a-z0-9+.-]*://[^:@/\s]*:(?!\d+/)([^@\s]+)@", re.IGNORECASE)
WORD_PASSWORD = re.compile(r"(?:password|passwd|pwd|passphrase)\s*=\s*([^&;\s]+)", re.IGNORECASE)
SECRET = (SecretStr, SecretBytes, Secret)
NAMES_ONLY = {"secrets": False}
"""The `json_schema_extra` of a field whose keys are names of your choice: `token` there is no secret."""
PLACEHOLDER = re.compile(r"\{\w+\}")
IN_URL = "Write the whole of it, or the password in it, as ${env:NAME} or ${file:PATH}."


def find_plain(tree: Mapping[str, Any], options: Mapping[str, type[BaseModel]], report: Report) -> set[str]:
    """Report every secret in clear in `store`, `secrets` and `systems`; returns their texts.

    Takes the tree as written. `options` are the connectors' models by connector name: their fields of a
    secret type are secrets too.
    """
    found: set[str] = set()
    sections: list[tuple[Path, Any, type[BaseModel] | None]] = [
        (("store",), tree.get("store"), None),
        (("secrets",), tree.get("secrets"), SecretsModel),
    ]
    systems = tree.get("systems")
    for name, section in systems.items() if isinstance(systems, dict) else ():
        connector = section.get("connector") if isinstance(section, dict) else None
        model = options.get(connector) if isinstance(connector, str) else None
        sections.append((("systems", name), section, model))
    for path, section, model in sections:
        for where, text in texts(section, path):
            infos = fields_on(where[len(path) :], model) if model else []
            if is_plain_secret(where, text, infos, report):
                found.add(text)
    return found


def texts(value: Any, path: Path) -> Iterator[tuple[Path, str]]:
    """All texts below a value (numbers too: a password may look like one), with their paths."""
    if isinstance(value, dict):
        for key, item in value.items():
            yield from texts(item, (*path, key))
    elif isinstance(value, list):
        for index, item in enumerate(value):
            yield from texts(item, (*path, index))
    elif isinstance(value, str | int | float) and not isinstance(value, bool) and value != "":
        yield path, str(value)


def is_plain_secret(path: Path, text: str, infos: list[FieldInfo], report: Report) -> bool:
    """Judge one text and report it; one that is a reference, even in part, is fine."""
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    typed = any(map(is_secret, infos)) and not name.lower().endswith(("url", "uri", "dsn"))
    free = any(info.json_schema_extra == NAMES_ONLY for info in infos)
    named = typed or (NAMES.search(name) and not free)
    if named and not PLACEHOLDER.fullmatch(text) and "${" not in text.replace("$${", ""):
        variable = "_".join(str(part) for part in path[1:]).upper().replace("-", "_")
        hint = f'Write "${{env:{variable}}}" or "${{file:PATH}}".'
        report.value(path, "a secret is written in clear", hint)
        report.spoil(path)
        return True
    inside = URL_PASSWORD.search(text) or WORD_PASSWORD.search(text)
    if inside and not inside[1].startswith("${"):
        report.value(path, "a password is written in clear", IN_URL)
        report.spoil(path)
        return True
    return False


def fields_on(path: Path, model: type[BaseModel]) -> list[FieldInfo]:
    """The fields that a path runs through, in every model that a section may be; other steps are keys."""
    models, found = [model], list[FieldInfo]()
    for step in path:
        infos = [i for m in models for name, i in m.model_fields.items() if (i.alias or name) == step]
        if infos:
            found += infos
            parts = (part for info in infos for part in type_parts(info.annotation))
            models = [part for part in parts if isinstance(part, type) and issubclass(part, BaseModel)]
    return found


def is_secret(info: FieldInfo) -> bool:
    """Whether its values are of a secret type."""
    bases = (get_origin(part) or part for part in type_parts(info.annotation))
    return any(isinstance(base, type) and issubclass(base, SECRET) for base in bases)


def type_parts(annotation: Any) -> Iterator[Any]:
    """An annotation and, for unions and containers, what they hold."""
    yield annotation
    if get_origin(annotation) in (Annotated, Union, types.UnionType, list, dict, tuple):
        for part in get_args(annotation):
            yield from type_parts(part)
