"""`syncd bench` on a small scale: that its figures are of the right things, never how high they are."""

from __future__ import annotations

import json
import os
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path
from typing import Any

import pytest

from tests.cli.test_demo import left


def run(folder: Path, *words: str) -> subprocess.CompletedProcess[str]:
    command = [sys.executable, "-m", "syncd", "bench", *words]
    env = {**os.environ, "TMPDIR": str(folder)}
    return subprocess.run(command, capture_output=True, text=True, timeout=300, env=env)


@pytest.fixture
def folder() -> Iterator[Path]:
    """Where its folder goes, a place with a short path that others may reach."""
    with tempfile.TemporaryDirectory(prefix="tmp-") as made:
        Path(made).chmod(0o755)
        yield Path(made)


def check_cost(part: dict[str, Any], records: int) -> None:
    assert part["records"] == records
    assert part["cpu_ms_per_record"]["syncd"] > 0
    assert part["cpu_ms_per_record"]["postgresql"] >= 0
    assert 10 < part["peak_memory_mb"] < 2_000
    assert part["calls_per_record"] == pytest.approx(sum(part["calls"].values()) / records, abs=1e-4)


@pytest.mark.slow
def test_all_parts(folder: Path, tmp_path: Path) -> None:
    profile = tmp_path / "cpu.txt"
    words = ["--records", "200", "--preload", "100", "--rate", "40", "--seconds", "1"]
    done = run(folder, *words, "--json", "--profile", str(profile))
    assert done.returncode == 0, done.stderr
    told = json.loads(done.stdout)
    assert (told["records"], told["preload"], told["profiled"]) == (200, 100, True)
    bare = told["bare_loop"]
    assert len(bare["passes_us"]) == 3
    assert bare["counts"] is (bare["cpu_ms_per_record"] <= 0.01)
    parts = told["parts"]
    assert list(parts) == [
        *("first_sync", "updates", "preload", "first_sync_large", "updates_large"),
        *("webhooks", "linger", "notify"),
    ]
    for name, records in {"first_sync": 200, "preload": 100, "updates": 200, "updates_large": 200}.items():
        check_cost(parts[name], records)
        ratio = parts[name]["cpu_ms_per_record"]["syncd"] / bare["cpu_ms_per_record"]
        assert parts[name]["ratio"]["syncd"] == pytest.approx(ratio, rel=0.01)
    # two pages and two batches; the ends of feeds, our own writes read back, and the looks at the start
    assert 6 <= sum(parts["first_sync"]["calls"].values()) <= 16
    assert parts["updates"]["edits"] == {"left": 100, "right": 100, "both": 10, "same_fields": 3}
    for name in ("updates", "updates_large"):
        assert parts[name]["differences"] == 0
    for name in ("webhooks", "linger", "notify"):
        check_cost(parts[name], 40)
        latency = parts[name]["latency_ms"]
        assert latency["edits"] == 40, "each edit arrived"
        assert latency["p50"] <= latency["p99"] <= latency["max"]
    assert parts["linger"]["calls_per_record"] < parts["webhooks"]["calls_per_record"]
    assert "first sync" in profile.read_text()
    assert "syncd/engine/push.py" in profile.read_text()
    assert list(folder.iterdir()) == []
    assert left(folder) == []


def test_an_unknown_part_is_refused(folder: Path) -> None:
    done = run(folder, "--part", "everything")
    assert done.returncode == 2
    assert "everything" in done.stderr
    assert "bulk" in done.stderr
