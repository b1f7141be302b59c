"""The webhooks journal: what happened in the portals of an app, in files that are fetched in their order.

Kept for three days. The app reads it with a token of its own (client credentials), outside the limits of the
portal. Subscriptions say what is written into it (guides on the webhooks journal, 2026-03).
"""

from __future__ import annotations

import asyncio
import time
from collections import OrderedDict
from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass
from datetime import datetime
from typing import Any
from urllib.parse import quote, urlsplit

import orjson

from connectors.http import Answer, HttpClient, OAuth, Request
from connectors.hubspot.login import TOKEN_PATH
from connectors.hubspot.options import HubSpotOptions
from connectors.hubspot.verdict import failure
from syncd.core.errors import CursorLost, RetryLater

VERSION = "2026-03"
BASE = f"/webhooks-journal/journal/{VERSION}"
SUBSCRIPTIONS = f"/webhooks-journal/subscriptions/{VERSION}"
SCOPES = (
    "developer.webhooks_journal.read",
    "developer.webhooks_journal.subscriptions.read",
    "developer.webhooks_journal.subscriptions.write",
)
AT_ONCE = 10
"""Files of one step: a thousand events."""
KEPT = 50
"""Files that are remembered for the other objects of the portal."""
AGAIN = 3600.0
"""Seconds after which subscriptions are looked at again: somebody may have taken one away."""
LISTS = ("actions", "properties", "associatedObjectTypeIds")
"""What a subscription says more or less of."""
JSON = {"Content-Type": "application/json"}


@dataclass(frozen=True, slots=True)
class File:
    """Some events that were published together."""

    offset: str
    events: Sequence[Mapping[str, Any]]


class Journal:
    """One app's. `date`: the server's clock when it last answered."""

    def __init__(self, name: str, options: HubSpotOptions) -> None:
        secret = options.auth.client_secret
        ca = options.tls.ca if options.tls is not None else None
        self.client = HttpClient(
            f"system {name}",
            options.url,
            auth=OAuth(
                options.url + TOKEN_PATH,
                {"grant_type": "client_credentials", "scope": " ".join(SCOPES)},
                client_id=options.auth.client_id or "",
                client_secret=secret.get_secret_value() if secret is not None else "",
            ),
            timeout=options.timeout,
            concurrency=options.concurrency,
            tls={"ca": ca, "certificate": None, "key": None} if ca is not None else None,
        )
        self.date: datetime | None = None
        self.clock: Callable[[], float] = time.monotonic
        self._looked: dict[bytes, float] = {}
        self._files: OrderedDict[str, File] = OrderedDict()

    async def latest(self) -> str:
        """Where the journal ends now; empty where there is nothing in it."""
        body = await self._ask(Request("GET", f"{BASE}/latest"), "end of the journal")
        return str(body["currentOffset"]) if isinstance(body, Mapping) and body.get("currentOffset") else ""

    async def after(self, offset: str) -> list[File]:
        """The next files after a place, the first ones where it is empty; none at the end.

        Raises `CursorLost` for a place that is no longer kept.
        """
        what = f"{quote(offset, safe='')}/next" if offset else "earliest"
        body = await self._ask(Request("GET", f"{BASE}/batch/{what}/{AT_ONCE}"), "journal")
        links = body.get("results") if isinstance(body, Mapping) else []
        if not isinstance(links, list):
            raise RetryLater(f"{self.client.name}: journal: the answer holds no results")
        return [await self._file(link) for link in links]

    async def subscribe(self, wanted: Mapping[str, Any]) -> bool:
        """See that something is written into the journal; `wanted` as the API takes it.

        Asks at the first call and once an hour. Returns False where nothing of its kind was written until
        now. What others of the same app want is kept: HubSpot has one subscription for a portal's object,
        and a second call replaces it ("create or update").
        """
        key = orjson.dumps(wanted)
        if key in self._looked and self.clock() - self._looked[key] < AGAIN:
            return True
        body = await self._ask(Request("GET", SUBSCRIPTIONS), "subscriptions")
        known = [one for one in (body or {}).get("results") or () if _same(one, wanted)]
        if not any(_holds(one, wanted) for one in known):
            await self._widen(known, _union(wanted, known))
        self._looked[key] = self.clock()
        return bool(known)

    async def _widen(self, known: Sequence[Mapping[str, Any]], wanted: Mapping[str, Any]) -> None:
        """Subscribe to more; those that say less are taken away once the new one is seen to say it all."""
        request = Request("POST", SUBSCRIPTIONS, JSON, orjson.dumps(wanted), writes=True)
        made = await self._ask(request, "subscription")
        for one in known:
            if isinstance(made, Mapping) and one.get("id") != made.get("id") and _replaces(made, one):
                await self._ask(Request("DELETE", f"{SUBSCRIPTIONS}/{one['id']}"), "subscription")

    async def aclose(self) -> None:
        """Close the connections."""
        await self.client.aclose()

    async def _file(self, link: Any) -> File:
        offset = str(link.get("currentOffset") or "") if isinstance(link, Mapping) else ""
        url = str(link.get("url") or "") if offset else ""
        secure = urlsplit(url).scheme == "https" or self.client.url.startswith("http://")
        if not url or not secure:
            raise RetryLater(f"{self.client.name}: journal: the answer names no file")
        if offset not in self._files:
            answer = await self._content(url)
            self._files[offset] = File(offset, _events(self.client.name, answer))
            while len(self._files) > KEPT:
                self._files.popitem(last=False)
        return self._files[offset]

    async def _content(self, url: str) -> Answer:
        """A file's. It may lie elsewhere: without our token."""
        try:
            async with asyncio.timeout(self.client.timeout):
                return await self.client.bare(Request("GET", ""), url)
        except TimeoutError:
            within = f"no answer within {self.client.timeout:.0f} s"
            raise RetryLater(f"{self.client.name}: a file of the journal: {within}") from None

    async def _ask(self, request: Request, what: str) -> Any:
        answer = await self.client.send(request)
        body = answer.json(f"{self.client.name}: {what}", writes=True)
        self.date = answer.date() or self.date
        if answer.status == 404 and "/next/" in request.path:
            raise CursorLost(
                f"{self.client.name}: the journal no longer holds the place where reading stopped"
            )
        if not answer.ok:
            raise failure(f"{self.client.name}: {what}", answer, body, writes=request.writes)
        return body


def _events(name: str, answer: Answer) -> Sequence[Mapping[str, Any]]:
    body = answer.json(f"{name}: a file of the journal") if answer.ok else None
    events = body.get("journalEvents") if isinstance(body, Mapping) else None
    if not isinstance(events, list):
        raise RetryLater(f"{name}: a file of the journal cannot be read ({answer.status})")
    return [event for event in events if isinstance(event, Mapping)]


def _same(one: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether a subscription is of the same kind, object and portal, and of all records."""
    words = ("subscriptionType", "objectTypeId", "portalId")
    whole = not one.get("objectIds") and not one.get("deletedAt")
    return whole and all(str(one.get(word)) == str(wanted.get(word)) for word in words)


def _holds(one: Mapping[str, Any], wanted: Mapping[str, Any]) -> bool:
    """Whether it tells all that is wanted."""
    return all(set(wanted.get(word) or ()) <= set(one.get(word) or ()) for word in LISTS)


def _replaces(made: Mapping[str, Any], one: Mapping[str, Any]) -> bool:
    """Whether it surely tells all that another did, which may mean all by a list that it lacks."""
    return _holds(made, one) and all(one.get(word) for word in LISTS if made.get(word))


def _union(wanted: Mapping[str, Any], known: Sequence[Mapping[str, Any]]) -> dict[str, Any]:
    """What is wanted, and what subscriptions tell already."""
    told = {word: [name for one in (wanted, *known) for name in one.get(word) or ()] for word in LISTS}
    return {**wanted, **{word: list(dict.fromkeys(names)) for word, names in told.items() if names}}
