"""What an org's fields and objects are: the kit's shapes with the words of the vendor's describe."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import model_validator

from connectors.sandboxes.shape import FieldShape, ObjectShape

SfType = Literal[
    "id",
    "string",
    "textarea",
    "email",
    "phone",
    "url",
    "picklist",
    "multipicklist",
    "combobox",
    "boolean",
    "int",
    "double",
    "currency",
    "percent",
    "date",
    "datetime",
    "reference",
    "address",
]
TEXTS = frozenset({"string", "textarea", "email", "phone", "url", "picklist", "multipicklist", "combobox"})
NUMBERS = frozenset({"int", "double", "currency", "percent"})
LENGTHS = {"phone": 40, "email": 80, "url": 255, "picklist": 255, "multipicklist": 4099, "string": 255}
LENGTHS |= {"textarea": 255, "combobox": 255}


class OrgField(FieldShape):
    """One field of describe. The kit's words hold; `type` is one of the vendor's.

    `references` is the object that a lookup points at, `also` others that it may point at. `relationship`
    and `children` are the names to go to the parent and from it. `formula` is a path such as
    `Account.BillingCity`; `rollup` is `count OBJECT.FIELD` or `sum OBJECT.FIELD AMOUNT`, over children
    whose FIELD points here: both are worked out when they are read, so they change without a time stamp.
    `computed`: the server's own.
    """

    type: SfType = "string"  # type: ignore[assignment]  # the vendor's words in place of the kit's
    label: str = ""
    also: tuple[str, ...] = ()
    relationship: str = ""
    children: str = ""
    external_id: bool = False
    case_sensitive: bool = False
    create_only: bool = False
    restricted: bool = False
    defaulted: bool = False
    precision: int = 18
    compound: str = ""
    formula: str = ""
    rollup: str = ""
    html: bool = False
    computed: bool = False

    @model_validator(mode="after")
    def _filled(self) -> OrgField:
        told: dict[str, Any] = {}
        if self.length is None and self.type in LENGTHS:
            told["length"] = LENGTHS[self.type]
        if self.type == "boolean" and self.default is None:
            told["default"] = False
        if self.formula or self.rollup or self.computed:
            told["read_only"] = True
        if self.scale is None and self.type in NUMBERS:
            told["scale"] = 0 if self.type == "int" else 2 if self.type in ("currency", "percent") else 0
        for name, value in told.items():
            if getattr(self, name) != value:
                self.__dict__[name] = value
        return self

    @property
    def derived(self) -> bool:
        """Whether it is worked out when it is read."""
        return bool(self.computed or self.formula or self.rollup)

    @property
    def plain(self) -> bool:
        """The kit's short cut is not taken."""
        return False


class OrgObject(ObjectShape):
    """One object: its key prefix, labels, and what may be done with its records."""

    fields: dict[str, OrgField] = {}  # type: ignore[assignment]  # noqa: RUF012
    label: str = ""
    plural: str = ""
    mergeable: bool = False
    createable: bool = True
    deletable: bool = True
    tooling: bool = False
    """Whether only the Tooling API knows it."""
    soft: bool = True
    """Whether deleted records go to the recycle bin and have IsDeleted."""
