"""`syncd check`."""

from __future__ import annotations

import asyncio
from contextlib import AbstractContextManager, nullcontext
from dataclasses import asdict
from typing import TYPE_CHECKING, Any

import typer

from syncd.cli.common import FINE, OUT_OF_REACH, WRONG, ConfigOption, JsonOption, call_of, console
from syncd.cli.tables import shown

if TYPE_CHECKING:
    from syncd.service.check import Checked, SystemCheck

app = typer.Typer()


@app.command()
def check(ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False) -> None:
    """Check the file, the secrets, the connections and the mappings: all problems at once, with reads only.

    Ends with 0 where all is well, 2 where the configuration must change, 3 where a system or the store is
    out of reach.
    """
    from syncd.service.check import check as look

    call = call_of(ctx, config, json)
    settings = call.settings()
    with _spinner(f"asking {', '.join(settings.systems)}"):
        found = asyncio.run(look(settings))
    call.show(_data(found), _text(found))
    raise typer.Exit(WRONG if found.wrong else OUT_OF_REACH if found.out_of_reach else FINE)


def _spinner(text: str) -> AbstractContextManager[Any]:
    """Something that moves, where a person looks."""
    terminal = console(stderr=True)
    return terminal.status(text) if terminal.is_terminal else nullcontext()


def _data(found: Checked) -> dict[str, Any]:
    return {
        "ok": not (found.wrong or found.out_of_reach),
        "problems": [asdict(problem) for problem in found.problems],
        "systems": [asdict(system) for system in found.systems],
        "store": {"place": found.store, "trouble": found.store_trouble},
    }


def _text(found: Checked) -> str:
    lines = [shown(str(problem)) for problem in found.problems]
    for system in found.systems:
        lines += [shown(why) for why in system.refused]
        lines += [shown(f"{system.name}: note: {note}") for note in system.notes]
    for system in found.systems:
        state = system.trouble or _state(system)
        state += f"; {system.login}" if system.login and not system.trouble else ""
        lines.append(shown(f"system {system.name} ({system.connector}): {state}"))
    lines.append(shown(f"store: {found.store_trouble or found.store}"))
    lines.append(_verdict(found))
    return "\n".join(lines)


def _state(system: SystemCheck) -> str:
    if system.refused and not system.objects:
        return "answers, and cannot be used as it is configured"
    return f"answers, with {system.objects} object{'' if system.objects == 1 else 's'}"


def _verdict(found: Checked) -> str:
    wrong = sum(not problem.warning for problem in found.problems)
    wrong += sum(len(s.refused) + (s.trouble is not None and not s.away) for s in found.systems)
    away = sum(system.away for system in found.systems) + (found.store_trouble is not None)
    if not wrong and not away:
        empty = [f"{system.name}: {name}" for system in found.systems for name in system.empty]
        if not empty:
            return "all is well: `syncd run` can start"
        return f"no problem found, but nothing to judge by in {', '.join(empty)}: `syncd run` can start"
    parts = [f"{wrong} problem{'s' if wrong != 1 else ''}"] if wrong else []
    parts += [f"{away} out of reach"] if away else []
    return ", ".join(parts)
