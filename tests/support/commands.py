"""The real command in processes of its own: calls that end, and the daemon that runs."""

from __future__ import annotations

import asyncio
import json
import os
import signal
import sys
import time
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

from aiohttp import ClientSession

ROOT = Path(__file__).parents[2]
SYNCD = (sys.executable, "-m", "syncd")


@dataclass(frozen=True)
class Done:
    """A call that came to its end."""

    code: int
    out: str
    err: str

    def json(self) -> Any:
        return json.loads(self.out)


def _env(given: Mapping[str, str]) -> dict[str, str]:
    return {**os.environ, "PYTHONPATH": str(ROOT), "COLUMNS": "200", **given}


async def syncd(folder: Path, *args: str, env: Mapping[str, str] | None = None) -> Done:
    """`syncd ARGS` in a folder."""
    process = await asyncio.create_subprocess_exec(
        *SYNCD,
        *args,
        cwd=folder,
        env=_env(env or {}),
        stdout=asyncio.subprocess.PIPE,
        stderr=asyncio.subprocess.PIPE,
    )
    async with asyncio.timeout(60):
        out, err = await process.communicate()
    assert process.returncode is not None
    return Done(process.returncode, out.decode(), err.decode())


class Running:
    """`syncd run`, its log as it comes, and its doors."""

    def __init__(self, process: asyncio.subprocess.Process) -> None:
        self.process = process
        self.log = ""
        self.url = ""
        self._grown = asyncio.Event()
        self._reading = asyncio.create_task(self._read())

    @classmethod
    @asynccontextmanager
    async def in_folder(cls, folder: Path, *args: str, env: Mapping[str, str]) -> AsyncIterator[Running]:
        """Start in a folder and wait until it listens; killed at the end if nobody stopped it."""
        running = await cls.begun(folder, *args, env=env)
        try:
            await running.listens()
            yield running
        finally:
            await running.kill()

    @classmethod
    async def begun(cls, folder: Path, *args: str, env: Mapping[str, str]) -> Running:
        """Start in a folder; waits for nothing."""
        process = await asyncio.create_subprocess_exec(
            *SYNCD,
            "run",
            *args,
            cwd=folder,
            env=_env(env),
            stdout=asyncio.subprocess.DEVNULL,
            stderr=asyncio.subprocess.PIPE,
        )
        return cls(process)

    async def listens(self, within: float = 120.0) -> None:
        """Return once it answers at `url`."""
        line = await self.said("health and metrics on ", within)
        self.url = line.split("health and metrics on ")[1].split('"')[0].strip()

    async def kill(self) -> None:
        """kill -9, if it still runs."""
        if self.process.returncode is None:
            self.process.kill()
        await self.process.wait()
        await self._reading

    async def said(self, words: str, within: float = 120.0) -> str:
        """The first log line with these words, waiting for it."""
        try:
            async with asyncio.timeout(within):
                while not (line := self._line(words)):
                    assert self.process.returncode is None, self.log
                    self._grown.clear()
                    await self._grown.wait()
                return line
        except TimeoutError:
            raise AssertionError(f"the log does not say {words!r}:\n{self.log}") from None

    async def get(self, path: str) -> tuple[int, str]:
        """Status and body of one of its pages."""
        async with ClientSession() as session, session.get(self.url + path) as answer:
            return answer.status, await answer.text()

    async def stop(self, how: signal.Signals = signal.SIGTERM) -> tuple[int, float]:
        """Stop it; the exit code, and how many seconds it took."""
        began = time.monotonic()
        self.process.send_signal(how)
        return await self.ended(), time.monotonic() - began

    async def ended(self, within: float = 120.0) -> int:
        """The exit code, once it has ended and its log is read."""
        async with asyncio.timeout(within):
            code = await self.process.wait()
            await self._reading
        return code

    def _line(self, words: str) -> str:
        return next((line for line in self.log.splitlines() if words in line), "")

    async def _read(self) -> None:
        assert self.process.stderr is not None
        while chunk := await self.process.stderr.readline():
            self.log += chunk.decode()
            self._grown.set()
        self._grown.set()
