"""`syncd connectors`."""

from __future__ import annotations

import typer

from syncd.cli.common import FINE, PROBLEMS, JsonOption, call_of
from syncd.cli.tables import counted, table

app = typer.Typer()


@app.command()
def connectors(ctx: typer.Context, json: JsonOption = False) -> None:
    """List the installed connectors. Ends with 1 where one cannot be used."""
    from connectors import registry

    found = [
        {"name": e.name, "package": e.package, "version": e.version, "target": e.target, "problem": e.problem}
        for e in registry.available().values()
    ]
    rows = [(e["name"], e["package"], e["version"], e["problem"] or "ok") for e in found]
    title = counted(len(found), "connector")
    call_of(ctx, json=json).show(found, table(title, "name", "package", "version", "state", rows=rows))
    raise typer.Exit(PROBLEMS if any(e["problem"] for e in found) else FINE)
