"""`syncd demo`."""

from __future__ import annotations

from enum import StrEnum
from pathlib import Path
from typing import Annotated

import typer

app = typer.Typer()


class Story(StrEnum):
    """What is shown."""

    crms = "crms"
    databases = "databases"


@app.command()
def demo(
    story: Annotated[
        Story,
        typer.Argument(
            help="crms: Salesforce, HubSpot and a database. databases: two, and a web service by `rest`."
        ),
    ] = Story.crms,
    seconds: Annotated[
        float | None,
        typer.Option(min=1, help="How long people edit; if absent, 20 with crms, 60 with databases."),
    ] = None,
    fast: Annotated[bool, typer.Option("--fast", help="Ten seconds of edits, and plain lines.")] = False,
    folder: Annotated[Path, typer.Option(help="Where everything happens; emptied first.")] = Path(
        ".syncd-demo"
    ),
    seed: Annotated[int, typer.Option(help="Another seed makes other people.")] = 7,
) -> None:
    """Show everything on this machine: three systems, a daemon, edits, clashes, a kill, a report.

    Ends with 0 when everything agrees or is listed as open, with 1 when something else differs.
    """
    from syncd.service.demo.script import demo as tell

    chosen = min(seconds or 10.0, 10.0) if fast else seconds
    raise typer.Exit(tell(folder.resolve(), story.value, seconds=chosen, plain=fast, seed=seed))
