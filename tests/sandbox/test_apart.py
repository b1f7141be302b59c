"""A sandbox and the connector that it serves share no code: each judges the other. And the page is whole."""

from __future__ import annotations

import ast
from collections.abc import Iterator
from pathlib import Path

from connectors.sandboxes.faults import FAULTS
from connectors.sandboxes.quirks import TRAPS

ROOT = Path(__file__).parents[2]
PAGE = ROOT / "docs" / "sandbox.md"


def imports(file: Path) -> Iterator[str]:
    """The modules of `connectors` that a file names."""
    for node in ast.walk(ast.parse(file.read_text())):
        names = [node.module or ""] if isinstance(node, ast.ImportFrom) else []
        names += [alias.name for alias in node.names] if isinstance(node, ast.Import) else []
        yield from (name for name in names if name.startswith("connectors."))


def test_no_sandbox_imports_a_connector_and_none_a_sandbox() -> None:
    wrong, seen = [], 0
    for file in (ROOT / "connectors").rglob("*.py"):
        parts = file.relative_to(ROOT).with_suffix("").parts
        for name in imports(file):
            of_kit = name.startswith("connectors.sandboxes")
            if parts[1] == "sandboxes":
                good = of_kit
            elif "sandbox" in parts:
                good = of_kit or name.startswith(".".join(parts[: parts.index("sandbox") + 1]))
            else:
                good = not of_kit and ".sandbox" not in name
            seen += 1
            wrong += [] if good else [f"{file}: {name}"]
    assert wrong == []
    assert seen > 100


def test_the_page_names_every_fault_and_every_trap() -> None:
    text = PAGE.read_text()
    lacking = [name for name in (*FAULTS, *TRAPS) if f"`{name}" not in text]
    assert lacking == ["ties"], "these are no words: a bulk edit makes them"
