"""Webhooks out: events of the portal, signed, up to 100 in a delivery, tried again for a day."""

from __future__ import annotations

import asyncio
import random
from collections.abc import Iterator
from dataclasses import dataclass, field
from itertools import count
from typing import Any

import aiohttp
import orjson

from connectors.hubspot.sandbox.events import Event, Kind
from connectors.hubspot.sandbox.options import HubHooks
from connectors.hubspot.sandbox.portal import Portal
from connectors.hubspot.sandbox.signing import Version, headers
from connectors.sandboxes.table import Row, Table
from connectors.sandboxes.webhooks import MOST, Spawn, Subscription, Wanted, Webhooks

FLAGS: dict[str, str] = {"creation": "CREATED", "deletion": "DELETED", "privacyDeletion": "DELETED"}
AT_ONCE = 10
"""Requests to one target that are under way (webhooks guide)."""


class HubWanted(Wanted):
    """A target. No `objects` or `kinds`: all. `generic`: told as `object.…` events.

    With `listed` only what the API's subscriptions name is told.
    """

    secret: str
    signature: Version = "v3"
    kinds: tuple[Kind, ...] = ()
    generic: bool = False
    listed: bool = False
    at_once: int = AT_ONCE


@dataclass(slots=True, eq=False)
class Listed:
    """One subscription of the webhooks API; times in ms."""

    id: int
    event: str
    made: int
    property: str | None = None
    type_id: str | None = None
    active: bool = True
    moved: int | None = None


@dataclass(slots=True, eq=False)
class Target(Subscription):
    """A URL that is told, and what it is told of."""

    app: int = 0
    listed: list[Listed] = field(default_factory=list)
    kept: list[dict[str, Any]] | None = None
    coming: int = 0
    """Deliveries that are about to begin."""
    chance: random.Random = field(default_factory=lambda: random.Random(7))

    @property
    def hub(self) -> HubWanted:
        """Its words."""
        assert isinstance(self.wanted, HubWanted)
        return self.wanted


class Hooks(Webhooks):
    """All targets of one portal: a hearer of its events."""

    options: HubHooks

    def __init__(self, kit: Webhooks, options: HubHooks, portal: Portal, secret: str, spawn: Spawn) -> None:
        super().__init__(options, kit.clock, kit.fired, spawn, kit.show)
        self.options, self.portal, self.secret = options, portal, secret
        self._ids = count(3_327_050)
        self._numbers: dict[tuple[int, str, str], int] = {}
        self._event = count(3_944_863_254)

    def subscribe(self, url: str, **wanted: Any) -> Target:
        """Begin to tell somebody; the words of `HubWanted`. `ValueError` for others."""
        words = {"secret": self.secret, **wanted}
        made = Target(HubWanted(url=url, **words), next(self._number), app=self.portal.app_id)
        self.subscriptions.append(made)
        self._spawn(self._serve(made))
        return made

    def new_id(self) -> int:
        """For a subscription."""
        return next(self._ids)

    def __call__(self, table: Table, row: Row, op: str) -> None:
        """The kit's changes are no matter: events are heard."""

    # what is told ------------------------------------------------------------------------------------------

    def hear(self, event: Event) -> None:
        """Something happened."""
        for one in self.subscriptions:
            assert isinstance(one, Target)
            for number, kind in self._matches(one, event):
                one.queue.append(self._event_told(one, event, number, kind))
                self._begin()
                one.rung.set()

    def _matches(self, one: Target, event: Event) -> Iterator[tuple[int, str]]:
        """The subscriptions that an event meets: id and type."""
        wanted, shape = one.hub, self.portal.hub_table(event.object).shape
        own = f"{'object' if shape.custom else shape.singular}.{event.kind}"
        if event.by in wanted.skip or (wanted.objects and event.object not in wanted.objects):
            return
        if not wanted.listed:
            if not wanted.kinds or event.kind in wanted.kinds:
                type = f"object.{event.kind}" if wanted.generic else own
                yield self._number_of(one, type, event.property), type
            return
        for sub in one.listed:
            named = sub.event == own and not shape.custom
            generic = sub.event == f"object.{event.kind}" and sub.type_id == shape.type_id
            told = sub.property in (None, event.property) or event.kind != "propertyChange"
            if sub.active and (named or generic) and told:
                yield sub.id, sub.event

    def _number_of(self, one: Target, type: str, property: str) -> int:
        key = (one.number, type, property)
        if key not in self._numbers:
            self._numbers[key] = self.new_id()
        return self._numbers[key]

    def _event_told(self, one: Target, event: Event, number: int, kind: str) -> dict[str, Any]:
        told: dict[str, Any] = {
            "eventId": next(self._event),
            "subscriptionId": number,
            "portalId": self.portal.id,
            "appId": one.app,
            "occurredAt": event.at,
            "subscriptionType": kind,
            "attemptNumber": 0,
            "changeSource": event.source.name,
        }
        if event.source.id is not None:
            told["sourceId"] = event.source.id
        if kind.startswith("object."):
            told["objectTypeId"] = self.portal.hub_table(event.object).shape.type_id
        if event.kind == "associationChange":
            return told | {name: value for name, value in event.more.items() if name != "toObjectTypeId"}
        told["objectId"] = int(event.id)
        if event.kind in FLAGS:
            told["changeFlag"] = FLAGS[event.kind]
        if event.kind == "propertyChange":
            told |= {"propertyName": event.property, "propertyValue": event.value or ""}
            if event.sensitive:
                told |= {"propertyValue": "REDACTED", "isSensitive": True}
        return told | dict(event.more)

    # deliveries --------------------------------------------------------------------------------------------

    async def _serve(self, one: Subscription) -> None:
        """Send what waits, all that came meanwhile in one delivery, some deliveries at once."""
        assert isinstance(one, Target)
        gate = asyncio.Semaphore(one.hub.at_once)
        while one in self.subscriptions:
            await one.rung.wait()
            one.rung.clear()
            while one.queue:
                await gate.acquire()
                events = [one.queue.popleft() for _ in range(min(MOST, len(one.queue)))]
                one.coming += 1
                self._spawn(self._through(gate, one, events))

    async def _through(self, gate: asyncio.Semaphore, one: Target, events: list[dict[str, Any]]) -> None:
        number = next(self._delivery)
        one.coming -= 1
        follows = bool(one.queue or one.coming)
        try:
            if follows and one.kept is None and self._each(self.options.reorder, number, "webhook_reorder"):
                one.kept = events
                return
            await self._deliver(one, events, number)
            if one.kept is not None:
                kept, one.kept = one.kept, None
                await self._deliver(one, kept, number)
        finally:
            gate.release()

    def _replayed(self, event: dict[str, Any]) -> dict[str, Any]:
        return {**event, "eventId": next(self._event)} if self.options.replay_id else event

    def _pause(self, one: Subscription, attempt: int) -> float:
        """Seconds before an attempt: the longer the later, and never the same, ten of them within a day."""
        assert isinstance(one, Target)
        spread: float = 0.8 + 0.4 * one.chance.random()
        return self.options.retry * float(1 << (attempt - 1)) * spread

    async def _again(self, one: Subscription, events: list[dict[str, Any]], wait: float, tries: int) -> None:
        """Attempt number `tries` after a while, and those after it."""
        while tries <= self.options.tries:
            self.waiting += 1
            await self.clock.sleep(wait)
            self.waiting -= 1
            events = [{**event, "attemptNumber": tries} for event in events]
            if await self._post(one, events):
                break
            tries += 1
            wait = self._pause(one, tries)
        self._end(len(events))

    async def _post(self, one: Subscription, events: list[dict[str, Any]]) -> bool:
        assert isinstance(one, Target)
        body, wanted = orjson.dumps(events), one.hub
        signed = headers(wanted.signature, wanted.secret, wanted.url, body, self.clock.millis())
        told = {"Content-Type": "application/json", **signed}
        if self._session is None:
            self._session = aiohttp.ClientSession()
        life = aiohttp.ClientTimeout(total=self.options.timeout)
        try:
            async with self._session.post(wanted.url, data=body, headers=told, timeout=life) as answer:
                status = answer.status
        except (aiohttp.ClientError, TimeoutError, OSError):
            status = 0
        ids = [event["eventId"] for event in events]
        self.log.append({"subscription": one.number, "status": status, "events": ids})
        return 200 <= status < 300
