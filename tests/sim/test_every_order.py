"""All orders of arrival of up to four concurrent edits in three systems, under every built-in strategy.

The worlds are enumerated in full. Where one system edits several times and one of its values is another's or
the one of before, the order may tell what was made from what, and may count; nowhere else does it.
"""

from __future__ import annotations

from collections import Counter
from collections.abc import Callable, Iterable, Iterator, Sequence
from dataclasses import dataclass, field
from math import factorial, prod
from typing import Any

import pytest

from conflict.arrivals import Disagreement, Edit, disagreement
from conflict.rules import RuleBook
from conflict.strategies import STRATEGIES
from conflict.worlds import may_be_made_after, may_be_moved_after, worlds
from syncd.core.nouns import Rule
from tests.sim.orders import BOOKS, SYSTEMS

OLD = "old"
VALUES = (None, "2", "11", "303", OLD)
"""A blank, three numbers whose order as text and as numbers differs, and a way back."""
TIMED = ("newest", "newest, then prefer", "oldest")
TIMES = (0.0, 2.0, None)
"""With the systems' skews of 0.5, 3 and 1 s: some overlap, some do not, and some say no time."""
LETTERS = ("a", "b", "c", "d")
SETS = (None, ["a"], ["b"], ["a", "b"])
SET_BOOKS = {"union": (Rule("union"),), **{name: BOOKS[name] for name in ("ask", "prefer")}}


@dataclass
class Tally:
    """What was enumerated: `worlds` where the order must not count and their `orders`, those that are wrong,
    and the `causal` ones, where it may; of these, whether it does in any."""

    worlds: int = 0
    orders: int = 0
    causal: int = 0
    differs: bool = False
    wrong: list[Disagreement] = field(default_factory=list)

    def of(
        self,
        found: Iterable[list[Edit]],
        book: RuleBook,
        base: Any,
        causal: Callable[[Sequence[Edit], Any], bool] = may_be_made_after,
        *,
        is_set: bool = False,
    ) -> Tally:
        for edits in found:
            if causal(edits, base):
                self.causal += 1
                self.differs = self.differs or disagreement(edits, "f", book, base, is_set=is_set) is not None
                continue
            apart = len({repr(edit.value) for edit in edits}) == len(edits)
            differs = disagreement(edits, "f", book, base, is_set=is_set, held=apart)
            self.worlds += 1
            self.orders += orders(edits)
            if differs is not None:
                self.wrong.append(differs)
        return self


def orders(edits: Sequence[Edit]) -> int:
    """How many orders of arrival there are: a system's own edits keep theirs."""
    counts = Counter(edit.system for edit in edits).values()
    return factorial(len(edits)) // prod(map(factorial, counts))


def lettered() -> Iterator[list[Edit]]:
    """Worlds with times. Which values are equal is all that counts there: one naming stands for all."""
    for edits in worlds(SYSTEMS, LETTERS, TIMES, OLD):
        first = list(dict.fromkeys(edit.value for edit in edits))
        if first == list(LETTERS[: len(first)]):
            yield edits


def test_every_strategy_is_enumerated() -> None:
    books = {**BOOKS, **SET_BOOKS}
    assert {rule.strategy for rules in books.values() for rule in rules} == STRATEGIES


@pytest.mark.parametrize("name", [name for name in BOOKS if name not in TIMED])
def test_by_value(name: str) -> None:
    tally = Tally().of(worlds(SYSTEMS, VALUES, (None,), OLD), RuleBook(BOOKS[name]), OLD)
    assert not tally.wrong, tally.wrong[:3]
    assert (tally.worlds, tally.orders, tally.causal) == (760, 4_224, 2_808)
    assert tally.differs, "the exception is none any more: say so where it is described"


@pytest.mark.parametrize("name", TIMED)
def test_by_time_with_overlapping_intervals(name: str) -> None:
    tally = Tally().of(lettered(), RuleBook(BOOKS[name]), OLD)
    assert not tally.wrong, tally.wrong[:3]
    assert (tally.worlds, tally.orders, tally.causal) == (2_052, 12_582, 6_156)
    assert tally.differs, "the exception is none any more: say so where it is described"


@pytest.mark.parametrize("base", [None, ["a"], ["a", "b"]], ids=str)
@pytest.mark.parametrize("name", SET_BOOKS)
def test_of_sets(name: str, base: Any) -> None:
    book = RuleBook(SET_BOOKS[name])
    tally = Tally().of(worlds(SYSTEMS, SETS, (None,), base), book, base, may_be_moved_after, is_set=True)
    assert not tally.wrong, tally.wrong[:3]
    assert (tally.worlds, tally.orders, tally.causal) == (300, 1_740, 888)
    assert tally.differs, "the exception is none any more: say so where it is described"


def test_one_edit_in_each_system_never_depends_on_the_order() -> None:
    """Also where values coincide: what the exception speaks of cannot happen."""
    for edits in worlds(SYSTEMS, VALUES, (None,), OLD, sizes=(2, 3)):
        if len({edit.system for edit in edits}) == len(edits):
            assert not may_be_made_after(edits, OLD), edits
