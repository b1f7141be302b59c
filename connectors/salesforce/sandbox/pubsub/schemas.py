"""The Avro schema of an object's change events, as a Developer Edition org shows it.

After the header come the object's fields; `doc` says the type (`Role:Type`). Names and addresses are nested
records; the server's own bookkeeping, formulas and roll-ups are left out (Change Event Message Structure).
"""

from __future__ import annotations

import base64
import hashlib
from dataclasses import dataclass
from typing import Any

import fastavro
import orjson

from connectors.salesforce.sandbox.fields import OrgField
from connectors.salesforce.sandbox.table import OrgTable

LEFT_OUT = frozenset({"Id", "IsDeleted", "SystemModstamp", "MasterRecordId"})
CHANGE_TYPES = (
    *("CREATE", "UPDATE", "DELETE", "UNDELETE", "GAP_CREATE", "GAP_UPDATE", "GAP_DELETE", "GAP_UNDELETE"),
    *("GAP_OVERFLOW", "SNAPSHOT"),
)
TEXTS = {"type": "array", "items": "string"}
HEADER: list[tuple[str, Any]] = [
    ("entityName", "string"),
    ("recordIds", TEXTS),
    ("changeType", {"type": "enum", "name": "ChangeType", "symbols": list(CHANGE_TYPES)}),
    ("changeOrigin", "string"),
    ("transactionKey", "string"),
    ("sequenceNumber", "int"),
    ("commitTimestamp", "long"),
    ("commitNumber", "long"),
    ("commitUser", "string"),
    ("nulledFields", TEXTS),
    ("diffFields", TEXTS),
    ("changedFields", TEXTS),
]
NAME_PARTS = ("Salutation", "FirstName", "LastName")
ADDRESS_PARTS = (
    "Street",
    "City",
    "State",
    "PostalCode",
    "Country",
    "Latitude",
    "Longitude",
    "GeocodeAccuracy",
)
NUMERIC = ("Latitude", "Longitude")
SWITCHABLE = "Switchable_PersonName"
KINDS = {
    "string": ("string", "Data:Text"),
    "textarea": ("string", "Data:StringPlusClob"),
    "email": ("string", "Data:Email"),
    "phone": ("string", "Data:Phone"),
    "url": ("string", "Data:Url"),
    "picklist": ("string", "Data:DynamicEnum"),
    "combobox": ("string", "Data:DynamicEnum"),
    "multipicklist": ("string", "Data:MultiEnum"),
    "boolean": ("boolean", "Data:Boolean"),
    "int": ("int", "Data:Integer"),
    "double": ("double", "Data:Double"),
    "currency": ("double", "Data:Currency"),
    "percent": ("double", "Data:Percent"),
    "date": ("long", "Data:DateOnly"),
    "datetime": ("long", "Data:DateTime"),
    "reference": ("string", "ForeignKey:EntityId"),
    "id": ("string", "Data:EntityId"),
}
"""By the vendor's field type: the Avro type and the `doc`. Dates and times are milliseconds since 1970."""


@dataclass(frozen=True, slots=True)
class Slot:
    """One field of the schema: its name there, the org's field, or the org's fields of its parts in order."""

    name: str
    field: str | None
    type: str = ""
    parts: tuple[tuple[str, str | None, str], ...] = ()
    """(name in the record, the org's field or None, its type)."""
    computed: bool = False

    @property
    def fields(self) -> tuple[str, ...]:
        """The org's fields behind it."""
        if self.field is not None:
            return (self.field,)
        return tuple(field for _, field, _ in self.parts if field is not None)


class EventSchema:
    """An object's schema at one time. `id` is a fingerprint of its text."""

    def __init__(self, table: OrgTable) -> None:
        self.entity, self.shape = table.name, table.shape
        self.slots = tuple(_slots(table))
        self.text = orjson.dumps(self._schema()).decode()
        digest = hashlib.md5(self.text.encode(), usedforsecurity=False).digest()
        self.id = base64.urlsafe_b64encode(digest).decode().rstrip("=")
        self.parsed = fastavro.parse_schema(orjson.loads(self.text), named_schemas={})

    def _schema(self) -> dict[str, Any]:
        header = {
            "type": "record",
            "name": "ChangeEventHeader",
            "fields": [{"name": name, "type": type} for name, type in HEADER],
        }
        first = {"name": "ChangeEventHeader", "type": header, "doc": "Data:ComplexValueType"}
        declared: set[str] = set()
        rest = [_avro(slot, declared) for slot in self.slots]
        return {
            "name": event_name(self.entity),
            "namespace": "com.sforce.eventbus",
            "type": "record",
            "fields": [first, *rest],
        }


def event_name(object: str) -> str:
    """`ContactChangeEvent`, `Project__ChangeEvent`."""
    return (object.removesuffix("c") if object.endswith("__c") else object) + "ChangeEvent"


def _slots(table: OrgTable) -> list[Slot]:
    fields = table.fields
    person = all(part in fields for part in NAME_PARTS)
    found: dict[str, Slot] = {}
    for name, field in fields.items():
        if person and name in (*NAME_PARTS, "Name"):
            found.setdefault("Name", Slot("Name", None, "PersonName", _parts(NAME_PARTS, "", fields)))
        elif field.compound:
            kind = field.compound.removesuffix("Address")
            parts = _parts(ADDRESS_PARTS, kind, fields)
            found.setdefault(field.compound, Slot(field.compound, None, "Address", parts))
        elif name not in LEFT_OUT and field.type in KINDS and not (field.formula or field.rollup):
            type = SWITCHABLE if (table.name, name) == ("Account", "Name") else field.type
            found[name] = Slot(name, name, type, computed=field.computed)
    return list(found.values())


def _parts(
    names: tuple[str, ...], kind: str, fields: dict[str, OrgField]
) -> tuple[tuple[str, str | None, str], ...]:
    return tuple(
        (part, kind + part if kind + part in fields else None, "double" if part in NUMERIC else "string")
        for part in names
    )


def _avro(slot: Slot, declared: set[str]) -> dict[str, Any]:
    """The field of a slot. A named record is declared where it stands first, then meant by its name."""
    if slot.parts:
        types: list[Any] = ["null", _record(slot, declared)]
        doc = f"Data:{slot.type}"
    elif slot.type == SWITCHABLE:
        types, doc = ["null", "string", _switchable()], f"Data:{SWITCHABLE}"
    else:
        type, doc = KINDS[slot.type]
        types = ["null", type]
    doc = "CreatedDate:DateTime" if slot.name == "CreatedDate" else doc
    return {"name": slot.name, "type": types, "doc": doc, "default": None}


def _record(slot: Slot, declared: set[str]) -> Any:
    if slot.type in declared:
        return slot.type
    declared.add(slot.type)
    fields = [
        {"name": name, "type": ["null", "double" if type == "double" else "string"], "default": None}
        for name, _, type in slot.parts
    ]
    return {"type": "record", "name": slot.type, "fields": fields}


def _switchable() -> dict[str, Any]:
    """An account's name: text, or a person account's name in parts; this org has none of the latter."""
    fields = [{"name": name, "type": ["null", "string"], "default": None} for name in NAME_PARTS]
    return {"type": "record", "name": SWITCHABLE, "fields": fields}
