"""`syncd reload`."""

from __future__ import annotations

import typer

from syncd.cli.asking import request, with_store
from syncd.cli.common import FINE, WRONG, ConfigOption, JsonOption, call_of
from syncd.store import views

app = typer.Typer()


@app.command()
def reload(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Have the daemon read its configuration anew, whole or not at all; SIGHUP does the same.

    Ends with 2 where the configuration is wrong: then the daemon goes on with the old one.
    """
    call = call_of(ctx, config, json)
    call.settings()
    if not with_store(call, views.holder).runs:
        text = (
            "the file is right, as far as it shows by itself (`syncd check` asks the systems, too); "
            "no daemon runs now, and the next one reads it when it starts"
        )
        call.show({"request": None, "state": "no daemon", "result": None}, text)
        raise typer.Exit(FINE)
    request(call, "reload", {}, refused=WRONG)
