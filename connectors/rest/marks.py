"""Where a feed by time stands, and which records near its end were told already.

A change may become visible later than its time stamp says (facts/TRAPS.md 2), so each poll asks again for
the last `overlap` seconds, and drops what it told before. The end is not when we asked by our own clock; it
is the newest stamp seen, moved on by how far the server's clock (the `Date` header) went since. So no skew
between any two clocks can hide a change.
"""

from __future__ import annotations

from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson

from syncd.core.nouns import Change, Op

KEPT = 1000
AHEAD = timedelta(seconds=300)
"""How far ahead of the server's clock a stamp is believed; beyond it, it would hide what comes after."""
WHOLE = timedelta(seconds=1)
"""How exact a `Date` header is: two of them may say a second more than really passed."""
Marks = dict[str, tuple[datetime | None, str]]


def at_text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def at_from(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None


@dataclass(slots=True)
class Window:
    """`high` is the newest stamp, `date` the server's clock then; `marks` what was told near the end.

    A walk that does not come in the order of changes is passed by what moves behind it: unless it is
    `ordered`, stamps later than its begin do not raise `high`.
    """

    margin: timedelta
    high: datetime | None = None
    date: datetime | None = None
    marks: Marks = field(default_factory=dict)
    trusts_version: bool = False
    ordered: bool = True

    def since(self) -> datetime | None:
        """Where the next poll begins; None for the beginning of time."""
        return None if self.high is None else self.high - self.margin

    def began(self, date: datetime | None) -> None:
        """A walk's first page came at the server's time `date`."""
        if date is None:
            return
        if self.high is not None and self.date is not None and date > self.date:
            self.high += date - self.date - WHOLE
        self.date = date

    def take(self, changes: list[Change], old: Marks) -> list[Change]:
        """The changes that were not told before, in `old` or in this walk."""
        if not changes:
            return changes
        self._rise(changes)
        floor, marks, fresh = self.since(), self.marks, []
        for change in changes:
            at, name = change.occurred_at, change.remote_id
            far = at is not None and floor is not None and at < floor
            if far and name not in old:
                fresh.append(change)
                continue
            mark, told = self._mark(change), marks.get(name) or old.get(name)
            if told is None or told[1] != mark:
                fresh.append(change)
            if not far:
                marks[name] = (at, mark)
        if len(marks) > 2 * KEPT:
            self.prune()
        return fresh

    def _rise(self, changes: list[Change]) -> None:
        stamps = [c.occurred_at for c in changes if c.occurred_at is not None]
        top = max(stamps, default=self.date if self.high is None else None)
        if top is None:
            return
        if self.date is not None:
            top = min(top, self.date + AHEAD if self.ordered else self.date)
        self.high = top if self.high is None else max(self.high, top)

    def _mark(self, change: Change) -> str:
        if change.op is Op.DELETE:
            return "x"
        if self.trusts_version and change.remote_version is not None:
            return change.remote_version
        body = orjson.dumps([change.fields, change.occurred_at, change.remote_version])
        return blake2b(body, digest_size=8).hexdigest()

    def prune(self) -> None:
        """Forget what the next poll will not be told again, and the oldest beyond a limit."""
        floor = self.since()
        near = {k: m for k, m in self.marks.items() if m[0] is None or floor is None or m[0] >= floor}
        if len(near) > KEPT:
            far = datetime.min.replace(tzinfo=floor.tzinfo if floor else None)
            kept = sorted(near.items(), key=lambda item: item[1][0] or far)[-KEPT:]
            near = dict(kept)
        self.marks = near

    def state(self) -> dict[str, Any]:
        """As JSON."""
        self.prune()
        marks = {k: [at_text(at), mark] for k, (at, mark) in self.marks.items()}
        return {"high": at_text(self.high), "date": at_text(self.date), "seen": marks}


def window_from(state: dict[str, Any], margin: timedelta, *, trusts_version: bool) -> Window:
    """A window from its JSON. Raises `ValueError`, `TypeError` or `KeyError` for what is none."""
    marks = {str(k): (at_from(at), str(mark)) for k, (at, mark) in dict(state.get("seen") or {}).items()}
    high, date = at_from(state.get("high")), at_from(state.get("date"))
    return Window(margin, high, date, marks, trusts_version)
