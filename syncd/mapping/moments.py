"""The transforms of dates and instants: a remote's pattern, its epoch, its zone.

In a zone with summer time an hour is said twice each autumn, and one is missing each spring. Reading: the
hour that is said twice is the earlier one; the hour that does not exist counts on from before the gap.
Writing: the second of the doubled hours cannot be said without an offset, and is refused rather than moved.
"""

from __future__ import annotations

import re
from collections.abc import Mapping
from datetime import UTC, datetime, timedelta
from decimal import Decimal as Number
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from syncd.core.errors import ParseError
from syncd.core.fieldmap import Direction
from syncd.core.nouns import Value
from syncd.core.numbers import Integer, read_number
from syncd.core.times import read_moment, time_text, utc_text
from syncd.core.types import FieldType
from syncd.mapping.steps import AsIs, Fault, Step, require, same

_EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
_SAMPLES = ("1931-12-09T23:58:57Z", "1999-02-28T00:00:01Z", "2026-07-31T12:34:56Z")


def moment_step(options: Mapping[str, Any], field: FieldType) -> Step | None:
    """The step of `epoch`, `date_format` and `zone`, which belong together; None without them."""
    if "epoch" in options:
        if "zone" in options or "date_format" in options:
            raise Fault("epoch says the instant by itself", "remove zone and date_format", ("epoch",))
        return _epoch(options["epoch"], field)
    zone = _zone(options["zone"], field) if "zone" in options else None
    if "date_format" in options:
        return _pattern(options["date_format"], zone, field)
    return _wall(zone) if zone else None


def _zone(option: Any, field: FieldType) -> ZoneInfo:
    require(field, "zone", "datetime")
    try:
        return ZoneInfo(option)
    except (ZoneInfoNotFoundError, ValueError, TypeError, OSError):
        raise Fault("the zone is not known", "write a name such as Europe/Berlin", ("zone",)) from None


def _epoch(option: Any, field: FieldType) -> Step:
    """Seconds or milliseconds since 1970 as a whole number; what it cannot hold of a second is cut."""
    require(field, "epoch", "datetime")
    unit = {"s": timedelta(seconds=1), "ms": timedelta(milliseconds=1)}.get(str(option))
    if unit is None:
        raise Fault("epoch is s or ms", "write epoch: ms", ("epoch",))
    micros = unit // timedelta(microseconds=1)

    def read(value: Value) -> str | None:
        number = read_number("datetime", value)
        if number is None:
            return None
        try:
            return utc_text(_EPOCH + timedelta(microseconds=int(number * Number(micros))))
        except OverflowError:
            raise ParseError("datetime: outside the years 1 to 9999 in UTC") from None

    return Step(
        f"epoch={option}", read, lambda value: (datetime.fromisoformat(value) - _EPOCH) // unit, Integer()
    )


def _wall(zone: ZoneInfo) -> Step:
    """ISO wall times of a zone; a time that brings its own offset is taken at its word."""

    def read(value: Value) -> str | None:
        moment = read_moment(value)
        return None if moment is None else _instant(moment, zone)

    return Step(f"zone={zone.key}", read, lambda value: _said(value, zone).isoformat(), AsIs())


def _instant(moment: datetime, zone: ZoneInfo | None) -> str:
    if moment.tzinfo is None and zone is None:
        raise ParseError("datetime: has no offset; name the remote's zone in the mapping")
    return utc_text(moment if moment.tzinfo else moment.replace(tzinfo=zone))


def _said(value: str, zone: ZoneInfo) -> datetime:
    """The naive wall time of an instant; raises `ParseError` where it would be read as another instant."""
    try:
        moment = datetime.fromisoformat(value).astimezone(zone)
    except OverflowError:
        raise ParseError("datetime: outside the years 1 to 9999 in the remote's zone") from None
    if moment.fold:
        raise ParseError("datetime: in the hour that the remote's zone says twice, and it takes no offset")
    return moment.replace(tzinfo=None)


def _pattern(option: Any, zone: ZoneInfo | None, field: FieldType) -> Step:
    """strptime's pattern. Read-only where a sample does not come back: two-digit years, no seconds."""
    require(field, "date_format", "date", "datetime")
    if not isinstance(option, str) or not _is_pattern(option):
        raise Fault("date_format is a pattern of strptime", 'write date_format: "%d.%m.%Y"', ("date_format",))
    is_date = field.name == "date"
    if not is_date and zone is None and "%z" not in option:
        raise Fault(
            "the pattern has no offset (%z)", "name the remote's zone: zone: Europe/Berlin", ("date_format",)
        )
    if is_date and any(mark in option for mark in ("%H", "%I", "%M", "%z")):
        raise Fault("a date holds no time of day", "make the field a datetime", ("date_format",))

    def read(value: Value) -> str | None:
        text = time_text(field.name, value)
        return _strptime(text, option, zone, is_date) if text else None

    def write(value: str) -> str:
        text = _strftime(value, option, zone, is_date)
        if _strptime(text, option, zone, is_date) != (value if is_date else _whole_seconds(value, option)):
            raise ParseError(f"{field.name}: the remote's pattern cannot say it")
        return text

    signature = f"date_format={option!r},{zone.key if zone else ''}"
    if not _comes_back(write, is_date):
        return Step(signature, read, same, AsIs(), Direction.IN, "the pattern does not say the whole value")
    return Step(signature, read, write, AsIs())


def _is_pattern(option: str) -> bool:
    try:
        datetime.strptime("", option)  # noqa: DTZ007 - only the pattern is of interest
    except re.error:  # one directive twice
        return False
    except ValueError as error:
        return "%" in option and "directive" not in str(error) and "stray" not in str(error)
    return False


def _strptime(text: str, pattern: str, zone: ZoneInfo | None, is_date: bool) -> str:
    try:
        moment = datetime.strptime(text, pattern)  # noqa: DTZ007 - the zone follows below
        return moment.date().isoformat() if is_date else _instant(moment, zone)
    except ValueError:
        kind = "date" if is_date else "datetime"
        raise ParseError(f"{kind}: not written as the mapping's date_format says") from None


def _strftime(value: str, pattern: str, zone: ZoneInfo | None, is_date: bool) -> str:
    moment = datetime.fromisoformat(value)
    return (moment if is_date or zone is None else _said(value, zone)).strftime(pattern)


def _whole_seconds(value: str, pattern: str) -> str:
    return value if "%f" in pattern else value[:19] + "Z"


def _comes_back(write: Any, is_date: bool) -> bool:
    try:
        for sample in _SAMPLES:
            write(sample[:10] if is_date else sample)
    except (ParseError, ValueError):
        return False
    return True
