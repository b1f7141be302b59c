"""One subscription: keeps what came until it is taken, and asks for as much as was taken.

The service delivers only what was asked for, 100 events at most (Pull Subscription and Flow Control), so
nothing here can grow: what is neither taken nor skimmed stays with the service.
"""

from __future__ import annotations

import asyncio
import contextlib
from collections import deque
from collections.abc import Awaitable, Callable
from typing import Any, TypeVar

import grpc
import grpc.aio

from connectors.salesforce.events import messages as m
from connectors.salesforce.events.errors import is_auth
from syncd.core.clock import Clock

MOST = 100
"""Events that may be under way or waiting here."""
SILENT = 330.0
"""Seconds after which a stream is dead: a keepalive comes within 270 (pubsub_api.proto, `FetchResponse`).

To subscribe anew sooner would keep a quiet topic from ever being told a newer replay id, and its own would be
too old one day. Pings are no help: gRPC servers end a connection that sends more than one in five minutes.
"""
T = TypeVar("T")


class Stream:
    """A call of Subscribe and what it brought. `skim` is told each replay id and how many
    events went by; nothing is kept then."""

    def __init__(self, call: Any, clock: Clock, ring: Callable[[], None]) -> None:
        self.call, self.clock, self.ring = call, clock, ring
        self.waiting: deque[Any] = deque()
        self.skim: Callable[[bytes, int], None] | None = None
        self.failure: grpc.aio.AioRpcError | None = None
        self.answered = self.ended = False
        self.began = clock.monotonic()
        self._arrived = asyncio.Event()
        self._task: asyncio.Task[None] | None = None

    def begin(self, topic: str, after: bytes | None) -> None:
        """Subscribe after a replay id, or from now on."""
        request = m.FetchRequest(
            topic_name=topic,
            replay_preset=m.LATEST if after is None else m.CUSTOM,
            replay_id=after or b"",
            num_requested=MOST,
        )
        self._task = asyncio.create_task(self._run(request), name=f"events {topic}")

    async def next(self, settle: float, grace: float) -> Any:
        """The oldest answer that waits; None where none came in time, or where it ended."""
        if not self.waiting and not self.ended:
            self._arrived.clear()
            await within(self.clock, self._arrived.wait(), settle if self.answered else grace)
        return self.waiting[0] if self.waiting else None

    @property
    def refused(self) -> bool:
        """Whether it ended because its session is not valid."""
        return self.failure is not None and is_auth(self.failure)

    async def gather(self, seconds: float) -> None:
        """Wait for company for what came; no longer than that, and only while more may come."""
        due = self.clock.monotonic() + seconds
        while not self.ended and self.waiting[-1].events and self._many < MOST:
            left = due - self.clock.monotonic()
            self._arrived.clear()
            if left <= 0 or await within(self.clock, self._arrived.wait(), left) is None:
                return

    @property
    def _many(self) -> int:
        return sum(len(answer.events) for answer in self.waiting)

    async def take(self, answers: int) -> None:
        """The oldest answers were worked on: drop them, ask for as many events more."""
        await self._ask(sum(len(self.waiting.popleft().events) for _ in range(answers)))

    async def _ask(self, count: int) -> None:
        if count and not self.ended:
            with contextlib.suppress(grpc.aio.AioRpcError, grpc.aio.BaseError, asyncio.InvalidStateError):
                await self.call.write(m.FetchRequest(num_requested=count))  # its end is seen by the reader

    async def _run(self, request: Any) -> None:
        try:
            await self.call.write(request)
            while (response := await self._read()) is not None:
                await self._came(response)
        except grpc.aio.AioRpcError as error:
            self.failure = error
        except (grpc.aio.BaseError, asyncio.InvalidStateError):
            pass  # gRPC failed within: as good as a stream that was closed
        finally:
            self.ended = True
            self._arrived.set()
            self.ring()

    async def _read(self) -> Any:
        """The next answer; None where the service ended the call, or is silent for too long."""
        got = await within(self.clock, self.call.read(), SILENT)
        if got is not None and got is not grpc.aio.EOF:
            return got
        self.call.cancel()  # silent for too long, or over
        return None

    async def _came(self, response: Any) -> None:
        self.answered = True
        if self.skim is not None:
            self.skim(newest(response), len(response.events))
            await self._ask(len(response.events))
            return
        if self.waiting and not self.waiting[-1].events and not response.events:
            self.waiting.pop()  # a keepalive that a newer one makes needless
        self.waiting.append(response)
        self._arrived.set()
        if response.events:
            self.ring()

    async def aclose(self) -> None:
        """End it."""
        self.ended = True
        self.call.cancel()
        if self._task is not None:
            self._task.cancel()
            await asyncio.gather(self._task, return_exceptions=True)


def newest(response: Any) -> bytes:
    """The replay id after an answer: of its last event, or, in a keepalive, the one that it tells."""
    return bytes(response.events[-1].replay_id if response.events else response.latest_replay_id)


async def within(clock: Clock, work: Awaitable[T], seconds: float) -> T | None:
    """What the work gives; None where the time is over first, and the work is cancelled."""
    doing = asyncio.ensure_future(work)
    sleep = asyncio.ensure_future(clock.sleep(seconds))
    try:
        await asyncio.wait({doing, sleep}, return_when=asyncio.FIRST_COMPLETED)
        return doing.result() if doing.done() else None
    finally:
        for task in (doing, sleep):
            task.cancel()
        await asyncio.gather(doing, sleep, return_exceptions=True)
