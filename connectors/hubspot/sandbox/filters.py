"""The filters of a search, made into tests of a record once and then run over all."""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from decimal import Decimal, InvalidOperation
from fnmatch import translate
from typing import Any

from connectors.hubspot.sandbox.fields import HubProperty
from connectors.hubspot.sandbox.refusals import wrong
from connectors.hubspot.sandbox.values import Unfit, instant

Test = Callable[[str | None], bool]
"""Whether a value, None for an empty one, is what a filter wants."""
ORDERED: dict[str, Callable[[Any, Any], bool]] = {
    "LT": lambda a, b: a < b,
    "LTE": lambda a, b: a <= b,
    "GT": lambda a, b: a > b,
    "GTE": lambda a, b: a >= b,
}
OPERATORS = frozenset(
    {
        *ORDERED,
        "EQ",
        "NEQ",
        "BETWEEN",
        "IN",
        "NOT_IN",
        "HAS_PROPERTY",
        "NOT_HAS_PROPERTY",
        "CONTAINS_TOKEN",
        "NOT_CONTAINS_TOKEN",
    }
)
TIMES = ("date", "datetime")


def read(prop: HubProperty, words: Mapping[str, Any]) -> Test:
    """The test of one filter; `Refused` 400."""
    operator = str(words.get("operator", ""))
    if operator not in OPERATORS:
        raise wrong(f"Invalid input JSON: {operator[:40] or 'null'} is no filter operator")
    if operator in ("HAS_PROPERTY", "NOT_HAS_PROPERTY"):
        return lambda value: (value is not None) == (operator == "HAS_PROPERTY")
    if operator in ("IN", "NOT_IN"):
        return _among(prop, words, operator == "IN")
    if operator.endswith("CONTAINS_TOKEN"):
        return _token(str(_said(words, "value")), operator == "CONTAINS_TOKEN")
    if operator == "BETWEEN":
        low, high = _key(prop, _said(words, "value")), _key(prop, _said(words, "highValue"))
        return lambda value: value is not None and low <= _key(prop, value) <= high
    wanted = _key(prop, _said(words, "value"))
    if operator in ORDERED:
        holds = ORDERED[operator]
        return lambda value: value is not None and holds(_key(prop, value), wanted)
    if prop.multiple:
        return lambda value: (wanted in (value or "").split(";")) == (operator == "EQ")
    return lambda value: (value is not None and _key(prop, value) == wanted) == (operator == "EQ")


def _said(words: Mapping[str, Any], name: str) -> Any:
    if words.get(name) is None:
        raise wrong(f"operator {words.get('operator')} requires {name}")
    return words[name]


def _key(prop: HubProperty, value: Any) -> Any:
    """What a value is compared by: times and numbers as such, text in lower case, options as they are."""
    text = str(value)
    try:
        if prop.type in TIMES:
            return instant(text)
        if prop.type == "number":
            return Decimal(text)
    except (Unfit, InvalidOperation):
        raise wrong(f"{text[:80]} was not a valid {prop.type} for a filter on this property") from None
    return text if prop.type == "enumeration" else text.lower()


def _among(prop: HubProperty, words: Mapping[str, Any], wanted: bool) -> Test:
    """Texts are in the index in lower case, and what is asked for is not: `Anna` finds nothing."""
    values = words.get("values")
    if not isinstance(values, list) or not values:
        raise wrong(f"operator {words.get('operator')} requires values")
    if prop.type == "string":
        found = set(map(str, values))
        return lambda value: value is not None and (value.lower() in found) == wanted
    keys = {_key(prop, value) for value in values}
    if prop.multiple:
        return lambda value: value is not None and bool(keys & set(value.split(";"))) == wanted
    return lambda value: value is not None and (_key(prop, value) in keys) == wanted


def _token(wanted: str, has: bool) -> Test:
    pattern = re.compile(translate(wanted.lower()))

    def test(value: str | None) -> bool:
        if value is None:
            return not has
        lower = value.lower()
        words = (lower, *re.split(r"[^\w@.+-]+", lower), *re.split(r"\W+", lower))
        return any(pattern.match(word) for word in words) == has

    return test
