"""How a process that we started is ended."""

from __future__ import annotations

import asyncio
from asyncio.subprocess import Process


async def ended(process: Process, grace: float) -> None:
    """Ask it to end, and after `grace` seconds see to it."""
    if process.returncode is not None:
        return
    process.terminate()
    try:
        async with asyncio.timeout(grace):
            await process.wait()
    except TimeoutError:
        process.kill()
        await process.wait()
