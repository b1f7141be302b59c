"""`syncd conflicts`: what waits for a person's word, and the word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import Annotated, Any

import orjson
import typer

from syncd.cli.asking import request, with_store
from syncd.cli.common import FINE, PROBLEMS, Call, ConfigOption, JsonOption, call_of, when
from syncd.cli.tables import brief, counted, ids, table
from syncd.store import views
from syncd.store.queues import closed_why

app = typer.Typer()
Number = Annotated[int, typer.Argument(metavar="N", help="The conflict's number.")]


@app.callback(invoke_without_command=True)
def conflicts(
    ctx: typer.Context,
    config: ConfigOption = None,
    json: JsonOption = False,
    kind: Annotated[str | None, typer.Option(help="Only this kind.")] = None,
    everything: Annotated[bool, typer.Option("--all", help="Those that are decided or closed, too.")] = False,
    limit: Annotated[int, typer.Option(min=1, help="How many at most.")] = 100,
) -> None:
    """List, show and decide conflicts: edits of the same thing that no rule could settle.

    Without a further word: the list. Ends with 1 where some are open.
    """
    ctx.obj = call = call_of(ctx, config, json)
    if ctx.invoked_subcommand is None:
        _print(call, None if everything else "open", kind, limit)


@app.command("list", hidden=True)
def listed(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """List open conflicts."""
    _print(call_of(ctx, config, json), "open", None, 100)


def _print(call: Call, state: str | None, kind: str | None, limit: int) -> None:
    found = with_store(call, lambda store: views.conflicts(store, state=state, kind=kind, limit=limit))
    call.show(found, _listed(found) if found else "no conflict is open")
    raise typer.Exit(PROBLEMS if any(row["state"] == "open" for row in found) else FINE)


@app.command()
def show(ctx: typer.Context, number: Number, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show one conflict with all its candidates."""
    call = call_of(ctx, config, json)
    found = with_store(call, lambda store: views.conflict(store, number))
    if found is None:
        typer.echo(f"there is no conflict {number}; `syncd conflicts` lists them", err=True)
        raise typer.Exit(PROBLEMS)
    call.show(found, _told(found))


@app.command()
def decide(
    ctx: typer.Context,
    number: Number,
    candidate: Annotated[int | None, typer.Option(help="The candidate that is right, as numbered.")] = None,
    value: Annotated[
        str | None, typer.Option(help="A value of your own: JSON or text; for a record keep or delete.")
    ] = None,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Decide a conflict. It is refused where the candidates moved since you saw them."""
    call = call_of(ctx, config, json)
    if (candidate is None) == (value is None):
        raise typer.BadParameter("say either --candidate or --value")
    found = with_store(call, lambda store: views.conflict(store, number))
    if found is None:
        typer.echo(f"there is no conflict {number}; `syncd conflicts` lists them", err=True)
        raise typer.Exit(PROBLEMS)
    if found["state"] != "open":
        rule = (found["verdict"] or {}).get("rule")
        typer.echo(closed_why(number, found["state"], rule), err=True)
        raise typer.Exit(PROBLEMS)
    args: dict[str, Any] = {"conflict": number, "saw": [c["version"] for c in found["candidates"]]}
    if candidate is not None:
        if not 0 <= candidate < len(found["candidates"]):
            last = len(found["candidates"]) - 1
            raise typer.BadParameter(f"conflict {number} has the candidates 0 to {last}")
        args["candidate"] = candidate
    else:
        args["value"] = _value(value or "")
    request(call, "decide", args)


def _value(text: str) -> Any:
    """JSON where it is JSON, else the text itself."""
    try:
        return orjson.loads(text)
    except orjson.JSONDecodeError:
        return text


def _listed(found: list[dict[str, Any]]) -> Any:
    now = datetime.now(UTC)
    rows = [
        (
            row["conflict"],
            f"{row['kind']} {row['record_id']}",
            row["field"] or "(the record)",
            row["state"],
            " | ".join(f"{n}: {brief(c['value'])} ({c['system']})" for n, c in enumerate(row["candidates"])),
            when(row["opened"], now),
        )
        for row in found
    ]
    columns = ("N", "record", "field", "state", "candidates", "since")
    return table(counted(len(found), "conflict"), *columns, rows=rows, numbers=("N",))


def _told(found: dict[str, Any]) -> Any:
    what = found["field"] or "the record itself"
    title = (
        f"conflict {found['conflict']} ({found['state']}): {what} of {found['kind']} {found['record_id']}\n"
        f"known as {ids(found['ids'])}\nwhy: {found['why']}\nbefore: {brief(found['base'])}"
    )
    if found["verdict"] is not None:
        title += f"\nverdict: {brief(found['verdict'])}"
    rows = [(n, c["system"], brief(c["value"]), _time(c["time"])) for n, c in enumerate(found["candidates"])]
    return table(title, "candidate", "system", "value", "edited", rows=rows)


def _time(at: float | None) -> str:
    return "-" if at is None else datetime.fromtimestamp(at, UTC).isoformat(" ", "seconds")
