"""`syncd sweep`."""

from __future__ import annotations

from typing import Annotated

import typer

from syncd.cli.asking import request
from syncd.cli.common import ConfigOption, JsonOption, call_of

app = typer.Typer()


@app.command()
def sweep(
    ctx: typer.Context,
    system: Annotated[str | None, typer.Argument(help="The system; all of them if absent.")] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Ask the daemon to compare everything now: find what capture missed, and what is gone."""
    call = call_of(ctx, config, json)
    known = call.settings().systems
    if system is not None and system not in known:
        raise typer.BadParameter(f"there is no system {system}; known are: {', '.join(known)}")
    request(call, "sweep", {} if system is None else {"system": system})
