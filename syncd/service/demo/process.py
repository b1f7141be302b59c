"""syncd itself, as the demo uses it: the daemon as a process to be killed, and its commands."""

from __future__ import annotations

import asyncio
import os
import signal
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path

from syncd.service.ending import ended

GRACE = 15.0
"""Seconds that a daemon gets to end by itself."""


class Daemon:
    """`syncd run` on one configuration, in a process of its own; its log goes to a file."""

    def __init__(self, config: Path, width: int | None = None) -> None:
        self.config = config
        self._screen = {} if width is None else {"FORCE_COLOR": "1", "COLUMNS": str(width)}
        self.log = config.with_name("daemon.log")
        self._process: Process | None = None

    @property
    def pid(self) -> int:
        """The running daemon's process; 0 where none runs."""
        return self._process.pid if self._process is not None else 0

    @property
    def ended(self) -> bool:
        """Whether it ended by itself, which a daemon does not."""
        return self._process is not None and self._process.returncode is not None

    async def start(self) -> None:
        """Start it; does not wait until it is ready."""
        with self.log.open("ab") as log:
            self._process = await asyncio.create_subprocess_exec(
                *_syncd("run", self.config),
                stdin=DEVNULL,
                stdout=log,
                stderr=log,
                start_new_session=True,  # Ctrl-C is for the demo, which then ends the daemon
            )

    async def kill(self) -> int:
        """kill -9; answers the dead process's number."""
        process, self._process = self._process, None
        assert process is not None
        process.send_signal(signal.SIGKILL)
        await process.wait()
        return process.pid

    async def stop(self) -> None:
        """Ask it to end, and see to it."""
        process, self._process = self._process, None
        if process is not None:
            await ended(process, GRACE)

    @contextmanager
    def held(self) -> Iterator[None]:
        """It stands still meanwhile, and sees only afterwards what was done."""
        assert self._process is not None
        self._process.send_signal(signal.SIGSTOP)
        try:
            yield
        finally:
            self._process.send_signal(signal.SIGCONT)

    async def run(self, *words: str) -> tuple[int, str]:
        """A command beside the daemon: its exit code and what it printed."""
        process = await asyncio.create_subprocess_exec(
            *_syncd(*words, self.config),
            stdin=DEVNULL,
            stdout=PIPE,
            stderr=PIPE,
            env={**os.environ, **self._screen},
        )
        try:
            out, err = await process.communicate()
        except asyncio.CancelledError:
            process.kill()
            await process.wait()
            raise
        code = process.returncode or 0
        return code, (out or err).decode(errors="replace").rstrip()

    def last_words(self) -> str:
        """The end of its log."""
        return "\n".join(self.log.read_text(errors="replace").splitlines()[-5:])


def _syncd(*words: str | Path) -> list[str]:
    """The command line; the last word is the configuration."""
    *command, config = map(str, words)
    return [sys.executable, "-m", "syncd", "-c", config, *command]
