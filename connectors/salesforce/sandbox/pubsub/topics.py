"""Channels: which objects each carries, and the schemas of their events."""

from __future__ import annotations

from typing import cast

from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.pubsub.options import PubSubOptions
from connectors.salesforce.sandbox.pubsub.schemas import EventSchema, event_name
from connectors.salesforce.sandbox.table import OrgTable

ALL = "/data/ChangeEvents"


class Topics:
    """Names are case-sensitive. A schema that was ever shown stays known by its id."""

    def __init__(self, org: Org, options: PubSubOptions) -> None:
        self.org, self.options = org, options
        self.by_id: dict[str, EventSchema] = {}
        self._current: dict[str, EventSchema] = {}

    def captured(self, object: str) -> bool:
        """Whether changes of the object become events: it is selected, or a channel carries it."""
        return object in self.options.selected or any(object in m for m in self.options.channels.values())

    def captured_schema(self, object: str) -> EventSchema | None:
        """The schema of an object that is captured."""
        return self.schema(object) if self.captured(object) else None

    def schema(self, object: str) -> EventSchema | None:
        """The present one of an object; None where there is no such object."""
        table = self.org.tables.get(object)
        if table is None:
            return None
        found = self._current.get(object)
        if found is None or found.shape is not table.shape:
            found = self._current[object] = EventSchema(cast(OrgTable, table))
            self.by_id[found.id] = found
        return found

    def entities(self, topic: str) -> frozenset[str] | None:
        """The objects that a topic carries; None where there is no such topic.

        An object that is not selected has its channel all the same; nothing comes there.
        """
        if topic == ALL:
            return frozenset(self.options.selected)
        name = topic.removeprefix("/data/")
        if name == topic:
            return None
        if name in self.options.channels:
            return frozenset(self.options.channels[name])
        found = next((object for object in self.org.tables if event_name(object) == name), None)
        return None if found is None else frozenset({found})
