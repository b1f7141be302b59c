"""One object of a portal as it was described, and its records as changes."""

from __future__ import annotations

from collections.abc import Iterator, Mapping, Sequence
from dataclasses import dataclass, field
from typing import Any

from connectors.base import FieldInfo, ObjectInfo, ObjectSpec
from connectors.hubspot.associations import Association
from connectors.hubspot.values import TYPES, millis, read, written
from connectors.hubspot.words import Words
from syncd.core.errors import RetryLater
from syncd.core.nouns import Change, Op

MERGED = "hs_merged_object_ids"
STAMPS = ("lastmodifieddate", "hs_lastmodifieddate")
"""Contacts have the one, all other objects the other (guide on search)."""


@dataclass(frozen=True, slots=True)
class HubRecord:
    """`told` are the properties by name; `kinds` the types of those that the mapping wants.

    `links` are the associations that it wants, by field, and `words` what it names by words; rows have them
    among their properties.
    """

    system: str
    spec: ObjectSpec
    told: Mapping[str, Mapping[str, Any]]
    kinds: Mapping[str, str]
    modified: str
    links: Mapping[str, Association] = field(default_factory=dict)
    words: Words | None = None

    @property
    def name(self) -> str:
        return self.spec.name

    @property
    def asked(self) -> list[str]:
        """The properties to ask for."""
        bases = self.words.asked if self.words is not None else ()
        return list(dict.fromkeys((*self.kinds, *bases, self.modified, MERGED)))

    @property
    def worded(self) -> Mapping[str, str]:
        """The fields that are words, and their properties."""
        return self.words.fields if self.words is not None else {}

    def appending(self, name: str, value: Any) -> bool:
        """Whether HubSpot would add a value to the options that stand there, and not replace them: it begins
        with `;` (properties guide)."""
        several = name in self.kinds and _several(self.told[name])
        return several and written(value).lstrip().startswith(";")

    @property
    def shown(self) -> list[str]:
        """The names under which a row has what the mapping wants."""
        return [*self.asked, *self.links]

    def stamp(self, row: Mapping[str, Any]) -> int:
        """When a record was changed last, in ms; `RetryLater` where it does not say."""
        at = millis((row.get("properties") or {}).get(self.modified) or row.get("updatedAt"))
        if at is None or not row.get("id"):
            raise RetryLater(f"system {self.system}: a record of {self.name} came without its id or time")
        return at

    def change(self, row: Mapping[str, Any]) -> Change:
        """A record as a change: an archived one is deleted."""
        values, version = row.get("properties") or {}, str(row.get("updatedAt") or "") or None
        if row.get("archived"):
            return Change(self.system, self.name, str(row["id"]), Op.DELETE, remote_version=version)
        fields = {name: read(kind, values[name]) for name, kind in self.kinds.items() if name in values}
        fields |= {name: values[name] for name in (*self.links, *self.worded) if name in values}
        return Change(self.system, self.name, str(row["id"]), Op.UPSERT, fields, remote_version=version)

    def merges(self, row: Mapping[str, Any]) -> Iterator[Change]:
        """The records that went into this one; told again, they do no harm."""
        for id in absorbed(row):
            if id != str(row["id"]):
                yield Change(self.system, self.name, id, Op.MERGE, survivor_id=str(row["id"]))

    def info(self) -> ObjectInfo:
        """As `describe` says it."""
        fields = {name: _field(name, one) for name, one in self.told.items()}
        fields |= {name: link.info() for name, link in self.links.items()}
        return ObjectInfo(self.name, fields | (self.words.infos() if self.words is not None else {}))


def absorbed(row: Mapping[str, Any]) -> list[str]:
    """The ids that lead to a record."""
    said = (row.get("properties") or {}).get(MERGED) or ""
    return [one.strip() for one in str(said).split(";") if one.strip()]


def described(
    system: str,
    spec: ObjectSpec,
    properties: Sequence[Mapping[str, Any]],
    links: Sequence[Association] = (),
    words: Words | None = None,
) -> HubRecord:
    """An object by what the properties API says of it, and with what else the mapping wants of it."""
    told = by_name(spec, properties)
    wanted = dict.fromkeys((*spec.fields, *((spec.key_field,) if spec.key_field else ())))
    kinds = {name: str(told[name].get("type")) for name in wanted if name in told}
    modified = next((name for name in STAMPS if name in told), STAMPS[1])
    return HubRecord(system, spec, told, kinds, modified, {link.name: link for link in links}, words)


def by_name(spec: ObjectSpec, properties: Sequence[Mapping[str, Any]]) -> dict[str, Mapping[str, Any]]:
    """Properties by name, with the whole numbers that the configuration tells of."""
    whole = set(spec.options.get("integers") or ())
    return {
        str(one["name"]): {**one, **({"type": "integer"} if one["name"] in whole else {})}
        for one in properties
    }


def _several(told: Mapping[str, Any]) -> bool:
    """Whether a property takes several options."""
    return told.get("type") == "enumeration" and told.get("fieldType") == "checkbox"


def _field(name: str, told: Mapping[str, Any]) -> FieldInfo:
    kind, rights = str(told.get("type")), told.get("modificationMetadata") or {}
    several = _several(told)
    options = tuple(str(one["value"]) for one in told.get("options") or ())
    return FieldInfo(
        name,
        "text" if several or (kind == "enumeration" and not options) else TYPES.get(kind, "text"),
        read_only=bool(told.get("calculated") or rights.get("readOnlyValue")),
        unique=bool(told.get("hasUniqueValue")),
        length=LONGEST if kind == "string" else None,
        options=options or None if not several else None,
        native=f"{kind}/{told.get('fieldType')}",
    )


LONGEST = 65_536
"""Characters of a text (properties guide)."""
