"""`syncd plan`."""

from __future__ import annotations

import asyncio
from typing import TYPE_CHECKING, Annotated, Any

import typer

from syncd.cli.common import FINE, OUT_OF_REACH, WRONG, Call, ConfigOption, JsonOption, call_of, console
from syncd.cli.tables import brief, counted, table
from syncd.core.clock import SystemClock
from syncd.core.errors import NeedsOperator
from syncd.engine.forecast import Forecast, PairPlan, Sample
from syncd.engine.plan import plan as make_plan
from syncd.service.compose import open_service

if TYPE_CHECKING:
    from rich.console import Group

app = typer.Typer()


@app.command()
def plan(
    ctx: typer.Context,
    sweep: Annotated[
        bool,
        typer.Option("--sweep", help="Read every record, and not only what changed since the last read."),
    ] = False,
    limit: Annotated[int, typer.Option(min=0, help="How many samples to show of each sort.")] = 5,
    config: ConfigOption = None,
    json: JsonOption = False,
) -> None:
    """Say what `syncd run` would do now: creates, updates, deletes, clashes by rule, and the calls it costs.

    Reads live data, writes nothing: the store is copied within its database and the copy is dropped at
    the end. Ends with 2 where a mapping does not fit its system, with 3 where a system cannot be used now.
    """
    call = call_of(ctx, config, json)
    forecast, refused = asyncio.run(_planned(call, sweep=sweep, limit=limit))
    call.show(forecast.as_dict(), plan_text(forecast))
    away = any(pair.why_not for pair in forecast.pairs)
    raise typer.Exit(WRONG if refused else OUT_OF_REACH if away else FINE)


async def _planned(call: Call, *, sweep: bool, limit: int) -> tuple[Forecast, bool]:
    """The plan, and whether a mapping does not fit its system."""
    clock = SystemClock()
    async with open_service(call.settings(), clock=clock, lease=False) as service:
        lost = next((look for look in service.looks.values() if look.connector is None), None)
        if lost is not None:
            raise NeedsOperator(f"{lost.system} cannot be used at all: {lost.trouble}", "Mend its connector")
        with console(stderr=True).status("reading live data, writing nothing …"):
            forecast = await make_plan(
                service.store,
                service.settings,
                service.connectors,
                service.keepers,
                clock,
                asleep=frozenset(service.asleep()),
                sweep=sweep,
                limit=limit,
            )
        return forecast, service.refused


# -- as text --------------------------------------------------------------------------------------------


def plan_text(forecast: Forecast) -> Group:
    """The plan for a terminal."""
    from rich.console import Group

    parts: list[Any] = [_pairs(forecast)]
    parts += [part for pair in forecast.pairs if (part := _samples(pair)) is not None]
    parts += [part for part in (_clashes(forecast), _brakes(forecast), _parked(forecast)) if part is not None]
    parts += [
        f"{x.kind} in {x.system} could not be planned: {x.why_not}" for x in forecast.pairs if x.why_not
    ]
    if forecast.uncertain:
        parts.append(f"{counted(forecast.uncertain, 'create')} of an earlier run: the answers were lost")
    parts += ["", summary(forecast)]
    return Group(*parts)


def summary(forecast: Forecast) -> str:
    """One sentence."""
    if not forecast.total and not any(held.new for held in forecast.brakes):
        said = "nothing to write"
    else:
        calls = sum(pair.writes for pair in forecast.pairs)
        said = f"{counted(forecast.total, 'record')} to write in {counted(calls, 'call')}"
    clashes = sum(clash.count for clash in forecast.clashes)
    asked = sum(clash.count for clash in forecast.clashes if clash.rule == "ask")
    said += f", {clashes} clash{'' if clashes == 1 else 'es'}, {asked} of them for a person"
    return f"Plan of {forecast.at.strftime('%Y-%m-%d %H:%M:%S UTC')}: {said}. Nothing was written."


def _pairs(forecast: Forecast) -> Any:
    names = ("linked", "creates", "updates", "deletes", "along", "archives", "writes", "reads")
    rows = [
        (
            pair.kind,
            pair.system,
            *(getattr(pair, name) for name in names),
            ", ".join(f"{name} {n}" for name, n in pair.changes.items()),
        )
        for pair in forecast.pairs
    ]
    born = [
        f"{kind}: {counted(n, 'new record')}, {forecast.matched.get(kind, 0)} joined by a match key"
        for kind, n in forecast.records.items()
    ]
    heads = ("linked", "creates", "updates", "deletes", "go along", "archives", "write calls", "read calls")
    title = "\n".join(born)
    return table(title, "kind", "system", *heads, "fields that change", rows=rows, numbers=heads)


def _samples(pair: PairPlan) -> Any:
    if not pair.samples:
        return None
    rows = [
        (sample.op, sample.record_id or "new", sample.remote_id, _change(sample)) for sample in pair.samples
    ]
    title = f"\n{pair.kind} in {pair.system}, for example"
    return table(title, "", "record", "id", "fields", rows=rows, numbers=("record",))


def _change(sample: Sample) -> str:
    said = []
    for name, value in sample.fields.items():
        was = f"{brief(sample.before[name])} → " if sample.before.get(name) is not None else ""
        said.append(f"{name}: {was}{brief(value)}")
    return ", ".join(said)


def _clashes(forecast: Forecast) -> Any:
    rows = []
    for clash in forecast.clashes:
        values = [
            " | ".join(f"{brief(c['value'])} ({c['system']})" for c in sample["candidates"])
            for sample in clash.samples
        ]
        rows.append((clash.kind, clash.field or "the record", clash.rule, clash.count, "\n".join(values)))
    columns = ("kind", "field", "rule", "clashes", "for example")
    return table("\nclashes", *columns, rows=rows, numbers=("clashes",)) if rows else None


def _brakes(forecast: Forecast) -> Any:
    rows = [
        (
            held.kind,
            held.system,
            held.op,
            held.count,
            "would be pulled" if held.new else "is pulled",
            held.why,
        )
        for held in forecast.brakes
    ]
    return table("\nbrakes", "kind", "system", "holds", "writes", "", "why", rows=rows) if rows else None


def _parked(forecast: Forecast) -> Any:
    rows = [(item.kind, item.system, item.code, item.count, item.message) for item in forecast.parked]
    columns = ("kind", "system", "code", "items", "for example")
    return table("\nset aside", *columns, rows=rows, numbers=("items",)) if rows else None
