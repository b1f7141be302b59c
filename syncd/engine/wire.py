"""Changes as JSON: what waits in the inbox, and what the journal keeps when a connector gave no body."""

from __future__ import annotations

from collections.abc import Sequence
from datetime import datetime
from typing import Any

import orjson

from syncd.core.nouns import Change, Op


def change_bytes(change: Change) -> bytes:
    """One change."""
    return orjson.dumps(_dict(change))


def page_bytes(changes: Sequence[Change]) -> bytes:
    """The changes of a page, for the journal."""
    return orjson.dumps([_dict(change) for change in changes])


def _dict(change: Change) -> dict[str, Any]:
    return {
        "id": change.remote_id,
        "op": change.op,
        "fields": change.fields,
        "partial": change.partial,
        "version": change.remote_version,
        "at": change.occurred_at,
        "evidence": change.evidence,
        **({"left": [change.survivor_object, change.survivor_id]} if change.survivor_id else {}),
    }


def change_from(raw: bytes, system: str, object: str) -> Change:
    """The change that `change_bytes` wrote."""
    body = orjson.loads(raw)
    to, left = body.get("left", (None, None))
    return Change(
        system,
        object,
        body["id"],
        Op(body["op"]),
        body["fields"],
        body["partial"],
        body["version"],
        datetime.fromisoformat(body["at"]) if body["at"] else None,
        body["evidence"],
        survivor_id=left,
        survivor_object=to,
    )
