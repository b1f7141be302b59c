"""`syncd reconcile`."""

from __future__ import annotations

import asyncio
from collections.abc import Iterator
from contextlib import contextmanager
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from syncd.cli.common import (
    FINE,
    OUT_OF_REACH,
    PROBLEMS,
    WRONG,
    Call,
    ConfigOption,
    JsonOption,
    call_of,
    console,
)
from syncd.cli.nested import nested
from syncd.cli.tables import brief, counted, table
from syncd.core.clock import SystemClock
from syncd.engine.reconcile import ASLEEP, Progress, Reconciler, ask_for_sweeps
from syncd.engine.report import Difference, Report, What
from syncd.service.compose import open_service

if TYPE_CHECKING:
    from rich.console import Group

app = typer.Typer()
SHOWN = 30
"""Differences printed as text; the JSON has them all, up to the limit."""


@app.command()
def reconcile(
    ctx: typer.Context,
    kinds: Annotated[list[str] | None, typer.Argument(help="Only these kinds.")] = None,
    repair: Annotated[
        bool, typer.Option("--repair", help="Ask the daemon to sweep the systems in which something differs.")
    ] = False,
    out: Annotated[Path | None, typer.Option(help="Write the whole report here, as JSON.")] = None,
    limit: Annotated[int, typer.Option(min=0, help="How many differences to keep. All count.")] = 10_000,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Compare every record in every system with our own, both ways, and list what differs and why.

    Reads only, and may run beside the daemon. Ends with 0 where everything agrees or is an open item that
    syncd lists, with 1 where something else differs, with 2 where a mapping does not fit its
    system, with 3 where a system cannot be compared now.
    """
    call = call_of(ctx, config, json)
    report, asked, refused = asyncio.run(_compare(call, kinds or None, limit, repair=repair))
    data = {**report.as_dict(), "sweeps_asked": asked}
    if out is not None:
        out.write_bytes(_json(data))
    call.show(data, report_text(report, asked, out))
    raise typer.Exit(WRONG if refused else exit_code(report))


def exit_code(report: Report) -> int:
    """What a comparison of systems that fit their mappings ends with."""
    if any(pair.why_not == ASLEEP for pair in report.pairs):
        return OUT_OF_REACH
    return FINE if report.settled else PROBLEMS


async def _compare(
    call: Call, kinds: list[str] | None, limit: int, *, repair: bool
) -> tuple[Report, list[int], bool]:
    """The report, the sweeps that were asked for, and whether a mapping does not fit its system."""
    settings = call.settings()
    for kind in kinds or ():
        if kind not in settings.kinds:
            raise typer.BadParameter(f"there is no kind {kind}; known are: {', '.join(settings.kinds)}")
    async with open_service(settings, clock=SystemClock(), lease=False) as service:
        world = await service.world(look_only=True)
        with progress_bar() as progress:
            report = await Reconciler(world, service.keepers, limit=limit, progress=progress).run(kinds)
        asked = await ask_for_sweeps(service.store, report) if repair else []
        return report, asked, service.refused


@contextmanager
def progress_bar() -> Iterator[Progress | None]:
    """A line per pair on a terminal, else nothing."""
    screen = console(stderr=True)
    if not screen.is_terminal:
        yield None
        return
    from rich.progress import Progress as Bars
    from rich.progress import SpinnerColumn, TextColumn, TimeElapsedColumn

    columns = (SpinnerColumn(), TextColumn("{task.description}"), TextColumn("{task.completed} records"))
    with Bars(*columns, TimeElapsedColumn(), console=screen, transient=True) as bars:
        tasks: dict[tuple[str, str], Any] = {}

        def show(kind: str, system: str, seen: int) -> None:
            if (kind, system) not in tasks:
                tasks[kind, system] = bars.add_task(f"{kind} in {system}", total=None)
            bars.update(tasks[kind, system], completed=seen)

        yield show


def _json(data: Any) -> bytes:
    return orjson.dumps(data, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS)


# -- as text --------------------------------------------------------------------------------------------


def report_text(report: Report, asked: list[int] | None = None, out: Path | None = None) -> Group:
    """The report for a terminal: a table of pairs, the first differences, and one sentence at the end."""
    from rich.console import Group

    parts: list[Any] = [_pairs(report)]
    if report.differences:
        parts.append(_differences(report, out))
    parts += [f"{p.kind} in {p.system} was not compared: {p.why_not}" for p in report.pairs if p.why_not]
    parts.append(summary(report))
    if asked:
        parts.append(f"{counted(len(asked), 'sweep')} asked for; the daemon carries them out.")
    return Group(*parts)


def summary(report: Report) -> str:
    """One sentence, with the time that it speaks of."""
    ended = report.ended.strftime("%Y-%m-%d %H:%M:%S UTC")
    if not report.compared_all:
        said = f"{counted(report.total, 'difference')}, and not everything was compared"
    elif report.in_sync:
        said = "everything agrees"
    elif report.settled:
        listed = counted(report.total, "difference")
        said = f"{listed}, all of them open items: see `syncd conflicts`, `parked` and `brakes`"
    else:
        open_items = sum(pair.open for pair in report.pairs)
        said = f"{counted(report.total, 'difference')}, {open_items} of them open items"
    return f"Compared until {ended}: {said}."


def _pairs(report: Report) -> Any:
    names = ("compared", "equal", "differing", "missing", "unlinked", "gone", "open")
    rows = [
        (pair.kind, pair.system, *(getattr(pair, name) for name in names), _reasons(pair.reasons))
        for pair in report.pairs
    ]
    return table("", "kind", "system", *names, "reasons", rows=rows, numbers=names)


def _reasons(found: dict[str, int]) -> str:
    return ", ".join(f"{number} {reason}" for reason, number in sorted(found.items()))


def _differences(report: Report, out: Path | None) -> Any:
    rows = [_row(found) for found in report.differences[:SHOWN]]
    title = "\ndifferences"
    if report.total > len(rows):
        where = str(out) if out is not None else "--json and --out FILE"
        title += f" (the first {len(rows)} of {report.total}; more with {where})"
    return table(title, "kind", "system", "id", "record", "what", "ours", "theirs", "why", rows=rows)


def _row(found: Difference) -> tuple[Any, ...]:
    inside = nested(found.ours, found.theirs)
    values = (brief(found.ours), brief(found.theirs)) if found.what is What.FIELD else ("", "")
    why = f"{found.reason}: {found.detail}" + (f" ({inside})" if inside else "")
    what = found.field if found.what is What.FIELD else str(found.what)
    return (found.kind, found.system, found.remote_id, found.record_id, what, *values, why)
