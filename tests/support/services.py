"""Services that a machine may lack."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable
from pathlib import Path
from typing import NoReturn

import pytest

DEBIAN_BIN = Path("/usr/lib/postgresql/15/bin")


def _root() -> str | None:
    return None if os.geteuid() == 0 else "only root can step down to another user"


def _npm() -> str | None:
    return None if shutil.which("npm") else "npm is not installed"


def _debian_postgres() -> str | None:
    return None if DEBIAN_BIN.exists() else f"no PostgreSQL binaries in {DEBIAN_BIN}"


CHECKS: dict[str, Callable[[], str | None]] = {
    "debian_postgres": _debian_postgres,
    "npm": _npm,
    "root": _root,
}
"""By name: why the service is missing, or None."""


def require_service(name: str) -> None:
    """Skip the test with a reason where a service is missing; fail it under SYNCD_REQUIRE_SERVICES=1."""
    missing = CHECKS[name]()
    if missing is not None:
        missing_service(name, missing)


def missing_service(name: str, missing: str) -> NoReturn:
    """Skip or fail the test, as above, for this reason."""
    if os.environ.get("SYNCD_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{name} is required here: {missing}")
    pytest.skip(missing)
