"""What HubSpot calls one and the same object: contacts, contact, 0-1."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from typing import Any

STANDARD: Mapping[str, tuple[str, str]] = {
    "0-1": ("contact", "contacts"),
    "0-2": ("company", "companies"),
    "0-3": ("deal", "deals"),
    "0-5": ("ticket", "tickets"),
    "0-7": ("product", "products"),
    "0-8": ("line_item", "line_items"),
    "0-14": ("quote", "quotes"),
    "0-115": ("user", "users"),
    "0-136": ("lead", "leads"),
}
"""By type id: singular and plural (guide on understanding the CRM)."""


class Names:
    """Type ids of the objects of one configuration. Those of custom objects are learnt from their schemas."""

    def __init__(self, objects: Iterable[str]) -> None:
        known = {word: type_id for type_id, words in STANDARD.items() for word in words}
        self._types = {name: _is_type(name) or known.get(name.lower(), "") for name in objects}

    @property
    def objects(self) -> list[str]:
        """The names, as configured."""
        return list(self._types)

    def learn(self, object: str, schema: Mapping[str, Any]) -> None:
        """Take the type id from what the schemas API says of an object."""
        self._types[object] = str(schema.get("objectTypeId") or "")

    def type_of(self, object: str) -> str:
        """The type id of an object; empty where it is not known."""
        return self._types.get(object, "")

    def unknown(self) -> list[str]:
        """Custom objects that are called by a name."""
        return [object for object, type_id in self._types.items() if not type_id]

    def by_type(self, type_id: str) -> list[str]:
        """The configured objects of a type."""
        return [object for object, known in self._types.items() if known and known == type_id]

    def by_word(self, word: str) -> list[str]:
        """The configured objects that a word of HubSpot's names, such as `line_item` or `CONTACT`."""
        said = word.lower()
        found = [object for object in self._types if object.lower() == said]
        standard = [type_id for type_id, words in STANDARD.items() if said in words]
        return found or [object for type_id in standard for object in self.by_type(type_id)]


def _is_type(name: str) -> str:
    head, _, tail = name.partition("-")
    return name if head.isdigit() and tail.isdigit() else ""
