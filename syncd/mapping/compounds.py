"""The transforms between several fields: two names in one field, one address in several lines."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from syncd.core.nouns import Value
from syncd.core.types import SPACE, clean_text

Values: TypeAlias = tuple[Value, ...]


@dataclass(frozen=True, slots=True)
class Compound:
    """A pair of functions on tuples in the order of the mapping's line.

    `incoming` takes the remote values and how many canonical ones are wanted, `outgoing` the other way
    round. `canon` and `remote` are the arities, None for two or more.
    """

    incoming: Callable[[Values, int], Values]
    outgoing: Callable[[Values, int], Values]
    canon: int | None
    remote: int | None
    shape: str


def _names(values: Values, _count: int) -> Values:
    """The last word is the last name. "Last, First" is not guessed."""
    first, _space, last = " ".join(clean_text("text", values[0]).split()).rpartition(" ")
    return first or None, last or None


def _name(values: Values, _count: int) -> Values:
    """Read back, this gives the same names where the last name is one word; and any name that was read
    is written the same, but for its white space. A last name of several words moves some of them."""
    return (" ".join(value for value in values if value) or None,)


def _one_text(values: Values, _count: int) -> Values:
    """Blank lines between others are kept, blank ones at the end say nothing."""
    lines = [clean_text("text", value) for value in values]
    return ("\n".join(lines).strip(SPACE) or None,)


def _lines(values: Values, count: int) -> Values:
    """More lines than fields: the last field holds the rest with spaces between, which is a reduction."""
    text = (values[0] or "").replace("\r\n", "\n").replace("\r", "\n")
    lines = [line.strip(SPACE) for line in text.split("\n")]
    lines = [*lines[: count - 1], " ".join(filter(None, lines[count - 1 :]))]
    return tuple(line or None for line in lines + [""] * (count - len(lines)))


COMPOUNDS: Mapping[str, Compound] = {
    "full_name": Compound(_names, _name, 2, 1, "two names and one remote field"),
    "lines": Compound(_one_text, _lines, 1, None, "one text and several remote fields"),
}
