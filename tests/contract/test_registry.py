"""Connectors are found by their packages' announcements, and a broken one harms nobody else."""

from __future__ import annotations

from importlib.metadata import EntryPoint

import pytest

from connectors.registry import GROUP, available, load
from syncd.core.errors import NeedsOperator


def point(name: str, target: str) -> EntryPoint:
    return EntryPoint(name, target, GROUP)


def test_our_own_are_announced() -> None:
    found = available()
    assert {"memory", "sql"} <= set(found)
    assert all(found[n].factory is not None and found[n].problem is None for n in ("memory", "sql"))


def test_a_broken_package_is_reported_with_its_reason_and_the_others_stay() -> None:
    found = available(
        [
            point("broken", "no_such_package_anywhere:Thing"),
            point("empty", "connectors.memory:NoSuchName"),
            point("silly", "connectors.base:__all__"),
            point("memory", "connectors.memory:MemoryConnector"),
        ]
    )
    assert "no_such_package_anywhere" in (found["broken"].problem or "")
    assert "NoSuchName" in (found["empty"].problem or "")
    assert "not a class" in (found["silly"].problem or "")
    assert found["memory"].factory is not None


def test_a_name_claimed_twice_is_nobodys() -> None:
    two = [point("x", "connectors.memory:MemoryConnector"), point("x", "connectors.sql:SqlConnector")]
    assert "claimed twice" in (available(two)["x"].problem or "")
    with pytest.raises(NeedsOperator, match="claimed twice"):
        load("x", two)


def test_an_unknown_name_lists_what_is_there() -> None:
    with pytest.raises(NeedsOperator, match="memory"):
        load("no_such_connector")
