"""What an entry of the journal says of its decision, and when the same inputs give another one."""

from __future__ import annotations

from typing import Any

import pytest

from conflict.deletes import Against
from conflict.replay import Recorded, again, is_same
from conflict.rules import RuleBook
from syncd.core.nouns import Candidate, Rule

SIDES = (Candidate("bb", "s0", 5.0, 7, 3), Candidate("a", "s1", 6.0, 8, 4))
ASK = RuleBook((Rule("ask"),))
LONGEST = RuleBook((Rule("longest"), Rule("ask")))
PREFER = RuleBook((Rule("prefer", args={"systems": ("s1", "s0")}),))


def entry(state: str, verdict: Any, field: str = "name", candidates: Any = SIDES) -> Recorded:
    return Recorded(1, field, state, "old", candidates, verdict)


def same(recorded: Recorded, book: RuleBook = ASK, against: Against = Against.ASK) -> bool:
    return is_same(recorded, again(recorded, book, against))


@pytest.mark.parametrize(
    ("state", "verdict"),
    [
        ("open", None),
        ("closed", None),
        ("closed", {"rule": "gone"}),
        ("closed", {"rule": "merged"}),
        ("decided", {"rule": "person", "winner": 1, "value": "a"}),
    ],
)
def test_what_no_rule_decided_was_open(state: str, verdict: Any) -> None:
    assert same(entry(state, verdict))
    assert not same(entry(state, verdict), LONGEST)


def test_a_rules_verdict_is_rule_winner_and_value() -> None:
    won = entry("decided", {"rule": "longest", "winner": 0, "value": None})
    assert same(won, LONGEST)
    assert not same(won, PREFER)
    assert not same(won, ASK)
    union = {"rule": "union", "winner": None, "value": ["a", "b"]}
    sets = (Candidate(["a"], "s0"), Candidate(["b"], "s1"))
    assert same(entry("decided", union, "tags", sets), RuleBook((Rule("union"),)))
    assert not same(
        entry("decided", union, "tags", (*sets, Candidate(["c"], "s2"))), RuleBook((Rule("union"),))
    )


def test_sides_that_agree_need_no_rule() -> None:
    agreed = entry("decided", {"rule": "agreed", "winner": 0, "value": None}, candidates=(SIDES[0], SIDES[0]))
    assert same(agreed)


def test_an_element_that_nobody_decides_about_stays() -> None:
    element = (Candidate(["x"], "s0"), Candidate([], "s1"))
    stayed = entry("decided", {"rule": "ask", "winner": 0, "value": None}, "tags", element)
    assert same(stayed)
    assert not same(stayed, PREFER)


@pytest.mark.parametrize("rule", ["late", "overwritten", "merged"])
def test_values_that_are_only_listed_are_no_decision(rule: str) -> None:
    assert entry("decided", {"rule": rule, "winner": 0, "value": None}).listed
    assert not entry("closed", {"rule": rule}).listed


@pytest.mark.parametrize(("against", "winner"), [(Against.EDIT_WINS, 0), (Against.DELETE_WINS, 1)])
def test_edits_against_deletes_go_by_their_own_words(against: Against, winner: int) -> None:
    decided = entry("decided", {"rule": "against_edit", "winner": winner, "value": None}, "")
    assert same(decided, against=against)
    assert not same(decided, against=Against.ASK)
    assert same(entry("open", None, ""), against=Against.ASK)
    assert not same(entry("open", None, ""), against=against)
