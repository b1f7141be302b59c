"""`syncd schema`."""

from __future__ import annotations

import orjson
import typer

app = typer.Typer()


@app.command()
def schema() -> None:
    """Print the configuration's JSON Schema, with the installed connectors' own settings: for editors."""
    from syncd.config import json_schema
    from syncd.service.vendors import connector_options

    typer.echo(orjson.dumps(json_schema(connector_options()), option=orjson.OPT_INDENT_2))
