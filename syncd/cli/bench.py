"""`syncd bench`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.common import FINE, PROBLEMS, JsonOption, call_of, console

app = typer.Typer()
PARTS = ("bulk", "webhooks", "linger", "notify")


@app.command()
def bench(
    ctx: typer.Context,
    json: JsonOption = False,
    records: Annotated[int, typer.Option(min=20, help="Records of the first sync.")] = 10_000,
    preload: Annotated[int, typer.Option(min=0, help="Measure again in a store of so many more.")] = 0,
    rate: Annotated[float, typer.Option(min=1, help="Single edits a second.")] = 50.0,
    seconds: Annotated[float, typer.Option(min=0.1, help="How long, in each part of them.")] = 20.0,
    part: Annotated[
        list[str] | None, typer.Option(help=f"Only this: {', '.join(PARTS)}. May be said twice.")
    ] = None,
    profile: Annotated[Path | None, typer.Option(help="Write to this file where the CPU goes.")] = None,
) -> None:
    """Measure what a record costs on this machine, beside a loop that keeps no state.

    Everything happens in processes of its own and a folder that is thrown away. Ends with 1 when the
    systems were not the same in the end.
    """
    from syncd.service.bench.parts import Asked
    from syncd.service.bench.report import figures, shown
    from syncd.service.bench.script import measure
    from syncd.service.bench.view import View

    parts = tuple(part or PARTS)
    if unknown := [name for name in parts if name not in PARTS]:
        known = ", ".join(PARTS)
        raise typer.BadParameter(f"no part {unknown[0]!r}; there are: {known}", param_hint="--part")
    asked = Asked(records, rate, seconds, preload, parts, profile)
    told = figures(asyncio.run(measure(asked, View(console(stderr=True)))))
    call_of(ctx, json=json).show(told, shown(told))
    raise typer.Exit(PROBLEMS if any(p.get("differences") for p in told["parts"].values()) else FINE)
