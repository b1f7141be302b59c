"""The built-in strategies and the rule book: over whole sets of candidates, in any order."""

from __future__ import annotations

from itertools import permutations
from typing import Any

import pytest

from conflict.rules import RuleBook, Verdict
from conflict.strategies import NARROWING, STRATEGIES
from syncd.core.nouns import Candidate, Rule
from tests.sim.orders import BOOKS

ASK = Rule("ask")


def some(*values: Any, times: tuple[float | None, ...] = ()) -> list[Candidate]:
    """Candidates s0, s1, s2 … with these values and times."""
    times = times or (None,) * len(values)
    return [Candidate(v, f"s{i}", time=t) for i, (v, t) in enumerate(zip(values, times, strict=True))]


def kept(strategy: str, candidates: list[Candidate], **args: Any) -> list[Any]:
    return [candidates[i].value for i in NARROWING[strategy](candidates, args)]


def decide(rules: tuple[Rule, ...], candidates: list[Candidate], name: str = "name") -> Verdict:
    return RuleBook(rules).decide(name, candidates)


# -- each strategy -----------------------------------------------------------------------------------


@pytest.mark.parametrize(
    ("strategy", "values", "args", "survive"),
    [
        ("prefer", ("a", "b", "c"), {"systems": ("s2", "s0")}, ["c"]),
        ("prefer", ("a", "b"), {"systems": ("s7", "s1")}, ["b"]),
        ("prefer", ("a", "b"), {"systems": ("s7",)}, ["a", "b"]),
        ("prefer", ("a", "b"), {}, ["a", "b"]),
        ("longest", ("ab", "abc", None), {}, ["abc"]),
        ("longest", ("abc", "xyz", "a"), {}, ["abc", "xyz"]),
        ("max", ("9", "10", "2"), {}, ["10"]),
        ("max", ("2.50", "2.5", "1"), {}, ["2.50", "2.5"]),
        ("max", (None, "-1"), {}, ["-1"]),
        ("max", ("2024-01-31", "2024-02-01"), {}, ["2024-02-01"]),
        ("max", ("2024-01-31T10:00:00+02:00", "2024-01-31T09:00:00Z"), {}, ["2024-01-31T09:00:00Z"]),
        ("min", ("9", "10", None), {}, ["9"]),
        ("min", (None, None), {}, [None, None]),
        ("min", (5, 3, 4), {}, [3]),
        ("non_empty", (None, "", [], "a", "b"), {}, ["a", "b"]),
        ("non_empty", (None, ""), {}, [None, ""]),
    ],
)
def test_what_a_strategy_keeps(
    strategy: str, values: tuple[Any, ...], args: dict[str, Any], survive: list[Any]
) -> None:
    assert kept(strategy, some(*values), **args) == survive


@pytest.mark.parametrize(
    ("times", "args", "survive"),
    [
        ((10, 20), {}, ["b"]),
        ((10, 20), {"skew": 4.9}, ["b"]),
        ((10, 20), {"skew": 5}, ["a", "b"]),
        ((10, 20), {"skews": {"s0": 9.5, "s1": 0.4}}, ["b"]),
        ((10, 20), {"skews": {"s0": 9.5, "s1": 0.5}}, ["a", "b"]),
        ((10, 20), {"skews": {"s0": 20}, "skew": 0}, ["a", "b"]),
        ((10, 10), {}, ["a", "b"]),
        ((None, 20), {}, ["a", "b"]),
        ((None, None), {}, ["a", "b"]),
        # a chain of overlaps: the first is certainly older than the last, the one between is neither
        ((10, 14, 18), {"skew": 3}, ["b", "c"]),
        ((None, 10, 20), {"skew": 1}, ["a", "c"]),
    ],
)
def test_newest_keeps_what_no_other_is_certainly_newer_than(
    times: tuple[float | None, ...], args: dict[str, Any], survive: list[str]
) -> None:
    assert kept("newest", some(*"abc"[: len(times)], times=times), **args) == survive


@pytest.mark.parametrize("skew", [0, 1.5, 3])
def test_oldest_is_newest_in_a_mirror(skew: float) -> None:
    times = (10.0, 14.0, 18.0)
    mirrored = some(*"abc", times=tuple(-t for t in times))
    assert kept("oldest", some(*"abc", times=times), skew=skew) == kept("newest", mirrored, skew=skew)


@pytest.mark.parametrize("strategy", NARROWING)
def test_a_strategy_keeps_some_and_makes_none(strategy: str) -> None:
    for values in permutations((None, "", "a", "bb", "7", 3, ["x"]), 3):
        indices = NARROWING[strategy](some(*values, times=(5.0, None, 6.0)), {"systems": ("s1",), "skew": 1})
        assert indices, (strategy, values)
        assert sorted(set(indices)) == sorted(indices)
        assert set(indices) <= {0, 1, 2}


def test_all_strategies_are_known_by_name() -> None:
    assert {*NARROWING, "union", "ask"} == STRATEGIES


# -- the rule book -----------------------------------------------------------------------------------


def test_the_first_rule_that_decides_wins() -> None:
    verdict = decide((Rule("longest"), Rule("prefer", args={"systems": ("s0",)})), some("a", "bb"))
    assert (verdict.rule, verdict.winner, verdict.open) == ("longest", 1, False)
    assert "s1" in verdict.why


def test_the_next_rule_sees_only_what_is_left() -> None:
    rules = (Rule("longest"), Rule("prefer", args={"systems": ("s0", "s2")}))
    assert decide(rules, some("a", "bb", "cc")).winner == 2


def test_survivors_that_are_equal_decide() -> None:
    verdict = decide((Rule("longest"), ASK), some("a", "bb", "bb"))
    assert (verdict.winner, verdict.open) == (1, False)


def test_where_no_rule_decides_a_person_is_asked() -> None:
    for rules in ((), (ASK,), (Rule("longest"),), (Rule("newest", args={"skew": 9}),)):
        verdict = decide(rules, some("a", "b", times=(1.0, 2.0)))
        assert verdict.open, rules
        assert verdict.winner is None, rules


def test_ask_ends_the_list() -> None:
    assert decide((ASK, Rule("longest")), some("a", "bb")).open


def test_rules_speak_of_their_fields() -> None:
    rules = (Rule("prefer", fields=frozenset({"phone"}), args={"systems": ("s1",)}), Rule("longest"))
    rulebook = RuleBook(rules)
    assert rulebook.for_field("phone") == rules
    assert rulebook.for_field("name") == rules[1:]
    assert rulebook.decide("phone", some("longer", "b")).winner == 1
    assert rulebook.decide("name", some("longer", "b")).winner == 0


def test_union_makes_a_value() -> None:
    verdict = decide((Rule("union"),), some(["b", "a"], None, ["c", "b"]))
    assert (verdict.winner, verdict.value, verdict.open) == (None, ["a", "b", "c"], False)


# -- any order ---------------------------------------------------------------------------------------

SETS = [
    some("a", "bb", None, "22", times=(10, 12, 14, None)),
    some("5", "17", "17", "3", times=(10, 13, 16, 19)),
    some("x", "yy", "zz", times=(10, 10, 10)),
]


@pytest.mark.parametrize("name", BOOKS)
@pytest.mark.parametrize("candidates", SETS, ids=["blanks", "numbers", "ties"])
def test_the_order_of_candidates_does_not_matter(name: str, candidates: list[Candidate]) -> None:
    found = set()
    for order in permutations(candidates):
        verdict = RuleBook(BOOKS[name]).decide("name", order)
        found.add((None if verdict.winner is None else order[verdict.winner].value, verdict.open))
    assert len(found) == 1, found
