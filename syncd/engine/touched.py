"""Which records were written since a plan was loaded: nothing is sent that was planned on an older state."""

from __future__ import annotations

from collections.abc import Iterable

ROOM = 20_000
"""How many records are kept before those that no plan asks about are thrown out."""


class Touched:
    """Records with the sequence of their last write, for as long as some plan may ask about it."""

    def __init__(self) -> None:
        self._at: dict[int, int] = {}
        self._plans: dict[int, int] = {}
        self._room = ROOM

    def __len__(self) -> int:
        return len(self._at)

    def plan(self, stream: int, seq: int) -> None:
        """A stream is about to load what it owes; `seq` was taken before that. Ends its last plan."""
        self._plans[stream] = seq

    def end(self, stream: int) -> None:
        """Its plan is carried out, or given up."""
        self._plans.pop(stream, None)
        if not self._plans:
            self._at.clear()

    def note(self, records: Iterable[int], seq: int) -> None:
        """Records whose rows were written; `seq` was taken after the commit. Who plans later sees them so."""
        if not self._plans:
            return
        self._at.update(dict.fromkeys(records, seq))
        if len(self._at) > self._room:
            oldest = min(self._plans.values())
            self._at = {record: at for record, at in self._at.items() if at >= oldest}
            self._room = max(
                ROOM, 2 * len(self._at)
            )  # else a long plan has all of it looked through each time

    def stands(self, stream: int, record: int) -> bool:
        """Whether a record is as it was when the stream's plan was loaded."""
        return self._at.get(record, 0) < self._plans[stream]
