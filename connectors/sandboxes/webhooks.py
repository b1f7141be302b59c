"""Webhooks out: signed deliveries of what was committed, tried again, and as unreliable as one wishes."""

from __future__ import annotations

import asyncio
import hashlib
import hmac
from collections import deque
from collections.abc import Callable, Coroutine
from dataclasses import dataclass, field
from itertools import count
from typing import Any, Literal

import aiohttp
import orjson

from connectors.sandboxes.clock import MovableClock
from connectors.sandboxes.quirks import Fired
from connectors.sandboxes.shape import Strict
from connectors.sandboxes.table import Row, Table

TRIES = 8
MOST = 100
"""Events in one delivery."""
Spawn = Callable[[Coroutine[Any, Any, None]], None]
Show = Callable[[Table, Row], Any]


class HookOptions(Strict):
    """Quirks of deliveries. `drop`, `duplicate`, `reorder`, `delay`: each so many-th delivery (0: none).

    Dropped ones are never sent; duplicates are sent twice; a reordered one goes after its successor; a
    delayed one goes `seconds` later. `replay_id` sends duplicates under a new event id.
    """

    drop: int = 0
    duplicate: int = 0
    reorder: int = 0
    delay: int = 0
    seconds: float = 60.0
    replay_id: bool = False


class Wanted(Strict):
    """Who wants to hear what; no `objects`: all. `skip` names authors whose changes are not told."""

    url: str
    secret: str = "sandbox-webhook-secret"
    objects: tuple[str, ...] = ()
    body: Literal["ids", "values"] = "ids"
    skip: tuple[str, ...] = ()


@dataclass(slots=True, eq=False)
class Subscription:
    """One listener, and what it has not been told yet."""

    wanted: Wanted
    number: int
    queue: deque[dict[str, Any]] = field(default_factory=deque)
    rung: asyncio.Event = field(default_factory=asyncio.Event)


class Webhooks:
    """All subscriptions of one sandbox; a listener of its world."""

    def __init__(
        self, options: HookOptions, clock: MovableClock, fired: Fired, spawn: Spawn, show: Show
    ) -> None:
        self.options, self.clock, self.fired, self.show = options, clock, fired, show
        self.subscriptions: list[Subscription] = []
        self.log: deque[dict[str, Any]] = deque(maxlen=1000)
        self.idle = asyncio.Event()
        self._spawn = spawn
        self._session: aiohttp.ClientSession | None = None
        self._event, self._delivery, self._number = count(1), count(1), count(1)
        self.waiting = 0
        self._open = 0
        self.idle.set()

    def subscribe(self, url: str, **wanted: Any) -> Subscription:
        """Begin to tell somebody; the words of `Wanted`. `ValueError` for others."""
        subscription = Subscription(Wanted(url=url, **wanted), next(self._number))
        self.subscriptions.append(subscription)
        self._spawn(self._serve(subscription))
        return subscription

    def unsubscribe(self, number: int | None = None) -> None:
        """Stop telling one, or all."""
        for one in [s for s in self.subscriptions if number in (None, s.number)]:
            self.subscriptions.remove(one)
            one.rung.set()

    async def aclose(self) -> None:
        """Give back the sockets."""
        self.unsubscribe()
        if self._session is not None:
            await self._session.close()

    def __call__(self, table: Table, row: Row, op: str) -> None:
        """Something was committed."""
        for one in self.subscriptions:
            wanted = one.wanted
            if (not wanted.objects or table.name in wanted.objects) and row.by not in wanted.skip:
                one.queue.append(self._told(one, table, row, op))
                self._begin()
                one.rung.set()

    def _told(self, one: Subscription, table: Table, row: Row, op: str) -> dict[str, Any]:
        event = {
            "event_id": f"e{next(self._event)}",
            "object": table.name,
            "id": row.id,
            "op": op,
            "occurred_at": self.clock.now().isoformat(timespec="milliseconds"),
            "version": row.version,
        }
        if one.wanted.body == "values":
            event["record"] = self.show(table, row)
        return event

    def _begin(self) -> None:
        self._open += 1
        self.idle.clear()

    def _end(self, events: int) -> None:
        self._open -= events
        if not self._open:
            self.idle.set()

    async def _serve(self, one: Subscription) -> None:
        """Send what waits, all that came meanwhile in one delivery; what fails is tried again beside."""
        kept: list[dict[str, Any]] | None = None
        while one in self.subscriptions:
            await one.rung.wait()
            one.rung.clear()
            while one.queue:
                events = [one.queue.popleft() for _ in range(min(MOST, len(one.queue)))]
                number = next(self._delivery)
                if self._each(self.options.reorder, number, "webhook_reorder") and kept is None:
                    kept = events
                    continue
                await self._deliver(one, events, number)
                if kept is not None:
                    await self._deliver(one, kept, number)
                    kept = None

    def _each(self, every: int, number: int, name: str) -> bool:
        if not every or number % every:
            return False
        self.fired(name)
        return True

    async def _deliver(self, one: Subscription, events: list[dict[str, Any]], number: int) -> None:
        options = self.options
        if self._each(options.drop, number, "webhook_drop"):
            self._end(len(events))
            return
        if self._each(options.delay, number, "webhook_delay"):
            self._spawn(self._again(one, events, options.seconds, 0))
            return
        if await self._post(one, events):
            self._end(len(events))
        else:
            self._spawn(self._again(one, events, self._pause(one, 1), 1))
        if self._each(options.duplicate, number, "webhook_duplicate"):
            await self._post(one, [self._replayed(event) for event in events])

    def _replayed(self, event: dict[str, Any]) -> dict[str, Any]:
        """An event that is told twice; under a new id where that is asked for."""
        return {**event, "event_id": f"e{next(self._event)}"} if self.options.replay_id else event

    def _pause(self, one: Subscription, attempt: int) -> float:
        """Seconds before the first attempt after one that failed."""
        return 1.0

    async def _again(self, one: Subscription, events: list[dict[str, Any]], wait: float, tries: int) -> None:
        """Try after a while, `tries` attempts having been made."""
        while tries < TRIES:
            self.waiting += 1
            await self.clock.sleep(wait)
            self.waiting -= 1
            if await self._post(one, events):
                break
            wait, tries = min(64.0, wait * 2), tries + 1
        self._end(len(events))

    async def _post(self, one: Subscription, events: list[dict[str, Any]]) -> bool:
        now = self.clock.now()
        body = orjson.dumps({"events": events, "sent_at": now.isoformat(timespec="milliseconds")})
        headers = {
            "Content-Type": "application/json",
            **signed(one.wanted.secret, int(now.timestamp()), body),
        }
        if self._session is None:
            self._session = aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=10))
        try:
            async with self._session.post(one.wanted.url, data=body, headers=headers) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            status = 0
        self.log.append(
            {"subscription": one.number, "status": status, "events": [e["event_id"] for e in events]}
        )
        return 200 <= status < 300


def signed(secret: str, timestamp: int, body: bytes) -> dict[str, str]:
    """The headers of a delivery: HMAC-SHA256 over the timestamp (Unix seconds), a dot, and the body."""
    digest = hmac.new(secret.encode(), f"{timestamp}.".encode() + body, hashlib.sha256).hexdigest()
    return {"X-Timestamp": str(timestamp), "X-Signature": f"sha256={digest}"}
