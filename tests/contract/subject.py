"""What a connector's author gives to the contract suite: a sandbox, and a person who edits in it.

The sandbox holds two objects. `people` has `name`, `email` (stored trimmed and in lower case, unique),
`code` (ten characters), `score` (an integer), `firm` (a reference to `firms`), `extra` (never mapped) and
the key field `syncd_key`; `firms` has `name` and the key field.
"""

from __future__ import annotations

import abc
from collections.abc import Awaitable, Callable, Mapping, Sequence
from contextlib import AbstractAsyncContextManager
from datetime import datetime
from typing import Any

from connectors.base import Connector, Delivery, ObjectSpec

Row = dict[str, Any]
Person = Callable[[], Awaitable[None]]

TRAPS: Mapping[int, str] = {
    1: "same-second changes",
    2: "late-commit timestamps",
    3: "ties bigger than a page",
    4: "no-op writes that bump",
    5: "cascaded bumps",
    6: "child changes that do not bump the parent",
    7: "no readable modification stamp",
    8: "normalisation on write",
    9: "archived hidden from search",
    10: "no tombstones",
    11: "permission-filtered rows look deleted",
    12: "read of missing ids",
    13: "permanent errors dressed as other statuses",
    14: "empty list as 404",
    15: "500 after commit",
    16: "single name vs first and last",
    17: "false, empty text or null for empty",
    18: "a change that reaches an answer without moving the stamp",
    19: "whole rows rewritten by a patch",
    20: "unknown fields ignored in silence",
    21: "a bad token answered with another status",
    22: "ids that are integers or strings",
    23: "small pages and envelopes",
}


class Subject(abc.ABC):
    """One sandbox. `exempt` says why a trap cannot be shown here; `fired` collects those that were."""

    object = "people"
    parent = "firms"
    key_field = "syncd_key"
    fields = ("name", "email", "code", "score", "firm")
    page = 5
    exempt: Mapping[int, str] = {}

    def __init__(self) -> None:
        self.fired: set[int] = set()
        self.open: list[Connector] = []

    def specs(self) -> list[ObjectSpec]:
        """What the mapping wants; `not_there` stands for a field that the remote no longer has."""
        return [
            ObjectSpec(self.object, (*self.fields, "not_there"), self.key_field, self.object_options()),
            ObjectSpec(self.parent, ("name",), self.key_field, self.object_options()),
        ]

    def object_options(self) -> Mapping[str, Any]:
        """The connector's own settings per object."""
        return {}

    async def connector(self) -> Any:
        """A connector to the sandbox, with pages of `page` rows; closed by `aclose`."""
        made = await self.make()
        self.open.append(made)
        return made

    async def aclose(self) -> None:
        """Close what was opened."""
        for connector in self.open:
            await connector.aclose()

    @abc.abstractmethod
    async def make(self) -> Connector: ...
    @abc.abstractmethod
    async def unreachable(self) -> Connector:
        """A connector to a place where nobody answers."""

    @abc.abstractmethod
    async def bad_login(self) -> Connector | None:
        """A connector whose log-in is refused."""

    @abc.abstractmethod
    async def create(self, fields: Row, object: str | None = None) -> str:
        """A person makes a record; its id."""

    @abc.abstractmethod
    async def update(self, remote_id: str, fields: Row, object: str | None = None) -> None:
        """A person edits."""

    @abc.abstractmethod
    async def delete(self, remote_id: str) -> None:
        """A person deletes."""

    @abc.abstractmethod
    async def bulk_edit(self, fields: Row) -> None:
        """A person edits all records at once: all get one stamp."""

    @abc.abstractmethod
    async def rows(self) -> dict[str, Row]:
        """The ground truth: what people hold, by id, in the values that the connector reports."""

    @abc.abstractmethod
    async def late(self, fields: Row) -> Person:
        """Somebody begins to make a record; awaiting what is returned commits it."""

    @abc.abstractmethod
    def lose_answer(self) -> AbstractAsyncContextManager[None]:
        """The next write is committed and its answer lost."""

    @abc.abstractmethod
    def stall_write(self, remote_id: str) -> AbstractAsyncContextManager[Person]:
        """A write to this record waits; what is yielded returns once one does."""

    @abc.abstractmethod
    async def arm(self, trap: int) -> None:
        """Turn a trap on."""

    def deliver(
        self, events: Sequence[tuple[str, str]], at: datetime, version: str | None = None
    ) -> Delivery:
        """The vendor's webhook about people, sent and received at `at`: (created, updated or deleted; id)."""
        raise NotImplementedError

    def sign(self, body: bytes, at: datetime) -> Delivery:
        """Any body, signed as the vendor signs."""
        raise NotImplementedError

    async def hide(self, remote_id: str) -> None:
        """Take the right to see a record from the connector's account (trap 11)."""
        raise NotImplementedError

    async def archive(self, remote_id: str) -> None:
        """A person archives a record (trap 9)."""
        raise NotImplementedError

    async def silent_edit(self, remote_id: str, value: str) -> None:
        """`name` changes, and nothing says so (traps 6 and 18)."""
        raise NotImplementedError
