"""What happened in the portal, as webhooks and the journal tell it."""

from __future__ import annotations

from collections.abc import Callable, Mapping
from dataclasses import dataclass, field
from typing import Any, Literal

Kind = Literal[
    "creation", "deletion", "propertyChange", "merge", "restore", "privacyDeletion", "associationChange"
]


@dataclass(frozen=True, slots=True)
class Source:
    """Who did it: `INTEGRATION` and the app's id, `CRM_UI` and `userId:7`."""

    name: str
    id: str | None = None


@dataclass(frozen=True, slots=True)
class Event:
    """One thing that happened to one record. `at` in ms; `more` are the event's own words."""

    kind: Kind
    object: str
    id: str
    at: int
    source: Source
    by: str
    property: str = ""
    value: str | None = None
    sensitive: bool = False
    more: Mapping[str, Any] = field(default_factory=dict)


Listener = Callable[[Event], None]
