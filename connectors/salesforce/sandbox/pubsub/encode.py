"""From an event to its bytes: header, bitmaps, and a body with every field of the schema."""

from __future__ import annotations

import difflib
import io
from collections.abc import Iterable
from datetime import date, datetime
from typing import Any

import fastavro

from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.pubsub.capture import Event, updated, whole
from connectors.salesforce.sandbox.pubsub.schemas import Slot

COMMITS = 11_000_000_000_000
"""What commit numbers are counted from."""


def encoded(org: Org, event: Event, diff_over: int | None = None) -> bytes:
    """The Avro body of an event."""
    body, bits = _body(org, event, diff_over)
    change = event.change
    body["ChangeEventHeader"] = {
        "entityName": event.entity,
        "recordIds": list(event.ids),
        "changeType": event.type,
        "changeOrigin": change.origin,
        "transactionKey": change.transaction,
        "sequenceNumber": event.sequence,
        "commitTimestamp": change.at - change.at % 1000,
        "commitNumber": COMMITS + change.number - change.sequence,
        "commitUser": change.user,
        **{name: bitmaps(places) for name, places in bits.items()},
    }
    out = io.BytesIO()
    fastavro.schemaless_writer(out, event.schema.parsed, body)
    return out.getvalue()


Places = dict[int, set[int] | None]
"""Top-level place → the parts of a compound field, or None for the field itself."""


def _body(org: Org, event: Event, diff_over: int | None) -> tuple[dict[str, Any], dict[str, Places]]:
    body: dict[str, Any] = {slot.name: None for slot in event.schema.slots}
    bits: dict[str, Places] = {"nulledFields": {}, "diffFields": {}, "changedFields": {}}
    if not event.told:
        return body, bits
    if event.type != "UPDATE":
        body.update((slot.name, written(slot, value)) for slot, value in whole(org, event))
        return body, bits
    for place, slot, old, new in updated(org, event):
        if slot.parts:
            body[slot.name] = _compound(slot, place, old, new, bits)
            continue
        bits["changedFields"][place] = None
        if new is None:
            bits["nulledFields"][place] = None
        elif _as_diff(slot, old, new, diff_over):
            bits["diffFields"][place] = None
            body[slot.name] = diff(old, new)
        else:
            body[slot.name] = written(slot, new)
    return body, bits


def _compound(slot: Slot, place: int, old: Any, new: Any, bits: dict[str, Places]) -> Any:
    """The record of the parts that changed; where all of it was emptied, the field itself is named."""
    if all(value is None for value in new):
        bits["changedFields"][place] = bits["nulledFields"][place] = None
        return None
    parts = [i for i, (was, now) in enumerate(zip(old, new, strict=True)) if was != now]
    bits["changedFields"][place] = set(parts)
    nulled = {i for i in parts if new[i] is None}
    if nulled:
        bits["nulledFields"][place] = nulled
    return written(slot, tuple(value if i in parts else None for i, value in enumerate(new)), sparse=True)


def _as_diff(slot: Slot, old: Any, new: Any, diff_over: int | None) -> bool:
    return diff_over is not None and slot.type == "textarea" and bool(old) and len(new) > diff_over


def diff(old: str, new: str) -> str:
    """A unified diff of two texts."""
    return "\n".join(difflib.unified_diff(old.split("\n"), new.split("\n"), lineterm=""))


def bitmaps(places: Places) -> list[str]:
    """`0x…` for whole fields, then `PLACE-0x…` for each compound field's parts."""
    tops = [place for place, parts in places.items() if parts is None]
    found = [bitmap(tops)] if tops else []
    return found + [f"{place}-{bitmap(parts)}" for place, parts in sorted(places.items()) if parts]


def bitmap(bits: Iterable[int]) -> str:
    """Places as hexadecimal, the least significant bit first, an even number of digits."""
    digits = f"{sum(1 << bit for bit in bits):X}"
    return f"0x{digits.rjust(len(digits) + len(digits) % 2, '0')}"


def written(slot: Slot, value: Any, *, sparse: bool = False) -> Any:
    """A value as Avro takes it; a compound one without values is null, unless `sparse`."""
    if slot.parts:
        if not sparse and all(part is None for part in value):
            return None
        pairs = zip(slot.parts, value, strict=True)
        return {name: _number(part, type == "double") for (name, _, type), part in pairs}
    if value is None:
        return None
    if slot.type == "date":
        return millis(f"{date.fromisoformat(value).isoformat()}T00:00:00+00:00")
    if slot.type == "datetime":
        return millis(value[:-2] + ":" + value[-2:])
    return _number(value, slot.type in ("double", "currency", "percent"))


def millis(text: str) -> int:
    """An ISO time with a zone in milliseconds since 1970."""
    at = datetime.fromisoformat(text)
    return int(at.timestamp()) * 1000 + at.microsecond // 1000


def _number(value: Any, wide: bool) -> Any:
    return float(value) if wide and value is not None else value
