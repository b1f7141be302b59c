"""Strategies as a user may write them, good ones and bad ones."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

from conflict.own import UNDECIDED, Offer

Offers = Sequence[Offer]


def owner(candidates: Offers, base: Any, *, of: str, unless: Sequence[str] = ()) -> Any:
    """One system owns the field, unless it says one of some words."""
    return next((c.value for c in candidates if c.system == of and c.value not in unless), UNDECIDED)


def last(candidates: Offers, base: Any) -> Any:
    """Last one wins: the bad rule."""
    return candidates[-1].value


def latest(candidates: Offers, base: Any) -> Any:
    """The same by the event."""
    return max(candidates, key=lambda c: c.event).value


def pairwise(candidates: Offers, base: Any) -> Any:
    """Each against the one that won before: where none is certainly newer, it was first who was first."""
    best = candidates[0]
    for one in candidates[1:]:
        if best.latest is not None and one.earliest is not None and best.latest < one.earliest:
            best = one
    return best.value


def fails(candidates: Offers, base: Any) -> Any:
    return max(c.value for c in candidates)  # a blank is no text


def invents(candidates: Offers, base: Any) -> Any:
    return "something else"


def greatest(candidates: Offers, base: Any) -> Any:
    return max((c.value for c in candidates if c.value is not None), default=None)


def summed(candidates: Offers, base: Any) -> Any:
    """What all added, together; values of its own."""
    before = base or 0
    return before + sum((c.value or 0) - before for c in candidates if c.system != "rule")


summed.makes_values = True  # type: ignore[attr-defined]


def halves(candidates: Offers, base: Any) -> Any:
    return sum(c.value or 0 for c in candidates) / 2


halves.makes_values = True  # type: ignore[attr-defined]


def from_base(candidates: Offers, base: Any) -> Any:
    """The longest text that goes on from what was there."""
    longer = [c.value for c in candidates if c.value and c.value.startswith(base or "")]
    return max(longer, key=lambda text: (len(text), text)) if longer else UNDECIDED


def takes_one(candidates: Offers) -> Any:
    return candidates[0].value
