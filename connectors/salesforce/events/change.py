"""What change events say, as plain data."""

from __future__ import annotations

from collections.abc import Awaitable, Callable, Mapping
from dataclasses import field
from datetime import datetime
from enum import StrEnum
from typing import Any, TypeAlias

from syncd.core.frozen import dataclass


class ChangeType(StrEnum):
    """The vendor's change types, and one of ours for what cannot be decoded."""

    CREATE = "CREATE"
    UPDATE = "UPDATE"
    DELETE = "DELETE"
    UNDELETE = "UNDELETE"
    GAP_CREATE = "GAP_CREATE"
    GAP_UPDATE = "GAP_UPDATE"
    GAP_DELETE = "GAP_DELETE"
    GAP_UNDELETE = "GAP_UNDELETE"
    GAP_OVERFLOW = "GAP_OVERFLOW"
    SNAPSHOT = "SNAPSHOT"
    UNREADABLE = "UNREADABLE"


@dataclass(frozen=True, slots=True)
class ChangeEvent:
    """One change of one or more records of an entity, in one transaction.

    `record_ids` have 18 characters. `gap` and `lost` say how much must be read again (see the package);
    `lost` implies that `record_ids` is empty; an `UNREADABLE` one may lack even the entity. `origin` is as
    the vendor writes it, `com/salesforce/api/rest/62.0;client=syncd`; empty where no API made the change.
    `client` is the name in it, as it was sent in `Sforce-Call-Options`.
    """

    entity: str
    change: ChangeType
    replay_id: bytes
    record_ids: tuple[str, ...] = ()
    fields: Mapping[str, Any] = field(default_factory=dict)
    unsaid: frozenset[str] = frozenset()
    gap: bool = False
    lost: bool = False
    committed_at: datetime | None = None
    commit_number: int = 0
    commit_user: str = ""
    origin: str = ""
    transaction: str = ""
    sequence: int = 0

    @property
    def client(self) -> str | None:
        """The name that the caller gave itself; None where it gave none."""
        _, mark, name = self.origin.partition(";client=")
        return name.rstrip("/") if mark else None


@dataclass(frozen=True, slots=True)
class Batch:
    """Events in the order of the bus; `replay_id` is the cursor once they are stored."""

    events: tuple[ChangeEvent, ...]
    replay_id: bytes


@dataclass(frozen=True, slots=True)
class Session:
    """Who calls: as REST gives it. `org_id` has 18 characters."""

    access_token: str = field(repr=False)
    instance_url: str
    org_id: str


Sessions: TypeAlias = Callable[[Session | None], Awaitable[Session]]
"""Hands out the session to use. Called with the one that was refused, it gets a new one, or raises."""
