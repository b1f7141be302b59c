"""Values as HubSpot writes them, which is always as text, and as syncd holds them.

Numbers stay plain text, so that nobody rounds them; a date may read as milliseconds at midnight (properties
guide).
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from datetime import UTC, datetime, timedelta
from typing import Any

from syncd.core.numbers import plain, read_number
from syncd.core.times import read_moment, utc_text

EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_MILLIS = re.compile(r"-?\d{5,15}")
TYPES: Mapping[str, str] = {
    "number": "decimal",
    "integer": "integer",
    "bool": "boolean",
    "date": "date",
    "datetime": "datetime",
    "enumeration": "enum",
}
"""By HubSpot's type: the canonical one that is nearest; all others are text."""


def _moment(raw: str) -> datetime | None:
    if _MILLIS.fullmatch(raw):
        return EPOCH + timedelta(milliseconds=int(raw))
    at = read_moment(raw)
    return None if at is None else at if at.tzinfo is not None else at.replace(tzinfo=UTC)


def _instant(raw: str) -> Any:
    at = _moment(raw)
    return None if at is None else utc_text(at)


def _day(raw: str) -> Any:
    if not _MILLIS.fullmatch(raw):
        return raw[:10]
    at = _moment(raw)
    return None if at is None else at.date().isoformat()


def _whole(raw: str) -> Any:
    number = read_number("integer", raw)
    return None if number is None else int(number) if number == number.to_integral_value() else plain(number)


_READ: Mapping[str, Callable[[str], Any]] = {
    "integer": _whole,
    "bool": lambda raw: raw == "true",
    "date": _day,
    "datetime": _instant,
}


def read(kind: str, raw: Any) -> Any:
    """A value of a property of this type; an empty one is None. Raises `ParseError` for an odd time."""
    if raw is None or raw == "":
        return None
    return _READ.get(kind, str)(str(raw))


def written(value: Any) -> str:
    """A value as HubSpot takes it: an empty text clears (properties guide)."""
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    return ";".join(map(str, value)) if isinstance(value, list | tuple) else str(value)


def millis(raw: Any) -> int | None:
    """A time in milliseconds since 1970; None where it is none."""
    at = _moment(str(raw)) if raw else None
    return None if at is None else (at - EPOCH) // timedelta(milliseconds=1)
