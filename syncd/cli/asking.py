"""For commands beside the daemon: read the store, leave a request, wait a moment for what comes of it."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Mapping
from typing import Any, TypeVar

import typer

from syncd.cli.common import FINE, PROBLEMS, Call
from syncd.core.clock import SystemClock
from syncd.service.stores import open_store
from syncd.store import intents, views
from syncd.store.store import Store

T = TypeVar("T")
PATIENCE = 5.0
"""Seconds to wait for the daemon's answer."""
LOOK_EVERY = 0.1


def with_store(call: Call, work: Callable[[Store], Awaitable[T]]) -> T:
    """Do something with the open store of the configuration, without its lease."""
    settings = call.settings()

    async def opened() -> T:
        async with open_store(settings, SystemClock(), daemon=False) as found:
            return await work(found.store)

    return asyncio.run(opened())


def request(call: Call, name: str, args: Mapping[str, Any], *, refused: int = PROBLEMS) -> None:
    """Ask the daemon for something and print what came of it; exits with `refused` where it was refused."""

    async def ask(store: Store) -> dict[str, Any]:
        number = await intents.ask(store, name, args)
        holder = await views.holder(store)
        said = await _answer(store, number) if holder.runs else None
        return {"request": number, "runs": holder.runs, "answer": said}

    found = with_store(call, ask)
    said = found["answer"]
    if said is None:
        text = "the daemon has not answered yet" if found["runs"] else "no daemon runs now"
        text += f": request {found['request']} is kept, and carried out by the next one that looks"
        call.show({"request": found["request"], "state": "waiting", "result": None}, text)
        raise typer.Exit(FINE)
    ok, result = said
    call.show({"request": found["request"], "state": "done" if ok else "refused", "result": result}, result)
    raise typer.Exit(FINE if ok else refused)


async def _answer(store: Store, number: int) -> tuple[bool, str] | None:
    clock = SystemClock()
    end = clock.monotonic() + PATIENCE
    while clock.monotonic() < end:
        said = await intents.answer(store, number)
        if said is not None:
            return said
        await clock.sleep(LOOK_EVERY)
    return None
