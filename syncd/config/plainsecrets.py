"""Finds secrets written into the file itself."""

from __future__ import annotations

import re
import types
from collections.abc import Iterator, Mapping
from typing import Any, Union, get_args, get_origin

from pydantic import BaseModel, Secret, SecretBytes, SecretStr

from syncd.config.places import Report
from syncd.config.problems import Path

NAMES = re.compile(
    r"(^|_)(password|passwd|passphrase|pwd|token|secret|private_key|api_?key|access_key|signing_key)$",
    re.IGNORECASE,
)
URL_PASSWORD = re.compile(r"^[a-z][a-z0-9+.-]*://[^:@/\s]*:(?!\d+/)([^@\s]+)@", re.IGNORECASE)
WORD_PASSWORD = re.compile(r"(?:password|passwd|pwd|passphrase)\s*=\s*([^&;\s]+)", re.IGNORECASE)
IN_URL = "Write the whole of it, or the password in it, as ${env:NAME} or ${file:PATH}."


def find_plain(tree: Mapping[str, Any], options: Mapping[str, type[BaseModel]], report: Report) -> set[str]:
    """Report every secret in clear in `store` and `systems`; returns their texts. Takes the tree as written.

    `options` are the connectors' models by connector name: their fields of a secret type are secrets too.
    """
    found: set[str] = set()
    sections: list[tuple[Path, Any, set[str]]] = [(("store",), tree.get("store"), set())]
    systems = tree.get("systems")
    for name, section in systems.items() if isinstance(systems, dict) else ():
        connector = section.get("connector") if isinstance(section, dict) else None
        model = options.get(connector) if isinstance(connector, str) else None
        sections.append((("systems", name), section, set(secret_fields(model)) if model else set()))
    for path, section, names in sections:
        for where, text in texts(section, path):
            if is_plain_secret(where, text, names, report):
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


def is_plain_secret(path: Path, text: str, names: set[str], report: Report) -> bool:
    """Judge one text and report it; one that is a reference, even in part, is fine."""
    name = next((part for part in reversed(path) if isinstance(part, str)), "")
    named = NAMES.search(name) or (name in names and not name.lower().endswith(("url", "uri", "dsn")))
    if named and "${" not in text.replace("$${", ""):
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


def secret_fields(model: type[BaseModel]) -> Iterator[str]:
    """Names of a model's fields, nested ones too, whose type is a secret."""
    for name, info in model.model_fields.items():
        for part in type_parts(info.annotation):
            base = get_origin(part) or part
            if isinstance(base, type) and issubclass(base, SecretStr | SecretBytes | Secret):
                yield info.alias or name
            elif isinstance(part, type) and issubclass(part, BaseModel) and part is not model:
                yield from secret_fields(part)


def type_parts(annotation: Any) -> Iterator[Any]:
    """An annotation and, for unions and containers, what they hold."""
    yield annotation
    if get_origin(annotation) in (Union, types.UnionType, list, dict, tuple):
        for part in get_args(annotation):
            yield from type_parts(part)
