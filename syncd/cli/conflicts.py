"""`syncd conflicts`: what waits for a person's word, and the word."""

from __future__ import annotations

from datetime import UTC, datetime
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from syncd.cli.asking import request, with_store
from syncd.cli.common import FINE, PROBLEMS, Call, ConfigOption, JsonOption, call_of, when
from syncd.cli.tables import brief, counted, ids, table, told
from syncd.core.errors import SyncdError
from syncd.core.types import Ref
from syncd.store import views
from syncd.store.queues import closed_why
from syncd.store.store import Store

if TYPE_CHECKING:
    from syncd.config import Settings

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
    async def look(store: Store) -> list[dict[str, Any]]:
        found = await views.conflicts(store, state=state, kind=kind, limit=limit)
        await add_targets(store, call.settings(), found)
        return found

    found = with_store(call, look)
    call.show(found, _listed(found) if found else "no conflict is open")
    raise typer.Exit(PROBLEMS if _any_open(found) else FINE)


@app.command()
def show(ctx: typer.Context, number: Number, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Show one conflict with all its candidates."""
    call = call_of(ctx, config, json)

    async def look(store: Store) -> dict[str, Any] | None:
        found = await views.conflict(store, number)
        await add_targets(store, call.settings(), [found] if found is not None else [])
        return found

    found = with_store(call, look)
    if found is None:
        raise SyncdError(f"there is no conflict {number}; `syncd conflicts` lists them")
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
        raise typer.BadParameter(
            f"say either --candidate or --value; `syncd conflicts show {number}` lists the candidates"
        )
    found = with_store(call, lambda store: views.conflict(store, number))
    if found is None:
        raise SyncdError(f"there is no conflict {number}; `syncd conflicts` lists them")
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


async def add_targets(store: Store, settings: Settings, found: list[dict[str, Any]]) -> None:
    """Put `targets` into conflicts about references: what the numbers in them stand for."""
    for row in found:
        kind = settings.kinds.get(row["kind"])
        field = kind.field_types.get(row["field"]) if kind is not None else None
        if not isinstance(field, Ref):
            continue
        pointed = settings.kinds[field.kind].field_types
        names = [name for name, known in pointed.items() if not isinstance(known, Ref)]
        values = [row["base"], *(c["value"] for c in row["candidates"]), (row["verdict"] or {}).get("value")]
        row["targets"] = await views.targets(store, [v for v in values if isinstance(v, int)], names)


def _said(row: dict[str, Any], value: Any) -> str:
    """A value in a line; of a reference, what it points at."""
    if "targets" not in row or not isinstance(value, int):
        return brief(value)
    target = row["targets"].get(str(value))
    if target is None:
        return f"record {value}, which is not there any more"
    name = f" {brief(target['name'])}" if target["name"] else ""
    gone = ", deleted" if target["deleted"] else ""
    return f"{target['kind']} {value}{name} ({ids(target['ids'])}{gone})"


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
            f"{row['kind']} {row['record_id']} ({ids(row['ids'])})",
            row["field"] or "(the record)",
            row["state"],
            " | ".join(
                f"{n}: {_said(row, c['value'])} ({c['system']})" for n, c in enumerate(row["candidates"])
            ),
            when(row["opened"], now),
        )
        for row in found
    ]
    columns = ("N", "record", "field", "state", "candidates", "since")
    body = table(None, *columns, rows=rows, numbers=("N",))
    return told(counted(len(found), "conflict"), body, *(_next("N") if _any_open(found) else ()))


def _any_open(found: list[dict[str, Any]]) -> bool:
    return any(row["state"] == "open" for row in found)


def _next(number: object) -> tuple[str, str]:
    return (
        f"`syncd conflicts decide {number} --candidate C` takes one of them, `--value V` one of your own;",
        "until then the field stays as it is in every system",
    )


def _told(found: dict[str, Any]) -> Any:
    what = found["field"] or "the record itself"
    title = (
        f"conflict {found['conflict']} ({found['state']}): {what} of {found['kind']} {found['record_id']}\n"
        f"known as {ids(found['ids'])}\nwhy: {found['why']}\nbefore: {_said(found, found['base'])}"
    )
    if found["verdict"] is not None:
        title += f"\nverdict: {brief(found['verdict'])}"
    candidates = enumerate(found["candidates"])
    rows = [(n, c["system"], _said(found, c["value"]), _time(c["time"])) for n, c in candidates]
    body = table(None, "candidate", "system", "value", "edited", rows=rows)
    return told(title, body, *(_next(found["conflict"]) if found["state"] == "open" else ()))


def _time(at: float | None) -> str:
    return "-" if at is None else datetime.fromtimestamp(at, UTC).isoformat(" ", "seconds")
