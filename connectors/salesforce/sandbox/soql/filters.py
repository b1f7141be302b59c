"""What a condition means for a value.

Text without case, ids in both lengths, nulls, dates and their stretches.
"""

from __future__ import annotations

import re
from collections.abc import Callable
from datetime import date
from typing import Any

from connectors.salesforce.sandbox import ids
from connectors.salesforce.sandbox.fields import NUMBERS, TEXTS, OrgField
from connectors.salesforce.sandbox.refusals import Refused
from connectors.salesforce.sandbox.soql.lex import at
from connectors.salesforce.sandbox.soql.ranges import stretch
from connectors.salesforce.sandbox.soql.tree import Value
from connectors.salesforce.sandbox.values import moment

Test = Callable[[Any], bool]
ORDERS: dict[str, Callable[[Any, Any], bool]] = {
    "<": lambda a, b: a < b,
    "<=": lambda a, b: a <= b,
    ">": lambda a, b: a > b,
    ">=": lambda a, b: a >= b,
}
_WANTED = {"boolean": ("bool", "boolean"), "date": ("date", "date"), "datetime": ("datetime", "dateTime")}


class Literals:
    """The literals of one query; `today` is the day that date literals count from."""

    def __init__(self, text: str, today: date) -> None:
        self.text, self.today = text, today

    def test(self, name: str, field: OrgField, op: str, value: Value) -> Test:
        """Whether a field's value stands in this relation to a literal."""
        if value.kind == "range":
            return self._in_stretch(name, field, op, value)
        wanted = self.read(name, field, value)
        if op == "like":
            return _like(str(value.value))
        if op in ("=", "!="):
            same = _same(field, wanted)
            return same if op == "=" else lambda one: not same(one)
        if wanted is None:
            return lambda one: False
        compare, wanted = ORDERS[op], key(field, wanted)
        return lambda one: one is not None and compare(key(field, one), wanted)

    def among(self, name: str, field: OrgField, values: tuple[Value, ...]) -> Test:
        """Whether it is one of them."""
        wanted = {key(field, self.read(name, field, value)) for value in values}
        return lambda one: key(field, one) in wanted

    def includes(self, values: tuple[Value, ...]) -> Test:
        """Whether a multi-select has all the parts of one of them."""
        sets = [{part.strip().lower() for part in str(value.value).split(";")} for value in values]

        def test(one: Any) -> bool:
            has = {part.lower() for part in one.split(";")} if one else set()
            return any(wanted <= has for wanted in sets)

        return test

    def read(self, name: str, field: OrgField, value: Value) -> Any:
        """A literal as the field's value; `Refused` where it is of another type."""
        if value.kind == "null":
            return None
        if field.type in ("id", "reference"):
            found = ids.read(value.value)
            if found is None:
                said = f"invalid ID field: {value.value}"
                raise Refused("INVALID_QUERY_FILTER_OPERATOR", at(self.text, value.place, said))
            return found
        if field.type in TEXTS:
            if value.kind != "text":
                raise self._wrong(name, "string and should be enclosed in quotes", value)
            return value.value
        kind, called = _WANTED.get(field.type, ("number", "int" if field.type == "int" else "double"))
        if value.kind != kind:
            raise self._wrong(name, f"{called} and should not be enclosed in quotes", value)
        try:
            if kind == "datetime":
                return moment(value.value)
            return date.fromisoformat(value.value).isoformat() if kind == "date" else value.value
        except ValueError:
            raise Refused("MALFORMED_QUERY", f"Invalid date: {value.value}") from None

    def _wrong(self, name: str, wanted: str, value: Value) -> Refused:
        said = f"value of filter criterion for field '{name}' must be of type {wanted}"
        return Refused("INVALID_FIELD", at(self.text, value.place, said))

    def _in_stretch(self, name: str, field: OrgField, op: str, value: Value) -> Test:
        if field.type not in ("date", "datetime"):
            raise self._wrong(name, f"{field.type} and should not be a date literal", value)
        begin, end = (day.isoformat() for day in stretch(value.value[0], value.value[1], self.today))
        tests: dict[str, Test] = {
            "=": lambda one: one is not None and begin <= one < end,
            "!=": lambda one: one is None or not begin <= one < end,
            "<": lambda one: one is not None and one < begin,
            "<=": lambda one: one is not None and one < end,
            ">": lambda one: one is not None and one >= end,
            ">=": lambda one: one is not None and one >= begin,
        }
        if op not in tests:
            raise Refused(
                "INVALID_QUERY_FILTER_OPERATOR", f"operator {op} cannot be used with a date literal"
            )
        return tests[op]


def key(field: OrgField, value: Any) -> Any:
    """What values of a field are compared by."""
    if isinstance(value, str):
        return value.lower() if field.type in TEXTS and not field.case_sensitive else value
    return float(value) if field.type in NUMBERS and value is not None else value


def _same(field: OrgField, wanted: Any) -> Test:
    folded = key(field, wanted) or None if isinstance(wanted, str) else key(field, wanted)
    if field.type == "multipicklist" and folded is not None:
        parts = set(folded.split(";"))
        return lambda one: one is not None and set(one.lower().split(";")) == parts
    return lambda one: key(field, one) == folded


def _like(pattern: str) -> Test:
    made = ""
    for part in re.findall(r"\\[%_]|[%_]|[^%_\\]+|\\", pattern):
        made += {"%": ".*", "_": ".", "\\%": "%", "\\_": "_"}.get(part) or re.escape(part)
    match = re.compile(made, re.I | re.S).fullmatch
    return lambda one: one is not None and match(str(one)) is not None
