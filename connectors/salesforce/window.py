"""Where a feed by stamps stands, and which records near its end were told already.

A change may become visible later than its stamp says: the stamp is taken when the record is saved, and the
transaction may commit minutes later. So each poll asks again for the last `overlap` seconds and drops what
it told before. The end is the newest stamp seen, moved on by how far both the server's clock (the `Date`
header) and ours went since: a clock that is ahead, for once or for good, hides nothing, and skew between
the two does not matter. Stamps are whole seconds: two edits in one second have one stamp, so what was told
is known by a hash of the row.
"""

from __future__ import annotations

from base64 import b64encode
from collections.abc import Mapping
from dataclasses import dataclass, field
from datetime import datetime, timedelta
from hashlib import blake2b
from typing import Any

import orjson

from connectors.salesforce.cursors import State

KEPT = 5_000
"""Rows that are remembered, at most; beyond it the oldest are told again."""
AHEAD = timedelta(seconds=5)
"""How far ahead of the server's clock a stamp is believed, and that clock of ours; beyond it, either would
hide what comes after."""
WHOLE = timedelta(seconds=1)
"""How exact a `Date` header is: two of them may say a second more than really passed."""
DIGEST = 6
_ID, _MARK = 15, 8


def digest(row: Mapping[str, Any]) -> str:
    """A row's hash, eight characters; `attributes` only say where it is."""
    told = {name: value for name, value in row.items() if name != "attributes"}
    raw = orjson.dumps(told, option=orjson.OPT_SORT_KEYS)
    return b64encode(blake2b(raw, digest_size=DIGEST).digest()).decode()


@dataclass(slots=True)
class Window:
    """`high` is the newest stamp, `date` the server's clock then, `own` ours; `marks`: what was told near it.

    Where `date` steps ahead, it is believed bit by bit, at twice our own pace: meanwhile more is read.
    """

    margin: timedelta
    high: datetime | None = None
    date: datetime | None = None
    own: datetime | None = None
    marks: dict[str, tuple[datetime, str]] = field(default_factory=dict)

    def since(self) -> datetime | None:
        """Where the next poll begins; None for the beginning of time."""
        return None if self.high is None else self.high - self.margin

    def began(self, date: datetime | None, own: datetime) -> None:
        """A walk's first page came at the server's time `date`, and ours."""
        if date is None:
            return
        if self.high is not None and self.date is not None and self.own is not None:
            self.high += max(min(date - self.date, own - self.own) - WHOLE, timedelta(0))
        self.passed(date, own)

    def passed(self, date: datetime | None, own: datetime) -> None:
        """A page came at the server's time `date`, and ours: what is read later counts from there.

        A server whose clock is behind another's takes nothing back, else each change between the two would
        move the end on again.
        """
        if date is None:
            return
        if self.date is not None:
            gone = own - self.own if self.own is not None else timedelta(0)
            date = max(self.date, min(date, self.date + 2 * max(gone, timedelta(0)) + AHEAD))
        self.date, self.own = date, own

    def begins(self) -> datetime | None:
        """When a first reading is, by the clock that is behind: there is no earlier answer to tell by."""
        if self.date is None or self.own is None:
            return self.date
        return min(self.date, self.own)

    def is_news(self, id: str, at: datetime, row: Mapping[str, Any]) -> bool:
        """Whether a row was not told as it is; from now on it was."""
        mark, told = digest(row), self.marks.get(id[:_ID])
        self.marks[id[:_ID]] = at, mark
        self._rise(at)
        return told is None or told[1] != mark

    def _rise(self, at: datetime) -> None:
        if self.date is not None:
            at = min(at, self.date + AHEAD)
        self.high = at if self.high is None else max(self.high, at)

    def prune(self) -> None:
        """Forget what the next poll will not be shown again, and the oldest beyond a limit."""
        floor = self.since()
        if floor is not None:
            self.marks = {id: mark for id, mark in self.marks.items() if mark[0] >= floor}
        if len(self.marks) > KEPT:
            self.marks = dict(sorted(self.marks.items(), key=lambda item: item[1][0])[-KEPT:])

    # -- as JSON ---------------------------------------------------------------------------------------

    def state(self) -> State:
        """The window, its marks packed by their stamps."""
        self.prune()
        packed: dict[str, list[str]] = {}
        for id, (at, mark) in self.marks.items():
            packed.setdefault(at.isoformat(), []).append(id + mark)
        seen = {at: "".join(marks) for at, marks in packed.items()}
        return {"high": _text(self.high), "date": _text(self.date), "own": _text(self.own), "seen": seen}


def window_from(state: State, margin: timedelta) -> Window:
    """A window from its JSON. Raises `ValueError`, `TypeError` or `AttributeError` for what is none."""
    marks: dict[str, tuple[datetime, str]] = {}
    size = _ID + _MARK
    for text, packed in dict(state.get("seen") or {}).items():
        at = datetime.fromisoformat(text)
        for start in range(0, len(packed), size):
            one = packed[start : start + size]
            marks[one[:_ID]] = at, one[_ID:]
    high, date, own = (moment_of(state.get(name)) for name in ("high", "date", "own"))
    return Window(margin, high, date, own, marks)


def _text(at: datetime | None) -> str | None:
    return None if at is None else at.isoformat()


def moment_of(text: Any) -> datetime | None:
    """An instant of a state."""
    return datetime.fromisoformat(text) if text is not None else None
