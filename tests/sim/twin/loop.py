"""An event loop whose clock is virtual, and in which a database never decides who goes first.

Timers fire by moving the clock, and only when nothing else is left to do. While a statement is under way
its task is alone: everything that was ready waits until PostgreSQL has answered. So the order in which
tasks go on is the same however fast the machine is.
"""

from __future__ import annotations

import asyncio
import heapq
from collections import deque
from collections.abc import Callable, Coroutine, Iterable
from contextlib import contextmanager
from contextvars import Context
from itertools import count
from typing import Any, TypeVar, cast

T = TypeVar("T")

STUCK_SECONDS = 20.0
"""How long a real answer may take before the run counts as stuck."""


class Stuck(Exception):
    """Nothing is left that could ever happen."""


class _Task(asyncio.Task[Any]):
    """Sets of tasks are walked in the order of their making, not of their addresses."""

    def __init__(self, coro: Any, *, number: int, **words: Any) -> None:
        self.number = number  # asyncio keeps it in a set from the first moment on
        super().__init__(coro, **words)

    def __hash__(self) -> int:
        return self.number


class _Timer(asyncio.TimerHandle):
    """Of two timers for one moment the one set first fires first."""

    __slots__ = ("number",)
    number: int

    def __lt__(self, other: asyncio.TimerHandle) -> bool:
        mine, theirs = self.when(), other.when()
        return mine < theirs or (mine == theirs and self.number < cast(_Timer, other).number)


class TwinLoop(asyncio.SelectorEventLoop):
    """One run's loop. `born` is called with each new task; what `holds` takes is not run now (`go_on`)."""

    def __init__(self) -> None:
        self._virtual = 0.0
        super().__init__()
        self._ready: deque[Any]
        self._numbers = count(1)
        self._held: deque[Any] | None = None
        self.born: Callable[[asyncio.Task[Any]], object] | None = None
        self.holds: Callable[[asyncio.Handle], bool] | None = None
        self.set_task_factory(self._make_task)

    def time(self) -> float:
        return self._virtual

    def begin_anew(self) -> None:
        """Second 0 of another run."""
        assert self._held is None
        for _ in range(100):
            if self._ready:  # the last words of the run before
                self.call_soon(self.stop)
                self.run_forever()
        assert not self._ready, self._ready
        self._scheduled.clear()  # type: ignore[attr-defined]
        self._virtual, self._numbers, self.born, self.holds = 0.0, count(1), None, None

    def go_on(self, handles: Iterable[asyncio.Handle]) -> None:
        """Run what was held, in its order."""
        self._ready.extend(handles)

    def _make_task(
        self, _: asyncio.AbstractEventLoop, coro: Any, *, context: Context | None = None, **words: Any
    ) -> asyncio.Task[Any]:
        task = _Task(coro, number=next(self._numbers), loop=self, context=context, **words)
        if self.born is not None:
            self.born(task)
        return task

    def call_at(  # type: ignore[override]
        self, when: float, callback: Callable[..., object], *args: Any, context: Context | None = None
    ) -> asyncio.TimerHandle:
        timer = _Timer(when, callback, args, self, context)
        timer.number = next(self._numbers)
        timer._scheduled = True  # type: ignore[attr-defined]
        heapq.heappush(self._scheduled, timer)  # type: ignore[attr-defined]
        return timer

    async def alone(self, work: Coroutine[Any, Any, T]) -> T:
        """Run to its end while nothing else moves: for what waits on real I/O."""
        assert self._held is None, "a statement within a statement"
        self._held, self._ready = self._ready, deque()
        try:
            return await work
        finally:
            self._held.extend(self._ready)
            self._ready, self._held = self._held, None

    def _run_once(self) -> None:
        """One handle; real I/O where a statement waits for it, else the next timer."""
        if not self._ready:
            if self._held is None and self._jump():
                return
            self._hear()
            return
        handle = self._ready.popleft()
        if not handle._cancelled and not (self.holds is not None and self.holds(handle)):
            handle._run()

    def _jump(self) -> bool:
        """Move the clock to the next timer; False where there is none."""
        timers = self._scheduled  # type: ignore[attr-defined]
        while timers and timers[0]._cancelled:
            heapq.heappop(timers)._scheduled = False
        if not timers:
            return False
        self._virtual = max(self._virtual, timers[0]._when)
        while timers and timers[0]._when <= self._virtual:
            timer = heapq.heappop(timers)
            timer._scheduled = False
            self._ready.append(timer)
        return True

    def _hear(self) -> None:
        events = self._selector.select(STUCK_SECONDS)  # type: ignore[attr-defined]
        if not events and not self._ready:
            raise Stuck(f"at {self._virtual:.3f} s nothing is ready, no timer runs and nobody answers")
        self._process_events(events)  # type: ignore[attr-defined]


@contextmanager
def running(loop: type[TwinLoop] = TwinLoop) -> Any:
    """A runner on a fresh loop."""
    with asyncio.Runner(loop_factory=loop) as runner:
        yield runner
