"""The canonical types of dates and instants. They never turn into each other: that is how days shift."""

from __future__ import annotations

from dataclasses import dataclass
from datetime import UTC, date, datetime
from typing import ClassVar

from syncd.core.errors import ParseError
from syncd.core.nouns import Value
from syncd.core.types import SPACE, Convert, FieldType, json_kind


def read_moment(raw: Value) -> datetime | None:
    """The instant or wall time of an ISO 8601 text, zone-aware where the text names an offset.

    Digits beyond microseconds are cut. None for a blank; raises `ParseError`.
    """
    text = time_text("datetime", raw)
    if not text:
        return None
    try:
        if len(text) < 13 or text[4] != "-" or text[7] != "-":
            raise ValueError
        return datetime.fromisoformat(text.upper())
    except ValueError:
        raise ParseError("datetime: expected a date and a time, such as 2026-01-31T10:00:00Z") from None


def time_text(kind: str, raw: Value) -> str:
    """The trimmed text, '' for a blank; raises `ParseError` for anything but text."""
    if raw is None:
        return ""
    if not isinstance(raw, str):
        raise ParseError(f"{kind}: expected text, got a {json_kind(raw)}")
    return raw.strip(SPACE)


def utc_text(moment: datetime) -> str:
    """The canonical text of a zone-aware instant; raises `ParseError` outside the years 1 to 9999."""
    try:
        text = moment.astimezone(UTC).isoformat()[:-6]
    except OverflowError:
        raise ParseError("datetime: outside the years 1 to 9999 in UTC") from None
    return (text.rstrip("0") if "." in text else text) + "Z"


@dataclass(frozen=True, slots=True)
class Date(FieldType):
    """A day of the calendar, in no zone. A date with a time of day is an error, not a day."""

    name: ClassVar[str] = "date"

    def parse(self, raw: Value) -> str | None:
        text = time_text("date", raw)
        if not text:
            return None
        try:
            if len(text) != 10 or text[4] != "-" or text[7] != "-":
                raise ValueError
            return date.fromisoformat(text).isoformat()
        except ValueError:
            raise ParseError("date: expected a day without a time, such as 2026-01-31") from None

    def writer(self, remote_type: str | None) -> Convert | None:
        if remote_type == "datetime":
            raise ParseError("date: the remote field is a datetime, and a day in no zone is no instant")
        return None


@dataclass(frozen=True, slots=True)
class Datetime(FieldType):
    """An instant. A wall time without offset is an error unless the mapping names a zone."""

    name: ClassVar[str] = "datetime"

    def parse(self, raw: Value) -> str | None:
        moment = read_moment(raw)
        if moment is None:
            return None
        if moment.tzinfo is None:
            raise ParseError("datetime: has no offset; name the remote's zone in the mapping")
        return utc_text(moment)

    def writer(self, remote_type: str | None) -> Convert | None:
        if remote_type == "date":
            raise ParseError("datetime: the remote field is a date, which holds no time of day")
        return None
