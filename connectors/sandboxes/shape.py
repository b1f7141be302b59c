"""What a sandbox's objects look like: fields, types, limits, and what a write does to a value."""

from __future__ import annotations

from typing import Any, Literal

from pydantic import BaseModel, ConfigDict, Field, field_validator

FieldType = Literal[
    "text",
    "email",
    "phone",
    "url",
    "html",
    "integer",
    "decimal",
    "boolean",
    "date",
    "datetime",
    "enum",
    "set",
    "ref",
]
NORMALISERS = ("trim", "lower", "upper", "phone", "url", "html", "strip_html", "cut", "round")
UNSAID = "unsaid"


class Strict(BaseModel):
    """A part of a profile: an unknown word is a mistake."""

    model_config = ConfigDict(extra="forbid", validate_assignment=True)


def known_rules(rules: tuple[str, ...]) -> tuple[str, ...]:
    """The rules, if each is one of `NORMALISERS`; cut and round need a number (`cut:80`)."""
    for rule in rules:
        name, _, number = rule.partition(":")
        if name not in NORMALISERS or (name in ("cut", "round")) != number.isdigit():
            raise ValueError(f"no normaliser {rule!r}; there are: {', '.join(NORMALISERS)} (cut:N, round:N)")
    return rules


class FieldShape(Strict):
    """One field. `normalise` lists what a write does to a value, in order.

    `on_delete` says what happens to this record when the one that it references is deleted.
    """

    type: FieldType = "text"
    required: bool = False
    read_only: bool = False
    unique: bool = False
    length: int | None = None
    scale: int | None = None
    options: tuple[str, ...] | None = None
    references: str | None = None
    on_delete: Literal["null", "cascade", "restrict"] = "null"
    default: Any = None
    normalise: tuple[str, ...] = ()

    _rules = field_validator("normalise")(known_rules)

    @property
    def plain(self) -> bool:
        """Whether any text up to its length is kept as it comes."""
        words = self.type in ("text", "email", "phone", "url", "html")
        return words and not (self.normalise or self.options or self.read_only)

    def told(self) -> dict[str, Any]:
        """As a schema call reports it."""
        return self.model_dump(exclude={"on_delete", "normalise", "default"})


class ObjectShape(Strict):
    """One object. `prefix` goes before the running number of an id; `columns` renames a seed's columns."""

    prefix: str = ""
    key_field: str | None = UNSAID
    fields: dict[str, FieldShape] = Field(default_factory=dict)
    columns: dict[str, str] = Field(default_factory=dict)

    def keyed(self, key_field: str | None) -> ObjectShape:
        """With its key field among the fields; `key_field` is the profile's, for objects that name none."""
        key = key_field if self.key_field == UNSAID else self.key_field
        fields = dict(self.fields)
        if key is not None and key not in fields:
            fields[key] = FieldShape(unique=True, length=100)
        return self.model_copy(update={"key_field": key, "fields": fields})


class Refusal(Exception):
    """A call or one row of it is refused: the vendor's code says how that looks. No value in `message`."""

    def __init__(
        self, status: int, code: str, message: str, field: str | None = None, other: str | None = None
    ) -> None:
        super().__init__(message)
        self.status, self.code, self.message, self.field, self.other = status, code, message, field, other
        self.headers: dict[str, str] = {}

    def told(self) -> dict[str, Any]:
        """The error as the plain wire says it."""
        said = {"code": self.code, "message": self.message, "field": self.field, "id": self.other}
        return {name: value for name, value in said.items() if value is not None}
