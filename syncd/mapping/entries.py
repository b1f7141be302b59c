"""The compiled lines of a mapping. They satisfy `syncd.core.fieldmap.Entry`."""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass, field

from syncd.core.errors import ParseError
from syncd.core.fieldmap import Direction, Drift, Refs
from syncd.core.nouns import Value
from syncd.core.types import Convert, FieldType
from syncd.mapping.compounds import Compound, Values


@dataclass(frozen=True, slots=True, kw_only=True)
class Line:
    """What all entries have. `signature` tells apart lines that read or write differently."""

    canon: tuple[str, ...]
    remote: tuple[str, ...]
    direction: Direction
    drift: Drift
    signature: str
    sets: frozenset[str] = frozenset()
    refs: Mapping[str, str] = field(default_factory=dict)


@dataclass(frozen=True, slots=True, kw_only=True)
class Plain(Line):
    """One field to one field. This is most of every mapping, so it does nothing that it need not do.

    `text` says that it is read as `Text`, which takes what is clean as it is.
    """

    text: bool = False
    read: Convert
    write: Convert | None

    def incoming(self, values: Values, refs: Refs) -> Values:
        return (self.read(values[0]),)

    def outgoing(self, values: Values, refs: Refs) -> Values:
        if self.write is None or values[0] is None:
            return values
        return (self.write(values[0]),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Stepped(Line):
    """One field to one field through transforms. `blank` is the remote's own word for "nothing"."""

    read: Convert
    write: Convert
    blank: Value = None

    def incoming(self, values: Values, refs: Refs) -> Values:
        value = values[0]
        if self.blank is not None and value == self.blank and type(value) is type(self.blank):
            value = None
        return (self.read(value),)

    def outgoing(self, values: Values, refs: Refs) -> Values:
        value = None if values[0] is None else self.write(values[0])
        if self.blank is None:
            return (value,)
        if value is None:
            return (self.blank,)
        if value == self.blank and type(value) is type(self.blank):
            raise ParseError("blank: the value is the very one that the remote reads as nothing")
        return (value,)


@dataclass(frozen=True, slots=True, kw_only=True)
class Reference(Line):
    """One reference. `read` and `write` convert the remote id to text and back."""

    kind: str
    read: Convert
    write: Convert | None
    blank: Value = None

    def incoming(self, values: Values, refs: Refs) -> Values:
        value = values[0]
        if self.blank is not None and value == self.blank and type(value) is type(self.blank):
            return (None,)
        remote_id = self.read(value)
        return (None,) if remote_id is None else (refs.record_for(self.kind, remote_id),)

    def outgoing(self, values: Values, refs: Refs) -> Values:
        if values[0] is None:
            return (self.blank,)
        remote_id = refs.remote_for(values[0])
        return (remote_id,) if self.write is None else (self.write(remote_id),)


@dataclass(frozen=True, slots=True, kw_only=True)
class Joined(Line):
    """Several fields on at least one side. The canonical types have the last word on what is read."""

    compound: Compound
    types: tuple[FieldType, ...]

    def incoming(self, values: Values, refs: Refs) -> Values:
        parts = self.compound.incoming(values, len(self.canon))
        return tuple(kind.parse(part) for kind, part in zip(self.types, parts, strict=True))

    def outgoing(self, values: Values, refs: Refs) -> Values:
        return self.compound.outgoing(values, len(self.remote))
