"""What is told of two nested values that differ."""

from __future__ import annotations

from typing import Any

import pytest

from syncd.cli.nested import nested


@pytest.mark.parametrize(
    ("ours", "theirs", "said"),
    [
        (["a", "b"], ["b", "c"], "only ours: 'a'; only theirs: 'c'"),
        (["a"], ["a", "b", "c"], "only theirs: 'b', 'c'"),
        ([{"n": 1}], [{"n": 2}], "Value of root[0]['n'] changed from 1 to 2."),
        ({"a": 1}, {"a": 1}, ""),
        ("x", "y", ""),
        (["a"], "a", ""),
        (None, ["a"], ""),
    ],
)
def test_only_what_differs_inside_is_told(ours: Any, theirs: Any, said: str) -> None:
    assert nested(ours, theirs) == said
