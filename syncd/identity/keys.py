"""Match keys: texts by which two records are found to be one. Pure."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from hashlib import blake2b
from typing import Any

from syncd.core.equality import fold
from syncd.core.fieldmap import is_blank
from syncd.core.nouns import Fields, Value
from syncd.core.problems import Problem, SpecError, nearest
from syncd.core.types import FieldType

MAX_KEY = 200  # characters: an index entry of PostgreSQL holds 2,700 bytes, and many keys sit in one page

_NO_KEY = {
    "set": "no two sets need to hold the same elements",
    "boolean": "half of all records would be one",
}


@dataclass(frozen=True, slots=True)
class Matcher:
    """The match rules of one kind, each a tuple of canonical fields, the most telling first."""

    kind: str
    rules: tuple[tuple[str, ...], ...]

    @property
    def fields(self) -> frozenset[str]:
        """All canonical fields that a key is made of."""
        return frozenset(name for rule in self.rules for name in rule)

    def keys(self, fields: Fields) -> list[str]:
        """One key of at most `MAX_KEY` characters for each rule whose fields are all there, in rule order.

        A key begins with its rule's index, so that an e-mail address never meets a telephone number.
        """
        made = (_key(index, [fields.get(name) for name in rule]) for index, rule in enumerate(self.rules))
        return [key for key in made if key is not None]


def rule_of(key: str) -> int:
    """The index of the rule that made a key."""
    return int(key[: len(key) - len(key.lstrip("0123456789"))])


def _key(index: int, values: list[Value]) -> str | None:
    if any(is_blank(value) for value in values):
        return None
    parts = [fold(value if isinstance(value, str) else str(value)) for value in values]
    if not all(parts):
        return None
    # lengths keep ("a b", "c") and ("a", "b c") apart, whatever characters the values hold
    text = parts[0] if len(parts) == 1 else "".join(f"{len(part)}:{part}" for part in parts)
    key = f"{index}:{text}"
    if len(key) <= MAX_KEY:
        return key
    return f"{index}#{blake2b(text.encode('utf-8', 'surrogatepass'), digest_size=32).hexdigest()}"


def compile_match(kind: str, spec: Any, field_types: Mapping[str, FieldType]) -> Matcher:
    """The matcher of a kind's `match:` list, whose elements are a field or a list of fields.

    Raises `SpecError` with every problem; paths begin with the index in the list. No rules, no keys.
    """
    if not isinstance(spec, list | tuple):
        raise SpecError([Problem((), "match is a list of fields", "write match: [email]")])
    rules = [tuple(item) if isinstance(item, list | tuple) else (item,) for item in spec]
    problems = [problem for index, rule in enumerate(rules) for problem in _judged(index, rule, field_types)]
    doubles = [index for index, rule in enumerate(rules) if rule in rules[:index]]
    problems += [Problem((index,), "this rule stands above already", "remove it") for index in doubles]
    if problems:
        raise SpecError(problems)
    return Matcher(kind, tuple(rules))


def _judged(index: int, rule: tuple[Any, ...], field_types: Mapping[str, FieldType]) -> list[Problem]:
    if not rule or len(set(map(str, rule))) < len(rule):
        return [
            Problem((index,), "a rule names one field or several different ones", "write [phone, last_name]")
        ]
    problems = []
    for name in rule:
        kind = field_types.get(name) if isinstance(name, str) else None
        if kind is None:
            problems.append(Problem((index,), f"the kind has no field {name}", nearest(name, field_types)))
        elif kind.name in _NO_KEY:
            message = f"{name} is a {kind.name}, which makes no key: {_NO_KEY[kind.name]}"
            problems.append(Problem((index,), message, "match by a field that tells records apart"))
    return problems
