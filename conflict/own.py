"""A strategy of the user's own: a function that sees all concurrent candidates and names the value that wins.

It is announced under the entry point group `syncd.strategies` and called as `function(offers, base, **args)`.
It returns the value of one of the offers, or `UNDECIDED`: then the next rule is asked. One that makes values,
as `union` does, says so: `function.makes_values = True`. `base` is what the field had before all of this, or
None where it had nothing or nobody knows. It must be pure.
"""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass
from typing import Any

from conflict.strategies import Survivors, skew_of
from syncd.core.nouns import Candidate, Rule, Value


class Undecided:
    """The type of `UNDECIDED`: None is a value, which clears a field."""

    def __repr__(self) -> str:
        return "UNDECIDED"


UNDECIDED = Undecided()


@dataclass(frozen=True, slots=True)
class Offer:
    """One candidate. `earliest` and `latest` are seconds since the epoch (UTC), None where no time is known.

    `system` is `rule` or `person` for a value that a decision made. `event` is the number of the journal
    entry that brought it: it rises with the order of arrival, which no rule may depend on.
    """

    value: Value
    system: str
    earliest: float | None
    latest: float | None
    event: int


@dataclass(frozen=True, slots=True)
class Made:
    """A value that nobody offered."""

    value: Value


class Misjudged(Exception):
    """A strategy failed, or returned what it may not. `why` holds no value."""

    def __init__(self, why: str, candidates: Sequence[Candidate]) -> None:
        super().__init__(why)
        self.why, self.candidates = why, candidates


def judge(rule: Rule, candidates: Sequence[Candidate], base: Value) -> Survivors | Made:
    """Those whose value wins, all where it is undecided, or a made value. Raises `Misjudged`."""
    assert rule.function is not None
    try:
        said = rule.function([_offer(c, rule) for c in candidates], base, **rule.args.get("args", {}))
        if said is UNDECIDED:
            return list(range(len(candidates)))
        kept = [i for i, c in enumerate(candidates) if c.value == said]
    except Exception as error:  # whatever a stranger's function does, it is one decision that is not made
        raise Misjudged(f"failed with {type(error).__name__}", candidates) from error
    if kept:
        return kept
    if not getattr(rule.function, "makes_values", False):
        raise Misjudged("returned a value that nobody offered", candidates)
    if not _is_plain(said):
        raise Misjudged("made what is no value of a field", candidates)
    return Made(said)


def _offer(candidate: Candidate, rule: Rule) -> Offer:
    time, value = candidate.time, candidate.value
    skew = skew_of(candidate, rule.args)
    return Offer(
        list(value) if isinstance(value, list) else value,
        candidate.system,
        None if time is None else time - skew,
        None if time is None else time + skew,
        candidate.event,
    )


def _is_plain(value: Any) -> bool:
    if isinstance(value, list):
        return all(isinstance(item, str) for item in value) and value == sorted(set(value)) != []
    return value is None or isinstance(value, str | int | bool)
