"""`syncd connect`."""

from __future__ import annotations

import asyncio
import base64
import os
import secrets
import sys
import threading
import webbrowser
from collections.abc import Callable
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated

import typer

from syncd.cli.common import FINE, PROBLEMS, Call, ConfigOption, JsonOption, call_of
from syncd.cli.tables import shown, table
from syncd.core.errors import ConfigError

if TYPE_CHECKING:
    from syncd.service.connect import Connected
    from syncd.service.connections import Connection

app = typer.Typer()
KEY_BYTES = 32


@app.command()
def connect(
    ctx: typer.Context,
    system: Annotated[str | None, typer.Argument(help="The system to log in to.")] = None,
    no_browser: Annotated[
        bool, typer.Option("--no-browser", help="Only print the address; open it yourself.")
    ] = False,
    paste: Annotated[
        bool, typer.Option("--paste", help="The browser is on another machine: paste what it came back to.")
    ] = False,
    timeout: Annotated[float, typer.Option(min=1, help="Seconds to wait for the log-in.")] = 300.0,
    new_account: Annotated[
        bool,
        typer.Option("--new-account", help="Take another account, a copy of the last with the same ids."),
    ] = False,
    status: Annotated[
        bool, typer.Option("--status", help="Show what is connected, and change nothing.")
    ] = False,
    make_key: Annotated[
        Path | None, typer.Option("--make-key", help="Write a new key for `secrets.key` to this file.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Log in to a system in the browser, and keep its tokens encrypted in the store.

    Prints the address as well, for a browser of your choice. With `--status` it ends with 1 where a system
    waits for a log-in, and with 3 where nothing came of the log-in.
    """
    call = call_of(ctx, config, json)
    if make_key is not None:
        _make_key(call, make_key)
    elif status:
        _status(call)
    elif system is None:
        raise typer.BadParameter("name the system to log in to, or --status", param_hint="SYSTEM")
    else:
        done = asyncio.run(_connected(call, system, not (no_browser or paste), paste, timeout, new_account))
        call.show(asdict(done), shown(_told(done)))


async def _connected(
    call: Call, system: str, browser: bool, paste: bool, seconds: float, new_account: bool
) -> Connected:
    from syncd.service.connect import connect as log_in
    from syncd.service.connections import opened
    from syncd.service.consent import Asking

    settings = call.settings()
    asking = Asking(_show(browser), _pasted if paste else None, seconds, new_account)
    async with opened(settings) as logins:
        return await log_in(logins, settings, system, asking)


def _show(browser: bool) -> Callable[[str], None]:
    def show(address: str) -> None:
        typer.echo(f"Log in, and approve, at this address:\n\n{address}\n", err=True)
        if browser and _has_display():
            threading.Thread(target=webbrowser.open, args=(address,), daemon=True).start()

    return show


def _has_display() -> bool:
    """Whether a browser can be shown: without a display, one for the terminal would take it over."""
    return sys.platform in ("darwin", "win32") or any(
        os.environ.get(name) for name in ("DISPLAY", "WAYLAND_DISPLAY")
    )


async def _pasted() -> str:
    """A line from the person, read by a thread that may be left behind when the time is up."""
    typer.echo(
        "Then paste all of the address line that the browser shows at last, and press Enter:", err=True
    )
    loop = asyncio.get_running_loop()
    came: asyncio.Future[str] = loop.create_future()

    def deliver(line: str) -> None:
        if not came.done():
            came.set_result(line)

    def read() -> None:
        loop.call_soon_threadsafe(deliver, sys.stdin.readline())

    threading.Thread(target=read, daemon=True).start()
    return await came


def _told(done: Connected) -> str:
    from syncd.service.logins import told

    lines = [f"{done.system} is connected"]
    if done.owner is not None:
        person = f" as {done.owner.person}" if done.owner.person else ""
        lines[0] += f"{person} to {told(done.owner)}"
    if done.before is not None:
        lines.append(f"in place of {told(done.before)}: run `syncd reload` if the daemon runs")
    return "\n".join([*lines, *(f"note: {note}" for note in done.notes)])


# -- the rest -------------------------------------------------------------------------------------------


def _status(call: Call) -> None:
    from syncd.service.connections import connections, moment, opened

    async def look() -> list[Connection]:
        settings = call.settings()
        async with opened(settings) as logins:
            return await connections(logins, settings)

    found = asyncio.run(look())
    columns = ("system", "state", "by", "since", "renewed", "account", "person", "")
    rows = [
        (
            c.system,
            c.state,
            c.by,
            moment(c.since),
            moment(c.renewed),
            c.owner and (c.owner.name or c.owner.account),
            c.owner and c.owner.person,
            c.trouble or "",
        )
        for c in found
    ]
    text = (
        table("", *columns, rows=rows) if rows else "no system keeps tokens: all log in by the configuration"
    )
    call.show([asdict(c) for c in found], text)
    raise typer.Exit(PROBLEMS if any(c.state != "connected" and c.by == "browser" for c in found) else FINE)


def _make_key(call: Call, file: Path) -> None:
    text = base64.b64encode(secrets.token_bytes(KEY_BYTES)).decode()
    try:
        with os.fdopen(os.open(file, os.O_WRONLY | os.O_CREAT | os.O_EXCL, 0o600), "w") as stream:
            stream.write(f"{text}\n")
    except OSError as error:
        raise ConfigError(
            f"{file} cannot be written: {error.strerror}. Name a file that is not there yet"
        ) from None
    told = f"a new key is in {file}: keep a copy of it, apart from the store's. In the configuration, write\n"
    told += f'secrets: {{key: "${{file:{file}}}"}}'
    call.show({"file": str(file)}, shown(told))
