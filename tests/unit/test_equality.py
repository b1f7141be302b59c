"""Hashes, and what counts as a mere reduction of what was sent."""

from __future__ import annotations

from typing import Any

import pytest
from hypothesis import given
from hypothesis import strategies as st

from syncd.core.equality import reduces, value_hash

REDUCED: list[tuple[Any, Any]] = [
    ("Anna", " Anna "),
    ("Anna Maria", "Anna \t Maria"),
    ("anna", "ANNA"),
    ("STRASSE", "straße"),
    ("Ann", "Anna"),
    ("é", "e\u0301"),
    ("שלו", "שלום עולם"),
    ("東京", "東京都"),
    ("hello", "hello world"),
    ("12345678901234567890", "123456789012345678901234"),
    ("0.12345678901235", "0.1234567890123456789"),
    ("12.5", 12.5),
    ("12.50", "12.5"),
    ("12.35", "12.345"),
    ("12.34", "12.345"),
    (12, "12.5"),
    (13, 12.5),
    (12345678901234567000, "12345678901234567890"),
    ("2026-01-31T10:00:00Z", "2026-01-31T10:00:00.123Z"),
    ("2026-01-31T10:00:00.123Z", "2026-01-31T10:00:00.123456Z"),
    (["a", "b"], ["B ", "a"]),
    ("", None),
    (None, []),
    (["x"] * 60, ["X"]),
]

NOT_REDUCED: list[tuple[Any, Any]] = [
    ("Anna", "Ann"),
    ("Bob", "Anna"),
    ("nna", "Anna"),
    ("André", "Andre"),
    (None, "Anna"),
    ("", "Anna"),
    ("  ", "Anna"),
    ("100", "1000"),
    (100, 1000),
    (1000, 1234),
    ("12.3", "12.49"),
    ("12.345", "12.34"),
    (True, 1),
    (1, True),
    (True, "true"),
    ("2026-01-31T10:00:01Z", "2026-01-31T10:00:00.9Z"),
    ("2026-01-31T10:00:00.5Z", "2026-01-31T10:00:00Z"),
    (["a"], ["a", "b"]),
    (["a", "b"], ["a"]),
    ({"a": 1}, {"a": 2}),
    (["x"] * 60, ["y"]),
]


@pytest.mark.parametrize(("stored", "sent"), REDUCED)
def test_less_of_the_same_is_a_reduction(stored: Any, sent: Any) -> None:
    assert reduces(stored, sent)


@pytest.mark.parametrize(("stored", "sent"), NOT_REDUCED)
def test_another_value_is_no_reduction(stored: Any, sent: Any) -> None:
    assert not reduces(stored, sent)


json_values = st.recursive(
    st.none() | st.booleans() | st.integers() | st.floats(allow_nan=False) | st.text(),
    lambda inner: st.lists(inner, max_size=3) | st.dictionaries(st.text(), inner, max_size=3),
    max_leaves=6,
)


@given(json_values)
def test_every_value_reduces_itself(value: Any) -> None:
    assert reduces(value, value)


@given(json_values, json_values)
def test_no_pair_of_values_breaks_the_judgement(stored: Any, sent: Any) -> None:
    assert reduces(stored, sent) in (True, False)


@given(st.text(st.characters(categories=["L", "Zs"]), min_size=1), st.integers(1, 20))
def test_every_cut_is_a_reduction(text: str, length: int) -> None:
    cut = text[:length]
    if cut.strip():
        assert reduces(cut, text)


@given(st.decimals(-(10**9), 10**9, places=5), st.integers(0, 4))
def test_every_rounding_is_a_reduction(number: Any, places: int) -> None:
    assert reduces(str(round(number, places)), f"{number:f}")


@given(json_values, json_values)
def test_hashes_are_equal_exactly_for_values_written_the_same(one: Any, other: Any) -> None:
    assert (value_hash(one) == value_hash(other)) == (repr_of(one) == repr_of(other))


def repr_of(value: Any) -> str:
    if isinstance(value, dict):
        return "{" + repr(sorted((key, repr_of(item)) for key, item in value.items()))
    return repr([repr_of(item) for item in value]) if isinstance(value, list) else repr(value)


def test_a_hash_does_not_depend_on_the_order_of_keys() -> None:
    assert value_hash({"a": 1, "b": 2}) == value_hash({"b": 2, "a": 1})
    assert len(value_hash("x")) == 32
