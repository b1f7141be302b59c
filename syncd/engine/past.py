"""What the store's sequence was some seconds ago: what a lagging feed shows is as old as that."""

from __future__ import annotations

from collections import deque

STEPS = 200
"""How finely the past is known: a mark for each part of the time, so that there are never many."""


class Past:
    """Remembers the sequence for `seconds`."""

    def __init__(self, seconds: float) -> None:
        self.seconds = seconds
        self._marks: deque[tuple[float, int]] = deque()

    def note(self, now: float, seq: int) -> int:
        """The sequence now is `seq`; returns what it was `seconds` ago, 0 where that is not known."""
        if not self.seconds:
            return seq
        marks, then = self._marks, now - self.seconds
        if not marks or now - marks[-1][0] >= self.seconds / STEPS:
            marks.append((now, seq))
        while len(marks) > 1 and marks[1][0] <= then:
            marks.popleft()
        at, old = marks[0]
        return old if at <= then else 0
