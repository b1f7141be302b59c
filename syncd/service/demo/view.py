"""What a person sees: chapters, sentences, a progress bar, a live view; plain lines where nobody watches."""

from __future__ import annotations

import time
from collections.abc import Iterator, Mapping, Sequence
from contextlib import contextmanager

from rich.console import Console, Group
from rich.live import Live
from rich.markup import escape
from rich.padding import Padding
from rich.panel import Panel
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TextColumn, TimeElapsedColumn
from rich.rule import Rule
from rich.table import Table
from rich.text import Text

from syncd.service.demo.crowd import Crowd
from syncd.service.demo.watch import State

SHOWN = 12
"""Edits in the live view."""
PLAIN_EVERY = 5.0
"""Seconds between plain lines of what a live view would show."""


class View:
    """The screen. With `plain` (or no terminal) everything is lines, and nothing moves."""

    def __init__(self, *, plain: bool = False) -> None:
        self.console = Console(highlight=False)
        self.live = self.console.is_terminal and not plain
        if not self.console.is_terminal:
            self.console = Console(highlight=False, width=110)
        self._chapter = 0
        self._began = time.monotonic()

    def chapter(self, title: str, why: str) -> None:
        """A new part of the story: what comes, and why it matters."""
        self._chapter += 1
        self.console.print()
        self.console.print(Rule(f"[bold]{self._chapter}. {title}[/]", align="left"))
        self.console.print(f"[dim]{why}[/]")

    def say(self, text: str) -> None:
        """A sentence; rich's markup."""
        self.console.print(text)

    def command(self, words: str, printed: str) -> None:
        """A command as a person would type it, and what it printed."""
        self.console.print(f"[bold cyan]$ {escape(words)}[/]")
        for line in Text.from_ansi(printed).split():
            line.rstrip()
            self.console.print("  ", line, sep="", soft_wrap=True)

    def table(self, columns: Sequence[str], rows: Sequence[Sequence[object]]) -> None:
        """A small table; all but the first column are numbers if their first value is one."""
        made = Table(box=None, pad_edge=False, header_style="dim")
        for index, column in enumerate(columns):
            number = bool(rows) and isinstance(rows[0][index], int | float)
            made.add_column(column, justify="right" if number else "left")
        for row in rows:
            made.add_row(*(escape(str(cell)) for cell in row))
        self.console.print(Padding(made, (0, 0, 0, 2), expand=False))

    @contextmanager
    def bars(self, totals: Mapping[str, int]) -> Iterator[Bars]:
        """A progress bar per kind."""
        bars = Bars(self, totals)
        with bars:
            yield bars

    @contextmanager
    def edits(self, crowd: Crowd, title: str, ways: Mapping[str, str]) -> Iterator[Edits]:
        """A view of edits as they are made and arrive. `ways` names where, by system, in rich's markup."""
        edits = Edits(self, crowd, title, ways)
        with edits:
            yield edits

    @property
    def width(self) -> int | None:
        """Columns for what a command prints; None where it should print for no terminal."""
        return self.console.width - 2 if self.live else None

    @property
    def seconds(self) -> float:
        """Since the beginning."""
        return time.monotonic() - self._began


class Bars:
    """Progress per kind; plain, one line whenever a tenth more is done."""

    def __init__(self, view: View, totals: Mapping[str, int]) -> None:
        self._view, self._totals = view, totals
        columns = (TextColumn("  {task.description:<10}"), BarColumn(40), MofNCompleteColumn())
        self._progress = Progress(*columns, TimeElapsedColumn(), console=view.console, disable=not view.live)
        self._tasks = {kind: self._progress.add_task(kind, total=total) for kind, total in totals.items()}
        self._best = dict.fromkeys(totals, 0)
        self._told = -1

    def __enter__(self) -> None:
        self._progress.start()

    def __exit__(self, *_: object) -> None:
        self._progress.stop()
        self._say()

    def update(self, done: Mapping[str, int]) -> None:
        """Show how many of the rows of each kind have their record in every system."""
        for kind, number in done.items():  # a row just made counts against it until its answer is settled
            self._best[kind] = max(self._best[kind], number)
            self._progress.update(self._tasks[kind], completed=self._best[kind])
        tenth = 10 * sum(self._best.values()) // max(1, sum(self._totals.values()))
        if tenth > self._told and tenth < 10:
            self._told = tenth
            self._say()

    def _say(self) -> None:
        if not self._view.live:
            parts = (f"{kind} {number}/{self._totals[kind]}" for kind, number in self._best.items())
            self._view.say("  " + ", ".join(parts))


class Edits:
    """The last edits with their latency, and the counters; plain, a line every few seconds."""

    def __init__(self, view: View, crowd: Crowd, title: str, ways: Mapping[str, str]) -> None:
        self._view, self._crowd, self._title, self._ways = view, crowd, title, ways
        self._live = Live(console=view.console, refresh_per_second=8, transient=True)
        self._told, self._said = time.monotonic(), ""

    def __enter__(self) -> None:
        if self._view.live:
            self._live.start()

    def __exit__(self, *_: object) -> None:
        self._live.stop()

    def update(self, state: State | None, note: str = "") -> None:
        """Show where things stand; `state` None: there is no daemon to ask."""
        line = f"{counters(self._crowd)}   {_said(state)}{'   ' + note if note else ''}"
        if self._view.live:
            self._live.update(Panel(Group(self._table(), line), title=self._title, title_align="left"))
        elif time.monotonic() - self._told > PLAIN_EVERY and line != self._said:
            self._told, self._said = time.monotonic(), line
            self._view.say(f"  {line}")

    def _table(self) -> Table:
        made = Table(box=None, pad_edge=False, header_style="dim", expand=True)
        made.add_column("edit", justify="right", width=5)
        made.add_column("from", width=20)
        made.add_column("arrived after", justify="right", width=13)
        made.add_column("what")
        for edit in self._crowd.edits[-SHOWN:]:
            way = self._ways[edit.system]
            took = "[yellow]…[/]" if edit.latency is None else f"[green]{edit.latency * 1000:.0f} ms[/]"
            made.add_row(str(edit.number), way, took, escape(edit.said))
        return made


def counters(crowd: Crowd) -> str:
    """How many edits were made, how many arrived, and how fast."""
    arrived = crowd.latencies
    speed = f", half of them within {middle(arrived) * 1000:.0f} ms" if arrived else ""
    return f"{len(crowd.edits)} edits, {len(arrived)} arrived{speed}"


def middle(values: Sequence[float], share: float = 0.5) -> float:
    """The value below which a share of the values lies; 0 for none."""
    ordered = sorted(values)
    return ordered[min(len(ordered) - 1, int(share * len(ordered)))] if ordered else 0.0


def _said(state: State | None) -> str:
    if state is None:
        return "[red]no daemon runs[/]"
    return f"behind: {state.behind}   open conflicts: {state.open}   set aside: {state.parked}"
