"""Values as Salesforce writes them, in JSON and in CSV, and as syncd holds them.

The same record must look the same whichever way it was read: numbers are plain text ("12.5") or whole,
instants RFC 3339, ids of 18 characters, options of a multi-select picklist a list. Sources: REST API
Developer Guide, "Field Types"; Bulk API 2.0 Developer Guide, "Prepare CSV Files"; SOQL and SOSL Reference,
"Date Formats".
"""

from __future__ import annotations

from collections.abc import Callable
from datetime import UTC, datetime
from typing import Any

import orjson

from connectors.salesforce.ids import long_id
from syncd.core.errors import ParseError
from syncd.core.numbers import plain, read_number
from syncd.core.times import read_moment, utc_text

Convert = Callable[[Any], Any]
OPTIONS = ";"
"""Stands between the options of a multi-select picklist, and can be said in none of them."""
CLEARED = "#N/A"
"""How a CSV row empties a field; an empty cell leaves it as it is."""


def _number(raw: Any) -> Any:
    """A decimal as plain text, so that nobody rounds it on the way."""
    number = read_number("decimal", raw)
    return None if number is None else plain(number)


def _whole(raw: Any) -> Any:
    """A whole number; JSON may say 7.0, CSV "7.0"."""
    number = read_number("integer", raw)
    if number is None:
        return None
    return int(number) if number == number.to_integral_value() else plain(number)


def _truth(raw: Any) -> Any:
    return raw.lower() == "true" if isinstance(raw, str) and raw else raw or (False if raw is False else None)


def _instant(raw: Any) -> Any:
    at = read_moment(raw)
    return None if at is None else utc_text(at if at.tzinfo is not None else at.replace(tzinfo=UTC))


def _id(raw: Any) -> Any:
    return long_id(raw) if isinstance(raw, str) and raw else None


def _several(raw: Any) -> Any:
    return [part for part in raw.split(OPTIONS) if part] or None if isinstance(raw, str) and raw else None


def _text(raw: Any) -> Any:
    return raw if raw != "" else None


READ: dict[str, Convert] = {
    "boolean": _truth,
    "int": _whole,
    "long": _whole,
    "whole": _whole,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "datetime": _instant,
    "id": _id,
    "reference": _id,
    "multipicklist": _several,
}
"""By native type (`whole`: a number without decimals); all others are as they are."""


def reader(native: str) -> Convert:
    """What turns a value of JSON or CSV into ours."""
    convert = READ.get(native, _text)

    def read(raw: Any) -> Any:
        try:
            return convert(raw)
        except ParseError:
            return raw  # the mapping says which value cannot be read

    return read


def as_json(native: str, value: Any) -> Any:
    """Our value as JSON; numbers keep all their digits. Raises `ParseError` for one of no use."""
    if native == "multipicklist" and isinstance(value, list):
        if any(OPTIONS in str(option) for option in value):
            raise ParseError(f'an option holds "{OPTIONS}", which separates options there')
        return OPTIONS.join(value) or None
    if value is None:
        return False if native == "boolean" else None
    if native in ("double", "currency", "percent", "whole", "int", "long") and not isinstance(value, bool):
        number = read_number("decimal", value)
        return None if number is None else orjson.Fragment(plain(number))
    if native == "datetime" and isinstance(value, str):
        return _instant(value)
    return value


def cell(told: Any) -> str:
    """A value of JSON as a cell of CSV."""
    if told is None or told == "":
        return CLEARED
    if isinstance(told, orjson.Fragment):
        return orjson.dumps(told).decode()
    return str(told).lower() if isinstance(told, bool) else str(told)


def stamp(raw: Any) -> datetime | None:
    """A time stamp of a record as an instant in UTC; None where there is none."""
    try:
        at = read_moment(raw)
    except ParseError:
        return None
    if at is None:
        return None
    return at.astimezone(UTC) if at.tzinfo is not None else at.replace(tzinfo=UTC)
