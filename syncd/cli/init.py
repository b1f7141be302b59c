"""`syncd init`."""

from __future__ import annotations

import os
import re
from pathlib import Path
from typing import Annotated

import typer

from syncd.cli.common import DEFAULT, ConfigOption, call_of

app = typer.Typer()


@app.command()
def init(
    ctx: typer.Context,
    systems: Annotated[list[str], typer.Argument(metavar="NAME:CONNECTOR...", help="Such as sales:sql.")],
    config: ConfigOption = None,
) -> None:
    """Write a commented configuration for the systems named. Never overwrites a file."""
    from syncd.config import init_template
    from syncd.service.vendors import connector_options

    known = connector_options()
    pairs = [_pair(text, list(known)) for text in systems]
    if len({name for name, _ in pairs}) < len(pairs):
        raise typer.BadParameter("two systems have the same name")
    path = call_of(ctx, config).config or DEFAULT
    file = path / DEFAULT if path.is_dir() else path
    try:
        _write(file, init_template(pairs, known))
    except FileExistsError:
        raise typer.BadParameter(f"{file} is there already; name another with -c, or remove it") from None
    except OSError as error:
        raise typer.BadParameter(f"{file} cannot be written: {error.strerror}") from None
    typer.echo(f"wrote {file}. Fill in tables and fields, set the variables it names, then run `syncd check`")


def _pair(text: str, known: list[str]) -> tuple[str, str]:
    from syncd.config.problems import did_you_mean
    from syncd.config.units import SYSTEM_NAME

    name, colon, connector = text.partition(":")
    if not colon or not name or not connector:
        raise typer.BadParameter(f'"{text}" is not NAME:CONNECTOR, such as sales:sql')
    if connector not in known:
        raise typer.BadParameter(f'there is no connector "{connector}". {did_you_mean(connector, known)}')
    if not re.match(SYSTEM_NAME, name):
        raise typer.BadParameter(f'"{name}" is no name: use letters, digits, - and _, a letter first')
    return name, connector


def _write(file: Path, text: str) -> None:
    """Make the file, for the owner's eyes only: people will write near-secrets into it."""
    with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w", encoding="utf-8") as out:
        out.write(text)
