"""The transforms of single values: what may stand between a remote value and its type.

A step is a pair of functions on values that are never None. `wire` names the type of what goes out after
the step, so that the last form (a number or its text) is chosen for that; None leaves the field's own.
"""

from __future__ import annotations

from collections.abc import Callable, Sequence
from dataclasses import dataclass
from decimal import Context, Inexact, InvalidOperation
from decimal import Decimal as Number
from typing import Any, ClassVar
from unicodedata import combining

from syncd.core.errors import ParseError
from syncd.core.fieldmap import Direction
from syncd.core.nouns import Value
from syncd.core.numbers import Decimal, plain, read_number
from syncd.core.types import SPACE, Convert, FieldType

TEXTS = ("text", "email", "phone", "enum")


class Fault(Exception):
    """A wrong option; becomes a `Problem` as soon as its place is known."""

    def __init__(self, message: str, hint: str = "", path: tuple[str | int, ...] = ()) -> None:
        super().__init__(message)
        self.message, self.hint, self.path = message, hint, path


@dataclass(frozen=True, slots=True)
class Step:
    """One transform of one field. `only` and `why` are set where it has no inverse."""

    signature: str
    incoming: Convert
    outgoing: Convert
    wire: FieldType | None = None
    only: Direction | None = None
    why: str = ""


class AsIs(FieldType):
    """The wire type of values that already are what the remote wants."""

    __slots__ = ()
    name: ClassVar[str] = "as_is"

    def parse(self, raw: Value) -> Value:
        return raw


def same(value: Value) -> Value:
    """Nothing to do."""
    return value


def require(field: FieldType, option: str, *names: str) -> None:
    """Raise a `Fault` unless the field's type is one of `names`."""
    if field.name not in names:
        raise Fault(
            f"{option} does not apply to a field of type {field.name}", f"it is for {', '.join(names)}"
        )


def _on_text(change: Callable[[str], str]) -> Convert:
    return lambda value: change(value) if isinstance(value, str) else value


def case(name: str, field: FieldType) -> Step:
    """trim, lower, upper: reductions, done in both directions, so that what comes back is what was sent."""
    require(field, name, "text", "email")
    convert = _on_text({"trim": lambda text: text.strip(SPACE), "lower": str.lower, "upper": str.upper}[name])
    return Step(name, convert, convert)


def prefix(option: Any, field: FieldType) -> Step:
    """The remote puts the same text before each value; one that lacks it is read as it is."""
    require(field, "prefix", *TEXTS)
    if not isinstance(option, str) or not option.strip() or option[0] in SPACE:
        raise Fault("prefix is a text that does not begin with a space", 'write prefix: "https://"')
    strip = _on_text(lambda text: text.strip(SPACE).removeprefix(option))
    return Step(f"prefix={option!r}", strip, lambda value: option + str(value))


def max_length(option: Any, field: FieldType) -> Step:
    """Cut what goes out at so many characters, never between a letter and its accents. Incoming is kept."""
    require(field, "max_length", *TEXTS)
    if isinstance(option, bool) or not isinstance(option, int) or option < 1:
        raise Fault("max_length is a number of characters from 1", "write max_length: 80")
    return Step(f"max_length={option}", same, _on_text(lambda text: _cut(text, option)))


def _cut(text: str, length: int) -> str:
    end = length
    while 0 < end < len(text) and (
        combining(text[end]) or text[end] in "\u200d\ufe0f" or text[end - 1] == "\u200d"
    ):
        end -= 1
    return text[: end or length].rstrip(SPACE)


def split(option: Any, field: FieldType) -> Step:
    """A set as one text with a delimiter. An element that holds the delimiter cannot be said."""
    require(field, "split", "set")
    if not isinstance(option, str) or not option:
        raise Fault("split is the delimiter, a text", 'write split: ";"')
    mark = option.strip() or option

    def write(items: Value) -> str | None:
        return _joined(items, option, mark)

    return Step(f"split={option!r}", lambda value: _apart(value, mark), write, AsIs())


def _apart(value: Value, mark: str) -> Value:
    return value.split(mark) if isinstance(value, str) else value


def _joined(items: Sequence[str], delimiter: str, mark: str) -> str | None:
    text = delimiter.join(items)
    # not "mark in item": "|" beside "||" would make a mark where none was
    if [part.strip(SPACE) for part in text.split(mark)] != items and items:
        raise ParseError("set: an element holds the delimiter of the remote field")
    return text or None


def scale(option: Any, field: FieldType) -> Step:
    """Canonical = remote × factor: `scale: 0.01` reads cents. Exact, or it has no inverse."""
    require(field, "scale", "decimal", "integer")
    factor = _factor(option)
    try:
        inverse = _EXACT.divide(Number(1), factor)
    except Inexact:
        why = f"1/{plain(factor)} is no finite decimal"
        return Step(
            f"scale={plain(factor)}", lambda value: _times(value, factor), same, None, Direction.IN, why
        )
    return Step(
        f"scale={plain(factor)}",
        lambda value: _times(value, factor),
        lambda value: _times(value, inverse),
        Decimal(),
    )


_EXACT = Context(prec=2500, traps=[Inexact, InvalidOperation])


def _factor(option: Any) -> Number:
    try:
        factor = None if isinstance(option, bool) else read_number("scale", option)
    except ParseError:
        factor = None
    if not factor or len(plain(factor)) > 20:
        raise Fault("scale is a factor other than 0, of at most 20 digits", "write scale: 0.01 for cents")
    return factor


def _times(value: Value, factor: Number) -> str | None:
    number = read_number("decimal", value)
    return None if number is None else plain(_EXACT.multiply(number, factor))
