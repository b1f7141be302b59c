"""The receiver of webhooks: `POST /hooks/SYSTEM`, for each system whose configuration says `webhooks`.

A vendor's question whether the address is ours, by whatever method, is answered by the connector, if it has
an answer (`CanGreet`); nothing changes by it.

A delivery passes, in this order: its declared size, its source's rate, its real size, the connector's
verification, the memory of deliveries, the store. Only then it is answered with 202. What it says is a
hint: the engine reads the records that it names.

A delivery that was taken before is answered with 202 too, and nothing is done: it is an honest retry whose
answer was lost, and must not be told to try again for hours, or a replay, which need not learn that it was
noticed. It counts as `replayed`.
"""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Callable, Sequence
from contextlib import asynccontextmanager
from typing import Protocol, TypeVar

from aiohttp import web
from loguru import logger

from connectors.base import CanGreet, CanReceive, Capabilities, Delivery, Greeting, Refused
from syncd.config.settings import WebhookSettings
from syncd.core.clock import Clock
from syncd.core.errors import RetryLater, SyncdError
from syncd.core.nouns import Change, Op
from syncd.engine.hints import Asked, Hints
from syncd.service.daemon import Daemon
from syncd.service.hookguards import Notes, Rates, Seen, key_of
from syncd.service.listen import serving

STATUS = {
    "accepted": 202,
    "greeted": 200,
    "replayed": 202,
    "malformed": 400,
    "unsigned": 401,
    "forged": 401,
    "stale": 401,
    "unknown": 404,
    "method": 405,
    "slow": 408,
    "oversized": 413,
    "encoded": 415,
    "limited": 429,
    "failed": 500,
    "busy": 503,
}
"""What each outcome is answered with."""
BODY_SECONDS = 10.0
"""How long a sender may take for its body, and the store for the hints."""
MOST_BYTES = 64 * 1_048_576
"""Bodies that may be in memory at once."""
LONGEST_ID = 1_000
PLAINLY = {"X-Content-Type-Options": "nosniff", "Cache-Control": "no-store"}
"""What a caller sent is sent back: no browser may take it for more than it says."""
T = TypeVar("T")


class Receives(CanReceive, Protocol):
    """A connector that can receive."""

    capabilities: Capabilities


class Turned(Exception):
    """A delivery that is not taken: the outcome, why (for the log), and when to come again, in seconds."""

    def __init__(self, outcome: str, why: str, after: float | None = None) -> None:
        super().__init__(why)
        self.outcome, self.after = outcome, after


class Greeted(Exception):
    """Not a delivery, but a question, and its answer."""

    def __init__(self, greeting: Greeting) -> None:
        super().__init__("a vendor asked whether the address is ours")
        self.greeting = greeting


class Receiver:
    """Takes deliveries for a daemon's systems, and counts them in it."""

    def __init__(self, daemon: Daemon) -> None:
        self._daemon = daemon
        self._clock = daemon.service.clock
        self._rates, self._notes = Rates(), Notes(self._clock)
        self._seen: dict[str, Seen] = {}
        self._bytes = 0
        self.hints = Hints(lambda: daemon.world)

    async def answer(self, request: web.Request) -> web.Response:
        """Take one call, whatever it is."""
        name = request.match_info["system"]
        settings = self._daemon.service.settings.systems.get(name)
        system = name if settings is not None else ""
        hooks = settings.webhooks if settings is not None else None
        try:
            outcome, after = await self._take(request, system, hooks), None
        except Turned as turned:
            outcome, after = turned.outcome, turned.after
            self._notes.refused(system, outcome, str(turned), request.remote or "somewhere")
        except Greeted as greeted:
            self._daemon.deliveries[system, "greeted"] += 1
            said = greeted.greeting
            return web.Response(body=said.body, headers={"Content-Type": said.media_type, **PLAINLY})
        self._daemon.deliveries[system, outcome] += 1
        headers = {"Retry-After": str(max(1, round(after)))} if after is not None else {}
        return web.Response(status=STATUS[outcome], headers=headers)

    async def _take(self, request: web.Request, system: str, hooks: WebhookSettings | None) -> str:
        if hooks is None:
            raise Turned("unknown", "it takes no webhooks by the configuration")
        if self._daemon.stopping.is_set():
            raise Turned("busy", "the daemon stops", 5)
        connector = self._connector(system)
        if request.method != "POST" and not isinstance(connector, CanGreet):
            raise Turned("method", f"{request.method} is not POST")
        _check_head(request, hooks)
        if not await self._rates.pass_through(system, request.remote or "", hooks.rate):
            raise Turned("limited", f"more than {hooks.rate:g} a second", Rates.wait(hooks.rate))
        body = bytearray()
        try:
            await self._read(request, hooks.max_bytes, body)
            return await self._judge(_delivery(request, bytes(body), self._clock), system, hooks, connector)
        finally:
            self._bytes -= len(body)

    def _connector(self, system: str) -> Receives:
        """The system's connector, which must be able to receive."""
        connector = self._daemon.service.connectors.get(system)
        if connector is None:
            raise Turned("busy", "the system is not ready", 5)
        if not isinstance(connector, CanReceive):
            raise Turned("unknown", "its connector takes no webhooks")
        return connector

    async def _read(self, request: web.Request, limit: int, body: bytearray) -> None:
        """The body, as far as it is not too long, too slow, or too much beside the others."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                async for chunk in request.content.iter_any():
                    body += chunk
                    self._bytes += len(chunk)
                    if len(body) > limit:
                        raise Turned("oversized", f"more than {limit} bytes")
                    if self._bytes > MOST_BYTES:
                        raise Turned("busy", "too many bodies at once", 1)
        except TimeoutError:
            raise Turned("slow", f"its body took more than {BODY_SECONDS:.0f} s") from None
        except (web.RequestPayloadError, OSError):
            raise Turned("malformed", "its body broke off") from None

    async def _judge(
        self, delivery: Delivery, system: str, hooks: WebhookSettings, connector: Receives
    ) -> str:
        if isinstance(connector, CanGreet) and (greeting := _asked_of(connector.greet, delivery)):
            raise Greeted(greeting)
        if delivery.method != "POST":
            raise Turned("method", f"{delivery.method} is not POST")
        changes = _verified(connector, delivery)
        seen = self._seen.setdefault(system, Seen(self._clock, hooks.tolerance))
        headers = connector.capabilities.delivery_headers
        key = None if headers is None else key_of(delivery, headers)
        if key is not None and seen.knows(key):
            return "replayed"
        await self._keep(system, changes)
        if key is not None:
            seen.remember(key)  # not before: what was not kept must come again
        return "accepted"

    async def _keep(self, system: str, changes: Sequence[Change]) -> None:
        """Return once what a delivery names is durable."""
        try:
            async with asyncio.timeout(BODY_SECONDS):
                asked = self._asked(system, changes)
                if changes and not asked:
                    raise Turned("unknown", "it names no object that is mapped")
                await self.hints.take(asked)
        except RetryLater as error:
            raise Turned("busy", str(error), error.after) from None
        except (SyncdError, TimeoutError) as error:
            raise Turned("busy", str(error) or "the store does not answer", 5) from None

    def _asked(self, system: str, changes: Sequence[Change]) -> Asked:
        """The streams that the named records belong to; of a merge or conversion the survivor too."""
        named = [(c.object, c) for c in changes]
        for change in changes:
            if change.survivor_id is not None:
                object = change.survivor_object or change.object
                named.append((object, Change(system, object, change.survivor_id, Op.TOUCH)))
        return [(stream, c) for object, c in named for stream in self.hints.streams(system, object)]


def _check_head(request: web.Request, hooks: WebhookSettings) -> None:
    """Turn away what its head condemns, before a byte of its body is read."""
    if (request.content_length or 0) > hooks.max_bytes:
        raise Turned("oversized", f"more than {hooks.max_bytes} bytes")
    if request.headers.get("Content-Encoding", "identity") != "identity":
        raise Turned("encoded", "it is compressed, and what that hides is not unpacked")


def _delivery(request: web.Request, body: bytes, clock: Clock) -> Delivery:
    headers = {name.lower(): value for name, value in request.headers.items()}
    query, target = dict(request.query), request.raw_path
    return Delivery(request.method, request.path, query, headers, body, clock.now(), target)


def _asked_of(read: Callable[[Delivery], T], delivery: Delivery) -> T:
    """What a connector makes of a delivery, whatever goes wrong in it."""
    try:
        return read(delivery)
    except Refused as refused:
        raise Turned(refused.reason, str(refused)) from None
    except Exception as error:
        name = type(error).__name__
        logger.opt(exception=error).debug("a connector failed to read a webhook")
        raise Turned("failed", f"the connector failed unexpectedly ({name}); please report it") from None


def _verified(connector: CanReceive, delivery: Delivery) -> Sequence[Change]:
    """What the connector reads in a delivery that it believes."""
    changes = _asked_of(connector.receive, delivery)
    for change in changes:
        for text in (change.remote_id, change.survivor_id or "-"):
            if not 0 < len(text) <= LONGEST_ID or "\0" in text or not text.isprintable():
                raise Turned("malformed", "it names a record by what cannot be an id")
    return changes


@asynccontextmanager
async def receiving(daemon: Daemon) -> AsyncIterator[str | None]:
    """Take webhooks for the length of the block, if any system has some; yields the URL.

    A daemon that is asked to stop takes no more at once. Raises `NeedsOperator` where the port is taken.
    """
    settings = daemon.service.settings
    if not any(system.webhooks for system in settings.systems.values()):
        yield None
        return
    receiver = Receiver(daemon)
    app = web.Application()
    app.router.add_route("*", "/hooks/{system}", receiver.answer)
    host, port = settings.service.hooks_host, settings.service.hooks_port
    # bodies stay as they came, for their signature; what is left of a refused one is not read for long
    server = {"auto_decompress": False, "lingering_time": 1.0}
    async with serving(app, host, port, "service.webhooks", **server) as (site, url):
        closing = asyncio.create_task(_close_first(daemon, site))
        try:
            yield url
        finally:
            closing.cancel()
            await asyncio.gather(closing, return_exceptions=True)
    await receiver.hints.aclose()


async def _close_first(daemon: Daemon, site: web.TCPSite) -> None:
    await daemon.stopping.wait()
    await site.stop()
