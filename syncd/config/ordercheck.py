"""Strategies of the user's own and rules with conditions, tried in every order of arrival."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from itertools import pairwise

from conflict.arrivals import Edit
from conflict.trial import Fault, Field, fault_of, shown
from syncd.config.places import problem_at
from syncd.config.problems import Path, Problem
from syncd.config.settings import KindSettings, Settings
from syncd.core.errors import ParseError
from syncd.core.nouns import Rule, Value
from syncd.core.types import Enum, FieldType, Ref, Set

SAMPLES: Mapping[str, Sequence[Value]] = {
    "text": ("then", None, "b", "cc", "Aa"),
    "email": ("then@x.org", None, "b@x.org", "cc@x.org", "a@y.org"),
    "phone": ("+493012345670", None, "+493012345671", "+33142685300", "x 7"),
    "integer": (5, None, 7, 12, 3),
    "decimal": ("5", None, "7.5", "12", "-3"),
    "boolean": (None, True, False),
    "date": ("2026-01-05", None, "2026-01-07", "2026-12-01", "2025-06-30"),
    "datetime": ("2026-01-05T10:00:00Z", None, "2026-01-05T09:00:00Z", "2026-01-07T00:00:00Z"),
    "enum": ("then", None, "b", "cc", "aa"),
    "ref": (1, None, 2, 3),
    "set": (["a"], None, ["b"], ["a", "b"]),
}
"""Of each type the value of before, and others that may be said against each other."""
HINT = "A rule may go by values, systems, times and base, never by the event or the place in the list."


def check_orders(settings: Settings) -> list[Problem]:
    """What is wrong with strategies that packages bring along and with conditions, each at its rule."""
    return [problem for kind in settings.kinds.values() for problem in _of_kind(settings, kind)]


def _of_kind(settings: Settings, kind: KindSettings) -> Iterator[Problem]:
    for index, rule in enumerate(kind.rules):
        if (rule.function is None and rule.when is None) or len(kind.systems) < 2:
            continue
        path: Path = ("kinds", kind.name, "conflicts", index, "strategy")
        for name, field in _fields(rule, kind.field_types):
            fault = fault_of(rule, list(kind.systems), field, _times(rule))
            if fault is not None:
                told = f'the strategy "{rule.strategy}" {sentence(fault)} (tried on {name})'
                hint = HINT if fault.orders else ""
                yield problem_at(settings.places.of_value(path), path, told, hint)
                break


def _fields(rule: Rule, types: Mapping[str, FieldType]) -> Iterator[tuple[str, Field]]:
    """One field of each type that the rule speaks of; one for all where only its condition is on trial."""
    tried = set()
    for name in sorted(rule.fields or types):
        kind = types[name]
        if kind.signature not in tried:
            tried.add(kind.signature)
            yield name, sample_of(kind)
            if rule.function is None:
                return


def sample_of(kind: FieldType) -> Field:
    """Values of a type."""
    base, *values = SAMPLES[kind.name]
    if isinstance(kind, Enum) and kind.options:
        base, *values = [*kind.options[:3], None]
    is_set = isinstance(kind, Set)

    def fits(value: Value) -> bool:
        if isinstance(kind, Ref):
            return value is None or (isinstance(value, int) and not isinstance(value, bool))
        try:
            return bool(kind.parse(value) == value)
        except ParseError:
            return False

    return Field(base, values, is_set, fits)


def _times(rule: Rule) -> Sequence[float | None]:
    """Times that certainly differ, and one between them that may be either, by the clocks' skew."""
    skew = max([float(rule.args.get("skew", 0.0)), *rule.args.get("skews", {}).values()])
    return (None, 0.0, skew + 0.5, 2 * skew + 1.0)


def sentence(fault: Fault) -> str:
    """What went wrong, and over what."""
    said = " and ".join(_said(edit) for edit in fault.edits)
    if not fault.orders:
        return f"{fault.why}, where {said}"
    ways = "; ".join(
        f"in the order {_numbered(fault.edits, order)} it decides {result}" for order, result in fault.orders
    )
    return f"{fault.why}: where {said}, {ways}"


def _said(edit: Edit) -> str:
    at = "" if edit.time is None else f" at {edit.time:g} s"
    return f"{edit.system} says {shown(edit.value)}{at}"


def _numbered(edits: Sequence[Edit], order: Sequence[Edit]) -> str:
    """An order by the systems' names; by names and values where one speaks twice."""
    twice = any(a.system == b.system for a, b in pairwise(sorted(edits, key=lambda e: e.system)))
    return ", ".join(f"{e.system} {shown(e.value)}" if twice else e.system for e in order)
