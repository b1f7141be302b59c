"""The built-in strategies: each narrows a whole set of concurrent candidates, never a pair.

A strategy returns the indices that survive; one survivor, or survivors that are all equal, decide. What
it cannot judge survives, and the next rule looks at what is left, so no order of arrival can matter.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from datetime import datetime
from decimal import Decimal, InvalidOperation
from typing import Any

from syncd.core.fieldmap import is_blank
from syncd.core.nouns import Candidate, Value

Survivors = list[int]
Strategy = Callable[[Sequence[Candidate], Mapping[str, Any]], Survivors]


def prefer(candidates: Sequence[Candidate], args: Mapping[str, Any]) -> Survivors:
    """The candidates of the first of `systems` that has any."""
    for system in args.get("systems", ()):
        found = [i for i, c in enumerate(candidates) if c.system == system]
        if found:
            return found
    return list(range(len(candidates)))


def newest(candidates: Sequence[Candidate], args: Mapping[str, Any]) -> Survivors:
    """Those that no other is certainly newer than: a time is an interval of ± its system's skew.

    `skew` is in seconds, one number or one per system under `skews`. A candidate without a time can
    neither beat nor be beaten.
    """
    return _undominated(candidates, args, lambda a, b: a.time + skew_of(a, args) < b.time - skew_of(b, args))


def oldest(candidates: Sequence[Candidate], args: Mapping[str, Any]) -> Survivors:
    """Those that no other is certainly older than; see `newest`."""
    return _undominated(candidates, args, lambda a, b: b.time + skew_of(b, args) < a.time - skew_of(a, args))


def _undominated(
    candidates: Sequence[Candidate], args: Mapping[str, Any], beaten: Callable[[Any, Any], bool]
) -> Survivors:
    timed = [c for c in candidates if c.time is not None]
    return [
        i for i, c in enumerate(candidates) if c.time is None or not any(beaten(c, other) for other in timed)
    ]


def skew_of(candidate: Candidate, args: Mapping[str, Any]) -> float:
    """How far a candidate's clock may be off, in seconds."""
    skews: Mapping[str, float] = args.get("skews", {})
    return float(skews.get(candidate.system, args.get("skew", 0.0)))


def longest(candidates: Sequence[Candidate], args: Mapping[str, Any]) -> Survivors:
    """The longest texts."""
    return _best(candidates, lambda value: len(value) if isinstance(value, str) else -1)


def maximum(candidates: Sequence[Candidate], args: Mapping[str, Any]) -> Survivors:
    """The greatest number, date or time; a blank is less than all."""
    return _best(candidates, _order)


def minimum(candidates: Sequence[Candidate], args: Mapping[str, Any]) -> Survivors:
    """The least number, date or time that is not blank."""
    filled = non_empty(candidates, args)
    least = min(_order(candidates[i].value) for i in filled)
    return [i for i in filled if _order(candidates[i].value) == least]


def non_empty(candidates: Sequence[Candidate], args: Mapping[str, Any]) -> Survivors:
    """Those that say something, if any does."""
    filled = [i for i, c in enumerate(candidates) if not is_blank(c.value)]
    return filled or list(range(len(candidates)))


def _best(candidates: Sequence[Candidate], rank: Callable[[Value], Any]) -> Survivors:
    best = max(rank(c.value) for c in candidates)
    return [i for i, c in enumerate(candidates) if rank(c.value) == best]


def _order(value: Value) -> tuple[int, Decimal | float | str]:
    """Numbers, times and texts, each comparable among themselves; canonical numbers may be text."""
    if is_blank(value):
        return (0, 0)
    try:
        return (1, Decimal(str(value)))
    except InvalidOperation:
        pass
    try:
        return (2, datetime.fromisoformat(str(value)).timestamp())
    except ValueError:
        return (3, str(value))


NARROWING: Mapping[str, Strategy] = {
    "prefer": prefer,
    "newest": newest,
    "oldest": oldest,
    "longest": longest,
    "max": maximum,
    "min": minimum,
    "non_empty": non_empty,
}

STRATEGIES = frozenset({*NARROWING, "union", "ask"})
