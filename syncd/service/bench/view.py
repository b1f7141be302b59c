"""What the screen shows meanwhile. Drawing costs CPU in the measured process: it is rare, and counted."""

from __future__ import annotations

import time
from types import TracebackType
from typing import Self

from rich.console import Console
from rich.progress import BarColumn, MofNCompleteColumn, Progress, TaskID, TextColumn, TimeElapsedColumn

EVERY = 0.5
"""Seconds between two drawings."""


class View:
    """A bar per part on a terminal, else a line. `spent` is the CPU that drawing took, in seconds."""

    def __init__(self, console: Console) -> None:
        self._console = console
        columns = (TextColumn("{task.description}"), BarColumn(), MofNCompleteColumn(), TimeElapsedColumn())
        self._bars = Progress(*columns, console=console, auto_refresh=False)
        self._bar: TaskID | None = None
        self._from = self._last = self._total = 0
        self._at = 0.0
        self.spent = 0.0

    def __enter__(self) -> Self:
        if self._console.is_terminal:
            self._bars.start()
        return self

    def __exit__(
        self, kind: type[BaseException] | None, error: BaseException | None, trace: TracebackType | None
    ) -> None:
        self._finish()
        if self._console.is_terminal:
            self._bars.stop()

    def part(self, title: str, total: int) -> None:
        """A new part, of so many writes; the one before is done."""
        self._finish()
        self._from, self._total = self._last, total
        if self._console.is_terminal:
            self._bar = self._bars.add_task(title, total=total)
            self._bars.refresh()
        else:
            self._console.print(f"{title} …")

    def advance(self, writes: int) -> None:
        """How many writes were taken since the daemon began."""
        if writes < self._last:
            self._from = 0  # another daemon
        self._last = writes
        now = time.monotonic()
        if self._bar is None or now - self._at < EVERY:
            return
        began = time.thread_time()
        self._bars.update(self._bar, completed=min(writes - self._from, self._total))
        self._bars.refresh()
        self._at = now
        self.spent += time.thread_time() - began

    def _finish(self) -> None:
        if self._bar is not None:
            self._bars.update(self._bar, completed=self._total)
            self._bars.refresh()
            self._bar = None
