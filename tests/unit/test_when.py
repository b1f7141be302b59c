"""Conditions on rules: what they may speak of, and that they never go by the order of arrival."""

from __future__ import annotations

from itertools import permutations
from pathlib import Path
from typing import Any

import orjson
import pytest

from conflict.arrivals import disagreement
from conflict.rules import RuleBook
from conflict.worlds import may_be_made_after, worlds
from syncd.config import check_orders
from syncd.config.rules import recorded_rules
from syncd.core.nouns import Candidate, Rule
from syncd.core.problems import SpecError
from syncd.mapping.when import compile_when
from tests.support.config import SOUND, load_text, problems_of

SIDES = (Candidate("b", "s1", 5.0, version=3), Candidate(None, "s0", version=4), Candidate("a", "s2", 6.0))
ASK = Rule("ask")


def applies(text: str, base: Any = "old", candidates: tuple[Candidate, ...] = SIDES) -> bool:
    """Whether a rule with the condition applies, which must be so in every order."""
    said = {compile_when(text)(order, base) for order in permutations(candidates)}
    assert len(said) == 1, text
    return said.pop()


@pytest.mark.parametrize(
    ("text", "said"),
    [
        ("'s1' in systems", True),
        ("'s7' in systems", False),
        ("length(values) > 2", True),
        ("base == 'old'", True),
        ("base == null", False),
        ("candidates.exists(c, c.system == 's2' && c.value == 'a')", True),
        ("candidates.exists(c, c.time == null)", True),
        ("values.all(v, v != null)", False),
        ("systems[0] == 's0' && values[2] == 'a'", True),
        ("base > 5", False),  # says nothing of texts
        ("values[7] == 'a'", False),
        ("length(values)", False),  # no yes or no
    ],
)
def test_what_a_condition_says(text: str, said: bool) -> None:
    assert applies(text) is said


def test_a_rule_that_does_not_apply_is_passed_over() -> None:
    rules = (
        Rule("prefer", args={"systems": ("s0",)}, when=compile_when("base == 'old'")),
        Rule("prefer", args={"systems": ("s2",)}),
    )
    assert RuleBook(rules).decide("name", SIDES, "old").winner == 1
    assert RuleBook(rules).decide("name", SIDES, "new").winner == 2
    asked = (Rule("ask", when=compile_when("'s1' in systems")), Rule("prefer", args={"systems": ("s2",)}))
    assert RuleBook(asked).decide("name", SIDES).open
    assert RuleBook(asked).decide("name", SIDES[1:]).winner == 1


@pytest.mark.parametrize(
    "text",
    [
        "'s1' in systems",
        "candidates.exists(c, c.system == 's0' && c.value == 'a')",
        "base == 'old'",
        "values[0] == 'a'",
        "length(values) > 2",
    ],
)
def test_no_condition_makes_the_order_of_arrival_matter(text: str) -> None:
    rules = (
        Rule("prefer", args={"systems": ("s1", "s2", "s0")}, when=compile_when(text)),
        Rule("longest"),
        ASK,
    )
    tried = 0
    for edits in worlds(("s0", "s1", "s2"), ("a", "bb", None), (None,), "old"):
        if not may_be_made_after(edits, "old"):
            assert disagreement(edits, "f", RuleBook(rules), "old") is None, edits
            tried += 1
    assert tried > 100


@pytest.mark.parametrize(
    ("text", "why"),
    [
        ("stage == 'won'", 'speaks of "stage"'),
        ("system == 's0'", "did you mean systems?"),
        ("'s0' in", "is no expression"),
        ("now() > 5", 'calls "now"'),
    ],
)
def test_what_it_may_not_say(text: str, why: str) -> None:
    with pytest.raises(SpecError) as caught:
        compile_when(text)
    assert why in str(caught.value)


def test_it_is_judged_in_the_configuration(tmp_path: Path) -> None:
    rule = "    conflicts: [{{fields: name, when: {}, strategy: longest}}]\n"
    (told,) = problems_of(tmp_path, SOUND + rule.format('"stage == 1"'))
    assert told == (
        'syncd.yaml:16:38: kinds.contact.conflicts[0].when: speaks of "stage". Known are: base, candidates, '
        "systems, values."
    )
    settings = load_text(tmp_path, SOUND + rule.format("\"'erp' in systems\""))
    (found,) = settings.kinds["contact"].rules
    assert found.when is not None
    assert check_orders(settings) == []


def test_a_recorded_one_is_read_again() -> None:
    written = orjson.loads(b"""[{"strategy": "longest", "when": "base == null"}, {"strategy": "ask"}]""")
    first, _ = recorded_rules(written, {})
    assert first.when is not None
    assert first.when((), None)
    assert not first.when((), "x")
