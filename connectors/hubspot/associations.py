"""Associations between records: which there are, and which one a field stands for.

A record may be associated with many others, under several types at once: without a label, as the primary
one, under labels of the portal's own (associations guide, v4). Labels are texts that HubSpot renames, so
types are known by category and number.
"""

from __future__ import annotations

from collections.abc import Iterable, Iterator, Mapping, Sequence
from dataclasses import dataclass
from typing import Any, NamedTuple

from connectors.base import FieldInfo
from connectors.http import Request
from connectors.hubspot.client import HubSpotClient, after
from syncd.core.errors import RetryLater
from syncd.core.fieldmap import ASSOCIATIONS
from syncd.core.nouns import Value

MOST = 100
"""Inputs of a batch read (changelog of January 2025; the guide still says 1,000), and of an archive."""
HUBSPOT = "HUBSPOT_DEFINED"
PRIMARIES = frozenset({1, 5, 26, 578, 580})
"""HubSpot's types of which a record has one at most: contact, deal and ticket to their primary company, lead
to its primary contact and company."""


class Type(NamedTuple):
    """One type, seen from the record that is read. `label` is None where it has none."""

    category: str
    id: int
    label: str | None = None

    @property
    def primary(self) -> bool:
        return self.category == HUBSPOT and self.id in PRIMARIES

    @property
    def own(self) -> bool:
        """Whether it is a label that says something of its own."""
        return self.label is not None and not self.primary

    def spec(self) -> dict[str, Any]:
        """As a write names it."""
        return {"associationCategory": self.category, "associationTypeId": self.id}


Others = Mapping[str, frozenset[Type]]
"""With which records one record is associated: their ids, and under which types."""


@dataclass(frozen=True, slots=True)
class Association:
    """A field that stands for the association with one record of `to`; `types` are those of the two objects.

    Where HubSpot knows a primary one, that is it; where none is marked, the only one without a label. Between
    other objects it is the only one.
    """

    to: str
    types: tuple[Type, ...]

    @property
    def name(self) -> str:
        """The field."""
        return ASSOCIATIONS + self.to

    @property
    def primary(self) -> Type | None:
        return next((one for one in self.types if one.primary), None)

    @property
    def plain(self) -> Type | None:
        """The type without a label."""
        return next((one for one in self.types if one.label is None), None)

    def info(self) -> FieldInfo:
        """As `describe` says it."""
        writable = (self.primary or self.plain) is not None
        return FieldInfo(self.name, "text", read_only=not writable, references=self.to, native="association")

    def value(self, others: Others) -> Value:
        """The id of the record that the field stands for; a list where nobody can tell which of several."""
        found = [id for id, types in others.items() if any(one.primary for one in types)]
        if not found:
            labelled = self.primary is not None
            found = [id for id, types in others.items() if not (labelled and any(one.own for one in types))]
        return found[0] if len(found) == 1 else sorted(found, key=in_order) or None


class Associations:
    """Reads associations of the records of one object."""

    def __init__(self, client: HubSpotClient, object: str) -> None:
        self.client, self.object = client, object

    async def types(self, to: str) -> tuple[Type, ...] | None:
        """The types from this object to another; None where HubSpot knows no such object."""
        path = self.client.path("associations", self.object, to, "labels")
        what = f"association types from {self.object} to {to}"
        answer = await self.client.send(Request("GET", path))
        body = answer.json(f"{self.client.name}: {what}")
        if answer.status in (400, 404):
            return None
        if not answer.ok:
            raise self.client.failed(what, answer, body, writes=False)
        return tuple(_type(one) for one in self.client.results(body, what))

    async def others(self, to: str, ids: Sequence[str]) -> dict[str, Others]:
        """For each record all associations with records of `to`. Raises rather than leave one out."""
        found: dict[str, Others] = {}
        for start in range(0, len(ids), MOST):
            some = list(dict.fromkeys(ids[start : start + MOST]))
            told = await self._batch(to, some)
            for id in some:
                found[id] = told[id] if id in told else await self._each(to, id)
        return found

    async def _batch(self, to: str, ids: Sequence[str]) -> dict[str, Others]:
        """What a batch tells; records of which it tells a part are left out, and those that it forgets."""
        path = self.client.path("associations", self.object, to, "batch", "read")
        what = self._what(to)
        _, body = await self.client.post(path, what, {"inputs": [{"id": id} for id in ids]})
        found = dict.fromkeys(_without(body), NONE)
        for one in self.client.results(body, what):
            if after(one) is None:
                found[str((one.get("from") or {}).get("id"))] = _others(one.get("to") or ())
        return found

    async def _each(self, to: str, id: str) -> Others:
        """One record's, page by page; none where it is not there."""
        path, found = self.client.path("links", self.object, id, "associations", to), dict[str, Any]()
        query = {"limit": "500"}
        while True:
            body = await self.client.find(path, self._what(to), query)
            if body is None:
                return found
            found |= _others(self.client.results(body, self._what(to)))
            place = after(body)
            if place is None:
                return found
            query["after"] = place

    def _what(self, to: str) -> str:
        return f"associations of {self.object} with {to}"


NONE: Others = {}


async def fill(
    client: HubSpotClient, object: str, fields: Iterable[Association], rows: Sequence[Mapping[str, Any]]
) -> None:
    """Read the associations of records, and set them among their properties."""
    reader, ids = Associations(client, object), [str(row["id"]) for row in rows]
    for field in fields if ids else ():
        others = await reader.others(field.to, ids)
        for row in rows:
            values = row.get("properties")
            if not isinstance(values, dict):
                raise RetryLater(f"{client.name}: a record of {object} came without properties")
            values[field.name] = field.value(others[str(row["id"])])


def wanted(names: Iterable[str]) -> Iterator[str]:
    """The objects whose associations the fields of a mapping name."""
    return (name.removeprefix(ASSOCIATIONS) for name in names if name.startswith(ASSOCIATIONS))


def in_order(id: str) -> tuple[int, str]:
    """Ids by number."""
    return len(id), id


def _without(body: Any) -> Iterator[str]:
    """The records that a batch says have none: it counts them among its errors."""
    for error in body.get("errors") or () if isinstance(body, Mapping) else ():
        if isinstance(error, Mapping) and error.get("category") == "OBJECT_NOT_FOUND":
            yield from map(str, (error.get("context") or {}).get("fromObjectId") or ())


def _others(told: Iterable[Mapping[str, Any]]) -> dict[str, frozenset[Type]]:
    return {
        str(one["toObjectId"]): frozenset(_type(type) for type in one.get("associationTypes") or ())
        for one in told
    }


def _type(told: Mapping[str, Any]) -> Type:
    return Type(str(told.get("category")), int(told.get("typeId") or 0), told.get("label") or None)
