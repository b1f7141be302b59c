"""The processes beside: sandboxes, and workers that edit as people do; none of it counts as syncd's."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import PIPE, Process
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import orjson

from syncd.core.errors import NeedsOperator
from syncd.service.ending import ended

LINE = 64 * 1024 * 1024
"""Bytes of one answer."""
GRACE = 10.0
"""Seconds that a process gets to end by itself."""


class Worker:
    """A process that does one task after the other; see `worker`."""

    def __init__(self, process: Process) -> None:
        self._process = process
        self._turn = asyncio.Lock()

    async def do(self, task: str, **args: Any) -> Any:
        """Have a task done; its result. Raises `NeedsOperator` with what went wrong."""
        async with self._turn:
            assert self._process.stdin is not None
            self._process.stdin.write(orjson.dumps({"task": task, "args": args}) + b"\n")
            await self._process.stdin.drain()
            answer = orjson.loads(await _line(self._process))
        if "error" in answer:
            raise NeedsOperator(f"the benchmark's task {task} failed: {answer['error']}", "Report it")
        return answer["result"]


@asynccontextmanager
async def worker(log: Path) -> AsyncIterator[Worker]:
    """A worker that is ready."""
    async with _child(log, "-m", "syncd.service.bench.worker") as process:
        await _line(process)
        yield Worker(process)


@asynccontextmanager
async def sandbox(profile: Path, log: Path) -> AsyncIterator[str]:
    """The plain CRM in a process of its own; its URL."""
    async with _child(log, "-m", "syncd", "sandbox", "rest", "--profile", str(profile)) as process:
        yield orjson.loads(await _line(process))["url"]


@asynccontextmanager
async def _child(log: Path, *words: str) -> AsyncIterator[Process]:
    with log.open("ab") as errors:
        process = await asyncio.create_subprocess_exec(
            sys.executable,
            *words,
            stdin=PIPE,
            stdout=PIPE,
            stderr=errors,
            limit=LINE,
            start_new_session=True,  # Ctrl-C is for the benchmark, which then ends its processes
        )
    try:
        yield process
    finally:
        await ended(process, GRACE)


async def _line(process: Process) -> bytes:
    assert process.stdout is not None
    line = await process.stdout.readline()
    if not line:
        raise NeedsOperator("a process of the benchmark ended by itself", "Look at its words above")
    return line
