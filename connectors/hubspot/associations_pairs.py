"""What a record is that stands for an association: its object's name, its id, its fields."""

from __future__ import annotations

from collections.abc import Iterable, Mapping, Sequence
from dataclasses import dataclass

from connectors.base import FieldInfo, ObjectInfo, ObjectSpec
from connectors.hubspot.associations import Association, Others, Type
from connectors.hubspot.record import HubRecord
from syncd.core.nouns import Value

BETWEEN = "-to-"
FROM, TO, LABEL, LABELS = "from", "to", "label", "labels"


def ends_of(object: str) -> tuple[str, str] | None:
    """The two objects that an object's name says are associated; None where it is no such name."""
    one, between, other = object.partition(BETWEEN)
    return (one, other) if between and one and other else None


def pair_of(id: str) -> tuple[str, str] | None:
    """Both ids of a record's id."""
    one, _, other = id.partition("-")
    return (one, other) if one.isdigit() and other.isdigit() else None


class Every(Association):
    """All associations of a record with records of `to`, as one value: (id, own labels) each."""

    __slots__ = ()

    def value(self, others: Others) -> Value:
        return [[id, own_labels(others[id])] for id in sorted(others)]


def own_labels(types: Iterable[Type]) -> list[str]:
    """The labels that say something of their own."""
    return sorted({one.label for one in types if one.own and one.label is not None})


def fields_of(one: str, other: str, labels: Sequence[str]) -> dict[str, Value]:
    """A record's fields. Where there are several labels, `label` is a list: it cannot say them."""
    label = labels[0] if len(labels) == 1 else list(labels) or None
    return {FROM: one, TO: other, LABEL: label, LABELS: list(labels) or None}


@dataclass(frozen=True, slots=True)
class Sides:
    """Both objects as far as they must be known, and the types between them."""

    record: HubRecord
    target: HubRecord
    types: tuple[Type, ...]

    @property
    def labels(self) -> dict[str, Type]:
        return {one.label: one for one in self.types if one.own and one.label is not None}

    def info(self, object: str) -> ObjectInfo:
        """As `describe` says it."""
        one, other = self.record.name, self.target.name
        infos = (
            FieldInfo(FROM, "text", required=True, references=one, native="association"),
            FieldInfo(TO, "text", required=True, references=other, native="association"),
            FieldInfo(LABEL, "enum", options=tuple(self.labels) or None, native="association label"),
            FieldInfo(LABELS, "set", native="association labels"),
        )
        return ObjectInfo(object, {info.name: info for info in infos})


def parted(specs: Mapping[str, ObjectSpec]) -> tuple[dict[str, ObjectSpec], dict[str, ObjectSpec]]:
    """The objects that hold records, and those of associations."""
    pairs = {name: spec for name, spec in specs.items() if ends_of(name) is not None}
    return {name: spec for name, spec in specs.items() if name not in pairs}, pairs
