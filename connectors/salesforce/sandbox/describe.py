"""Describe: what objects and fields there are, as far as the user may see them."""

from __future__ import annotations

from typing import Any

from connectors.salesforce.sandbox.ask import Ask, Task
from connectors.salesforce.sandbox.fields import NUMBERS, OrgField
from connectors.salesforce.sandbox.org import Org
from connectors.salesforce.sandbox.rows import Rows, header_date, http_date
from connectors.salesforce.sandbox.table import OrgTable
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call

SOAP = {"boolean": "xsd:boolean", "int": "xsd:int", "double": "xsd:double", "currency": "xsd:double"}
SOAP |= {"percent": "xsd:double", "date": "xsd:date", "datetime": "xsd:dateTime", "id": "tns:ID"}
SOAP |= {"reference": "tns:ID", "address": "urn:address"}
ABILITIES = ("queryable", "retrieveable", "searchable", "layoutable", "triggerable", "replicateable")
NEVER = ("activateable", "customSetting", "deprecatedAndHidden", "hasSubtypes", "isInterface", "isSubtype")


class Describe:
    """The schema of one org. `changed` is when it was last changed, in ms since 1970."""

    def __init__(self, org: Org, rows: Rows) -> None:
        self.org, self.rows = org, rows
        self.changed = org.clock.millis()

    def everything(self, ask: Ask) -> Task:
        """GET sobjects."""

        def work() -> Answer:
            tables = [t for t in map(self.org.org_table, self.org.tables) if not t.shape.tooling]
            told = {"encoding": "UTF-8", "maxBatchSize": 200, "sobjects": [self.head(ask, t) for t in tables]}
            return self._unless_known(ask, told)

        return Call("schema"), work

    def one(self, ask: Ask, object: str) -> Task:
        """GET sobjects/X/describe."""
        return Call("schema", object), lambda: self._unless_known(
            ask, self.whole(ask, self.rows.table(object))
        )

    def basic(self, ask: Ask, object: str) -> Task:
        """GET sobjects/X."""

        def work() -> Answer:
            return Answer.json({"objectDescribe": self.head(ask, self.rows.table(object)), "recentItems": []})

        return Call("schema", object), work

    def _unless_known(self, ask: Ask, told: dict[str, Any]) -> Answer:
        since = header_date(ask, "if-modified-since")
        if since is not None and self.changed // 1000 <= since:
            return Answer(304)
        return Answer.json(told, 200, {"Last-Modified": http_date(self.changed)})

    def head(self, ask: Ask, table: OrgTable) -> dict[str, Any]:
        """An object without its fields."""
        shape, url = table.shape, f"{ask.base}/sobjects/{table.name}"
        return {
            "name": table.name,
            "label": shape.label or table.name,
            "labelPlural": shape.plural or f"{shape.label or table.name}s",
            "keyPrefix": shape.prefix,
            "custom": table.name.endswith("__c"),
            "createable": shape.createable,
            "updateable": shape.createable,
            "deletable": shape.deletable,
            "undeletable": shape.soft,
            "mergeable": shape.mergeable,
            "feedEnabled": False,
            "mruEnabled": shape.soft,
            **dict.fromkeys(ABILITIES, True),
            **dict.fromkeys(NEVER, False),
            "urls": {"sobject": url, "describe": f"{url}/describe", "rowTemplate": f"{url}/{{ID}}"},
        }

    def whole(self, ask: Ask, table: OrgTable) -> dict[str, Any]:
        """An object with the fields that the user sees, its children and record types."""
        seen = {name: f for name, f in table.fields.items() if self.org.sees(table, name)}
        return {
            **self.head(ask, table),
            "fields": [self.field(table, name, field) for name, field in seen.items()],
            "childRelationships": self._children(table),
            "recordTypeInfos": self._record_types(table),
        }

    def field(self, table: OrgTable, name: str, field: OrgField) -> dict[str, Any]:
        """One field."""
        writable = not field.read_only and self.org.writes(table, name)
        texts = field.type not in NUMBERS and field.length is not None
        length = 18 if field.type in ("id", "reference") else field.length or 0
        whole = field.type == "int"
        return {
            "name": name,
            "label": field.label or name,
            "type": field.type,
            "length": length if texts or length == 18 else 0,
            "byteLength": (length if length == 18 else length * 3) if texts or length == 18 else 0,
            "precision": field.precision if field.type in NUMBERS and not whole else 0,
            "scale": (field.scale or 0) if field.type in NUMBERS else 0,
            "digits": field.precision if whole else 0,
            "nillable": not (
                field.required or field.type == "boolean" or (field.computed and field.defaulted)
            ),
            "createable": writable,
            "updateable": writable and not field.create_only,
            "calculated": bool(field.formula or field.rollup),
            "calculatedFormula": field.formula or None,
            "autoNumber": False,
            "defaultedOnCreate": field.defaulted or field.type == "boolean" or field.default is not None,
            "defaultValue": field.default,
            "defaultValueFormula": None,
            "externalId": field.external_id,
            "unique": field.unique,
            "caseSensitive": field.case_sensitive,
            "idLookup": field.external_id or name in ("Id", "Email", "Username"),
            "filterable": field.type != "address" and not self.long(field),
            "sortable": field.type not in ("address", "multipicklist") and not self.long(field),
            "groupable": field.type
            in ("string", "picklist", "reference", "boolean", "date", "email", "id", "int"),
            "aggregatable": field.type not in ("boolean", "address", "multipicklist"),
            "custom": name.endswith("__c"),
            "nameField": name == "Name",
            "namePointing": bool(field.also),
            "picklistValues": [
                {
                    "active": True,
                    "defaultValue": one == field.default,
                    "label": one,
                    "validFor": None,
                    "value": one,
                }
                for one in field.options or ()
            ],
            "restrictedPicklist": field.restricted,
            "dependentPicklist": False,
            "controllerName": None,
            "referenceTo": sorted((field.references, *field.also)) if field.references else [],
            "referenceTargetField": None,
            "relationshipName": field.relationship or None,
            "relationshipOrder": None,
            "polymorphicForeignKey": bool(field.also),
            "cascadeDelete": False,
            "compoundFieldName": self._compound(table, name, field),
            "permissionable": name.endswith("__c") or not (field.required or field.derived),
            "deprecatedAndHidden": False,
            "htmlFormatted": field.html,
            "inlineHelpText": None,
            "extraTypeInfo": "plaintextarea" if field.type == "textarea" else None,
            "soapType": SOAP.get(field.type, "xsd:string"),
            "writeRequiresMasterRead": False,
        }

    def long(self, field: OrgField) -> bool:
        """Whether it is a long text: no filter, no order."""
        return field.type == "textarea" and (field.length or 0) > 255

    def _compound(self, table: OrgTable, name: str, field: OrgField) -> str | None:
        if field.compound:
            return field.compound
        person = name in ("FirstName", "LastName", "Salutation") and "Name" in table.fields
        return "Name" if person else None

    def _children(self, table: OrgTable) -> list[dict[str, Any]]:
        return [
            {
                "childSObject": child.name,
                "field": name,
                "relationshipName": field.children or None,
                "cascadeDelete": field.on_delete == "cascade",
                "restrictedDelete": field.on_delete == "restrict",
                "deprecatedAndHidden": False,
                "junctionIdListNames": [],
                "junctionReferenceTo": [],
            }
            for child in map(self.org.org_table, self.org.tables)
            for name, field in child.fields.items()
            if field.references == table.name
        ]

    def _record_types(self, table: OrgTable) -> list[dict[str, Any]]:
        types = self.org.tables.get("RecordType")
        rows = [row for row in (types.order if types else ()) if row.fields["SobjectType"] == table.name]
        master = {
            "active": True,
            "available": True,
            "defaultRecordTypeMapping": not rows,
            "developerName": "Master",
            "master": True,
            "name": "Master",
            "recordTypeId": "012000000000000AAA",
        }
        told = [
            {
                "active": row.fields["IsActive"],
                "available": True,
                "defaultRecordTypeMapping": row is rows[0],
                "developerName": row.fields["DeveloperName"],
                "master": False,
                "name": row.fields["Name"],
                "recordTypeId": row.id,
            }
            for row in rows
        ]
        return [*told, master]
