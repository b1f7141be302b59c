"""What the benchmark runs on: the sandboxes' profile, and syncd's configuration for each part."""

from __future__ import annotations

from collections.abc import Mapping
from pathlib import Path
from typing import Any

import orjson

COUNT = 12
LEFT = tuple(f"f{i}" for i in range(COUNT))
RIGHT = tuple(f"g{i}" for i in range(COUNT))
"""The same fields as `a` and `b` name them. The first tells the records apart, and is never edited."""
PAGE = 100
TOKEN = "bench-token"
SECRET = "bench-webhook-secret"
TABLE = "notes"
STATES = ("crms", "sql", "table")
"""Folders of PostgreSQL servers: the stores of both configurations, and the database with the table."""

Words = dict[str, Any]


def value(field: int, row: int, edit: str = "") -> str:
    """A field's text, as long as such texts are; no two alike."""
    return f"value {edit or 'one'} of field {field} in row {row}"


def profile() -> Words:
    """A lean CRM: twelve texts and a key, pages and batches of 100. `bare` is the bare loop's."""
    left, right = ({"fields": dict.fromkeys(names, Words())} for names in (LEFT, RIGHT))
    return {
        "objects": {"things": left, "others": right, TABLE: right, "bare": right},
        "auth": {"way": "bearer", "token": TOKEN},
        "paging": {"way": "cursor", "size": PAGE, "max": PAGE},
        "batch": PAGE,
    }


def between_crms(a: str, b: str, folder: Path, **system: Any) -> Words:
    """Two sandboxes, by their URLs. `system` are more words for both."""
    crms = {name: {**_crm(url, folder), **system} for name, url in (("a", a), ("b", b))}
    return _configuration(
        folder / STATES[0],
        crms,
        {
            "a": {
                "object": "things",
                "key_field": "external_id",
                "fields": dict(zip(LEFT, LEFT, strict=True)),
            },
            "b": _in_b("others"),
        },
    )


def from_sql(url: str, b: str, folder: Path) -> Words:
    """A database whose triggers ring, and the second sandbox."""
    sql = {"connector": "sql", "url": url, "capture": "triggers", "poll": "1h"}
    mapped = {"object": TABLE, "fields": dict(zip(LEFT, LEFT, strict=True))}
    return _configuration(
        folder / STATES[1], {"a": sql, "b": _crm(b, folder)}, {"a": mapped, "b": _in_b(TABLE)}
    )


def _in_b(object: str) -> Words:
    return {"object": object, "key_field": "external_id", "fields": dict(zip(LEFT, RIGHT, strict=True))}


def _configuration(state: Path, systems: Mapping[str, Words], mapped: Mapping[str, Words]) -> Words:
    kind = {
        "fields": dict.fromkeys(LEFT, "text"),
        "match": [LEFT[0]],
        "systems": mapped,
        "conflicts": [{"strategy": "prefer", "systems": ["a", "b"]}],
    }
    listen = {"listen": "127.0.0.1:0", "webhooks": "127.0.0.1:0"}
    return {"store": "embedded", "state": str(state), "systems": systems, "kinds": {"thing": kind}} | {
        "service": listen
    }


def _crm(url: str, folder: Path) -> Words:
    """The sandbox's wire. It is polled only when the benchmark says so."""
    return {
        "connector": "rest",
        "url": f"{url}/api",
        "auth": {"by": "bearer", "token": f"${{file:{folder / 'token'}}}"},
        "poll": "1h",
        "calls": _CALLS,
        "paging": {"by": "cursor", "next": "next", "limit": PAGE},
        "record": {"version": "version", "modified": "updated_at", "deleted": "deleted"},
        "feed": {"form": "iso_ms", "resolution": 0.001, "overlap": 0},
        "errors": {"where": "error", "code": "error.code", "field": "error.field", "id": "error.id"},
        "schema": {"from": "/_schema", "at": "objects.{object}.fields"},
        "webhooks": {
            "rate": 100_000,
            "verify": {
                "by": "hmac",
                "secret": f"${{file:{folder / 'secret'}}}",
                "header": "X-Signature",
                "prefix": "sha256=",
                "over": "{timestamp}.{body}",
                "timestamp": "X-Timestamp",
            },
            "events": "events",
            "object": "object",
            "op": "op",
            "deletes": "deleted",
            "version": "version",
        },
    }


_VERSIONED = {"If-Match": '"{version}"'}
_LIST = {
    "limit": "{limit}",
    "cursor": "{cursor}",
    "changed_since": "{since}",
    "include_deleted": True,
}
_OPERATION = {"ref": "{ref}", "op": "{op}", "id": "{id}", "if_version": "{version}", "fields": "{values}"}
_CALLS: Words = {
    "list": {"path": "/{object}", "query": _LIST, "at": "items"},
    "get": "/{object}/{id}",
    "get_many": {"path": "/{object}", "query": {"ids": "{ids}"}, "at": "items"},
    "find": {"path": "/{object}", "query": {"{field}": "{keys}"}, "at": "items"},
    "create": {"path": "/{object}", "body": "{values}"},
    "update": {"path": "/{object}/{id}", "headers": _VERSIONED, "body": "{values}"},
    "delete": {"path": "/{object}/{id}", "headers": _VERSIONED},
    "batch": {
        "path": "/{object}/batch",
        "size": PAGE,
        "each": {"operations": _OPERATION},
        "body": {"operations": "{operations}"},
        "at": "results",
        "match": "ref",
        "status": "status",
        "record": "record",
    },
}


def write(file: Path, words: Words) -> Path:
    """Write words as JSON, which is YAML."""
    file.write_bytes(orjson.dumps(words, option=orjson.OPT_INDENT_2))
    return file
