"""One REST request as the API's code sees it, whether it came over the wire or inside a composite call."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any
from urllib.parse import parse_qsl, unquote, urlsplit

import orjson

from connectors.salesforce.sandbox.refusals import missing, parser_error
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call

OLDEST, NEWEST = 31, 68
DATA = re.compile(r"/services/data/v(\d+)\.0(?:/(.*))?\Z")
Task = tuple[Call, Callable[[], Answer]]
"""What a request is, for faults and counts, and what does it."""


@dataclass(slots=True)
class Ask:
    """`path` is what comes after the version, in parts without escapes; `headers` by lower-case name."""

    method: str
    path: tuple[str, ...]
    version: int
    query: Mapping[str, str] = field(default_factory=dict)
    headers: Mapping[str, str] = field(default_factory=dict)
    body: bytes = b""
    user: str = ""
    url: str = ""

    @property
    def base(self) -> str:
        """The path before `path`."""
        return f"/services/data/v{self.version}.0"

    def json(self) -> dict[str, Any]:
        """The body, an object; `Refused` JSON_PARSER_ERROR."""
        try:
            read = orjson.loads(self.body)
        except orjson.JSONDecodeError as error:
            raise parser_error(f"{error.msg} at [line:{error.lineno}, column:{error.colno}]") from None
        if not isinstance(read, dict):
            raise parser_error("Cannot deserialize instance of object at [line:1, column:1]")
        return read


def objects(body: Mapping[str, Any], word: str) -> list[dict[str, Any]]:
    """The list of objects under a word of a body; `Refused` JSON_PARSER_ERROR."""
    found = body.get(word)
    if not isinstance(found, list) or not all(isinstance(one, dict) for one in found):
        raise parser_error(f"Cannot deserialize instance of list of {word} at [line:1, column:1]")
    return found


def parts(url: str) -> tuple[int, tuple[str, ...], dict[str, str]]:
    """A path with its query as version, parts and query; `Refused` 404 for a version that is not there."""
    split = urlsplit(url)
    found = DATA.match(split.path)
    if found is None or not OLDEST <= int(found[1]) <= NEWEST:
        raise missing()
    path = tuple(unquote(part) for part in (found[2] or "").strip("/").split("/") if part)
    return int(found[1]), path, dict(parse_qsl(split.query, keep_blank_values=True))


def label(version: int) -> str:
    """What a version is called: three a year since Winter '11, which is 20."""
    season, year = ("Winter", "Spring", "Summer")[(version - 20) % 3], 11 + (version - 20) // 3
    return f"{season} '{year:02d}"
