"""One field of an object: what `describe` says of it, in syncd's words.

Source: Object Reference and SOAP API Developer Guide, "DescribeSObjectResult" and "Field".
"""

from __future__ import annotations

from collections.abc import Mapping
from dataclasses import dataclass
from typing import Any

from connectors.base import FieldInfo
from connectors.salesforce.values import Convert, reader

TYPES = {
    "picklist": "enum",
    "multipicklist": "set",
    "boolean": "boolean",
    "int": "integer",
    "long": "integer",
    "whole": "integer",
    "double": "decimal",
    "currency": "decimal",
    "percent": "decimal",
    "phone": "phone",
    "email": "email",
    "date": "date",
    "datetime": "datetime",
}
"""Native types and ours; all others are text."""
COMPOUND = ("address", "location")
"""Containers of other fields, which are written part by part."""


@dataclass(frozen=True, slots=True)
class Column:
    """A field. `path` is where a row has it; `native` Salesforce's type, `whole` for a number of scale 0.

    `passive`: it changes without moving the record's stamp. `via`: the reference of this object that leads to
    it, where it is another record's. `through`: a write sets this reference instead,
    to the record of `target` that has the value; `queues`: that may be a queue as well as a user.
    """

    name: str
    native: str
    info: FieldInfo
    read: Convert
    path: tuple[str, ...]
    createable: bool = False
    updateable: bool = False
    nillable: bool = True
    passive: bool = False
    compound: bool = False
    via: str | None = None
    through: str | None = None
    target: str | None = None
    queues: bool = False


def column(told: Mapping[str, Any]) -> Column:
    """A field of a describe."""
    name, native = str(told["name"]), _native(told)
    createable, updateable = bool(told.get("createable")), bool(told.get("updateable"))
    return Column(
        name,
        native,
        _info(told, native),
        reader(native),
        (name,),
        createable,
        updateable,
        bool(told.get("nillable", True)),
        passive=bool(told.get("calculated")),
        compound=native in COMPOUND,
    )


def _native(told: Mapping[str, Any]) -> str:
    native = str(told.get("type") or "string")
    return "whole" if native == "double" and told.get("scale") == 0 else native


def _info(told: Mapping[str, Any], native: str) -> FieldInfo:
    createable, updateable = bool(told.get("createable")), bool(told.get("updateable"))
    defaulted = bool(told.get("defaultedOnCreate"))
    targets = list(told.get("referenceTo") or ())
    type_ = TYPES.get(native, "text")
    length = told.get("length") or 0
    return FieldInfo(
        str(told["name"]),
        type_,
        required=createable and not told.get("nillable", True) and not defaulted,
        read_only=not (createable or updateable),
        unique=bool(told.get("unique")) or native == "id",
        length=length
        if length > 0 and native not in ("multipicklist", "reference", "id", *COMPOUND)
        else None,
        scale=told.get("scale") if type_ == "decimal" else None,
        options=_options(told),
        references=targets[0] if native == "reference" and len(targets) == 1 else None,
        default=defaulted or told.get("defaultValue") is not None,
        native=str(told.get("type") or "string"),
    )


def _options(told: Mapping[str, Any]) -> tuple[str, ...] | None:
    """The options, where the field takes no other."""
    if told.get("type") != "picklist" or not told.get("restrictedPicklist"):
        return None
    return tuple(str(v["value"]) for v in told.get("picklistValues") or () if v.get("active", True))


def over(name: str, info: FieldInfo, native: str, *, via: str, passive: bool = True, **more: Any) -> Column:
    """A field of another record, reached over the reference `via`."""
    path = tuple(name.split("."))
    return Column(name, native, info, reader(native), path, passive=passive, via=via, **more)
