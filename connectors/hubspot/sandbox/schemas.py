"""The schemas API: custom objects, read, made and deleted."""

from __future__ import annotations

from typing import Any

from connectors.hubspot.sandbox import standard
from connectors.hubspot.sandbox.ask import Ask, Task
from connectors.hubspot.sandbox.face import described
from connectors.hubspot.sandbox.fields import HubObject, HubProperty
from connectors.hubspot.sandbox.portal import Portal
from connectors.hubspot.sandbox.properties import NAME
from connectors.hubspot.sandbox.refusals import missing, wrong
from connectors.hubspot.sandbox.table import HubTable
from connectors.hubspot.sandbox.values import iso
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call

READ, WRITE = ("crm.schemas.custom.read",), ("crm.schemas.custom.write",)


class Schemas:
    """The routes `schemas/…`."""

    def __init__(self, portal: Portal, key_field: str | None) -> None:
        self.portal, self.key_field = portal, key_field

    def _custom(self, said: str) -> HubTable:
        table = self.portal.named(said)
        if not table.shape.custom:
            raise missing(f"{said[:80]} is no custom object")
        return table

    def listed(self, ask: Ask) -> Task:
        """GET schemas."""

        def work() -> Answer:
            tables = [self.portal.hub_table(name) for name in self.portal.tables]
            return Answer.json({"results": [self._told(one) for one in tables if one.shape.custom]})

        return Call("schema"), READ, work

    def get(self, ask: Ask, object: str) -> Task:
        """GET schemas/X, also of the vendor's own objects."""
        table = self.portal.named(object)
        return Call("schema", table.name), READ, lambda: Answer.json(self._told(table))

    def create(self, ask: Ask) -> Task:
        """POST schemas."""

        def work() -> Answer:
            shape, name = self._shape(ask.json())
            table = self.portal.declare(name, shape.keyed(self.key_field))
            assert isinstance(table, HubTable)
            return Answer.json(self._told(table), 201)

        return Call("schema", writes=True), WRITE, work

    def _shape(self, body: dict[str, Any]) -> tuple[HubObject, str]:
        name, labels = str(body.get("name") or "").lower(), body.get("labels") or {}
        if not NAME.fullmatch(name) or name in self.portal.tables:
            raise wrong(f"An object cannot be named {name[:80]}")
        fields = standard.read("hs_lastmodifieddate datetime date {group} ro", f"{name}_information")
        for one in body.get("properties") or ():
            fields[str(one.get("name"))] = HubProperty(
                label=str(one.get("label") or one.get("name")),
                type=one.get("type", "string"),
                field_type=str(one.get("fieldType") or ""),
                group=f"{name}_information",
                unique=bool(one.get("hasUniqueValue")),
                options=tuple(str(o["value"]) for o in one.get("options") or ()) or None,
                labels={str(o["value"]): str(o["label"]) for o in one.get("options") or ()},
            )
        number = 3_057_701 + len(self.portal.tables)
        shape = HubObject(
            fields=fields,
            singular=name,
            type_id=f"2-{number}",
            usual=(),
            searched=tuple(body.get("searchableProperties") or ()),
            needs=tuple(body.get("requiredProperties") or ()),
            custom=True,
            label=str(labels.get("singular") or name),
            plural_label=str(labels.get("plural") or name),
            display=body.get("primaryDisplayProperty"),
            made_at=self.portal.clock.millis(),
        )
        return shape, name

    def delete(self, ask: Ask, object: str) -> Task:
        """DELETE schemas/X, of which no record may be left."""
        table = self._custom(object)

        def work() -> Answer:
            if any(not row.deleted for row in table.rows.values()):
                raise wrong("The object still has records: delete them first")
            del self.portal.tables[table.name]
            self.portal.refresh()
            return Answer(204)

        return Call("schema", table.name, writes=True), WRITE, work

    def _told(self, table: HubTable) -> dict[str, Any]:
        shape, at = table.shape, iso(table.shape.made_at or 0)
        types = self.portal.associations.types
        others = {other: types[table.name, other][0].id for one, other in types if one == table.name}
        return {
            "id": shape.type_id,
            "objectTypeId": shape.type_id,
            "name": table.name,
            "fullyQualifiedName": f"p{self.portal.id}_{table.name}" if shape.custom else table.name.upper(),
            "labels": {"singular": shape.label, "plural": shape.plural_label},
            "primaryDisplayProperty": shape.display or "hs_object_id",
            "secondaryDisplayProperties": [],
            "requiredProperties": [need.split("|")[0] for need in shape.needs],
            "searchableProperties": list(shape.searched),
            "properties": [
                described(name, prop) for name, prop in table.fields.items() if prop.archived_at is None
            ],
            "associations": [
                {
                    "fromObjectTypeId": shape.type_id,
                    "toObjectTypeId": self.portal.hub_table(other).shape.type_id,
                    "name": f"{table.name}_to_{other}",
                    "id": str(id),
                    "createdAt": at,
                    "updatedAt": at,
                }
                for other, id in others.items()
                if other in self.portal.tables
            ],
            "allowsSensitiveProperties": False,
            "archived": False,
            "createdAt": at,
            "updatedAt": at,
        }
