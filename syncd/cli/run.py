"""`syncd run`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from syncd.cli.common import OUT_OF_REACH, ConfigOption, call_of, code_of
from syncd.core.errors import SyncdError

app = typer.Typer()


@app.command()
def run(
    ctx: typer.Context,
    config: ConfigOption = None,
    log_json: Annotated[bool, typer.Option("--log-json", help="Log one JSON object a line.")] = False,
) -> None:
    """Run the daemon: keep everything in sync until SIGTERM or SIGINT.

    Ends with 3 where the store is out of reach or another daemon has it.
    """
    from syncd.service import run as service

    settings = call_of(ctx, config).settings()
    try:
        asyncio.run(service.run(settings, log_json=log_json))
    except SyncdError as error:  # logged already
        raise typer.Exit(code_of(error) or OUT_OF_REACH) from None
