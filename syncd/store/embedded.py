"""PostgreSQL as a child of the daemon, from a wheel's binaries: nothing to install, nothing left behind.

A lock on the state folder makes this process the only supervisor. The kernel tells the server to shut
down when the daemon dies; a successor waits for that orphan, and for any recovery, without a limit.
"""

from __future__ import annotations

import asyncio
import fcntl
import os
import signal
import subprocess
import time
from collections.abc import Mapping
from contextlib import suppress
from pathlib import Path
from types import TracebackType
from typing import IO

from syncd.core.errors import StoreUnavailable
from syncd.store import server
from syncd.store.home import Home, find_home

ORPHAN_PATIENCE = 60.0
SHORT_USE_PATIENCE = 15.0


class EmbeddedPostgres:
    """`async with EmbeddedPostgres(state_dir) as url`: a running server for the length of the block.

    With `share`, a server that another syncd on this folder runs is used instead of being an error: for
    commands beside the daemon. `settings` override PostgreSQL's. Enter it from the main thread: the server
    dies with the thread that made it. Raises `StoreUnavailable`.
    """

    def __init__(
        self, state_dir: Path, *, share: bool = False, settings: Mapping[str, str] | None = None
    ) -> None:
        self._state = state_dir
        self._share = share
        self._settings = {**server.SETTINGS, **(settings or {})}
        self._server: subprocess.Popen[bytes] | None = None
        self._lock: IO[str] | None = None
        self._home: Home | None = None

    async def __aenter__(self) -> str:
        home = find_home(self._state)
        try:
            if await self._locked(home):
                await self._serve(home)
        except BaseException:
            await self._end()
            raise
        return server.url_of(home)

    async def __aexit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        await self._end()

    @property
    def pid(self) -> int | None:
        """The server's process, None where another syncd runs it."""
        return self._server.pid if self._server else None

    async def watch(self) -> None:
        """Wait; raises `StoreUnavailable` when the server ends by itself."""
        while self._server is None or self._server.poll() is None:  # noqa: ASYNC110
            await asyncio.sleep(0.25)
        raise StoreUnavailable(
            f"the embedded PostgreSQL in {self._state} ended by itself (code {self._server.returncode}). "
            "Start syncd again; its postgres.log says why."
        )

    async def _locked(self, home: Home) -> bool:
        """Whether this process supervises; False where it may use a server that another one runs."""
        self._lock = _open(home.lock)
        end = time.monotonic() + SHORT_USE_PATIENCE
        while not _try_lock(self._lock):
            other = home.lock.read_text().strip()
            if self._share and server.is_ready(home):
                return False
            if time.monotonic() > end or (other.startswith("daemon") and not self._share):
                raise StoreUnavailable(
                    f"the embedded store in {self._state} is in use by another syncd ({other}). "
                    "Stop that one, or give this one a state folder of its own."
                )
            await asyncio.sleep(0.02)
        self._lock.truncate(0)
        self._lock.write(f"{'command' if self._share else 'daemon'}, process {os.getpid()}")
        self._lock.flush()
        return True

    async def _serve(self, home: Home) -> None:
        self._home = home
        home.own(home.sockets)
        if not (home.data / "PG_VERSION").exists():
            server.initialise(home, durable=self._settings.get("fsync") != "off")
        end = time.monotonic() + ORPHAN_PATIENCE
        reasonless = 0
        while not await self._started(home):
            hopeful = server.in_folder(home.data) or server.forget_the_dead(home)
            reasonless = 0 if hopeful else reasonless + 1  # once: an orphan may have ended just now
            if reasonless > 1 or time.monotonic() > end:
                raise StoreUnavailable(
                    f"the embedded PostgreSQL in {home.data} does not start: {server.last_words(home)}. "
                    f"Look into {home.log}."
                )
            await asyncio.sleep(0.05)

    async def _started(self, home: Home) -> bool:
        """Start the server and wait until it is ready; False when it gave up."""
        self._server = server.spawn(home, self._settings)
        while self._server.poll() is None:
            if server.is_ready(home, self._server.pid):
                return True
            await asyncio.sleep(0.01)
        return False

    async def _end(self) -> None:
        child, self._server = self._server, None
        if child is not None and child.poll() is None:
            child.send_signal(signal.SIGINT)
            end = time.monotonic() + 20
            while child.poll() is None:
                if time.monotonic() > end:
                    child.send_signal(signal.SIGQUIT)  # at once; the next start recovers from the log
                await asyncio.sleep(0.01)
        if self._home is not None:
            with suppress(OSError):  # not empty: somebody's file, or a server that would not end
                self._home.sockets.rmdir()
            self._home = None
        if self._lock is not None:
            self._lock.close()
            self._lock = None


def _open(lock: Path) -> IO[str]:
    return lock.open("a+")


def _try_lock(file: IO[str]) -> bool:
    try:
        fcntl.flock(file, fcntl.LOCK_EX | fcntl.LOCK_NB)
    except BlockingIOError:
        return False
    return True
