"""How a record looks in answers."""

from __future__ import annotations

from collections.abc import Iterable, Mapping
from datetime import date
from typing import Any

from connectors.hubspot.sandbox.fields import HubProperty
from connectors.hubspot.sandbox.portal import Portal
from connectors.hubspot.sandbox.table import HubTable, Image
from connectors.hubspot.sandbox.values import EPOCH, iso
from connectors.sandboxes.table import Row

ALWAYS = ("createdate", "hs_object_id")


class Face:
    """The look of one portal's records."""

    def __init__(self, portal: Portal) -> None:
        self.portal = portal

    def value(self, table: HubTable, row: Row, name: str, image: Image | None = None) -> str | None:
        """One property, as text or null."""
        stamp = image.stamp if image is not None else row.stamp
        if name == "hs_object_id":
            return row.id
        if name == "createdate":
            return iso(row.created)
        if name == table.shape.modified:
            return iso(stamp)
        kept: str | None = (image.fields if image is not None else row.fields).get(name)
        prop = table.fields[name]
        if kept is not None and prop.type == "date" and self.portal.quirks.date_as_ms:
            self.portal.fired("date_as_ms")
            return str((date.fromisoformat(kept) - EPOCH.date()).days * 86_400_000)
        return kept

    def names(self, table: HubTable, wanted: Iterable[str]) -> list[str]:
        """The properties that an answer shows: those asked for, else the usual; unknown ones are ignored."""
        asked = list(wanted) or table.shape.usual
        names = dict.fromkeys((*asked, *ALWAYS, table.shape.modified))
        return [name for name in names if self.shown(table, name)]

    def shown(self, table: HubTable, name: str) -> bool:
        """Whether there is such a property, and the app sees it."""
        prop = table.fields.get(name)
        return prop is not None and prop.archived_at is None and self.portal.sees(table, name)

    def record(
        self, table: HubTable, row: Row, names: Iterable[str], image: Image | None = None
    ) -> dict[str, Any]:
        """A record with these properties."""
        stamp = image.stamp if image is not None else row.stamp
        told = {
            "id": row.id,
            "properties": {name: self.value(table, row, name, image) for name in names},
            "createdAt": iso(row.created),
            "updatedAt": iso(stamp),
            "archived": row.deleted,
            "url": f"https://app.hubspot.com/contacts/{self.portal.id}/record/{table.shape.type_id}/{row.id}",
        }
        return {**told, "archivedAt": iso(row.stamp)} if row.deleted else told

    def written(self, table: HubTable, row: Row, fields: Mapping[str, Any]) -> dict[str, Any]:
        """A record as writes answer: what was sent, the usual values, and what the portal set by itself."""
        own = [name for name, prop in table.fields.items() if prop.calculated or name in table.shape.usual]
        there = [name for name in own if row.fields.get(name) is not None]
        return self.record(table, row, self.names(table, (*there, *fields)))

    def history(self, table: HubTable, row: Row, wanted: Iterable[str]) -> dict[str, Any]:
        """All values that some properties had, newest first."""
        told = {}
        for name in wanted:
            if self.shown(table, name):
                told[name] = [
                    {
                        "value": version.value or "",
                        "timestamp": iso(version.at),
                        "sourceType": version.source,
                        **({"sourceId": version.source_id} if version.source_id else {}),
                    }
                    for version in table.history.get(row.id, {}).get(name, ())
                ]
        return told

    def associations(self, table: HubTable, row: Row, wanted: Iterable[str]) -> dict[str, Any]:
        """The ids of associated records by object; those without any are left out."""
        told = {}
        for said in wanted:
            other = self.portal.named(said)
            found = [
                {"id": id, "type": self._type(table, other, type.label, primary=type.primary)}
                for id, types in self.portal.associated(table.name, row.id, other.name).items()
                for type in sorted(types, key=lambda one: one.id)
            ]
            if found:
                name = f"p{self.portal.id}_{other.name}" if other.shape.custom else other.name
                told[name] = {"results": found}
        return told

    def _type(self, table: HubTable, other: HubTable, label: str | None, *, primary: bool) -> str:
        pair = f"{table.shape.singular}_to_{other.shape.singular}"
        if primary or (label is None and self.portal.associations.primary((table.name, other.name)) is None):
            return pair
        return f"{pair}_unlabeled" if label is None else label.lower().replace(" ", "_")


def described(name: str, prop: HubProperty) -> dict[str, Any]:
    """A property as the properties API tells it."""
    told: dict[str, Any] = {
        "name": name,
        "label": prop.label or name,
        "type": prop.type,
        "fieldType": prop.field_type,
        "description": prop.description,
        "groupName": prop.group,
        "options": [
            {
                "label": prop.labels.get(value, value.replace("_", " ").capitalize()),
                "value": value,
                "description": "",
                "displayOrder": place,
                "hidden": False,
            }
            for place, value in enumerate(prop.options or ())
        ],
        "displayOrder": prop.display_order,
        "calculated": prop.calculated,
        "externalOptions": prop.external is not None,
        "hasUniqueValue": prop.unique,
        "hidden": prop.hidden,
        "hubspotDefined": prop.hubspot_defined,
        "formField": prop.form_field,
        "dataSensitivity": prop.sensitivity,
        "archived": prop.archived_at is not None,
        "createdAt": iso(prop.made_at or 0),
        "updatedAt": iso(prop.moved_at or prop.made_at or 0),
        "modificationMetadata": {
            "archivable": not prop.hubspot_defined,
            "readOnlyDefinition": prop.hubspot_defined,
            "readOnlyValue": prop.read_only,
            **({"readOnlyOptions": prop.hubspot_defined} if prop.type == "enumeration" else {}),
        },
    }
    more = {
        "archivedAt": iso(prop.archived_at) if prop.archived_at is not None else None,
        "calculationFormula": prop.formula,
        "referencedObjectType": prop.external,
        "numberDisplayHint": prop.number_hint,
        "textDisplayHint": prop.text_hint,
        "showCurrencySymbol": True if prop.number_hint == "currency" else None,
    }
    return told | {word: value for word, value in more.items() if value is not None}
