"""What is remembered: our record, and what each remote copy is known to hold."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import field

from syncd.core.frozen import dataclass
from syncd.core.nouns import Contest, LinkState, Stamp, Value

NEVER = Stamp(0, "")


@dataclass(frozen=True, slots=True)
class Stamps:
    """The stamp of every field: one for most, exceptions by name."""

    base: Stamp = NEVER
    own: Mapping[str, Stamp] = field(default_factory=dict)

    def of(self, name: str) -> Stamp:
        """The stamp of a field that the record has."""
        return self.own.get(name, self.base)


@dataclass(frozen=True, slots=True)
class Agreed:
    """The version of each field that a remote is known to hold: one number, exceptions by name.

    0 means no base: nothing was ever agreed about the field.
    """

    number: int = 0
    own: Mapping[str, int] = field(default_factory=dict)

    def of(self, name: str) -> int:
        """The agreed version of a field, 0 for none."""
        return self.own.get(name, self.number)


@dataclass(frozen=True, slots=True)
class ElementStamp:
    """Who last added or removed an element of a set, and under which version."""

    version: int
    system: str


@dataclass(frozen=True, slots=True)
class Record:
    """Our versioned copy, in canonical fields. A field that is not in `fields` was never reported.

    `elements` tells, for sets, which elements were touched when; `contests` which fields have rivals.
    """

    record_id: int
    kind: str
    version: int
    fields: Mapping[str, Value]
    stamps: Stamps = Stamps()
    contests: Mapping[str, Contest] = field(default_factory=dict)
    elements: Mapping[str, Mapping[str, ElementStamp]] = field(default_factory=dict)
    deleted: bool = False

    def version_of(self, name: str) -> int:
        """The version that brought a field's value, 0 where it has none."""
        return self.stamps.of(name).version if name in self.fields else 0

    def frozen(self, name: str) -> bool:
        """Whether an open conflict freezes a field."""
        contest = self.contests.get(name)
        return contest is not None and contest.open


@dataclass(frozen=True, slots=True)
class Ghost:
    """A value of ours whose write was never answered: it may still land.

    `versions` are those of the canonical fields that the value was made of.
    """

    value: Value
    versions: Mapping[str, int]


@dataclass(frozen=True, slots=True)
class Link:
    """One remote copy of a record, and what it is known to hold.

    `shadow` holds the last remote values as the remote stored them. `unsure` names fields whose stored
    form was not told when we wrote them. `unapplied` holds values that could not be read, or whose
    reference is not linked. `refused` holds, per remote field, the newest version that the remote refused.
    `evidence` is the store's sequence of the last write settled or read applied.
    """

    system: str
    object: str
    remote_id: str
    record_id: int
    state: LinkState = LinkState.LIVE
    shadow: Mapping[str, Value] = field(default_factory=dict)
    agreed: Agreed = Agreed()
    ghosts: Mapping[str, tuple[Ghost, ...]] = field(default_factory=dict)
    unsure: frozenset[str] = frozenset()
    unapplied: Mapping[str, Value] = field(default_factory=dict)
    refused: Mapping[str, int] = field(default_factory=dict)
    remote_version: str | None = None
    evidence: int = 0
    gone_by: str | None = None
