"""`syncd journal`."""

from __future__ import annotations

import sys
from dataclasses import asdict
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any, BinaryIO

import orjson
import typer

from syncd.cli.asking import with_store
from syncd.cli.common import FINE, PROBLEMS, ConfigOption, JsonOption, call_of
from syncd.cli.tables import shown

if TYPE_CHECKING:
    from syncd.service.replay import Replayed
    from syncd.store.store import Store

app = typer.Typer(help="All that the store keeps of the past, as JSON lines; and its decisions, taken again.")


@app.callback()
def journal(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    ctx.obj = call_of(ctx, config, json)


@app.command()
def export(
    ctx: typer.Context,
    out: Annotated[
        Path | None, typer.Option("--out", "-o", help="A new file; standard output if absent.")
    ] = None,
    events: Annotated[bool, typer.Option(help="With what came in, as it came.")] = True,
    config: ConfigOption = None,
) -> None:
    """Write versions, decisions and what came in, one JSON object a line. It holds all personal data."""
    call = call_of(ctx, config)
    if out is not None and out.exists():
        raise typer.BadParameter(f"{out} exists; name a new file")

    async def write(store: Store) -> None:
        if out is None:
            await _write(store, sys.stdout.buffer, events=events)
        else:
            with out.open("xb") as file:
                await _write(store, file, events=events)

    with_store(call, write)


async def _write(store: Store, file: BinaryIO, *, events: bool) -> None:
    from syncd.store.journal import journal as lines

    async for line in lines(store, events=events):
        file.write(orjson.dumps(line, option=orjson.OPT_APPEND_NEWLINE))


@app.command()
def replay(
    ctx: typer.Context,
    file: Annotated[Path, typer.Argument(help="What `export` wrote.", exists=True, dir_okay=False)],
    json: JsonOption = False,
) -> None:
    """Take every decision of a journal again, by the rules that were in force, under this version's code.

    Ends with 0 where all come out the same, with 1 where one differs or cannot be judged. Asks no store.
    """
    from syncd.service.replay import Replayer
    from syncd.service.strategies import available

    call = call_of(ctx, None, json)
    with file.open("rb") as lines:
        found = Replayer(available()).read(lines)
    call.show({"clean": found.clean, **asdict(found)}, _text(found))
    raise typer.Exit(FINE if found.clean else PROBLEMS)


def _text(found: Replayed) -> Any:
    lines = [_line(difference) for difference in found.differences]
    more = found.different + found.broken - len(found.differences)
    lines += [f"and {more} more"] if more else []
    lines += [f"{n} decisions cannot be judged: {why}" for why, n in found.unknown.items()]
    lines.append(
        f"{found.same} decisions come out the same, {found.different} differ; {found.listed} entries only "
        f"list values. Of {found.records} records, {found.broken} have a history that leads elsewhere"
    )
    return shown("\n".join(lines))


def _line(difference: Any) -> str:
    head = f"{difference.kind} {difference.record}"
    if difference.decision is not None:
        head += f", {difference.field or 'the record itself'} (conflict {difference.decision})"
    return f"{head}: {difference.what}"
