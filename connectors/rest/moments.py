"""Moments as this API writes them: a name of a form, a strftime pattern, or an object with parts."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from datetime import UTC, datetime, timedelta
from email.utils import format_datetime
from typing import Any
from zoneinfo import ZoneInfo, ZoneInfoNotFoundError

from connectors.http.answer import http_date
from connectors.rest.template import HOLE, compile_tree
from syncd.core.errors import NeedsOperator

Read = Callable[[Any], datetime | None]
Write = Callable[[datetime], Any]
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)
PARTS = ("year", "month", "day", "hour", "minute", "second", "microsecond")


@dataclass(frozen=True, slots=True)
class Form:
    """`read` gives UTC, or None for what is no moment in this form; `write` takes UTC."""

    read: Read
    write: Write


def form_of(said: Any, zone: str) -> Form:
    """The form that the configuration names. Raises `NeedsOperator` for one that is none."""
    where = zone_of(zone)
    if isinstance(said, Mapping):
        return _object(said, where)
    plain = _PLAIN.get(str(said))
    if plain is not None:
        read, write = plain
        return Form(_careful(lambda raw: read(raw, where)), lambda at: write(at.astimezone(where)))
    if "%" not in str(said):
        raise NeedsOperator(f"{said!r} is no way to write a time", f"Use {', '.join(_PLAIN)} or a pattern")
    return Form(
        _careful(lambda raw: aware(datetime.strptime(raw, str(said)), where)),  # noqa: DTZ007 - aware() follows
        lambda at: at.astimezone(where).strftime(str(said)),
    )


def zone_of(name: str) -> Any:
    """A time zone by its name."""
    if name == "UTC":
        return UTC
    try:
        return ZoneInfo(name)
    except (ZoneInfoNotFoundError, ValueError, OSError):
        raise NeedsOperator(f"the zone {name!r} is not known", "Write a name such as Europe/Berlin") from None


def aware(moment: datetime, zone: Any) -> datetime:
    """In UTC; one without an offset is a wall time of the zone."""
    if moment.tzinfo is UTC:
        return moment
    return (moment if moment.tzinfo else moment.replace(tzinfo=zone)).astimezone(UTC)


def _careful(read: Callable[[Any], datetime | None]) -> Read:
    def careful(raw: Any) -> datetime | None:
        try:
            return read(raw)
        except (ValueError, TypeError, KeyError, OverflowError, AttributeError, OSError):
            return None

    return careful


def _iso(raw: Any, zone: Any) -> datetime | None:
    return aware(datetime.fromisoformat(raw), zone)


def _written(timespec: str) -> Callable[[datetime], str]:
    def write(at: datetime) -> str:
        return at.isoformat(timespec=timespec).replace("+00:00", "Z")

    return write


def _since_epoch(unit: timedelta) -> tuple[Callable[[Any, Any], datetime], Callable[[datetime], int]]:
    def read(raw: Any, zone: Any) -> datetime:
        number = raw if isinstance(raw, int) and not isinstance(raw, bool) else float(raw)
        return EPOCH + number * unit

    return read, lambda at: (at - EPOCH) // unit


_PLAIN: Mapping[str, tuple[Callable[[Any, Any], datetime | None], Callable[[datetime], Any]]] = {
    "iso": (_iso, _written("microseconds")),
    "iso_ms": (_iso, _written("milliseconds")),
    "iso_s": (_iso, _written("seconds")),
    "unix": _since_epoch(timedelta(seconds=1)),
    "ms": _since_epoch(timedelta(milliseconds=1)),
    "http": (lambda raw, zone: http_date(raw), lambda at: format_datetime(at.astimezone(UTC), usegmt=True)),
}


def _object(said: Mapping[str, Any], zone: Any) -> Form:
    """An object: its fixed keys tell that it is one, its parts are whole numbers."""
    template = compile_tree(dict(said), PARTS)
    parts = {_part(v): k for k, v in said.items() if _part(v)}
    fixed = {k: v for k, v in said.items() if not _part(v)}
    if "year" not in parts:
        raise NeedsOperator("an object for times needs {year}", "Say which key is the {year}")

    def read(raw: Any) -> datetime | None:
        if any(raw.get(k) != v for k, v in fixed.items()):
            return None
        told = {part: int(raw.get(key, 0)) for part, key in parts.items()}
        return aware(datetime(**{"month": 1, "day": 1, **told}), zone)  # type: ignore[arg-type]  # noqa: DTZ001

    def write(at: datetime) -> Any:
        local = at.astimezone(zone)
        return template.fill({part: getattr(local, part) for part in PARTS})

    return Form(_careful(lambda raw: read(raw) if isinstance(raw, Mapping) else None), write)


def _part(value: Any) -> str | None:
    match = HOLE.fullmatch(value) if isinstance(value, str) else None
    return match[2] if match and match[2] in PARTS else None
