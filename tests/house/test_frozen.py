"""Nouns are frozen where Python runs in development mode; elsewhere the type checker alone sees to it."""

from __future__ import annotations

import subprocess
import sys

TRY = """
from dataclasses import FrozenInstanceError
from syncd.core.nouns import Stamp
from syncd.core.state import Link
assert Stamp(1, "a") == Stamp(1, "a") and hash(Stamp(1, "a")) == hash(Stamp(1, "a"))
for noun, name in ((Stamp(1, "a"), "version"), (Link("a", "b", "c", 1), "record_id")):
    try:
        setattr(noun, name, 2)
    except FrozenInstanceError:
        continue
    raise SystemExit(f"{type(noun).__name__} can be changed")
"""


def test_development_mode_freezes_the_nouns() -> None:
    subprocess.run([sys.executable, "-X", "dev", "-c", TRY], check=True, timeout=60)
