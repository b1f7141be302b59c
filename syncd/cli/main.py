"""The command `syncd`: a table of commands, each imported only when it is called.

A new command is a module of this package with a `typer.Typer` called `app`, and a line in `COMMANDS`.
"""

from __future__ import annotations

from collections.abc import Mapping
from importlib import import_module
from typing import Annotated, Any

import typer
from typer.core import TyperCommand, TyperGroup
from typer.main import get_command

from syncd import __version__
from syncd.cli.common import CALL, Call, ConfigOption, JsonOption, failure
from syncd.cli.pipes import UNREAD, fall_silent, nobody_reads

COMMANDS: Mapping[str, tuple[str, str]] = {
    "demo": ("syncd.cli.demo", "Show everything on this machine: nothing to install or configure."),
    "init": ("syncd.cli.init", "Write a commented configuration."),
    "check": ("syncd.cli.check", "Check the file, the systems and the mappings: all problems at once."),
    "connect": ("syncd.cli.connect", "Log in to a system in the browser."),
    "disconnect": ("syncd.cli.disconnect", "Revoke and forget a system's log-in."),
    "plan": ("syncd.cli.plan", "Say what run would do now; write nothing."),
    "run": ("syncd.cli.run", "Run the daemon."),
    "reload": ("syncd.cli.reload", "Have the daemon read its configuration anew."),
    "status": ("syncd.cli.status", "Show how every kind fares in every system."),
    "conflicts": ("syncd.cli.conflicts", "List, show and decide conflicts."),
    "parked": ("syncd.cli.parked", "List, show, retry and drop what was set aside."),
    "brakes": ("syncd.cli.brakes", "List, show, release and discard held writes."),
    "sweep": ("syncd.cli.sweep", "Ask the daemon to compare everything now."),
    "reconcile": ("syncd.cli.reconcile", "Compare everything, and list what differs and why."),
    "explain": ("syncd.cli.explain", "Why a field has its value, and where it was written."),
    "history": ("syncd.cli.history", "Every version of a record: what changed, by whom, when."),
    "journal": ("syncd.cli.journal", "Export the past as JSON lines; take its decisions again."),
    "schema": ("syncd.cli.schema", "Print the configuration's JSON Schema."),
    "connectors": ("syncd.cli.connectors", "List the installed connectors."),
    "bench": ("syncd.cli.bench", "Measure what a record costs on this machine."),
    "sandbox": ("syncd.cli.sandbox", "Serve a CRM on this machine, for tests and for trying things."),
    "db": ("syncd.cli.db", "Show or upgrade the store's tables."),
}
"""By name: the module, and what the command does."""


class _Lazy(TyperGroup):
    """Knows its commands by name, and imports the one that is called."""

    def list_commands(self, ctx: Any) -> list[str]:
        return list(COMMANDS)

    def get_command(self, ctx: Any, cmd_name: str) -> Any:
        known = COMMANDS.get(cmd_name)
        return None if known is None else TyperCommand(cmd_name, help=known[1], short_help=known[1])

    def resolve_command(self, ctx: Any, args: list[str]) -> Any:
        name, command, rest = super().resolve_command(ctx, args)
        if name is not None and command is not None:
            command = get_command(import_module(COMMANDS[name][0]).app)
            command.name = name
        return name, command, rest

    def invoke(self, ctx: Any) -> Any:
        """Run the command; what was to be expected ends in a sentence and an exit code."""
        try:
            return super().invoke(ctx)
        except Exception as error:
            if hasattr(error, "exit_code") or isinstance(error, typer.Abort):
                raise  # typer's own: usage, exits
            if isinstance(error, BrokenPipeError) and nobody_reads():
                fall_silent()
                raise typer.Exit(UNREAD) from None
            asked = ctx.meta.get(CALL) or ctx.find_object(Call) or Call()
            raise typer.Exit(failure(error, json=asked.json)) from None


app = typer.Typer(
    cls=_Lazy,
    no_args_is_help=True,
    pretty_exceptions_show_locals=False,
    help="Keeps the records of two or more CRMs the same, both ways.",
)


def _say_version(asked: bool) -> None:
    if asked:
        typer.echo(f"syncd {__version__}")
        raise typer.Exit


VersionOption = Annotated[
    bool, typer.Option("--version", callback=_say_version, is_eager=True, help="Print the version, and end.")
]


@app.callback(invoke_without_command=False)
def options(
    ctx: typer.Context, config: ConfigOption = None, json: JsonOption = False, version: VersionOption = False
) -> None:
    ctx.obj = Call(config, json)


def main() -> None:
    """The entry point."""
    app()
