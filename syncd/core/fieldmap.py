"""What the link machine must know of a mapping: entries that turn remote values into canonical ones and back.

`syncd.mapping` makes these from the configuration; `conflict` only sees the protocols here.
"""

from __future__ import annotations

from collections.abc import Callable, Mapping, Sequence
from dataclasses import dataclass, field
from enum import StrEnum
from operator import itemgetter
from typing import Any, Protocol, TypeAlias

from syncd.core.errors import Unlinked
from syncd.core.nouns import Value

ASSOCIATIONS = "associations."
"""Before an object's name: the remote field that is the association with one record of that object."""


class Direction(StrEnum):
    """Which way a field travels, seen from us."""

    BOTH = "both"
    IN = "in"
    OUT = "out"


class Drift(StrEnum):
    """What to do when an `out` field is edited in the remote."""

    RESTORE = "restore"
    LEAVE = "leave"


@dataclass(frozen=True, slots=True)
class Refs:
    """References of one system, looked up for a whole batch: remote id to record and back.

    `inward` is keyed by (kind, remote id), `outward` by record id.
    """

    inward: Mapping[tuple[str, str], int] = field(default_factory=dict)
    outward: Mapping[int, str] = field(default_factory=dict)

    def record_for(self, kind: str, remote_id: str) -> int:
        """The record that a remote id of this system stands for; raises `Unlinked`."""
        try:
            return self.inward[kind, remote_id]
        except KeyError:
            raise Unlinked((kind, remote_id)) from None

    def remote_for(self, record_id: int) -> str:
        """The id of our record in this system; raises `Unlinked`."""
        try:
            return self.outward[record_id]
        except KeyError:
            raise Unlinked(record_id) from None


NO_REFS = Refs()


class Entry(Protocol):
    """One line of a mapping: canonical fields on one side, remote fields on the other.

    Both conversions take and return tuples in the order of `canon` and `remote`. `incoming` raises
    `ParseError` or `Unlinked`; `outgoing` raises `Unlinked`, and `ParseError` where the remote language
    cannot say the value. `sets` names those of `canon` whose values are sets (sorted lists without
    repeats); `refs` maps those of `canon` that are references to the kind they point at.
    """

    @property
    def canon(self) -> tuple[str, ...]: ...
    @property
    def remote(self) -> tuple[str, ...]: ...
    @property
    def direction(self) -> Direction: ...
    @property
    def drift(self) -> Drift: ...
    @property
    def sets(self) -> frozenset[str]: ...
    @property
    def refs(self) -> Mapping[str, str]: ...

    def incoming(self, values: tuple[Value, ...], refs: Refs) -> tuple[Value, ...]: ...
    def outgoing(self, values: tuple[Value, ...], refs: Refs) -> tuple[Value, ...]: ...


Several: TypeAlias = Callable[[Mapping[str, Any]], tuple[Any, ...]]


def several(names: Sequence[str]) -> Several:
    """What takes those keys' values out of a mapping, in one step; raises `KeyError`."""
    if len(names) > 1:
        return itemgetter(*names)
    return lambda fields: tuple(fields[name] for name in names)


class Copied:
    """The lines, (canonical field, remote field) each, that hand a value on as it is, all taken together."""

    def __init__(self, pairs: Sequence[tuple[str, str]] = ()) -> None:
        self.canon = tuple(canon for canon, _ in pairs)
        self.remote = tuple(remote for _, remote in pairs)
        self._take = several(self.canon)

    def values(self, fields: Mapping[str, Value]) -> tuple[Value, ...] | None:
        """Their values, where every one says something; otherwise each field is to be looked at."""
        try:
            values = self._take(fields)
        except KeyError:
            return None
        return values if all(values) else None


class FieldMap(Protocol):
    """The mapping of one kind to one object of one system.

    `remote_fields` is the order in which shadows keep their values; `hash` changes whenever a changed
    mapping would read or write a value differently. `by_canon` names the entries of each canonical field. Of
    the entries that are written, `copied` are those that change nothing, `computed` the others.
    """

    @property
    def kind(self) -> str: ...
    @property
    def system(self) -> str: ...
    @property
    def object(self) -> str: ...
    @property
    def entries(self) -> Sequence[Entry]: ...
    @property
    def remote_fields(self) -> tuple[str, ...]: ...
    @property
    def hash(self) -> str: ...
    @property
    def by_canon(self) -> Mapping[str, Sequence[Entry]]: ...
    @property
    def copied(self) -> Copied: ...
    @property
    def computed(self) -> Sequence[Entry]: ...


def is_blank(value: Value) -> bool:
    """Whether a canonical value says nothing: None, an empty text, an empty set."""
    return value is None or value == "" or value == []
