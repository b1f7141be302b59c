"""Deliveries of webhooks that must not be believed, sent while people and faults are at work (F7)."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from dataclasses import dataclass, field
from typing import Any

import aiohttp
import orjson

from connectors.sandboxes.webhooks import signed
from syncd.core.clock import Clock
from tests.sim.http.crm import HttpCrm
from tests.sim.http.hooks import LONGEST, Hooks
from tests.sim.twin.oracles import SECRET

BUSY = (0, 429, 503)
"""Nobody is there, too much at once, or not ready yet: it is sent again."""
Sent = tuple[Any, Mapping[str, str]]


@dataclass(slots=True)
class Forgery:
    """One of `FORGERIES`, told to a system again and again until it was answered `times` times.

    `believed` tells of answers that it must not get. The rest is what a fault of a sandbox has.
    """

    name: str
    times: int
    fired: int = 0
    believed: list[str] = field(default_factory=list)
    reached: asyncio.Event = field(default_factory=asyncio.Event)

    def release(self) -> None:
        """Nothing waits."""

    async def send(self, crm: HttpCrm, hooks: Hooks, clock: Clock) -> None:
        """Until it is done, or is to end (`times` is 0)."""
        outcome, wanted = FORGERIES[self.name]
        place = (crm.plan.name, outcome)
        while self.fired < self.times:
            made = _made(self.name, crm, clock, self.fired)
            before = hooks.deliveries[place]
            async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=30)) as session:
                told = [await _told(session, hooks.path(crm.plan.name), one) for one in made]
            if told[-1] in BUSY or (outcome == "replayed" and hooks.deliveries[place] == before):
                await clock.sleep(0.7)
                continue
            self.fired += 1
            if told[-1] != wanted or hooks.deliveries[place] == before:
                self.believed.append(f"F7 {self.name}: {crm.plan.name} answered {told[-1]}, not {wanted}")
        self.reached.set()


FORGERIES = {
    "hook_forged": ("forged", 401),
    "hook_unsigned": ("unsigned", 401),
    "hook_stale": ("stale", 401),
    "hook_malformed": ("malformed", 400),
    "hook_huge": ("oversized", 413),
    "hook_replayed": ("replayed", 202),
}
"""By name: the outcome that the daemon must count, and the status of its answer."""


def _made(name: str, crm: HttpCrm, clock: Clock, number: int) -> list[Sent]:
    """What is sent, one after the other; the last is the one that counts."""
    now = int(clock.now().timestamp())
    body = _body(crm, number, clock.now().isoformat())
    right = signed(SECRET, now, body)
    if name == "hook_forged":
        other = {**right, "X-Timestamp": str(now + 1)}
        return [((body, signed("another", now, body)), (body + b" ", right), (body, other))[number % 3]]
    if name == "hook_unsigned":
        return [(body, {"X-Timestamp": str(now)})]
    if name == "hook_stale":
        at = now + (-4000, 4000)[number % 2]
        return [(body, signed(SECRET, at, body))]
    if name == "hook_malformed":
        garbage = (b"", b"[", b'{"events": 5}', b'{"events": [{"id": 1}]}', body[:-9])[number % 5]
        return [(garbage, signed(SECRET, now, garbage))]
    if name == "hook_huge":
        long = body + b" " * LONGEST
        return [(long if number % 2 else _pieces(long), signed(SECRET, now, long))]
    return [(body, right), (body, right)]


def _body(crm: HttpCrm, number: int, at: str) -> bytes:
    """Who believes this deletes everybody, or asks after who never was."""
    events = [
        {"object": crm.names.objects[object], "id": id, "op": ("deleted", "updated")[number % 2]}
        for object in crm.names.objects
        for id in [*crm.rows(object), "nobody"][:20]
    ]
    return orjson.dumps({"events": events, "sent_at": at, "number": number})


async def _pieces(body: bytes) -> AsyncIterator[bytes]:
    for start in range(0, len(body), 8192):
        yield body[start : start + 8192]


async def _told(session: aiohttp.ClientSession, url: str, sent: Sent) -> int:
    body, headers = sent
    try:
        async with session.post(url, data=body, headers=dict(headers)) as answer:
            await answer.read()
            return answer.status
    except (aiohttp.ClientError, TimeoutError, OSError):
        return 0
