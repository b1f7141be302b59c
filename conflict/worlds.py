"""Small worlds of concurrent edits, enumerated in full: who edits how often, says what, and when."""

from __future__ import annotations

from collections import Counter
from collections.abc import Iterator, Sequence
from itertools import pairwise, product

from conflict.arrivals import Edit
from syncd.core.nouns import Value

MOST = 4
"""Edits in a world, at most."""


def worlds(
    systems: Sequence[str],
    values: Sequence[Value],
    times: Sequence[float | None],
    base: Value,
    sizes: Sequence[int] = (2, 3, MOST),
) -> Iterator[list[Edit]]:
    """Every world of edits in at least two of `systems`, all of which held `base`.

    A system's own edits stand in their order, and each says something else than the one before.
    """
    for size in sizes:
        for shape in _shapes(systems, size):
            for said in product(values, repeat=size):
                if _are_edits(shape, said, base):
                    for at in product(times, repeat=size):
                        yield [Edit(*each) for each in zip(shape, said, at, strict=True)]


def _shapes(systems: Sequence[str], size: int) -> Iterator[list[str]]:
    """Who edits how often."""
    for counts in product(range(size + 1), repeat=len(systems)):
        if sum(counts) == size and sum(n > 0 for n in counts) > 1:
            yield [system for system, n in zip(systems, counts, strict=True) for _ in range(n)]


def _are_edits(shape: Sequence[str], said: Sequence[Value], base: Value) -> bool:
    held: dict[str, Value] = {}
    for system, value in zip(shape, said, strict=True):
        if held.get(system, base) == value:
            return False
        held[system] = value
    return True


def may_be_made_after(edits: Sequence[Edit], base: Value) -> bool:
    """Whether the order of arrival tells what an edit was made from, so that it may count.

    One system edits more than once, and one of its values is another's as well, or the one that all had
    before. Where that one has arrived, both agree, and what either says next was made from it: it is no
    rival. Where it has not, nobody can know that.
    """
    several = {s for s, n in Counter(edit.system for edit in edits).items() if n > 1}
    said = [edit for edit in edits if edit.system in several]
    back = any(edit.value == base for edit in said)
    return back or any(e.value == other.value and e.system != other.system for e in said for other in edits)


def may_be_moved_after(edits: Sequence[Edit], base: Value) -> bool:
    """The same for sets, where it is elements that are compared.

    One system adds and removes, or removes and adds, an element that another one moves as well.
    """
    moves: dict[str, Counter[Value]] = {}
    for system in {edit.system for edit in edits}:
        states = [base, *(edit.value for edit in edits if edit.system == system)]
        moved = [set(was or ()) ^ set(now or ()) for was, now in pairwise(states)]
        moves[system] = Counter(element for step in moved for element in step)
    return any(
        n > 1 and element in other
        for system, counts in moves.items()
        for element, n in counts.items()
        for name, other in moves.items()
        if name != system
    )
