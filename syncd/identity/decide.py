"""Which record, if any, a new remote record is: first that decides, and ambiguous is never linked. Pure."""

from __future__ import annotations

from collections.abc import Collection, Mapping
from dataclasses import dataclass
from typing import TypeAlias

from syncd.identity.keys import rule_of


@dataclass(frozen=True, slots=True)
class Match:
    """Exactly one candidate by the rule with index `rule`."""

    record_id: int
    rule: int


@dataclass(frozen=True, slots=True)
class NoMatch:
    """No rule found anybody."""


@dataclass(frozen=True, slots=True)
class Ambiguous:
    """Several candidates by one rule: listed for a person, never linked. `record_ids` are sorted."""

    record_ids: tuple[int, ...]
    rule: int


Decision: TypeAlias = Match | NoMatch | Ambiguous


def decide(candidates: Mapping[str, Collection[int]]) -> Decision:
    """The decision over the records found under each key.

    The strongest rule that found anybody has the only word: a weaker one may not settle its doubt, for it
    would then link by less. Leave out records that already have a live link in the system concerned.
    """
    found: dict[int, set[int]] = {}
    for key, record_ids in candidates.items():
        if record_ids:
            found.setdefault(rule_of(key), set()).update(record_ids)
    if not found:
        return NoMatch()
    rule = min(found)
    first, *others = sorted(found[rule])
    return Ambiguous((first, *others), rule) if others else Match(first, rule)
