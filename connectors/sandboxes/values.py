"""Values at the door: is it of the field's type, does it fit, and what is stored for it."""

from __future__ import annotations

import re
from collections.abc import Callable, Iterable
from datetime import date, datetime
from decimal import ROUND_HALF_EVEN, Decimal, InvalidOperation
from typing import Any

from connectors.sandboxes.shape import FieldShape, Refusal

Check = Callable[[Any], Any]
"""Takes what was sent, returns what is stored, or raises `Refusal`."""
TAG = re.compile(r"<[^>]*>")


def make_check(name: str, shape: FieldShape, normalise: Iterable[str], changed: Callable[[], None]) -> Check:
    """The check of one field; `changed` is called when a normaliser made another value of what was sent."""
    take = _TYPES.get(shape.type, _text)
    rules = [(rule.partition(":")[0], rule.partition(":")[2]) for rule in normalise]
    bound = shape.required or shape.length is not None or shape.options is not None

    def check(value: Any) -> Any:
        if value is not None and not (take is _text and type(value) is str):
            value = _taken(name, take, value)
        if rules and value is not None:
            value, sent = normalised(value, rules), value
            if value != sent:
                changed()
        if bound:
            _fits(name, shape, value)
        return value

    return check


def _taken(name: str, take: Check, value: Any) -> Any:
    try:
        return take(value)
    except (TypeError, ValueError, InvalidOperation):
        raise Refusal(422, "invalid", f"{name} does not take such a value", name) from None


def _fits(name: str, shape: FieldShape, value: Any) -> None:
    if shape.required and value in (None, ""):
        raise Refusal(422, "required", f"{name} must have a value", name)
    if shape.length is not None and isinstance(value, str) and len(value) > shape.length:
        raise Refusal(422, "too_long", f"{name} holds {shape.length} characters", name)
    if shape.options is not None and value not in (None, ""):
        for one in value if isinstance(value, list) else (value,):
            if one not in shape.options:
                raise Refusal(422, "bad_option", f"{name} takes one of {len(shape.options)} options", name)


def normalised(value: Any, rules: Iterable[tuple[str, str]]) -> Any:
    """What the CRM keeps of a value."""
    for rule, argument in rules:
        if rule == "round":
            value = str(Decimal(value).quantize(Decimal(1).scaleb(-int(argument)), ROUND_HALF_EVEN))
        elif isinstance(value, str):
            value = _WORDS[rule](value, argument)
    return value


def _phone(value: str, _: str) -> str:
    digits = re.sub(r"\D", "", value)
    return ("+" if value.lstrip().startswith("+") else "") + digits


def _url(value: str, _: str) -> str:
    return value if "://" in value or not value else f"https://{value}"


def _html(value: str, _: str) -> str:
    return value if value.startswith("<") or not value else f"<p>{value}</p>"


_WORDS: dict[str, Callable[[str, str], str]] = {
    "trim": lambda value, _: value.strip(),
    "lower": lambda value, _: value.lower(),
    "upper": lambda value, _: value.upper(),
    "cut": lambda value, places: value[: int(places)],
    "phone": _phone,
    "url": _url,
    "html": _html,
    "strip_html": lambda value, _: TAG.sub("", value),
}


def _text(value: Any) -> str:
    if type(value) is not str:
        raise TypeError
    return value


def _integer(value: Any) -> int:
    if type(value) is not int:
        raise TypeError
    return value


def _decimal(value: Any) -> str:
    if isinstance(value, bool) or not Decimal(str(value)).is_finite():
        raise TypeError
    return str(value)


def _boolean(value: Any) -> bool:
    if type(value) is not bool:
        raise TypeError
    return value


def _date(value: Any) -> str:
    return date.fromisoformat(_text(value)).isoformat()


def _datetime(value: Any) -> str:
    if datetime.fromisoformat(_text(value)).tzinfo is None:
        raise ValueError
    return str(value)


def _set(value: Any) -> list[str]:
    return sorted({_text(one) for one in list(value)})


def _ref(value: Any) -> str:
    return str(_integer(value)) if isinstance(value, int) else _text(value)


_TYPES: dict[str, Check] = {
    "integer": _integer,
    "decimal": _decimal,
    "boolean": _boolean,
    "date": _date,
    "datetime": _datetime,
    "set": _set,
    "ref": _ref,
}
