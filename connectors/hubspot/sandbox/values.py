"""What a portal keeps of a value: text always, each type in its own form; or why it cannot be."""

from __future__ import annotations

import re
from collections.abc import Callable, Collection
from datetime import UTC, datetime, timedelta
from decimal import Decimal, InvalidOperation
from typing import Any

from connectors.hubspot.sandbox.fields import HubProperty
from connectors.hubspot.sandbox.refusals import Problem

LONGEST = 65_536
"""Characters of a text (properties guide)."""
DAY = 86_400_000
LAST = 250_000_000_000_000
"""Milliseconds since 1970 of the latest time that is taken."""
EMAIL = re.compile(r"[^@\s\"'<>(),;:]+@(?:[a-z0-9](?:[a-z0-9-]*[a-z0-9])?\.)+([a-z][a-z0-9-]*[a-z0-9])")
NO_TLDS = frozenset({"con", "cmo", "invalid", "lan", "local", "localhost"})
"""Endings that no address may have here: HubSpot wants one that exists."""
EPOCH = datetime(1970, 1, 1, tzinfo=UTC)


class Unfit(Exception):
    """A value that does not fit: the vendor's code and text."""

    def __init__(self, code: str, message: str) -> None:
        super().__init__(message)
        self.code, self.message = code, message

    def of(self, name: str) -> Problem:
        """As the problem of a property."""
        return Problem(name, self.code, self.message)


def iso(stamp: int) -> str:
    """Milliseconds since 1970 as `2026-03-01T09:00:00.000Z`."""
    at = EPOCH + timedelta(milliseconds=stamp)
    return at.isoformat(timespec="milliseconds")[:-6] + "Z"


def sent(value: Any) -> str:
    """What came in JSON, as text: numbers and booleans are taken, too. `Unfit` for lists and objects."""
    if isinstance(value, str):
        return value
    if value is None:
        return ""
    if isinstance(value, bool):
        return "true" if value else "false"
    if isinstance(value, int | float):
        return repr(value)
    raise Unfit("INVALID_STRING", f"{str(value)[:80]} was not a valid string.")


def kept(
    prop: HubProperty, value: str, old: str | None, options: Collection[str] | None, *, trim: bool
) -> str | None:
    """What is kept; None: it is cleared. `options`: the values that an enumeration takes, None: any."""
    text = value.strip() if trim or prop.type not in ("string", "phone_number") else value
    if text == "":
        return None
    if prop.type == "enumeration":
        return _chosen(prop, text, old, options)
    return _TYPES.get(prop.type, _text)(prop, text)


def _text(prop: HubProperty, text: str) -> str:
    most = prop.length or LONGEST
    if len(text) > most:
        raise Unfit("PROPERTY_VALUE_TOO_LONG", f"{prop.label} holds at most {most} characters.")
    if prop.rule == "email":
        return email(text)
    return text.lower() if prop.rule == "domain" else text


def email(text: str) -> str:
    """An address in lower case; `Unfit`."""
    lower = text.lower()
    found = EMAIL.fullmatch(lower)
    if found is None or found[1] in NO_TLDS:
        raise Unfit("INVALID_EMAIL", f"Email address {text} is invalid")
    return lower


def _number(prop: HubProperty, text: str) -> str:
    try:
        good = Decimal(text).is_finite() and "_" not in text
    except InvalidOperation:
        good = False
    if not good:
        raise Unfit("INVALID_INTEGER", f"{text} was not a valid number.")
    return text


def _bool(prop: HubProperty, text: str) -> str:
    if text.lower() not in ("true", "false"):
        raise not_allowed(text, ("true", "false"))
    return text.lower()


def _chosen(prop: HubProperty, text: str, old: str | None, options: Collection[str] | None) -> str:
    if not prop.multiple:
        if options is not None and text not in options:
            raise not_allowed(text, options)
        return text
    before = (old or "").split(";") if text.startswith(";") else []
    wanted = [one.strip() for one in text.split(";") if one.strip()]
    for one in wanted:
        if options is not None and one not in options:
            raise not_allowed(one, options)
    return ";".join(dict.fromkeys([one for one in before if one] + wanted))


def not_allowed(value: str, options: Collection[str]) -> Unfit:
    """A value that is no option."""
    return Unfit("INVALID_OPTION", f"{value} was not one of the allowed options: [{', '.join(options)}]")


def _date(prop: HubProperty, text: str) -> str:
    if re.fullmatch(r"-?\d{5,}", text):
        stamp = int(text)
        if stamp % DAY:
            at = EPOCH + timedelta(milliseconds=stamp)
            clock = f"{at.hour}:{at.minute}:{at.second}.{at.microsecond // 1000}"
            raise Unfit("INVALID_DATE", f"{text} is at {clock} UTC, not midnight!")
        return iso(stamp)[:10]
    try:
        return datetime.strptime(text, "%Y-%m-%d").replace(tzinfo=UTC).date().isoformat()
    except ValueError:
        raise Unfit("INVALID_DATE", f"{text} was not a valid date.") from None


def _datetime(prop: HubProperty, text: str) -> str:
    return iso(instant(text))


def instant(text: str) -> int:
    """A time, ISO 8601 or milliseconds, in milliseconds since 1970; `Unfit`."""
    try:
        if text.isascii() and text.lstrip("-").isdigit():
            stamp = int(text)
            if abs(stamp) > LAST:
                raise OverflowError(text)
            return stamp
        at = datetime.fromisoformat(text)
        at = at.replace(tzinfo=UTC) if at.tzinfo is None and len(text) == len("2026-01-01") else at
        if at.tzinfo is None:
            raise ValueError(text)
        return (at - EPOCH) // timedelta(milliseconds=1)
    except (ValueError, OverflowError):
        raise Unfit("INVALID_LONG", f"{text} was not a valid long.") from None


_TYPES: dict[str, Callable[[HubProperty, str], str]] = {
    "number": _number,
    "bool": _bool,
    "date": _date,
    "datetime": _datetime,
}
