"""`syncd parked`: what was set aside with a reason."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import typer

from syncd.cli.asking import request, with_store
from syncd.cli.common import FINE, PROBLEMS, Call, ConfigOption, JsonOption, call_of, when
from syncd.cli.tables import brief, counted, ids, table, told
from syncd.core.errors import SyncdError
from syncd.store import views

app = typer.Typer()
Number = Annotated[int, typer.Argument(metavar="N", help="The item's number.")]


@app.callback(invoke_without_command=True)
def parked(
    ctx: typer.Context,
    config: ConfigOption = None,
    json: JsonOption = False,
    system: Annotated[str | None, typer.Option(help="Only this system.")] = None,
    kind: Annotated[str | None, typer.Option(help="Only this kind.")] = None,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
) -> None:
    """List, show, retry and drop parked items: writes that were refused, changes that could not be applied.

    Without a further word: the list. Ends with 1 where there are some.
    """
    ctx.obj = call = call_of(ctx, config, json)
    if ctx.invoked_subcommand is None:
        _print(call, system, kind, limit)


@app.command("list", hidden=True)
def listed(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List parked items."""
    _print(call_of(ctx, config, json), None, None, 100)


def _print(call: Call, system: str | None, kind: str | None, limit: int) -> None:
    found = with_store(call, lambda store: views.parked(store, system=system, kind=kind, limit=limit))
    call.show(found, _listed(found) if found else "nothing is parked")
    raise typer.Exit(PROBLEMS if found else FINE)


@app.command()
def show(ctx: typer.Context, number: Number, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show one item with what was kept of it."""
    call = call_of(ctx, config, json)
    found = with_store(call, lambda store: views.parked_item(store, number))
    if found is None:
        raise SyncdError(f"there is no parked item {number}; `syncd parked` lists them")
    call.show(found, _told(found))


@app.command()
def retry(ctx: typer.Context, number: Number, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Send it, or read it, once more."""
    request(call_of(ctx, config, json), "retry", {"parked": number})


@app.command()
def drop(ctx: typer.Context, number: Number, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Take it off the list; nothing else changes."""
    request(call_of(ctx, config, json), "drop", {"parked": number})


def _what(row: dict[str, Any]) -> str:
    if row["record_id"] is not None:
        known = f" ({row['remote_id']})" if row["remote_id"] is not None else ""
        return f"record {row['record_id']}{known}"
    return f"{row['object']} {row['remote_id']}"


def _listed(found: list[dict[str, Any]]) -> Any:
    now = datetime.now(UTC)
    rows = [
        (
            row["parked"],
            f"{row['system']} {row['kind']}",
            f"{row['direction']}: {_what(row)}",
            row["field"],
            row["code"],
            row["message"],
            when(row["at"], now),
        )
        for row in found
    ]
    columns = ("N", "where", "what", "field", "code", "why, and what to do", "since")
    return table(counted(len(found), "item"), *columns, rows=rows, numbers=("N",))


def _told(found: dict[str, Any]) -> Any:
    rows = [
        ("where", f"{found['system']} ({found['object']}), {found['kind']}, {found['direction']}"),
        ("what", _what(found)),
        ("known as", ids(found["ids"])),
        ("field", found["field"]),
        ("why", f"{found['code']}: {found['message']}"),
        ("since", found["at"].isoformat(" ", "seconds")),
        ("kept", brief(found["body"])),
    ]
    number = found["parked"]
    then = f"once it is mended it goes by itself, or by `syncd parked retry {number}`;"
    drop = f"`syncd parked drop {number}` only takes it off the list"
    return told(f"parked {number}", table(None, "", "", rows=rows), then, drop)
