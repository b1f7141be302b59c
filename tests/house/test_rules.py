"""Rules of the house that a machine can check."""

from __future__ import annotations

import ast
import re
import subprocess
from collections.abc import Iterator
from pathlib import Path

import pytest

ROOT = Path(__file__).parents[2]
PACKAGES = ("syncd", "connectors", "conflict")
WRITTEN = {".css", ".html", ".js", ".md", ".mako", ".py", ".sh", ".toml", ".yaml", ".yml"}
LONGEST = 500
UNFINISHED = re.compile("|".join(rf"\b{word}\b" for word in ("TO" + "DO", "FIX" + "ME", "XX" + "X")))


def tracked() -> list[Path]:
    """The files of the repository, or of an unpacked source release."""
    listed = subprocess.run(["git", "ls-files", "-z"], cwd=ROOT, capture_output=True, text=True, check=False)
    if listed.returncode == 0:
        return [ROOT / name for name in listed.stdout.split("\0") if name and (ROOT / name).is_file()]
    return [path for path in ROOT.rglob("*") if path.is_file() and ".venv" not in path.parts]


def written() -> list[Path]:
    return [path for path in tracked() if path.suffix in WRITTEN or path.name == "Makefile"]


def test_no_file_is_too_long_to_read() -> None:
    code = [path for path in written() if path.relative_to(ROOT).parts[0] not in ("tests", "migrations")]
    assert len(code) > 20
    long = {str(path): len(path.read_text().splitlines()) for path in code}
    assert {name: lines for name, lines in long.items() if lines > LONGEST} == {}


def test_nothing_is_left_for_later_in_a_comment() -> None:
    found = [str(path) for path in written() if UNFINISHED.search(path.read_text())]
    assert found == []


def sleeps(tree: ast.AST) -> Iterator[ast.Call]:
    for node in ast.walk(tree):
        if isinstance(node, ast.Call) and ast.unparse(node.func) in ("time.sleep", "asyncio.sleep"):
            given = node.args[0] if node.args else None
            if not (isinstance(given, ast.Constant) and given.value == 0):
                yield node


def test_the_rule_against_sleeping_can_fail() -> None:
    assert len(list(sleeps(ast.parse("import time; time.sleep(1); asyncio.sleep(0); asyncio.sleep(x)")))) == 2


def test_tests_wait_for_events_and_never_sleep() -> None:
    """But in the simulation, whose clock is virtual and moves on only when nothing is left to wait for, and
    in the soak, whose people, kills and stalls come at drawn moments of real time."""
    tests = [path for path in tracked() if path.suffix == ".py" and path.is_relative_to(ROOT / "tests")]
    paced = (ROOT / "tests/sim/twin", ROOT / "tests/sim/http", ROOT / "tests/soak")
    tests = [path for path in tests if not any(path.is_relative_to(folder) for folder in paced)]
    found = [
        f"{path}:{call.lineno}" for path in tests for call in sleeps(ast.parse(path.read_text(), str(path)))
    ]
    assert found == []


@pytest.mark.parametrize("package", PACKAGES)
def test_every_package_says_what_it_is(package: str) -> None:
    inits = list((ROOT / package).rglob("__init__.py"))
    assert inits
    assert [str(path) for path in inits if not ast.get_docstring(ast.parse(path.read_text()))] == []


def test_every_module_says_what_it_is() -> None:
    modules = [path for package in PACKAGES for path in (ROOT / package).rglob("*.py")]
    assert [str(path) for path in modules if not ast.get_docstring(ast.parse(path.read_text()))] == []
