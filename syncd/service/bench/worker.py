"""`python -m syncd.service.bench.worker`: reads a task a line, does it, prints its result a line."""

from __future__ import annotations

import asyncio
import sys
from collections.abc import Awaitable, Callable
from typing import Any

import aiohttp
import orjson

from syncd.service.bench import bare, people, trickle

TASKS: dict[str, Callable[..., Awaitable[Any]]] = {
    "fill": people.fill,
    "edit": people.edit,
    "compare": people.compare,
    "calls": people.calls,
    "subscribe": people.subscribe,
    "bare": bare.run,
    "edit_crm": trickle.edit_crm,
    "edit_table": trickle.edit_table,
    "latencies": trickle.latencies,
}


async def serve() -> None:
    """Do tasks until the input ends."""
    async with aiohttp.ClientSession() as session:
        loop = asyncio.get_running_loop()
        _say({"result": "ready"})
        while line := await loop.run_in_executor(None, sys.stdin.buffer.readline):
            asked = orjson.loads(line)
            try:
                _say({"result": await TASKS[asked["task"]](session, **asked["args"])})
            except Exception as error:
                _say({"error": f"{type(error).__name__}: {error}"})


def _say(answer: dict[str, Any]) -> None:
    sys.stdout.buffer.write(orjson.dumps(answer, option=orjson.OPT_NON_STR_KEYS) + b"\n")
    sys.stdout.buffer.flush()


if __name__ == "__main__":
    asyncio.run(serve())
