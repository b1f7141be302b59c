"""Faults at named points: armed by a test, fired by the remote, and each remembers that it fired.

The points, in the order in which a write passes them:
`write.start` · `write.before_commit` (nothing is written yet) · `write.late_commit` (the answer is lost
first, the commit comes with `release`) · `write.commit` (once per row) · `write.uncertain` (once per row,
committed, its own answer lost) · `write.after_commit` (all is written, the answer is lost) ·
`write.answer` (all is written, the answer is on its way);
and of a read: `read.start` · `read.truncate` (half a page, then an error) · `read.hide` and `find.hide`
(the listed ids are not shown) · `read.page` (between two pages) · `read.answer`
(of a read by id: what it shows is on its way).
"""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable, Collection
from dataclasses import dataclass, field

POINTS = frozenset(
    {
        "write.start",
        "write.before_commit",
        "write.late_commit",
        "write.commit",
        "write.uncertain",
        "write.after_commit",
        "write.answer",
        "read.start",
        "read.truncate",
        "read.hide",
        "read.page",
        "read.answer",
        "find.hide",
    }
)

Hook = Callable[[str, str, str | None], Awaitable[None]]
"""Called with (point, object, remote id or None) whenever a point is passed, armed or not."""


@dataclass(slots=True)
class Fault:
    """One armed fault. `times` firings are left, `skip` passes go by first, `ids` limits it to records."""

    point: str
    times: int = 1
    skip: int = 0
    ids: frozenset[str] | None = None
    error: Exception | None = None
    hold: bool = False
    fired: int = 0
    reached: asyncio.Event = field(default_factory=asyncio.Event)
    _go: asyncio.Event = field(default_factory=asyncio.Event)
    _late: list[Callable[[], None]] = field(default_factory=list)

    def release(self) -> None:
        """Let a held call go on, and let late commits happen now."""
        self._go.set()
        while self._late:
            self._late.pop(0)()

    def later(self, commit: Callable[[], None]) -> None:
        """Keep a commit for `release`."""
        self._late.append(commit)

    def takes(self, remote_id: str | None) -> bool:
        """Whether this pass fires it; counts."""
        if self.times <= 0 or (self.ids is not None and remote_id not in self.ids):
            return False
        if self.skip > 0:
            self.skip -= 1
            return False
        self.times -= 1
        self.fired += 1
        self.reached.set()
        return True

    async def act(self) -> None:
        """Wait while held, then fail if that is what was asked for."""
        if self.hold:
            await self._go.wait()
        if self.error is not None:
            raise self.error


class Faults:
    """The fault plan of one remote; may be changed while it runs."""

    def __init__(self) -> None:
        self.armed: list[Fault] = []
        self.hook: Hook | None = None

    def arm(
        self,
        point: str,
        *,
        times: int = 1,
        skip: int = 0,
        ids: Collection[str] | None = None,
        error: Exception | None = None,
        hold: bool = False,
    ) -> Fault:
        """Arm one fault at a point of the module's list; `ValueError` for any other name."""
        if point not in POINTS:
            raise ValueError(f"no fault point {point!r}; there are: {', '.join(sorted(POINTS))}")
        fault = Fault(point, times, skip, frozenset(ids) if ids is not None else None, error, hold)
        self.armed.append(fault)
        return fault

    def hide(self, remote_id: str, reads: int = 1, *, point: str = "read.hide") -> Fault:
        """Keep one record out of the next `reads` listings (or look-ups, with `find.hide`)."""
        return self.arm(point, times=reads, ids=[remote_id])

    def take(self, point: str, remote_id: str | None = None) -> Fault | None:
        """The fault that fires at this pass, if any."""
        return next((f for f in self.armed if f.point == point and f.takes(remote_id)), None)

    async def reach(self, point: str, object: str, remote_id: str | None = None) -> Fault | None:
        """Pass a point: call the hook, hold and fail as armed, and return the fault that fired."""
        if self.hook is not None:
            await self.hook(point, object, remote_id)
        fault = self.take(point, remote_id)
        if fault is not None:
            await fault.act()
        return fault

    def unfired(self) -> list[Fault]:
        """Those that never fired; a test that armed them proves nothing."""
        return [fault for fault in self.armed if not fault.fired]
