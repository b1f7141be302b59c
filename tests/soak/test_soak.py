"""A short soak: a daemon stalled past its lease is succeeded, and does no harm when it wakes (F39)."""

from __future__ import annotations

from collections.abc import Iterator
from pathlib import Path

import pytest

from tests.soak.run import Plan, soak
from tests.support.postgres import reachable_folder


@pytest.fixture
def folder() -> Iterator[Path]:
    with reachable_folder() as found:
        yield found


@pytest.mark.slow
async def test_a_kill_and_a_stall_lose_nothing(postgres_url: str, folder: Path) -> None:
    report = await soak(Plan(seed=3, seconds=4.0, kills=1, stalls=1, rate=8.0), postgres_url, folder)
    assert report.faults == []
    assert (report.kills["in all"], report.stalls["in all"], report.stalls["fenced"]) == (1, 1, 1)
    assert sum(report.became.values()) == report.edits > 0
    print(report.text())
