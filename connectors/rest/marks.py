"""Where a feed by time stands, and which records near its end were told already.

A change may become visible later than its time stamp says (facts/TRAPS.md 2), so each poll asks again for
the last `overlap` seconds, and drops what it told before. The end is not when we asked by our own clock; it
is the newest stamp seen, and moves on by how far the server's clock (the `Date` header) went since: so far
that what was told is not told again, and not beyond, lest a step of that clock hide what comes. Behind one
address there may be servers whose clocks differ: how far the date was seen to step back is taken off. So no
skew between any two clocks hides a change that is visible by its stamp.
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
REACH = timedelta(hours=1)
"""How long ago a poll may begin when nothing comes. A step back of more is a clock that was set right."""
TIMES = ("high", "date", "stamp", "then", "latest")
"""The moments of a window that its state keeps."""
Marks = dict[str, tuple[datetime | None, str]]


def at_text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def at_from(text: Any) -> datetime | None:
    return datetime.fromisoformat(text) if isinstance(text, str) else None


@dataclass(slots=True)
class Window:
    """`stamp` is the newest seen, `then` the server's clock at that; `high` is the stamp, moved on.

    `latest` is the newest date of any server, `back` how far a later one stepped behind it; `marks` is what
    was told near the end. `dated`: records tell their time of change; else the clock is all there is.
    A walk that does not come in the order of changes is passed by what moves behind it: unless it is
    `ordered`, stamps later than its begin do not raise the stamp.
    """

    margin: timedelta
    high: datetime | None = None
    date: datetime | None = None
    marks: Marks = field(default_factory=dict)
    trusts_version: bool = False
    ordered: bool = True
    stamp: datetime | None = None
    then: datetime | None = None
    latest: datetime | None = None
    back: timedelta = timedelta(0)
    dated: bool = True

    def __post_init__(self) -> None:
        """A window of before these were kept begins at what it had."""
        if self.stamp is None:
            self.stamp, self.then = self.high, self.date
        self.latest = self.latest or self.date

    def since(self) -> datetime | None:
        """Where the next poll begins; None for the beginning of time."""
        return None if self.high is None else self.high - self.margin

    def began(self, date: datetime | None) -> None:
        """A walk's first page came at the server's time `date`."""
        if date is None:
            return
        behind = timedelta(0) if self.latest is None else self.latest - date
        far = behind > REACH
        self.latest = date if far or self.latest is None else max(self.latest, date)
        self.back = self.back if far else max(self.back, behind)
        self.date = date
        self._move()

    def _move(self) -> None:
        """`high` anew, from the stamp: sums of steps would add up what two clocks differ by."""
        if self.stamp is None or self.then is None or self.date is None:
            return
        moved = max(timedelta(0), self.date - self.then - self.back - WHOLE)
        if self.dated:
            enough = self.margin + (WHOLE if moved > AHEAD else timedelta(0))
            moved = max(min(moved, enough), moved - REACH)
        self.high = self.stamp + moved

    @property
    def rests(self) -> bool:
        """Whether `high` went as far as it goes for now."""
        if self.high is None or self.stamp is None:
            return False
        return self.high - self.stamp in (self.margin, self.margin + WHOLE)

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
        top = max(stamps, default=self.date if self.stamp is None else None)
        if top is None:
            return
        if self.date is not None:
            top = min(top, self.date + AHEAD if self.ordered else self.date - self.back)
        if self.stamp is None or top > self.stamp:
            self.stamp, self.then = top, self.date
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
        return {**self.place(), "seen": marks}

    def place(self) -> dict[str, Any]:
        """Where it stands, without the marks, as JSON."""
        return {k: at_text(getattr(self, k)) for k in TIMES} | {"back": self.back.total_seconds()}

    def resume(self, place: dict[str, Any]) -> None:
        """Stand where a walk that was broken off stood."""
        for name in TIMES:
            setattr(self, name, at_from(place.get(name)))
        self.back = timedelta(seconds=float(place.get("back") or 0))
        self.__post_init__()


def window_from(
    state: dict[str, Any], margin: timedelta, *, trusts_version: bool, dated: bool = True
) -> Window:
    """A window from its JSON. Raises `ValueError`, `TypeError` or `KeyError` for what is none."""
    marks = {str(k): (at_from(at), str(mark)) for k, (at, mark) in dict(state.get("seen") or {}).items()}
    window = Window(margin, marks=marks, trusts_version=trusts_version, dated=dated)
    window.resume(state)
    return window
