"""`where`: which remote records take part, judged by an expression (CEL) over the fields of a remote record.

The library is imported where an expression is compiled: it takes long, and few configurations have any.
"""

from __future__ import annotations

import re
from collections.abc import Callable, Mapping
from dataclasses import dataclass, field, replace
from math import isfinite
from typing import Any

from syncd.core.nouns import Value
from syncd.core.problems import Problem, SpecError

LONGEST = 1_000
"""Elements of a list that an expression may walk through; a record with more counts as unknown."""
WALKS = ("all", "exists", "exists_one", "existsOne", "filter", "map")
_WALK = re.compile(rf"\.\s*(?:{'|'.join(WALKS)})\s*\(")
_BOUND = re.compile(rf"\.\s*(?:{'|'.join(WALKS)})\s*\(\s*(\w+)\s*,")
_TEXT = re.compile(r"\"(?:[^\"\\]|\\.)*\"|'(?:[^'\\]|\\.)*'")
_AT = re.compile(r"<input>:(\d+):(\d+): Syntax error: (.*)")


def _length(value: Any) -> int:
    return len(value) if isinstance(value, str | list | dict) else 0


def _lower(value: Any) -> Any:
    return value.lower() if isinstance(value, str) else value


OWN: Mapping[str, Callable[[Any], Any]] = {"length": _length, "lower": _lower}
"""Functions beside the language's own: characters or elements of a value, and a text in small letters."""
KNOWN = frozenset(
    {*OWN, *WALKS, "has", "contains", "startsWith", "endsWith", "matches", "int", "double", "string"}
)


@dataclass(frozen=True, slots=True)
class Where:
    """A compiled expression. `names` are the remote fields that it speaks of.

    `numbers` are those of them that are decimals: their values are texts, which keep all digits, and are
    compared as numbers.
    """

    text: str
    names: tuple[str, ...]
    program: Any = field(repr=False, compare=False)
    numbers: frozenset[str] = frozenset()

    def typed(self, types: Mapping[str, str]) -> Where:
        """The same for remote fields of these types."""
        return replace(self, numbers=frozenset(n for n in self.names if types.get(n) == "decimal"))

    def judge(self, fields: Mapping[str, Value]) -> bool | None:
        """Whether a record takes part; None where nobody can tell: a field is missing, or of another form."""
        if any(name not in fields for name in self.names):
            return None
        values = {n: _number(fields[n]) if n in self.numbers else fields[n] for n in self.names}
        if any(isinstance(value, list) and len(value) > LONGEST for value in values.values()):
            return None
        try:
            said = self.program.execute({**values, **OWN})
        except (LookupError, TypeError, ValueError, RuntimeError):
            return None
        return said if isinstance(said, bool) else None


def _number(value: Value) -> Value:
    """A decimal's text as a number; what is none stays as it is."""
    if not isinstance(value, str):
        return value
    try:
        number = float(value)
    except ValueError:
        return value
    return number if isfinite(number) else value


def compile_where(text: str) -> Where:
    """The compiled expression; raises `SpecError` with what is wrong and where in the text."""
    import cel

    bare = _TEXT.sub('""', text)
    if len(_WALK.findall(bare)) > 1:
        raise _fault("walks through more than one list", f"use only one of {', '.join(WALKS)}")
    try:
        program = cel.compile(text)
    except ValueError as error:
        raise _syntax(text, str(error)) from None
    for name in program.functions():
        if name.isidentifier() and name not in KNOWN and name not in ("in", "_"):
            known = f"use {', '.join(sorted(KNOWN))}"
            hint = "use length, which counts characters" if name == "size" else known
            raise _fault(f'calls "{name}"', hint)
    bound = set(_BOUND.findall(bare))
    return Where(text, tuple(sorted(set(program.variables()) - bound)), program)


def _syntax(text: str, said: str) -> SpecError:
    """The library's words, with the place in the text."""
    found = _AT.findall(said)
    if not found:
        return _fault("is no expression", "write one such as Status == 'active'")
    line, column, why = found[0]
    place = f"at character {column}" + (f" of its line {line}" if "\n" in text.strip() else "")
    short = why.split(" expecting ")[0]
    hint = "write one such as Status == 'active' && Amount > 0"
    return _fault(f"is no expression: {place}: {short}", hint)


def _fault(message: str, hint: str) -> SpecError:
    return SpecError([Problem((), message, hint)])
