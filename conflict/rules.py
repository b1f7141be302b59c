"""The owner's rules: for a field, which strategies are asked in which order."""

from __future__ import annotations

from collections.abc import Sequence
from dataclasses import dataclass, field

from conflict.own import Made, Misjudged, judge
from conflict.strategies import NARROWING
from syncd.core.nouns import Candidate, Rule, Value

FLAPS = "the flap brake: "
"""What the reason begins with where systems changed a field in turn, and a person was asked."""


@dataclass(frozen=True, slots=True)
class Verdict:
    """What the rules said: the index of the winner, or a made value, or nothing (`open`)."""

    rule: str
    why: str
    winner: int | None = None
    value: Value = None
    open: bool = False


@dataclass(frozen=True, slots=True)
class RuleBook:
    """The rules of one kind, in the owner's order. Where none decides, a person is asked.

    So it is where a strategy of the user's own misjudges; `strict` ones raise `Misjudged` then. Where
    `ask` says why, a person is asked whatever the rules say.
    """

    rules: tuple[Rule, ...] = ()
    strict: bool = False
    ask: str = ""
    _by_field: dict[str, tuple[Rule, ...]] = field(default_factory=dict, compare=False)

    def for_field(self, name: str) -> tuple[Rule, ...]:
        """The rules that speak of a field, in order."""
        found = self._by_field.get(name)
        if found is None:
            found = tuple(rule for rule in self.rules if not rule.fields or name in rule.fields)
            self._by_field[name] = found
        return found

    def decide(self, name: str, candidates: Sequence[Candidate], base: Value = None) -> Verdict:
        """The verdict over the whole set of concurrent candidates of a field, which were made from `base`."""
        if self.ask:
            return Verdict("ask", self.ask, open=True)
        left = list(range(len(candidates)))
        for rule in self.for_field(name):
            if rule.when is not None and not rule.when(candidates, base):
                continue
            if rule.strategy == "ask":
                break
            if rule.strategy == "union":
                return _union([candidates[i] for i in left])
            try:
                kept = _narrowed(rule, [candidates[i] for i in left], base)
            except Misjudged as error:
                if self.strict:
                    raise
                return Verdict("ask", f"the strategy {rule.strategy} {error.why}", open=True)
            if isinstance(kept, Made):
                return Verdict(rule.strategy, f"{rule.strategy}: made of all", value=kept.value)
            left = [left[i] for i in kept]
            if _one_value([candidates[i] for i in left]):
                return Verdict(rule.strategy, _why(rule, candidates[left[0]]), winner=left[0])
        return Verdict("ask", "no rule decides between the concurrent values", open=True)


def _narrowed(rule: Rule, candidates: Sequence[Candidate], base: Value) -> Sequence[int] | Made:
    if rule.function is not None:
        return judge(rule, candidates, base)
    return NARROWING[rule.strategy](candidates, rule.args)


def _one_value(candidates: Sequence[Candidate]) -> bool:
    return all(c.value == candidates[0].value for c in candidates)


def _why(rule: Rule, winner: Candidate) -> str:
    return f"{rule.strategy}: {winner.system} wins"


def _union(candidates: Sequence[Candidate]) -> Verdict:
    elements = {element for c in candidates for element in (c.value or ())}
    return Verdict("union", "union: every element that any side has", value=sorted(elements))
