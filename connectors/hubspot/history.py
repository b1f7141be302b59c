"""What properties held before, of up to 50 records a call (`propertiesWithHistory` of a batch read)."""

from __future__ import annotations

from collections.abc import Collection, Iterable, Mapping
from typing import Any

from connectors.hubspot.client import HubSpotClient
from connectors.hubspot.record import HubRecord
from connectors.hubspot.values import millis, read
from syncd.core.errors import ParseError
from syncd.core.nouns import Past

BATCH = 50
"""Records of one call that asks for histories."""
OTHERS = (
    "AUTOMATION",
    "CALCULATED",
    "CRM_UI",
    "FORM",
    "IMPORT",
    "MERGE",
    "MOBILE",
    "SALESFORCE",
    "WORKFLOW",
)
"""How the sources begin that are no app of ours. Of an unknown word nothing is known."""


async def histories(
    client: HubSpotClient, record: HubRecord, wanted: Mapping[str, Collection[str]]
) -> dict[str, dict[str, list[Past]]]:
    """By id and property. Associations, and what is named by words, have none."""
    names = sorted({name for fields in wanted.values() for name in fields if name in record.kinds})
    ids = [id for id in wanted if id.isdigit()]
    found: dict[str, dict[str, list[Past]]] = {}
    path, what = client.path("objects", record.name, "batch", "read"), f"history of {record.name}"
    for start in range(0, len(ids) if names else 0, BATCH):
        inputs = [{"id": id} for id in ids[start : start + BATCH]]
        body = {"inputs": inputs, "properties": [], "propertiesWithHistory": names}
        _, told = await client.post(path, what, body)
        for row in client.results(told, what):
            past = row.get("propertiesWithHistory") or {}
            found[str(row["id"])] = {
                name: _pasts(record.kinds[name], past[name], client.app)
                for name in names
                if name in wanted.get(str(row["id"]), ()) and isinstance(past.get(name), list)
            }
    return found


def _pasts(kind: str, told: Iterable[Mapping[str, Any]], app: str) -> list[Past]:
    """Of one property, the newest first."""
    pasts = [past for one in told if (past := _past(kind, one, app)) is not None]
    return sorted(pasts, key=lambda past: -past.at)


def _past(kind: str, told: Mapping[str, Any], app: str) -> Past | None:
    at = millis(told.get("timestamp"))
    source, id = str(told.get("sourceType") or ""), str(told.get("sourceId") or "")
    try:
        value = read(kind, told.get("value"))
    except ParseError:
        return None
    return None if at is None else Past(value, at / 1000, _ours(source, id, app), f"{source} {id}".strip())


def _ours(source: str, id: str, app: str) -> bool | None:
    if source.startswith(OTHERS):
        return False
    return id == app if app and id.isdigit() else None
