"""The canonical types of numbers."""

from __future__ import annotations

import re
from dataclasses import dataclass
from decimal import Decimal as Number
from decimal import InvalidOperation
from typing import ClassVar

from syncd.core.errors import ParseError
from syncd.core.nouns import Value
from syncd.core.types import SPACE, Convert, FieldType, json_kind

MAX_DIGITS = 500  # on each side of the point: more than any float has, and "1e999999999" stays harmless

_NORMAL = re.compile(r"(?!-0\Z)-?(?:0|[1-9][0-9]{0,498})(?:\.[0-9]{0,498}[1-9])?")
_INT64 = 2**63


def read_number(kind: str, raw: Value) -> Number | None:
    """The exact number of a JSON number or of text; None for a blank. Raises `ParseError` under `kind`.

    Thousands separators and decimal commas are not guessed.
    """
    if raw is None or raw == "":
        return None
    if isinstance(raw, bool) or not isinstance(raw, str | int | float):
        raise ParseError(f"{kind}: expected a number, got a {json_kind(raw)}")
    try:
        text = raw.strip(SPACE) if isinstance(raw, str) else repr(raw)
        return _exact(kind, text) if text else None
    except (InvalidOperation, ValueError):
        raise ParseError(f"{kind}: expected a number in plain notation, such as -1234.5") from None


def _exact(kind: str, text: str) -> Number:
    if "_" in text or len(text) > 3 * MAX_DIGITS:
        raise ValueError
    number = Number(text)
    if not number.is_finite():
        raise ParseError(f"{kind}: not a finite number")
    if not number:
        return Number(0)
    exponent = number.as_tuple().exponent
    if number.adjusted() >= MAX_DIGITS or (isinstance(exponent, int) and exponent < -MAX_DIGITS):
        raise ParseError(f"{kind}: more than {MAX_DIGITS} digits")
    return number


def plain(number: Number) -> str:
    """The number in plain notation without needless zeros."""
    text = format(number, "f")
    if "." in text:
        text = text.rstrip("0").rstrip(".")
    return text if number else "0"


@dataclass(frozen=True, slots=True)
class Integer(FieldType):
    """A whole number of at most 64 bits, which is what JSON readers agree on."""

    name: ClassVar[str] = "integer"

    def parse(self, raw: Value) -> int | None:
        if raw.__class__ is int and -_INT64 <= raw < _INT64:
            return int(raw)
        if raw.__class__ is str and len(raw) < 19 and raw.isascii() and raw.isdigit():
            return int(raw)
        number = read_number("integer", raw)
        if number is None:
            return None
        if number != number.to_integral_value():
            raise ParseError("integer: has a fraction")
        if not -_INT64 <= number < _INT64:
            raise ParseError("integer: does not fit in 64 bits; make the field a decimal or a text")
        return int(number)

    def writer(self, remote_type: str | None) -> Convert | None:
        return str if remote_type in ("text", "decimal", "enum") else None


@dataclass(frozen=True, slots=True)
class Decimal(FieldType):
    """An exact number. It travels as text, so that nobody rounds it on the way."""

    name: ClassVar[str] = "decimal"

    def parse(self, raw: Value) -> str | None:
        if raw.__class__ is str and _NORMAL.fullmatch(raw):
            return str(raw)
        number = read_number("decimal", raw)
        return None if number is None else plain(number)

    def writer(self, remote_type: str | None) -> Convert | None:
        return _whole if remote_type == "integer" else None


def _whole(value: str) -> int:
    try:
        whole = Integer().parse(value)
    except ParseError:
        raise ParseError("decimal: the remote field holds whole numbers of 64 bits only") from None
    assert whole is not None
    return whole
