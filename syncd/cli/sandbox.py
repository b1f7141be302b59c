"""`syncd sandbox`."""

from __future__ import annotations

import asyncio
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.common import WRONG

app = typer.Typer()
Name = Annotated[str, typer.Argument(help="Which one; without a name they are listed.")]
Port = Annotated[int, typer.Option(help="The port on 127.0.0.1; 0: any that is free.", min=0, max=65535)]
Seed = Annotated[
    Path | None, typer.Option(help="Records to begin with: a CSV or JSON file, or a folder of CSV files.")
]
Profile = Annotated[str, typer.Option(help="plain, hostile, or a YAML file.")]
Tls = Annotated[bool, typer.Option("--tls", help="Serve https under a certificate made on the spot.")]


@app.command()
def sandbox(
    name: Name = "", port: Port = 0, seed: Seed = None, profile: Profile = "plain", tls: Tls = False
) -> None:
    """Serve a CRM for tests and trials; print one line of JSON with all that a client needs, when ready."""
    from connectors.sandboxes import registry
    from syncd.core.errors import ConfigError

    if not name:
        typer.echo("\n".join(registry.names()))
        return
    try:
        asyncio.run(registry.load(name)(profile, seed=seed).run(port, tls=tls))
    except ConfigError as error:
        said = str(error)
    except OSError as error:
        said = f"cannot listen on 127.0.0.1:{port}: {error.strerror}; choose another --port"
    else:
        return
    typer.echo(said, err=True)
    raise typer.Exit(WRONG)
