"""Associations between records: types with labels, one of them primary, each seen from both ends."""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping
from dataclasses import dataclass
from typing import Any

from connectors.hubspot.sandbox.refusals import Refused, wrong

Pair = tuple[str, str]
"""Two objects: from, to."""
HUBSPOT, USER = "HUBSPOT_DEFINED", "USER_DEFINED"
STANDARD = """
contacts companies 279 280
contacts companies 1 2 Primary
contacts deals 4 3
deals companies 341 342
deals companies 5 6 Primary
contacts contacts 449 449
companies companies 450 450
companies companies 13 14 Child_Company Parent_Company
deals deals 451 451
"""
"""From, to, both type ids, and labels from each end (associations guide)."""


@dataclass(frozen=True, slots=True)
class Type:
    """One type from one end. `single`: a record has it to one other only. `inverse`: from the other end."""

    category: str
    id: int
    label: str | None
    inverse: int
    single: bool = False

    @property
    def primary(self) -> bool:
        """Whether it marks the primary one."""
        return self.category == HUBSPOT and self.label == "Primary"

    def told(self) -> dict[str, Any]:
        """As answers show it."""
        return {"category": self.category, "typeId": self.id, "label": self.label}


@dataclass(frozen=True, slots=True)
class Change:
    """A type was added to, or taken from, what stands between two records."""

    pair: Pair
    ids: tuple[str, str]
    type: Type
    removed: bool


class Associations:
    """All of a portal. `links` by object and id: by the other object, by the other id, the types."""

    def __init__(self, objects: Mapping[str, Any]) -> None:
        self.types: dict[Pair, list[Type]] = {}
        self.links: dict[tuple[str, str], dict[str, dict[str, set[Type]]]] = {}
        self._last = 100
        for line in STANDARD.strip().splitlines():
            one, other, id, back, *labels = line.split()
            if one in objects and other in objects:
                words = [label.replace("_", " ") for label in labels]
                self._define((one, other), HUBSPOT, int(id), int(back), words)
        self.introduce(objects)

    def introduce(self, objects: Iterable[str]) -> None:
        """Give each pair of objects that has none an unlabelled type."""
        for one in objects:
            for other in objects:
                if not self.types.get((one, other)):
                    id = self._new()
                    self._define((one, other), USER, id, id if one == other else self._new(), [])

    def _define(self, pair: Pair, category: str, id: int, back: int, labels: list[str]) -> None:
        there, here = (labels[0], labels[-1]) if labels else (None, None)
        primary = category == HUBSPOT and there == "Primary"
        self.types.setdefault(pair, []).append(Type(category, id, there, back, primary))
        if back != id or pair[0] != pair[1]:
            self.types.setdefault((pair[1], pair[0]), []).append(Type(category, back, here, id))

    def _new(self) -> int:
        self._last += 1
        return self._last

    def make_label(self, pair: Pair, label: str, inverse: str | None) -> list[Type]:
        """A label of a portal's own; the types that were made."""
        id = self._new()
        same = pair[0] == pair[1] and inverse is None
        back = id if same else self._new()
        self._define(pair, USER, id, back, [label, inverse or label])
        made = [type for type in self.types[pair] if type.id == id]
        return made + [type for type in self.types[pair[1], pair[0]] if type.id == back and not same]

    def drop_label(self, pair: Pair, id: int) -> None:
        """Forget a label, and take it from all records."""
        gone = [t for t in self.types.get(pair, ()) if t.category == USER and t.id == id and t.label]
        if not gone:
            raise wrong(f"Association type {id} cannot be deleted")
        for at, to, ids in ((pair, pair[1], {id}), (pair[::-1], pair[0], {gone[0].inverse})):
            key: Pair = (at[0], at[1])
            lost = {t for t in self.types[key] if t.category == USER and t.id in ids}
            self.types[key] = [t for t in self.types[key] if t not in lost]
            for (object, _), others in self.links.items():
                for types in others.get(to, {}).values() if object == key[0] else ():
                    types -= lost

    def type(self, pair: Pair, category: object, id: object) -> Type:
        """A type by category and id; `Refused` 400."""
        for found in self.types.get(pair, ()):
            if found.id == id and found.category == category:
                return found
        raise wrong(f"One or more associations are not valid: {category} {id} is no type of {'-'.join(pair)}")

    def plain(self, pair: Pair) -> Type:
        """The unlabelled type of two objects."""
        for found in self.types.get(pair, ()):
            if found.label is None:
                return found
        raise Refused(400, "VALIDATION_ERROR", f"{pair[0]} cannot be associated with {pair[1]}")

    def primary(self, pair: Pair) -> Type | None:
        """The primary type of two objects, if they have one."""
        return next((found for found in self.types.get(pair, ()) if found.primary), None)

    # what stands -------------------------------------------------------------------------------------------

    def of(self, object: str, id: str, to: str) -> dict[str, set[Type]]:
        """The others by id, with types."""
        return self.links.get((object, id), {}).get(to, {})

    def around(self, object: str, id: str) -> Iterator[tuple[str, str, set[Type]]]:
        """All others of a record: object, id, types."""
        for to, others in self.links.get((object, id), {}).items():
            for other, types in others.items():
                yield to, other, types

    def add(self, pair: Pair, ids: tuple[str, str], wanted: Iterable[Type]) -> list[Change]:
        """Associate, with the unlabelled type, too; what changed."""
        changes, have = list[Change](), self.of(pair[0], ids[0], pair[1]).get(ids[1], set())
        for type in sorted({self.plain(pair), *wanted}, key=lambda one: (not one.primary, one.id)):
            if type not in have:
                changes += self._demote(pair, ids, type)
                changes += self._put(pair, ids, type)
        return changes

    def replace(self, pair: Pair, ids: tuple[str, str], wanted: Iterable[Type]) -> list[Change]:
        """Associate with exactly these labels."""
        keep, have = set(wanted), self.of(pair[0], ids[0], pair[1]).get(ids[1], set())
        lost = [type for type in have if type.label is not None and type not in keep]
        return [*self.add(pair, ids, keep), *(one for t in lost for one in self.take(pair, ids, t))]

    def remove(self, pair: Pair, ids: tuple[str, str]) -> list[Change]:
        """Associate no more."""
        have = list(self.of(pair[0], ids[0], pair[1]).get(ids[1], ()))
        return [change for type in have for change in self.take(pair, ids, type)]

    def take(self, pair: Pair, ids: tuple[str, str], type: Type) -> list[Change]:
        """Take one type away; with the unlabelled one all go."""
        if type.label is None:
            rest = [t for t in self.of(pair[0], ids[0], pair[1]).get(ids[1], ()) if t.label is not None]
            changes = [change for one in rest for change in self.take(pair, ids, one)]
        else:
            changes = []
        back = self.type((pair[1], pair[0]), type.category, type.inverse)
        if self._discard(pair, ids, type):
            changes.append(Change(pair, ids, type, True))
        if self._discard((pair[1], pair[0]), (ids[1], ids[0]), back):
            changes.append(Change((pair[1], pair[0]), (ids[1], ids[0]), back, True))
        return changes

    def forget(self, object: str, id: str) -> None:
        """A record is gone for good."""
        for to, other, _ in list(self.around(object, id)):
            self.links[to, other][object].pop(id, None)
        self.links.pop((object, id), None)

    def _put(self, pair: Pair, ids: tuple[str, str], type: Type) -> list[Change]:
        back = self.type((pair[1], pair[0]), type.category, type.inverse)
        ends = ((pair, ids, type), ((pair[1], pair[0]), (ids[1], ids[0]), back))
        changes = []
        for at, (one, other), which in ends:
            types = self.links.setdefault((at[0], one), {}).setdefault(at[1], {}).setdefault(other, set())
            if which not in types:
                types.add(which)
                changes.append(Change(at, (one, other), which, False))
        return changes

    def _demote(self, pair: Pair, ids: tuple[str, str], type: Type) -> list[Change]:
        """What is single leaves the one that had it, seen from whichever end."""
        if type.primary and not type.single:
            back = self.type((pair[1], pair[0]), type.category, type.inverse)
            return self._demote((pair[1], pair[0]), (ids[1], ids[0]), back)
        others = self.of(pair[0], ids[0], pair[1]).items() if type.single else ()
        had = [other for other, types in others if type in types and other != ids[1]]
        return [change for other in had for change in self.take(pair, (ids[0], other), type)]

    def _discard(self, pair: Pair, ids: tuple[str, str], type: Type) -> bool:
        others = self.links.get((pair[0], ids[0]), {}).get(pair[1], {})
        types = others.get(ids[1], set())
        if type not in types:
            return False
        types.discard(type)
        if not types:
            others.pop(ids[1])
        return True
