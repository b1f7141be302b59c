"""`syncd demo` as a person runs it, and what is left when it is interrupted."""

from __future__ import annotations

import os
import signal
import subprocess
import sys
import tempfile
from collections.abc import Iterator
from pathlib import Path

import pytest


@pytest.fixture
def folder() -> Iterator[Path]:
    """A short path that the server's user may reach, for the demo's sockets."""
    with tempfile.TemporaryDirectory(prefix="demo-") as made:
        Path(made).chmod(0o755)
        yield Path(made) / "demo"


def start(folder: Path, *words: str) -> subprocess.Popen[str]:
    command = [sys.executable, "-m", "syncd", "demo", "--folder", str(folder), *words]
    return subprocess.Popen(
        command,
        stdout=subprocess.PIPE,
        stderr=subprocess.STDOUT,
        text=True,
        env={**os.environ, "COLUMNS": "110"},
    )


def left(folder: Path) -> list[str]:
    """Processes that work in the demo's folder, or were started for it."""
    found = []
    for process in Path("/proc").glob("[0-9]*"):
        try:
            words = (process / "cmdline").read_bytes().replace(b"\0", b" ").decode(errors="replace")
            place = str((process / "cwd").readlink())
        except OSError:
            continue
        if str(folder) in words or place.startswith(str(folder)):
            found.append(words)
    return found


@pytest.mark.slow
@pytest.mark.parametrize(
    ("story", "hooked", "winner"), [((), "HubSpot", "sales"), (("databases",), "marketing", "crm")]
)
def test_the_demo_ends_in_agreement(folder: Path, story: tuple[str, ...], hooked: str, winner: str) -> None:
    run = start(folder, *story, "--seconds", "3")
    out, _ = run.communicate(timeout=400)
    assert run.returncode == 0, out
    for chapter in ("1. Three systems", "2. The first sync", "6. A power cut", "7. Is everything in sync?"):
        assert chapter in out
    assert out.count("Duplicates: 0.") == (0 if story else 2)
    assert f"signed webhooks of {hooked} were taken." in out
    assert "Now all three hold" in out
    assert f"prefer: {winner} wins" in out
    assert "syncd conflicts decide" in out
    assert "lost: 0." in out
    assert "made twice by it: 0." in out
    assert "all of them open items" in out or "everything agrees" in out
    assert "All agrees, or is listed above as open." in out
    assert left(folder) == []


def test_an_interrupted_demo_leaves_no_process(folder: Path) -> None:
    run = start(folder, "--fast")
    assert run.stdout is not None
    for line in run.stdout:
        if "syncd run" in line and "process" in line:
            break
    run.send_signal(signal.SIGINT)
    run.communicate(timeout=60)
    assert run.returncode == 130
    assert left(folder) == []


def test_foreign_files_are_left_alone(folder: Path) -> None:
    folder.mkdir()
    (folder / "letter.txt").write_text("dear")
    run = start(folder)
    out, _ = run.communicate(timeout=60)
    assert run.returncode == 3
    assert "no demo made" in out
    assert (folder / "letter.txt").read_text() == "dear"
