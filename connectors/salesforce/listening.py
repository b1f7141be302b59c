"""Whether an object's changes come as events, and where they come from."""

from __future__ import annotations

import asyncio
from collections import Counter
from collections.abc import Iterable
from pathlib import Path

from connectors.salesforce.aside import REST, Door
from connectors.salesforce.capture import topic_of
from connectors.salesforce.client import SalesforceClient
from connectors.salesforce.events import Session, lacking, subscribe
from connectors.salesforce.events.events import Events
from connectors.salesforce.options import SalesforceOptions
from connectors.salesforce.selected import selected
from connectors.salesforce.sobject import SObject
from syncd.core.errors import NeedsOperator, RetryLater

SOON = 5.0
"""Seconds for which a look at the service waits."""
PATIENCE = 0.25, 5.0
"""Seconds for which a read waits for more change events, and for the first answer of a new stream.

What comes later rings; a read that takes long holds back creates, before which all that is there is read.
"""


class Listening:
    """The change events of one org, for those of its objects that are read by them.

    `objects` are the names of objects, each as often as it is read: once for each kind that has it.
    """

    def __init__(self, client: SalesforceClient, options: SalesforceOptions, objects: Iterable[str]) -> None:
        self.client, self.options = client, options
        self.patience, self.rest = PATIENCE, REST
        self._readers = Counter(map(topic_of, objects))
        self._events: Events | None = None
        self._door: Door | None = None
        self._begun = asyncio.Event()
        self._selected: frozenset[str] | None = None
        self._asked = False

    async def wanted(self, sobject: SObject, before: bool) -> bool:
        """Whether an object's changes are read by events; `events` is believed if the org may not be asked.

        Where it does not answer now, it stays as it was `before`. Raises `NeedsOperator` where they are
        wanted, and the org sends none.
        """
        said = self.capture(sobject)
        if said == "poll" or (said == "auto" and lacking() is not None):
            return False
        await self.ask()
        if said == "auto" and not self._asked and self._selected is None:
            return before
        sends = self.sends(sobject)
        if said == "auto" or sends is not False:
            return said == "events" or sends is True
        message = f"{self.client.name}: the org sends no change events of {sobject.name}"
        raise NeedsOperator(message, "Select it in Setup, Change Data Capture, or set capture: poll")

    def capture(self, sobject: SObject) -> str:
        """The configured way."""
        return str(sobject.spec.options.get("capture") or self.options.capture)

    async def ask(self, *, anew: bool = False) -> None:
        """Ask the org which objects it sends events of, once unless `anew`; again where it did not answer."""
        if not anew and self._asked:
            return
        try:
            self._selected, self._asked = await selected(self.client), True
        except RetryLater:
            self._asked = False  # what is known stays; whatever else is asked has the same trouble

    def sends(self, sobject: SObject) -> bool | None:
        """Whether the org sends change events of an object; None where nobody knows."""
        if self._selected is None:
            return None
        return topic_of(sobject.name).removeprefix("/data/") in self._selected

    def note(self, sobject: SObject) -> str | None:
        """What a person should know of an object that is to be read by events."""
        if self.capture(sobject) != "events" or self.sends(sobject) is True:
            return None
        unknown = f"{'this user may not ask' if self._asked else 'nobody knows now'} whether the org sends "
        unknown += "change events of it"
        told = "the org sends no change events of it" if self._selected is not None else unknown
        return f"{told}: look at Setup, Change Data Capture"

    async def out_of_reach(self, sobject: SObject) -> str | None:
        """What keeps an object's events from being read that are to be; None where nothing is known to."""
        expected = self.sends(sobject) is True or self.capture(sobject) == "events"
        if self.capture(sobject) == "poll" or not expected or lacking() is not None:
            return None
        meanwhile = "it is polled meanwhile"
        try:
            async with asyncio.timeout(SOON):
                await self.door().bus.check(topic_of(sobject.name))
        except TimeoutError:
            return f"change events: no answer from {self.options.pubsub} within {SOON:.0f} s: {meanwhile}"
        except RetryLater as error:
            return f"{error}, at {self.options.pubsub}: {meanwhile}"
        except NeedsOperator as error:
            return f"{error}: {error.todo}"
        return None

    def notes(self) -> list[str]:
        """What cannot be read by events now, and is polled."""
        return self._door.notes() if self._door is not None else []

    def door(self) -> Door:
        """The way to the events; they are connected to when they are first read."""
        if self._door is None:
            self._door = Door(self._bus(), self.rest)
            self._begun.set()
        return self._door

    def _bus(self) -> Events:
        ca = self.options.tls.ca if self.options.tls is not None else None
        settle, grace = self.patience
        self._events = subscribe(
            self._session,
            endpoint=self.options.pubsub,
            ca=Path(ca) if ca is not None else None,
            settle=settle,
            grace=grace,
            readers=self._readers,
        )
        return self._events

    async def bell(self) -> None:
        """Rings when events wait to be read; where none are read, never."""
        await self._begun.wait()
        assert self._events is not None
        await self._events.bell()

    async def aclose(self) -> None:
        """End what was begun. Safe to call twice."""
        if self._events is not None:
            await self._events.aclose()

    async def _session(self, refused: Session | None) -> Session:
        """The log-in, for the bus; a new one in place of one that was refused."""
        if refused is not None:
            used = {"Authorization": f"Bearer {refused.access_token}"}
            await self.client.auth.renew(self.client, used)
        headers = await self.client.let_in()
        token = headers["Authorization"].removeprefix("Bearer ")
        return Session(token, self.client.place.instance_url, self.client.place.org)
