"""`syncd db`: the store's tables."""

from __future__ import annotations

import asyncio
from collections.abc import Callable
from typing import TypeVar

import typer

from syncd.cli.common import FINE, PROBLEMS, Call, ConfigOption, JsonOption, call_of
from syncd.service.stores import open_url
from syncd.store.revision import is_current

app = typer.Typer(help="The store's tables: which version they are, and bringing them up to date.")
T = TypeVar("T")


@app.callback()
def db(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    ctx.obj = call_of(ctx, config, json)


@app.command()
def upgrade(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Bring the tables up to date. Back up a database of your own first, and stop its daemon."""
    from syncd.store import migrate

    call = call_of(ctx, config, json)
    done = _with_url(call, migrate.upgrade)
    call.show({"upgraded": done}, f"upgraded: {', '.join(done)}" if done else "the store is up to date")


@app.command()
def current(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show which version the tables are. Ends with 1 where an upgrade is due."""
    from syncd.store import migrate

    call = call_of(ctx, config, json)
    at, due = _with_url(call, lambda url: (migrate.current(url), migrate.pending(url)))
    text = f"the store is at {at or 'no version: it is empty'}"
    text += f"; due: {', '.join(due)}. Run `syncd db upgrade`" if due else ", and up to date"
    call.show({"current": at, "pending": due}, text)
    raise typer.Exit(PROBLEMS if due else FINE)


def _with_url(call: Call, work: Callable[[str], T]) -> T:
    settings = call.settings()

    async def opened() -> T:
        async with open_url(settings) as (url, _):
            await is_current(url)  # says why it cannot be reached better than the migrations' driver
            return await asyncio.to_thread(work, url)

    return asyncio.run(opened())
