"""Webhooks of an HTTP run: the daemon's receiver, in one life after the other, and who tells it.

The real receiver runs on a port of its own in each life; a sandbox that tells of changes is given the new
address, as a person would. Two points of the life stand around each delivery, so that a kill may fall
before anything is kept, and between that and the answer.
"""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import AsyncIterator, Callable, Mapping
from contextlib import asynccontextmanager
from types import SimpleNamespace
from typing import Any

from aiohttp import web

from connectors.sandboxes.webhooks import Subscription
from syncd.config import Settings
from syncd.core.clock import Clock
from syncd.engine.world import World
from syncd.service.hooks import Receiver
from tests.sim.http.loop import HttpLoop
from tests.sim.twin.life import Dead, Life

NOWHERE = "http://127.0.0.1:9"
"""Where nobody ever listens."""
LONGEST = 65_536
"""Bytes of a delivery that is taken."""
VERIFY = {
    "by": "hmac",
    "secret": "${env:TWIN_SECRET}",
    "header": "X-Signature",
    "prefix": "sha256=",
    "over": "{timestamp}.{body}",
    "timestamp": "X-Timestamp",
}
WORDS: Mapping[str, Any] = {
    "verify": VERIFY,
    "max_bytes": LONGEST,
    "events": "events",
    "object": "object",
    "op": "op",
    "deletes": ["deleted"],
    "version": "version",
    "at": "occurred_at",
}
"""How the configuration takes the deliveries of the `rest` sandbox."""


class Hooks:
    """The receiver of a run's daemons. `deliveries` counts what came of them, by (system, outcome)."""

    def __init__(self, clock: Clock, loop: HttpLoop) -> None:
        self.clock, self.loop = clock, loop
        self.url = NOWHERE
        self.deliveries: Counter[tuple[str, str]] = Counter()
        self._told: dict[str, Subscription] = {}

    def subscribe(self, system: str, subscription: Subscription) -> None:
        """Tell somebody who tells of changes where the daemon listens, now and after each start."""
        self._told[system] = subscription
        self._move(system, subscription)

    def path(self, system: str) -> str:
        """Where a system's deliveries go."""
        return f"{self.url}/hooks/{system}"

    @asynccontextmanager
    async def taken(
        self,
        life: Life,
        settings: Settings,
        connectors: Callable[[], Mapping[str, Any]],
        world: Callable[[], World | None],
    ) -> AsyncIterator[None]:
        """Take webhooks for the length of the block, in one life."""
        daemon = _Daemon(settings, self.clock, connectors, world, self.deliveries)
        receiver = Receiver(daemon)  # type: ignore[arg-type]

        async def answer(request: web.Request) -> web.StreamResponse:
            try:
                await life.reach("before a webhook")
                answered = await receiver.answer(request)
                await life.reach("after a webhook")
            except Dead:
                if request.transport is not None:
                    request.transport.abort()
                return web.Response()
            return answered

        app = web.Application()
        app.router.add_route("*", "/hooks/{system}", answer)
        runner = web.AppRunner(
            app, access_log=None, shutdown_timeout=0, auto_decompress=False, lingering_time=1
        )
        await runner.setup()
        try:
            site = web.TCPSite(runner, "127.0.0.1", 0)
            await site.start()
            self._listening(runner.addresses[0][1])
            yield
        finally:
            _cut(runner)
            await runner.cleanup()

    def _listening(self, port: int) -> None:
        self.loop.ports.add(port)
        self.url = f"http://127.0.0.1:{port}"
        for system, subscription in self._told.items():
            self._move(system, subscription)

    def _move(self, system: str, subscription: Subscription) -> None:
        subscription.wanted = subscription.wanted.model_copy(update={"url": self.path(system)})


class _Daemon:
    """What the receiver asks of a daemon."""

    def __init__(
        self,
        settings: Settings,
        clock: Clock,
        connectors: Callable[[], Mapping[str, Any]],
        world: Callable[[], World | None],
        deliveries: Counter[tuple[str, str]],
    ) -> None:
        self._connectors, self._world = connectors, world
        self._settings, self._clock = settings, clock
        self.stopping, self.deliveries = asyncio.Event(), deliveries

    @property
    def service(self) -> Any:
        """The composition, as far as it is asked for."""
        return SimpleNamespace(settings=self._settings, clock=self._clock, connectors=self._connectors())

    @property
    def world(self) -> World | None:
        """What runs now."""
        return self._world()


def _cut(runner: web.AppRunner) -> None:
    """A process that is gone leaves no connection open."""
    for line in runner.server.connections if runner.server is not None else []:
        if line.transport is not None:
            line.transport.abort()
