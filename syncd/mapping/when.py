"""`when`: whether a rule applies, by an expression (CEL) over a field's concurrent values and its base.

Nothing else may be spoken of: what is recorded of a decision is all that it may depend on, and a record's
other fields come in their own time, so that the order of arrival would decide.
"""

from __future__ import annotations

from collections.abc import Mapping, Sequence
from dataclasses import dataclass, replace
from typing import Any

from syncd.core.nouns import Candidate, Value
from syncd.core.problems import Problem, SpecError, nearest
from syncd.mapping.where import Where, compile_where

EXAMPLE = "write one such as 'erp' in systems"
NAMES = frozenset({"base", "candidates", "systems", "values"})


@dataclass(frozen=True, slots=True)
class When:
    """A compiled condition."""

    text: str
    where: Where

    def __call__(self, candidates: Sequence[Candidate], base: Value) -> bool:
        """Whether the rule applies. Where the expression says nothing of these values, it does not."""
        return self.where.judge(_said(candidates, base)) is True


def _said(candidates: Sequence[Candidate], base: Value) -> Mapping[str, Any]:
    """What an expression sees, in an order that is not that of arrival."""
    said = sorted(candidates, key=lambda c: (c.system, c.time is not None, c.time or 0.0, repr(c.value)))
    return {
        "base": base,
        "candidates": [{"value": c.value, "system": c.system, "time": c.time} for c in said],
        "systems": [c.system for c in said],
        "values": [c.value for c in said],
    }


def _in_place(problem: Problem) -> Problem:
    return replace(problem, hint=EXAMPLE) if "no expression" in problem.message else problem


def compile_when(text: str) -> When:
    """The compiled condition; raises `SpecError` with what is wrong and where in the text."""
    try:
        where = compile_where(text)
    except SpecError as error:
        raise SpecError([_in_place(problem) for problem in error.problems]) from None
    for name in where.names:
        if name not in NAMES:
            raise SpecError([Problem((), f'speaks of "{name}"', nearest(name, NAMES))])
    return When(text, where)
