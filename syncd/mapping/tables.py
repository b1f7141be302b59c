"""The transforms that are a table: option lists that differ, and a remote's words for true and false."""

from __future__ import annotations

from collections.abc import Mapping
from typing import Any

from syncd.core.errors import ParseError
from syncd.core.fieldmap import Direction
from syncd.core.nouns import Value
from syncd.core.types import Convert, FieldType, Set
from syncd.mapping.steps import AsIs, Fault, Step, require


def values(option: Any, field: FieldType) -> Step:
    """A table from canonical to remote values; for a set, element by element.

    A list names several remote values that read as one, and then has no way back.
    """
    require(field, "values", "enum", "text", "boolean", "integer", "set")
    if not isinstance(option, Mapping) or not option:
        raise Fault("values is a table from canonical to remote values", "write values: {won: Closed Won}")
    item = field.item if isinstance(field, Set) else field
    inward: dict[str, Value] = {}
    outward: dict[Value, Value] = {}
    many = doubled = False
    for key, remote in option.items():
        canonical = _canonical_key(key, item)
        choices = remote if isinstance(remote, list) else [remote]
        many |= len(choices) != 1
        for choice in choices:
            word = _word(choice, key)
            doubled |= word in inward
            inward.setdefault(word, canonical)
        outward[canonical] = choices[0]
    return _table(inward, outward, many, doubled, isinstance(field, Set))


def _canonical_key(key: Any, item: FieldType) -> Value:
    try:
        canonical = item.parse(key)
    except ParseError as error:
        raise Fault(f"a key is not a value of the field: {error}", path=(key,)) from None
    if canonical is None:
        raise Fault("None stays None and stands in no table", "use blank for what means nothing", (key,))
    return canonical


def _word(choice: Any, key: Any) -> str:
    """One spelling for 1 and "1", which the same remote may send for the same thing."""
    if isinstance(choice, bool):
        return "true" if choice else "false"
    if not isinstance(choice, str | int | float) or choice == "":
        raise Fault("a remote value is a text or a number", "write won: Closed Won", (key,))
    return str(choice)


def _table(
    inward: dict[str, Value], outward: dict[Value, Value], many: bool, doubled: bool, is_set: bool
) -> Step:
    def read(value: Value) -> Value:
        try:
            return inward[_word(value, "")]
        except (KeyError, Fault):
            raise ParseError(f"values: not one of the {len(inward)} remote values in the table") from None

    def write(value: Value) -> Value:
        try:
            return outward[value]
        except KeyError:
            raise ParseError(f"values: not one of the {len(outward)} canonical values in the table") from None

    if many and doubled:
        raise Fault("the table reads one remote value in two ways", "name each remote value once")
    only = Direction.IN if many else Direction.OUT if doubled else None
    why = (
        "several remote values read as one"
        if many
        else "several values are written as one"
        if doubled
        else ""
    )
    signature = f"values={sorted(inward.items())!r}{sorted(map(repr, outward.items()))}"
    if is_set:
        return Step(signature, _each(read), _each(write), None, only, why)
    return Step(signature, read, write, AsIs(), only, why)


def _each(convert: Convert) -> Convert:
    def run(items: Value) -> Value:
        return [convert(item) for item in items if item is not None] if isinstance(items, list) else items

    return run


def boolean(option: Any, field: FieldType) -> Step:
    """The remote's own words for true and false."""
    require(field, "boolean", "boolean")
    if not isinstance(option, Mapping) or set(option) != {True, False} or option[True] == option[False]:
        raise Fault("boolean names two different words, for true and for false",
                    'write boolean: {true: "Y", false: "N"}')  # fmt: skip
    return values(option, field)
