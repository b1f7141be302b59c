"""The wheel: one file that holds all packages and the migrations, and runs."""

from __future__ import annotations

import os
import subprocess
import sys
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
pytestmark = pytest.mark.slow


@pytest.fixture(scope="module")
def installed(tmp_path_factory: pytest.TempPathFactory) -> Path:
    """The wheel, built and unpacked beside the environment's own dependencies."""
    built, target = tmp_path_factory.mktemp("wheel"), tmp_path_factory.mktemp("site")
    run(sys.executable, "-m", "hatchling", "build", "-t", "wheel", "-d", str(built), cwd=ROOT)
    (wheel,) = built.glob("syncd-*.whl")
    pip = (sys.executable, "-m", "pip", "install", "--quiet", "--no-deps", "--no-index", "--no-compile")
    run(*pip, "--disable-pip-version-check", "--target", str(target), str(wheel), cwd=target)
    return target


def run(*command: str, cwd: Path, path: Path | None = None) -> str:
    env = {**os.environ, "PYTHONPATH": str(path)} if path else dict(os.environ)
    done = subprocess.run(command, cwd=cwd, env=env, capture_output=True, text=True, check=False, timeout=300)
    assert done.returncode == 0, done.stderr[-2000:]
    return done.stdout.strip()


def test_it_holds_all_packages_and_the_migrations(installed: Path) -> None:
    for wanted in (
        "syncd/store/tables.py",
        "connectors/base.py",
        "conflict/__init__.py",
        "syncd/py.typed",
        "syncd/migrations/env.py",
        "syncd/migrations/script.py.mako",
    ):
        assert (installed / wanted).is_file(), wanted
    ours = {path.name for path in (ROOT / "migrations" / "versions").glob("*.py")}
    assert {path.name for path in (installed / "syncd" / "migrations" / "versions").glob("*.py")} == ours
    assert not (installed / "tests").exists()


async def test_its_migrations_run(installed: Path, fresh_database: object) -> None:
    assert callable(fresh_database)
    url = await fresh_database()
    code = "import sys, syncd.store.migrate as m; print(m.scripts()); print(m.upgrade(sys.argv[1]))"
    where, steps = run(sys.executable, "-c", code, url, cwd=installed.parent, path=installed).splitlines()
    assert Path(where) == installed / "syncd" / "migrations"
    assert "0001" in steps


def test_its_entry_points_load(installed: Path) -> None:
    code = (
        "from importlib.metadata import distribution as d;"
        "print([e.load().__module__ for e in d('syncd').entry_points])"
    )
    assert "connectors.sql" in run(sys.executable, "-c", code, cwd=installed.parent, path=installed)


def test_the_command_answers(installed: Path) -> None:
    said = run(
        sys.executable, str(installed / "bin" / "syncd"), "--help", cwd=installed.parent, path=installed
    )
    assert "run" in said
    assert "status" in said
