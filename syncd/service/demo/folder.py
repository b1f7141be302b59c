"""Room for a demo: what an earlier one left is removed, anybody else's files are not; and free ports."""

from __future__ import annotations

import shutil
import socket
from pathlib import Path

from syncd.core.errors import NeedsOperator
from syncd.store import server
from syncd.store.home import find_home

MARK = ".syncd-demo"
SERVERS = ("systems", "state")


def make_room(folder: Path) -> None:
    """An empty folder with our mark; raises `NeedsOperator` where it is in use or holds other things."""
    if folder.exists() and any(folder.iterdir()) and not (folder / MARK).exists():
        raise NeedsOperator(f"{folder} holds files that no demo made", "Name another --folder")
    folder.mkdir(parents=True, exist_ok=True)
    (folder / MARK).touch()
    homes = [find_home(folder / name) for name in SERVERS]
    if any(server.in_folder(home.data) for home in homes):
        raise NeedsOperator(f"another demo runs in {folder}", "Wait for its end, or name another --folder")
    for home in homes:
        shutil.rmtree(home.data, ignore_errors=True)  # may lie elsewhere, where root's home is closed
    shutil.rmtree(folder)
    folder.mkdir()
    (folder / MARK).touch()


def free_port() -> int:
    """A port of this machine that nobody listens on now."""
    with socket.socket() as probe:
        probe.bind(("127.0.0.1", 0))
        return int(probe.getsockname()[1])
