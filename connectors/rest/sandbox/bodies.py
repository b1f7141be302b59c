"""What a request brings: a JSON object, a batch's operations, the version that is expected."""

from __future__ import annotations

from typing import Any

import orjson
from aiohttp import web

from connectors.sandboxes.shape import Refusal


def parsed(text: bytes) -> dict[str, Any]:
    """A JSON object; `Refusal` 400."""
    try:
        body = orjson.loads(text)
    except orjson.JSONDecodeError:
        body = None
    if not isinstance(body, dict):
        raise Refusal(400, "bad_request", "the body must be a JSON object")
    return body


def quietly(text: bytes) -> dict[str, Any]:
    """The same; what is no object counts as an empty one."""
    try:
        return parsed(text)
    except Refusal:
        return {}


def operations_of(text: bytes) -> list[dict[str, Any]] | None:
    """The operations of a batch; None where the body holds none."""
    operations = quietly(text).get("operations")
    if not isinstance(operations, list) or not all(isinstance(one, dict) for one in operations):
        return None
    return operations


def if_match(request: web.Request) -> str | None:
    """The version of an `If-Match` header."""
    given = request.headers.get("If-Match")
    return None if given is None else given.strip().removeprefix("W/").strip('"')
