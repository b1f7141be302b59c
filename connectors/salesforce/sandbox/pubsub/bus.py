"""What is kept for subscribers: events in the order in which they were published, under replay ids.

A replay id is 8 bytes that mean nothing to a client; they rise, with holes, for the bus serves many orgs
(Subscribe RPC Method). Keepalives move on, too, and their ids may be resumed from for as long as an event's.
"""

from __future__ import annotations

import asyncio
from bisect import bisect_left, bisect_right
from collections.abc import Callable, Container
from dataclasses import dataclass

from connectors.sandboxes.clock import MovableClock

FIRST = 18_000_000


@dataclass(slots=True)
class Kept:
    """One published event; it is written when it is first wanted."""

    number: int
    at: int
    entity: str
    schema_id: str
    id: str
    write: Callable[[], bytes]
    _payload: bytes | None = None

    @property
    def payload(self) -> bytes:
        """Its bytes."""
        if self._payload is None:
            self._payload = self.write()
        return self._payload


class Bus:
    """Events of `retention` seconds."""

    def __init__(self, clock: MovableClock, retention: float) -> None:
        self.clock, self.retention = clock, retention
        self.news = asyncio.Event()
        self.closed = False
        self._events: list[Kept] = []
        self._issued: list[int] = []
        self._at: list[int] = []
        self._last = FIRST

    def _number(self) -> int:
        self._last += 1 + self._last % 3
        self._issued.append(self._last)
        self._at.append(max(self.clock.millis(), self._at[-1] if self._at else 0))
        return self._last

    def publish(self, entity: str, schema_id: str, id: str, write: Callable[[], bytes]) -> Kept:
        """Keep an event, and wake who waits."""
        number = self._number()
        kept = Kept(number, self._at[-1], entity, schema_id, id, write)
        self._events.append(kept)
        self.wake()
        return kept

    def close(self) -> None:
        """The service goes: streams end."""
        self.closed = True
        self.wake()

    def wake(self) -> None:
        """Let all streams look again."""
        news, self.news = self.news, asyncio.Event()
        news.set()

    def advance(self) -> int:
        """A number past all events: what a keepalive tells."""
        return self._number()

    @property
    def tip(self) -> int:
        """Where LATEST begins."""
        return self._last

    @property
    def start(self) -> int:
        """Where EARLIEST begins: before the oldest that is kept."""
        self._expire()
        return self._events[0].number - 1 if self._events else self._last

    def place(self, replay_id: bytes) -> int | None:
        """The number of a replay id; None where it is none of ours, or too old."""
        self._expire()
        number = int.from_bytes(replay_id, "big") if len(replay_id) == 8 else -1
        at = bisect_left(self._issued, number)
        return number if at < len(self._issued) and self._issued[at] == number else None

    def after(self, number: int, entities: Container[str], most: int) -> list[Kept]:
        """The next events of these objects."""
        found: list[Kept] = []
        for place in range(
            bisect_right(self._events, number, key=lambda kept: kept.number), len(self._events)
        ):
            if self._events[place].entity in entities:
                found.append(self._events[place])
                if len(found) >= most:
                    break
        return found

    def _expire(self) -> None:
        oldest = self.clock.millis() - int(self.retention * 1000)
        gone = bisect_left(self._at, oldest)
        if gone:
            del self._issued[:gone], self._at[:gone]
            del self._events[: bisect_left(self._events, oldest, key=lambda kept: kept.at)]


def replay_id(number: int) -> bytes:
    """The bytes of a number."""
    return number.to_bytes(8, "big")
