"""Every rule of the link machine is needed: without it, the model finds a fault within its budget."""

from __future__ import annotations

import json
import os
import shutil
import subprocess
import sys
from pathlib import Path

import pytest

import conflict
from tests.sim.mutations import FOUND_BY, MUTATIONS, Mutation

ROOT = Path(__file__).parents[2]
PACKAGE = Path(conflict.__file__).parent
BUDGET = 8_000


def patched(mutation: Mutation, folder: Path) -> Path:
    """A copy of the package under `folder`, with the mutation applied."""
    copy = folder / "conflict"
    shutil.copytree(PACKAGE, copy, ignore=shutil.ignore_patterns("__pycache__"))
    file = copy / mutation.file
    text = file.read_text()
    found = text.count(mutation.old)
    assert found == 1, f"{mutation.name}: the text to be patched stands {found} times in {mutation.file}"
    file.write_text(text.replace(mutation.old, mutation.new))
    return folder


def hunted(folder: Path, budget: int, *known: int) -> dict[str, object]:
    """What the model finds with the `conflict` of a folder, in a process of its own; `known` go first."""
    done = subprocess.run(
        [sys.executable, "-m", "tests.sim.hunt", str(budget), *map(str, known)],
        cwd=folder,
        env={**os.environ, "PYTHONPATH": f"{folder}{os.pathsep}{ROOT}", "PYTHONDONTWRITEBYTECODE": "1"},
        capture_output=True,
        text=True,
        check=False,
    )
    assert done.returncode == 0, done.stderr[-2000:]
    answer: dict[str, object] = json.loads(done.stdout)
    return answer


@pytest.mark.parametrize("mutation", MUTATIONS, ids=lambda mutation: mutation.name)
def test_a_missing_rule_is_caught(mutation: Mutation, tmp_path: Path) -> None:
    found = hunted(patched(mutation, tmp_path), BUDGET, *FOUND_BY.get(mutation.name, ()))
    print(f"{mutation.name:60} seed {found['seed']!s:>5}  {found['words']}")
    assert found["seed"] is not None, f"nothing fails without the rule: {mutation.rule}"


def test_the_package_as_it_is_passes(tmp_path: Path) -> None:
    """The same way of running finds nothing where nothing was taken away."""
    shutil.copytree(PACKAGE, tmp_path / "conflict")
    assert hunted(tmp_path, 200)["seed"] is None


def test_mutations_have_names_of_their_own() -> None:
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 16
