"""A rule on trial: whether it decides the same in every order of arrival, over small worlds in full.

First alone, over every set of candidates in every order; then through the link machine, where verdicts over
some of them come before those over all.
"""

from __future__ import annotations

from collections.abc import Callable, Iterator, Sequence
from dataclasses import dataclass, replace
from itertools import combinations, permutations, product

from conflict.arrivals import Edit, disagreement
from conflict.own import Misjudged
from conflict.rules import RuleBook
from conflict.worlds import may_be_made_after, may_be_moved_after, worlds
from syncd.core.nouns import Candidate, Rule, Value

FIELD = "field"
MANY = 4
"""Of so many systems every three are tried together; of all, every two."""


@dataclass(frozen=True, slots=True)
class Field:
    """A field to try a rule on: two values or more beside `base`, which all systems have at the beginning.

    `fits` says whether a value that the rule made is one of the field's.
    """

    base: Value
    values: Sequence[Value]
    is_set: bool = False
    fits: Callable[[Value], bool] = lambda _: True


@dataclass(frozen=True, slots=True)
class Fault:
    """What a rule did wrong, and over which candidates, in the order in which they came.

    `orders` holds two orders and what came of each, where that is what is wrong.
    """

    why: str
    edits: Sequence[Edit]
    orders: tuple[tuple[Sequence[Edit], str], ...] = ()


def fault_of(rule: Rule, systems: Sequence[str], field: Field, times: Sequence[float | None]) -> Fault | None:
    """The first fault of a rule, tried alone and before a person is asked; None where there is none."""
    book = RuleBook((replace(rule, fields=frozenset()),), strict=True)
    try:
        return _of_sets(book, systems, field, times) or _of_arrivals(book, systems, field)
    except Misjudged as error:
        return Fault(error.why, [Edit(c.system, c.value, c.time) for c in error.candidates])


def _of_sets(
    book: RuleBook, systems: Sequence[str], field: Field, times: Sequence[float | None]
) -> Fault | None:
    """Two systems with all values and times; three with most, at no time and at three times."""
    for edits in _sets(systems, [*field.values, field.base], times):
        found = _of_set(book, edits, field)
        if found is not None:
            return found
    return None


def _sets(
    systems: Sequence[str], values: Sequence[Value], times: Sequence[float | None]
) -> Iterator[list[Edit]]:
    for two in combinations(systems, 2):
        for said, at in product(product(values, repeat=2), product(times, repeat=2)):
            yield _edits(two, said, at)
    for three in combinations(systems[:MANY], 3):
        for said, at in product(product(values[:4], repeat=3), [(None,) * 3, *permutations(times, 3)]):
            yield _edits(three, said, at)


def _edits(systems: Sequence[str], said: Sequence[Value], at: Sequence[float | None]) -> list[Edit]:
    return [Edit(*each) for each in zip(systems, said, at, strict=True)]


def _of_set(book: RuleBook, edits: Sequence[Edit], field: Field) -> Fault | None:
    if all(edit.value == edits[0].value for edit in edits):
        return None
    first: tuple[Sequence[Edit], tuple[bool, Value]] | None = None
    for order in permutations(edits):
        candidates = [Candidate(e.value, e.system, e.time, n, n) for n, e in enumerate(order, 2)]
        verdict = book.decide(FIELD, candidates, field.base)
        value = verdict.value if verdict.winner is None else candidates[verdict.winner].value
        if verdict.winner is None and not verdict.open and not field.fits(value):
            return Fault("made a value that is none of the field's type", order)
        ending = verdict.open, value
        if first is None:
            first = order, ending
        elif ending != first[1]:
            return _differing(edits, first[0], _told(*first[1]), order, _told(*ending))
    return None


def _of_arrivals(book: RuleBook, systems: Sequence[str], field: Field) -> Fault | None:
    """Worlds of up to four edits: without times, and one edit after another."""
    causal = may_be_moved_after if field.is_set else may_be_made_after
    for world in worlds(systems[:3], field.values[:3], (None,), field.base):
        if causal(world, field.base):
            continue
        for edits in (world, [replace(edit, time=1_000.0 * n) for n, edit in enumerate(world)]):
            found = disagreement(edits, FIELD, book, field.base, is_set=field.is_set)
            if found is not None:
                then, but = found.then, found.but
                told = _told(then.asked, then.value), _told(but.asked, but.value)
                return _differing(edits, found.first, told[0], found.second, told[1])
    return None


def _differing(
    edits: Sequence[Edit], first: Sequence[Edit], then: str, second: Sequence[Edit], but: str
) -> Fault:
    return Fault("depends on the order of arrival", edits, ((first, then), (second, but)))


def _told(asked: bool, value: Value) -> str:
    return "nothing, a person is asked" if asked else shown(value)


def shown(value: Value) -> str:
    """A value in a sentence."""
    return "nothing" if value is None else f'"{value}"' if isinstance(value, str) else str(value)
