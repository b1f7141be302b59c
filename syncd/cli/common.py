"""What the commands share: the options that all have, how they print, and how they fail."""

from __future__ import annotations

import os
from dataclasses import asdict, dataclass
from datetime import datetime
from pathlib import Path
from typing import TYPE_CHECKING, Annotated, Any

import orjson
import typer

from syncd.core.errors import ConfigError, Fenced, NeedsOperator, RetryLater, StoreUnavailable, SyncdError

if TYPE_CHECKING:
    from rich.console import Console

    from syncd.config import Settings

FINE, PROBLEMS, WRONG, OUT_OF_REACH = 0, 1, 2, 3
"""Exit codes: fine, differences or problems found, wrong usage or configuration, system or store away."""
DEFAULT = Path("syncd.yaml")
CALL = "syncd.call"

ConfigOption = Annotated[
    Path | None,
    typer.Option("-c", "--config", help="The configuration: a file, or a folder of files. Else syncd.yaml."),
]
JsonOption = Annotated[bool, typer.Option("--json", help="Print JSON.")]


@dataclass(frozen=True, slots=True)
class Call:
    """The options of one call; they may stand before the command or after it."""

    config: Path | None = None
    json: bool = False

    @property
    def path(self) -> Path:
        """The configuration's file or folder."""
        return self.config or DEFAULT

    def settings(self) -> Settings:
        """The configuration. Raises `InvalidConfig` with every problem."""
        from syncd.service.vendors import load_settings  # imports the connectors

        return load_settings(self.path)

    def show(self, data: Any, text: Any) -> None:
        """Print `data` as JSON where that was asked for, else `text`, anything that rich can print."""
        if self.json:
            typer.echo(orjson.dumps(data, default=str, option=orjson.OPT_INDENT_2 | orjson.OPT_NON_STR_KEYS))
        else:
            console().print(text)


def call_of(ctx: typer.Context, config: Path | None = None, json: bool = False) -> Call:
    """The options in force: those after the command, else those before it."""
    above = ctx.find_object(Call) or Call()
    call = Call(config or above.config, json or above.json)
    ctx.meta[CALL] = call  # for failures: seen from the group as well
    return call


def console(*, stderr: bool = False) -> Console:
    """Where to print. Piped, tables are as wide as they need to be, and a sentence is one line."""
    from rich.console import Console

    class Piped(Console):
        def on_broken_pipe(self) -> None:
            raise BrokenPipeError  # as everywhere else: rich would end with 1, which says "differences"

    made = Piped(stderr=stderr, highlight=False, soft_wrap=not stderr)
    if not made.is_terminal:
        made = Piped(stderr=stderr, highlight=False, width=200, soft_wrap=True)
    return made


def code_of(error: BaseException) -> int | None:
    """The exit code for an expected error; None for a bug."""
    if isinstance(error, ConfigError):
        return WRONG
    if isinstance(error, StoreUnavailable | Fenced | NeedsOperator | RetryLater):
        return OUT_OF_REACH
    return PROBLEMS if isinstance(error, SyncdError) else None


def failure(error: Exception, *, json: bool = False) -> int:
    """Say what is wrong, one line a problem or as JSON, and answer the exit code.

    A bug ends with 3 as well: 1 would say that a comparison was made. SYNCD_TRACEBACK=1 shows where it is.
    """
    code = code_of(error)
    if code is None and os.environ.get("SYNCD_TRACEBACK") == "1":
        raise error
    said = str(error) if code is not None else _bug(error)
    problems = getattr(error, "problems", ())
    if json:
        data = {"ok": False, "error": said, "problems": [asdict(problem) for problem in problems]}
        typer.echo(orjson.dumps(data, option=orjson.OPT_INDENT_2))
    else:
        if problems:
            said += f"\n{len(problems)} problem{'s' if len(problems) != 1 else ''} in the configuration"
        typer.echo(said, err=True)
    return OUT_OF_REACH if code is None else code


def _bug(error: Exception) -> str:
    """What failed and where, without values: a person's data may stand in the message."""
    trace = error.__traceback__
    while trace is not None and trace.tb_next is not None:
        trace = trace.tb_next
    place = f" in {Path(trace.tb_frame.f_code.co_filename).name}:{trace.tb_lineno}" if trace else ""
    return (
        f"syncd failed unexpectedly ({type(error).__name__}{place}): this is a bug. Call it again with "
        "SYNCD_TRACEBACK=1 in the environment, and report what it prints."
    )


def when(at: datetime | None, now: datetime) -> str:
    """How long ago, roughly."""
    if at is None:
        return "never"
    seconds = max(0, int((now - at).total_seconds()))
    for size, unit in ((86_400, "d"), (3600, "h"), (60, "min")):
        if seconds >= 2 * size:
            return f"{seconds // size} {unit} ago"
    return f"{seconds} s ago"
