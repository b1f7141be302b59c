"""From the journal to the bus: captured, bent by faults, late or at once."""

from __future__ import annotations

import os
import uuid
from collections import deque
from collections.abc import Callable, Coroutine, Sequence
from functools import partial
from typing import Any

from connectors.salesforce.sandbox.journal import Change
from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.pubsub.bus import Bus
from connectors.salesforce.sandbox.pubsub.capture import Event, events_of
from connectors.salesforce.sandbox.pubsub.encode import encoded
from connectors.salesforce.sandbox.pubsub.faults import EVENT, take
from connectors.salesforce.sandbox.pubsub.options import PubSubOptions
from connectors.salesforce.sandbox.pubsub.topics import Topics
from connectors.sandboxes.faults import Call

Spawn = Callable[[Coroutine[Any, Any, None]], None]


class Publisher:
    """Listens to the journal of an org. `spawn` runs what happens later."""

    def __init__(self, org: Org, options: PubSubOptions, topics: Topics, bus: Bus, spawn: Spawn) -> None:
        self.org, self.options, self.topics, self.bus, self.spawn = org, options, topics, bus, spawn
        self.seen = 0
        self._waiting: deque[tuple[float, list[Event]]] = deque()

    def __call__(self, changes: Sequence[Change]) -> None:
        """A transaction was committed."""
        events = events_of(self.org, changes, self.topics.captured_schema, self.options.overflow)
        if not events:
            return
        if not self.options.lag:
            self._send(events)
            return
        self._waiting.append((self.org.clock.monotonic() + self.options.lag, events))
        if len(self._waiting) == 1:
            self.spawn(self._sent_in_order())

    async def _sent_in_order(self) -> None:
        while self._waiting:
            due = self._waiting[0][0]
            await self.org.clock.sleep(max(0.0, due - self.org.clock.monotonic()))
            self._send(self._waiting.popleft()[1])

    def _send(self, events: Sequence[Event]) -> None:
        for event in events:
            self.seen += 1
            call = Call(EVENT, event.entity, event.ids)
            if self._each(self.options.lose_each, "event_lost", call):
                continue
            if (late := self._late(call)) is not None:
                self.spawn(late(self._bent(event, call), call))
                continue
            self._put(self._bent(event, call), call)

    def _each(self, each: int, name: str, call: Call) -> bool:
        """Whether this event is to be bent so: by a fault, or because it is its turn."""
        turn = bool(each) and self.seen % each == 0
        if turn:
            self.org.fired(name)
        return turn or take(self.org.faults, name, call) is not None

    def _bent(self, event: Event, call: Call) -> Event:
        gaps = event.type in ("CREATE", "UPDATE", "DELETE", "UNDELETE")
        if gaps and self._each(self.options.gap_each, "event_gap", call):
            return event.gap()
        if take(self.org.faults, "event_overflow", call) is not None:
            return event.overflow()
        if take(self.org.faults, "event_wildcard", call) is not None:
            return event.wildcard()
        return event

    def _late(self, call: Call) -> Callable[[Event, Call], Coroutine[Any, Any, None]] | None:
        turn = bool(self.options.late_each) and self.seen % self.options.late_each == 0
        fault = take(self.org.faults, "event_late", call)
        if fault is None and not turn:
            return None
        if turn:
            self.org.fired("event_late")

        async def later(event: Event, call: Call) -> None:
            if fault is None:
                await self.org.clock.sleep(self.options.late)
            elif "seconds" in fault.args:
                await self.org.clock.sleep(float(fault.args["seconds"]))
            else:
                await fault.go.wait()
            self._put(event, call)

        return later

    def _put(self, event: Event, call: Call) -> None:
        write = partial(encoded, self.org, event, self.options.diff_over)
        if take(self.org.faults, "event_garbled", call) is not None:
            garbled = os.urandom(8) + write()[:40]
            write = partial(bytes, garbled)
        id = str(uuid.uuid4())
        self.bus.publish(event.entity, event.schema.id, id, write)
        if self._each(self.options.duplicate_each, "event_duplicate", call):
            self.bus.publish(event.entity, event.schema.id, id, write)
