"""What a portal's properties and objects are: the kit's shapes with the words of the properties API."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import Field, model_validator

from connectors.sandboxes.shape import FieldShape, ObjectShape

PropertyType = Literal[
    "string",
    "number",
    "bool",
    "enumeration",
    "date",
    "datetime",
    "phone_number",
    "object_coordinates",
    "json",
]
FIELD_TYPES: dict[str, tuple[str, ...]] = {
    "string": ("text", "textarea", "html", "file", "phonenumber", "calculation_equation"),
    "number": ("number", "calculation_equation"),
    "bool": ("booleancheckbox", "calculation_equation"),
    "enumeration": ("select", "radio", "checkbox", "booleancheckbox", "calculation_equation"),
    "date": ("date",),
    "datetime": ("date",),
    "phone_number": ("phonenumber",),
    "object_coordinates": ("text",),
    "json": ("text",),
}
"""By type: the field types that may go with it, the usual one first (properties guide)."""
INTERNAL = ("object_coordinates", "json")
"""Types of which nobody can make a property (properties guide)."""


class HubProperty(FieldShape):
    """One property. The kit's words hold; `type` and `field_type` are the vendor's.

    `labels` are the options' labels by value; `external` says whose ids are the options (`OWNER`), `keeper`
    which list of the portal holds them (`owners`, `pipelines`, `stages`, `currencies`). `calculated` is
    worked out by the portal, and is read-only. `rule` is what becomes of a value: `email`, `domain`,
    `forward` (a lifecycle stage). `sensitive` properties are shown to those who have the scope.
    """

    type: PropertyType = "string"  # type: ignore[assignment]  # the vendor's words in place of the kit's
    field_type: str = ""
    label: str = ""
    group: str = ""
    description: str = ""
    labels: dict[str, str] = Field(default_factory=dict)
    external: str | None = None
    keeper: Literal["owners", "pipelines", "stages", "currencies", ""] = ""
    calculated: bool = False
    formula: str | None = None
    hubspot_defined: bool = False
    hidden: bool = False
    form_field: bool = False
    display_order: int = -1
    number_hint: str | None = None
    text_hint: str | None = None
    sensitivity: Literal["non_sensitive", "sensitive", "highly_sensitive"] = "non_sensitive"
    rule: Literal["", "email", "domain", "forward"] = ""
    archived_at: int | None = None
    made_at: int | None = None
    moved_at: int | None = None

    @model_validator(mode="before")
    @classmethod
    def _usual(cls, words: Any) -> Any:
        if isinstance(words, dict):
            words = dict(words)
            kind = words.get("type", "string")
            words["field_type"] = words.get("field_type") or FIELD_TYPES.get(kind, ("text",))[0]
            if words.get("calculated"):
                words["read_only"] = True
        return words

    @property
    def multiple(self) -> bool:
        """Whether it holds several options."""
        return self.type == "enumeration" and self.field_type == "checkbox"

    @property
    def plain(self) -> bool:
        """Every value is looked at here."""
        return False


class HubObject(ObjectShape):
    """One object. `singular` is its name in associations (`contact`), `type_id` the one in paths (`0-1`).

    `usual` are the properties that an answer shows when none is asked for, `searched` those that `query`
    looks at. `modified` is the property that holds the last change. A new record needs one of each of
    `needs`, whose parts may be alternatives (`name|domain`).
    """

    fields: dict[str, HubProperty] = Field(default_factory=dict)  # type: ignore[assignment]
    singular: str = ""
    type_id: str = ""
    usual: tuple[str, ...] = ()
    searched: tuple[str, ...] = ()
    modified: str = "hs_lastmodifieddate"
    needs: tuple[str, ...] = ()
    custom: bool = False
    label: str = ""
    plural_label: str = ""
    display: str | None = None
    groups: dict[str, str] = Field(default_factory=dict)
    made_at: int | None = None

    def keyed(self, key_field: str | None) -> HubObject:
        """With its key property, which has unique values; see the kit."""
        key = key_field if self.key_field == "unsaid" else self.key_field
        fields = dict(self.fields)
        if key is not None and key not in fields:
            group = next((prop.group for prop in fields.values()), "")
            fields[key] = HubProperty(unique=True, group=group, label=key.replace("_", " ").capitalize())
        return self.model_copy(update={"key_field": key, "fields": fields})
