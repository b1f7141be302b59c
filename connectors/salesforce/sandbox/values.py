"""Values at the door, by field type: what JSON or CSV brings, what is stored for it, and what is refused."""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import UTC, date, datetime
from decimal import ROUND_HALF_UP, Decimal, InvalidOperation
from typing import Any

from connectors.salesforce.sandbox import ids
from connectors.salesforce.sandbox.fields import OrgField
from connectors.salesforce.sandbox.refusals import Refused, parser_error

EMAIL = re.compile(r"[^@\s,;<>()\"]+@[^@\s,;<>()\"]+\.[A-Za-z0-9-]{1,}\Z")
Check = Callable[[Any], Any]


def check(object: str, name: str, field: OrgField, lower_emails: Callable[[], bool]) -> Check:
    """The check of one field: JSON value in, stored value out, `Refused` where it does not fit."""
    take = _TAKES.get(field.type, _text)

    def checked(value: Any) -> Any:
        if value is None or value == "":
            if field.type == "boolean":
                raise Refused(
                    "INVALID_TYPE_ON_FIELD_IN_RECORD",
                    f"{field.label}: value not of required type: {value or ''}",
                    [name],
                )
            return None
        value = take(object, name, field, value)
        return value.lower() if field.type == "email" and lower_emails() else value

    return checked


def _text(_: str, name: str, field: OrgField, value: Any) -> Any:
    if isinstance(value, bool):
        value = "true" if value else "false"
    elif isinstance(value, int | float):
        value = str(value)
    elif not isinstance(value, str):
        raise _cannot("string", value)
    value = value.strip()
    if field.length is not None and len(value) > field.length:
        text = f"{field.label}: data value too large: {value} (max length={field.length})"
        raise Refused("STRING_TOO_LONG", text, [name])
    if field.type == "email" and value and not EMAIL.match(value):
        raise Refused("INVALID_EMAIL_ADDRESS", f"{field.label}: invalid email address: {value}", [name])
    return value or None


def _picked(object: str, name: str, field: OrgField, value: Any) -> Any:
    value = _text(object, name, field, value)
    if value is None or field.options is None:
        return value
    found = [_option(name, field, one) for one in (value.split(";") if field.type != "picklist" else [value])]
    return ";".join(dict.fromkeys(sorted(found, key=lambda one: _place(field, one)))) or None


def _place(field: OrgField, one: str) -> tuple[int, str]:
    options = field.options or ()
    return (options.index(one) if one in options else len(options), one)


def _option(name: str, field: OrgField, one: str) -> str:
    one = one.strip()
    known = {option.lower(): option for option in field.options or ()}.get(one.lower())
    if known is None and field.restricted:
        text = f"{field.label}: bad value for restricted picklist field: {one}"
        raise Refused("INVALID_OR_NULL_FOR_RESTRICTED_PICKLIST", text, [name])
    return known or one


def _number(_: str, name: str, field: OrgField, value: Any) -> Any:
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise _cannot("double", value)
    try:
        exact = Decimal(str(value))
        if not exact.is_finite():
            raise InvalidOperation
    except InvalidOperation:
        raise _cannot("double", value) from None
    scale = field.scale or 0
    if field.type == "int" and exact != exact.to_integral_value():
        raise _cannot("int", value)
    if abs(exact) >= Decimal(10) ** (field.precision - scale):
        text = f"{field.label}: value outside of valid range on numeric field: {value}"
        raise Refused("NUMBER_OUTSIDE_VALID_RANGE", text, [name])
    exact = exact.quantize(Decimal(1).scaleb(-scale), ROUND_HALF_UP)
    return int(exact) if field.type == "int" else float(exact)


def _truth(_: str, name: str, field: OrgField, value: Any) -> Any:
    if isinstance(value, str) and value.lower() in ("true", "false", "1", "0"):
        return value.lower() in ("true", "1")
    if not isinstance(value, bool):
        raise _cannot("boolean", value)
    return value


def _day(_: str, name: str, field: OrgField, value: Any) -> Any:
    try:
        return date.fromisoformat(str(value)[:10] if len(str(value)) > 10 else str(value)).isoformat()
    except ValueError:
        raise _cannot("date", value) from None


def _moment(_: str, name: str, field: OrgField, value: Any) -> Any:
    try:
        return moment(str(value))
    except ValueError:
        raise _cannot("datetime", value) from None


def moment(text: str) -> str:
    """An ISO date-time as the service writes it; what names no zone is UTC. `ValueError` for others."""
    text = re.sub(r"([+-]\d\d)(\d\d)\Z", r"\1:\2", text)
    at = datetime.fromisoformat(text)
    return written((at if at.tzinfo else at.replace(tzinfo=UTC)).timestamp())


_written: tuple[float, str] = (0.0, "1970-01-01T00:00:00.000+0000")


def written(seconds: float) -> str:
    """Seconds since 1970 as `2024-01-15T10:30:00.000+0000`."""
    global _written
    if _written[0] != seconds:
        at = datetime.fromtimestamp(seconds, UTC)
        _written = (
            seconds,
            at.strftime("%Y-%m-%dT%H:%M:%S.") + f"{round(seconds * 1000) % 1000:03d}+0000",
        )
    return _written[1]


def _reference(_: str, name: str, field: OrgField, value: Any) -> Any:
    found = ids.read(value.strip() if isinstance(value, str) else value)
    if found is None:
        text = f"{field.label}: id value of incorrect type: {value}"
        raise Refused("MALFORMED_ID", text, [name])
    return found


def _cannot(type: str, value: Any) -> Refused:
    kind = "VALUE_STRING" if isinstance(value, str) else "VALUE_TRUE" if value is True else "VALUE_NUMBER_INT"
    kind = "START_OBJECT" if isinstance(value, dict) else "START_ARRAY" if isinstance(value, list) else kind
    shown = value if isinstance(value, str) else "" if isinstance(value, dict | list) else str(value).lower()
    return parser_error(
        f"Cannot deserialize instance of {type} from {kind} value {shown} or request may be missing a "
        "required field at [line:1, column:2]"
    )


_TAKES: dict[str, Callable[[str, str, OrgField, Any], Any]] = {
    "picklist": _picked,
    "multipicklist": _picked,
    "boolean": _truth,
    "int": _number,
    "double": _number,
    "currency": _number,
    "percent": _number,
    "date": _day,
    "datetime": _moment,
    "reference": _reference,
}
