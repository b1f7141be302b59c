"""What wakes the loops of a process, and what webhooks said of the ids that wait."""

from __future__ import annotations

import asyncio
from collections.abc import Sequence
from dataclasses import dataclass, field


@dataclass(slots=True)
class Bells:
    """In-process wake-ups; each says that there may be something to do."""

    push: dict[int, asyncio.Event] = field(default_factory=dict)
    inbox: dict[int, asyncio.Event] = field(default_factory=dict)
    read: dict[int, asyncio.Event] = field(default_factory=dict)
    sweep: dict[int, asyncio.Event] = field(default_factory=dict)
    schema: dict[str, asyncio.Event] = field(default_factory=dict)

    def add(self, stream: int) -> None:
        for bells in (self.push, self.inbox, self.read, self.sweep):
            bells[stream] = asyncio.Event()

    def ring_push(self, streams: Sequence[int]) -> None:
        for stream in streams:
            self.push[stream].set()

    def ring_inbox(self, stream: int) -> None:
        self.inbox[stream].set()

    def ring_sweep(self, streams: Sequence[int]) -> None:
        for stream in streams:
            self.sweep[stream].set()

    def ring_schema(self, system: str) -> None:
        if system in self.schema:
            self.schema[system].set()


@dataclass(frozen=True, slots=True)
class Hint:
    """What a webhook said of an id that waits to be read.

    `version` is None where it tells nothing. `creates` are the create calls that were open when it came:
    the id may be what one of them made.
    """

    version: str | None
    deleted: bool
    creates: frozenset[int]

    @property
    def can_be_known(self) -> bool:
        """Whether a link could show that it is no news."""
        return self.deleted or self.version is not None

    def with_other(self, other: Hint | None) -> Hint:
        """Both in one: when they differ, nothing is said but that the record is to be read."""
        same = other is None or (other.version, other.deleted) == (self.version, self.deleted)
        return self if same else Hint(None, False, self.creates)
