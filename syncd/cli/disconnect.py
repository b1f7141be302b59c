"""`syncd disconnect`."""

from __future__ import annotations

import asyncio
from typing import Annotated

import typer

from syncd.cli.common import ConfigOption, JsonOption, call_of
from syncd.cli.tables import shown

app = typer.Typer()


@app.command()
def disconnect(
    ctx: typer.Context,
    system: Annotated[str, typer.Argument(help="The system whose tokens to revoke and forget.")],
    force: Annotated[
        bool, typer.Option("--force", help="Forget them although the vendor cannot be asked to revoke them.")
    ] = False,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Have the vendor revoke the tokens of `syncd connect`, and forget them.

    Which account the system's records belong to stays known. Ends with 3 where the vendor cannot be asked.
    """
    from syncd.service.connect import disconnect as log_out
    from syncd.service.connections import opened

    call = call_of(ctx, config, json)

    async def out() -> bool:
        settings = call.settings()
        async with opened(settings) as logins:
            return await log_out(logins, settings, system, force=force)

    revoked = asyncio.run(out())
    said = "its tokens are revoked and forgotten"
    if not revoked:
        said = "its tokens are forgotten; revoke the access at the vendor, too: nothing was revoked there"
    call.show({"system": system, "revoked": revoked}, shown(f"{system} is disconnected: {said}"))
