"""`syncd brakes`: writes that are held until a person looks."""

from __future__ import annotations

from datetime import UTC, datetime
from enum import StrEnum
from typing import Annotated, Any

import typer

from syncd.cli.asking import request, with_store
from syncd.cli.common import FINE, PROBLEMS, Call, ConfigOption, JsonOption, call_of, when
from syncd.cli.tables import counted, ids, table, told
from syncd.core.errors import SyncdError
from syncd.store import views

app = typer.Typer()
Number = Annotated[int, typer.Argument(metavar="N", help="The brake's number.")]


class How(StrEnum):
    """What becomes of writes that are not to be made."""

    DETACH = "detach"
    TAKE_THEIRS = "take_theirs"


@app.callback(invoke_without_command=True)
def brakes(
    ctx: typer.Context,
    config: ConfigOption = None,
    json: JsonOption = False,
    everything: Annotated[bool, typer.Option("--all", help="Those that were released, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
) -> None:
    """List, show, release and discard pulled brakes: creates, updates and deletes beyond their limit.

    Without a further word: the list. Ends with 1 where some are pulled.
    """
    ctx.obj = call = call_of(ctx, config, json)
    if ctx.invoked_subcommand is None:
        _print(call, everything, limit)


@app.command("list", hidden=True)
def listed(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List pulled brakes."""
    _print(call_of(ctx, config, json), False, 100)


def _print(call: Call, everything: bool, limit: int) -> None:
    found = with_store(call, lambda store: views.brakes(store, ended=everything, limit=limit))
    call.show(found, _listed(found) if found else "no brake is pulled")
    raise typer.Exit(PROBLEMS if any(row["ended"] is None for row in found) else FINE)


@app.command()
def show(
    ctx: typer.Context,
    number: Number,
    config: ConfigOption = None,
    json: JsonOption = False,
    limit: Annotated[int, typer.Option(min=1, help="How many writes at most.")] = 1000,
) -> None:
    """Show one brake and every write that it holds."""
    call = call_of(ctx, config, json)
    found = with_store(call, lambda store: views.brake(store, number, limit=limit))
    if found is None:
        raise SyncdError(f"there is no brake {number}; `syncd brakes` lists them")
    call.show(found, _told(found))


@app.command()
def release(
    ctx: typer.Context, number: Number, config: ConfigOption = None, json: JsonOption = False
) -> None:
    """Let the writes go; records that changed meanwhile are judged anew."""
    request(call_of(ctx, config, json), "release", {"brake": number})


@app.command()
def discard(
    ctx: typer.Context,
    number: Number,
    how: Annotated[
        How, typer.Option(help="detach: leave these copies alone; take_theirs: keep what is there.")
    ] = How.DETACH,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Do not make the writes."""
    request(call_of(ctx, config, json), "discard", {"brake": number, "how": how.value})


def _listed(found: list[dict[str, Any]]) -> Any:
    now = datetime.now(UTC)
    rows = [
        (
            row["brake"],
            f"{row['system']} {row['kind']}",
            row["op"],
            row["held"],
            row["why"],
            when(row["at"], now) if row["ended"] is None else f"{row['verdict']} {when(row['ended'], now)}",
        )
        for row in found
    ]
    columns = ("N", "where", "of", "holds", "why", "since")
    body = table(None, *columns, rows=rows, numbers=("N", "holds"))
    pulled = any(row["ended"] is None for row in found)
    return told(counted(len(found), "brake"), body, *(_next("N") if pulled else ()))


def _next(number: object) -> tuple[str, str]:
    return (
        f"`syncd brakes release {number}` lets its writes go; `syncd brakes discard {number}` drops them:",
        "these copies are left alone, or with `--how take_theirs` records are kept, or hold what is there",
    )


def _told(found: dict[str, Any]) -> Any:
    title = (
        f"brake {found['brake']}: {found['op']} of {found['kind']} in {found['system']}, "
        f"holds {found['held']}\nwhy: {found['why']}"
    )
    rows = [(w["record_id"], _versions(w), ids(w["ids"]), ", ".join(w["keys"])) for w in found["writes"]]
    body = table(None, "record", "version", "known as", "matched by", rows=rows)
    return told(title, body, *(_next(found["brake"]) if found["ended"] is None else ()))


def _versions(write: dict[str, Any]) -> str:
    now = write["version_now"]
    same = now in (None, write["version"])
    return str(write["version"]) if same else f"{write['version']}, now {now}"
