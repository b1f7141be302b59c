"""Services that a machine may lack."""

from __future__ import annotations

import os
import shutil
from collections.abc import Callable

import pytest


def _root() -> str | None:
    return None if os.geteuid() == 0 else "only root can step down to another user"


def _npm() -> str | None:
    return None if shutil.which("npm") else "npm is not installed"


def _postgres15() -> str | None:
    return None if os.environ.get("SYNCD_TEST_POSTGRES") else "SYNCD_TEST_POSTGRES names no server"


CHECKS: dict[str, Callable[[], str | None]] = {"npm": _npm, "root": _root, "postgres": _postgres15}
"""By name: why the service is missing, or None."""


def require_service(name: str) -> None:
    """Skip the test with a reason where a service is missing; fail it under SYNCD_REQUIRE_SERVICES=1."""
    missing = CHECKS[name]()
    if missing is None:
        return
    if os.environ.get("SYNCD_REQUIRE_SERVICES") == "1":
        pytest.fail(f"{name} is required here: {missing}")
    pytest.skip(missing)
