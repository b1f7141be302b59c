"""Match keys and the decision over their candidates."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.problems import SpecError
from syncd.identity import Ambiguous, Match, NoMatch, compile_match, decide, rule_of
from syncd.identity.keys import MAX_KEY
from syncd.mapping import field_type

TYPES = {
    "email": field_type("email"),
    "phone": field_type("phone"),
    "last_name": field_type("text"),
    "first_name": field_type("text"),
    "company": field_type({"ref": "company"}),
    "tags": field_type({"set": "text"}),
    "active": field_type("boolean"),
}
MATCHER = compile_match("contact", ["email", ["phone", "last_name"]], TYPES)


def test_only_complete_rules_make_a_key() -> None:
    full = {"email": "a@b.c", "phone": "+4930123", "last_name": "Müller"}
    assert [rule_of(key) for key in MATCHER.keys(full)] == [0, 1]
    assert [rule_of(key) for key in MATCHER.keys({**full, "email": None})] == [1]
    assert [rule_of(key) for key in MATCHER.keys({**full, "last_name": ""})] == [0]
    assert MATCHER.keys({"last_name": "Müller"}) == []
    assert MATCHER.keys({}) == []
    assert MATCHER.keys({"email": "a@b.c"}) == ["0:a@b.c"]
    assert MATCHER.fields == {"email", "phone", "last_name"}


@pytest.mark.parametrize(
    ("one", "other", "same"),
    [
        ("Müller", "MÜLLER", True),
        ("Straße", "STRASSE", True),
        ("van  der\tBerg", "Van der Berg", True),
        ("Müller", "Muller", False),
        ("e\u0301", "É", True),
        ("Иванов", "иванов", True),
        ("שלום", "שלום", True),
        ("山田", "山本", False),
        ("😀", "😁", False),
    ],
)
def test_names_are_compared_as_a_careless_reader_does(one: str, other: str, same: bool) -> None:
    def key(name: str) -> list[str]:
        return MATCHER.keys({"phone": "1", "last_name": name})

    assert (key(one) == key(other)) == same


def test_fields_of_a_rule_do_not_run_into_each_other() -> None:
    names = compile_match("contact", [["first_name", "last_name"]], TYPES)
    assert names.keys({"first_name": "a b", "last_name": "c"}) != names.keys(
        {"first_name": "a", "last_name": "b c"}
    )
    hostile = {"first_name": "1:a1:b", "last_name": "c"}
    assert names.keys(hostile) != names.keys({"first_name": "1:a", "last_name": "1:bc"})


def test_long_values_are_hashed_and_still_tell_apart() -> None:
    (one,) = MATCHER.keys({"email": "a" * 500 + "@b.c"})
    (other,) = MATCHER.keys({"email": "a" * 501 + "@b.c"})
    assert one != other
    assert len(one) == len(other) <= MAX_KEY
    assert MATCHER.keys({"email": one[1:]})[0] != one


def test_references_and_numbers_make_keys() -> None:
    by_company = compile_match("contact", [["company", "last_name"]], TYPES)
    assert by_company.keys({"company": 7, "last_name": "X"}) == ["0:1:71:x"]


@given(st.dictionaries(st.sampled_from(sorted(TYPES)), st.none() | st.text() | st.integers()))
def test_keys_are_short_and_name_their_rule(fields: dict[str, Any]) -> None:
    keys = MATCHER.keys(fields)
    assert all(len(key) <= MAX_KEY for key in keys)
    assert [rule_of(key) for key in keys] == sorted({rule_of(key) for key in keys})


@given(st.text(), st.text(), st.text(), st.text())
def test_keys_of_two_fields_are_equal_only_when_both_are(a: str, b: str, c: str, d: str) -> None:
    one = MATCHER.keys({"phone": a, "last_name": b})
    other = MATCHER.keys({"phone": c, "last_name": d})
    if one and one == other:
        assert MATCHER.keys({"email": a}) == MATCHER.keys({"email": c})
        assert MATCHER.keys({"email": b}) == MATCHER.keys({"email": d})


@pytest.mark.parametrize(
    ("candidates", "decision"),
    [
        ({}, NoMatch()),
        ({"0:a": [], "1:b": []}, NoMatch()),
        ({"0:a": [7]}, Match(7, 0)),
        ({"0:a": [7], "1:b": [8, 9]}, Match(7, 0)),
        ({"0:a": [], "1:b": [8]}, Match(8, 1)),
        ({"1:b": [8], "0:a": [9, 7]}, Ambiguous((7, 9), 0)),
        ({"0:a": [7, 7]}, Match(7, 0)),
        ({"0:555": [1], "0#cafe": [2]}, Ambiguous((1, 2), 0)),
        ({"10:a": [1], "9:b": [2]}, Match(2, 9)),
    ],
)
def test_the_first_rule_that_finds_anybody_has_the_word(
    candidates: dict[str, list[int]], decision: Any
) -> None:
    assert decide(candidates) == decision


@pytest.mark.parametrize(
    ("spec", "paths", "hint"),
    [
        (["e_mail"], [(0,)], "email"),
        (["email", ["phone", "nobody"], "tags"], [(1,), (2,)], ""),
        (["active"], [(0,)], "tells records apart"),
        ([[]], [(0,)], "[phone, last_name]"),
        ([["phone", "phone"]], [(0,)], "[phone, last_name]"),
        (["email", "email"], [(1,)], "remove"),
        ([7], [(0,)], "known"),
        ("email", [()], "match: [email]"),
    ],
)
def test_wrong_rules_are_told_all_at_once(spec: Any, paths: list[tuple[int, ...]], hint: str) -> None:
    with pytest.raises(SpecError) as refused:
        compile_match("contact", spec, TYPES)
    assert [problem.path for problem in refused.value.problems] == paths
    assert hint in refused.value.problems[0].hint
