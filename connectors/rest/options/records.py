"""Records: where things are in them, how values are written, what changed when, and what errors mean."""

from __future__ import annotations

import re
from typing import Any, Literal

from pydantic import ConfigDict, Field, field_validator

from connectors.rest.moments import form_of, zone_of
from connectors.rest.options.base import Statuses, Texts, Words, sound
from connectors.rest.options.calls import RequestWords

Means = Literal[
    "ok",
    "empty",
    "gone",
    "hidden",
    "stale",
    "exists",
    "rejected",
    "deferred",
    "retry",
    "uncertain",
    "operator",
    "batch",
    "cursor_lost",
]

TypeName = Literal[
    "text", "email", "phone", "integer", "decimal", "boolean", "date", "datetime", "enum", "set"
]


class RecordWords(Words):
    """Where things are in a record, as the API sends it."""

    unwrap: str = Field(default="", description="Each listed record is wrapped: where the record is in it.")
    fields: str = Field(default="", description="Where the fields are in the record; absent: beside the id.")
    id: str = Field(default="id", description="Where the id is.")
    id_form: Literal["text", "integer"] = Field(default="text", description="How `{id}` is written.")
    version: str | None = Field(
        default=None,
        description="Where the version is: a path, or `header:ETag` of an answer with one record.",
    )
    version_form: Literal["text", "integer"] = Field(
        default="text", description="How `{version}` is written where it stands alone in a body."
    )
    modified: str | None = Field(default=None, description="Where the time of the last change is.")
    deleted: str | None = Field(default=None, description="Where a deleted record says that it is one.")
    deleted_is: Any = Field(
        default=None, description="What stands there then; absent: anything but null, false, 0, no, nothing."
    )
    absent: Literal["unknown", "null"] = Field(
        default="unknown", description="What a field that is left out means: nothing, or that it is empty."
    )
    missing: Literal["deleted", "unknown"] = Field(
        default="deleted",
        description="What an id that is not found means; unknown: this account may not see all records.",
    )
    enforces_key: bool = Field(
        default=True, description="The server refuses a second record with our key; false: it is looked up."
    )
    client_ids: bool = Field(default=False, description="A create chooses the record's id, as `{key}`.")
    key_form: Literal["text", "uuid"] = Field(default="text", description="How `{key}` is written.")


class FeedWords(Words):
    """How changes are asked for. Times in seconds."""

    form: Any = Field(
        default=None,
        description="How `{since}` is written: iso, iso_s, iso_ms, unix, ms, http, a strftime pattern, "
        "or an object with {year} … {microsecond}; absent: as `modified_form`.",
    )
    modified_form: Any = Field(default="iso", description="How the time of the last change is written.")
    zone: str = Field(default="UTC", description="The zone of times without one.")
    first: Any = Field(default=None, description="`{since}` of the first read, if it must have one.")
    overlap: float = Field(
        default=10.0, ge=0, description="How late a change may become visible after its time stamp."
    )
    resolution: float = Field(default=1.0, ge=0, description="How exact the time of the last change is.")
    ordered: bool = Field(
        default=False,
        description="Changes come by time, oldest first, and `{since}` may be moved on from page to page.",
    )
    next: str | None = Field(
        default=None,
        description="Where an answer says the next `{since}` (a path, `header:NAME`); replaces times.",
    )
    lag: float = Field(default=0.0, ge=0, description="How old an answer may be: a search index.")
    find_lag: float = Field(default=0.0, ge=0, description="How long `find` may hide a new record.")

    @field_validator("form", "modified_form")
    @classmethod
    def _is_a_form(cls, said: Any) -> Any:
        return sound(said, lambda: said is None or form_of(said, "UTC"))

    @field_validator("zone")
    @classmethod
    def _is_a_zone(cls, said: str) -> str:
        return sound(said, lambda: zone_of(said))


class ValueWords(Words):
    """How values are written by this API, where it is not plain JSON."""

    empty: list[Any] = Field(default=[], description='What else means empty when read, such as "" or false.')
    clear: Any = Field(default=None, description="What is written to empty a field.")
    datetime: Any = Field(
        default=None, description="An object with {year} … {microsecond}, or a form as in `feed`."
    )
    date: Any = Field(default=None, description="An object with {year}, {month}, {day}.")
    decimal: Any = Field(
        default=None, description="`number`, `text`, or an object with {text}; absent: as the mapping has it."
    )
    references: Literal["text", "integer"] | None = Field(
        default=None, description="How ids of other records are written; absent: as the ids of records."
    )

    @field_validator("datetime", "date")
    @classmethod
    def _is_a_form(cls, said: Any) -> Any:
        return sound(said, lambda: said is None or form_of(said, "UTC"))

    @field_validator("decimal")
    @classmethod
    def _is_a_decimal(cls, said: Any) -> Any:
        parts = list(said.values()) if isinstance(said, dict) else []
        if said in (None, "number", "text") or parts.count("{text}") == 1:
            return said
        raise ValueError("is no way to write a decimal; write number, text, or an object with {text}")


class ErrorRule(Words):
    """When all that is said here holds, the answer `means` that."""

    status: Statuses | None = Field(default=None, description="One status, or several.")
    code: Texts | None = Field(default=None, description="One code, or several.")
    at: str | None = Field(default=None, description="A path in the answer …")
    is_: Any = Field(default=None, alias="is", description="… and what stands there; absent: anything.")
    matches: str | None = Field(
        default=None, description="… or a regular expression found in what stands there."
    )
    on: Texts | None = Field(default=None, description="Only for these calls, such as get or list.")
    means: Means = Field(description="What comes next.")

    @field_validator("matches")
    @classmethod
    def _is_a_pattern(cls, said: str | None) -> str | None:
        try:
            re.compile(said or "")
        except re.error as error:
            raise ValueError(f"is no regular expression: {error}") from None
        return said

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True, populate_by_name=False)


class ErrorWords(Words):
    """How an error is told, and what it means. Without a rule the status decides."""

    where: str | None = Field(
        default=None, description="An answer that has something here is an error, whatever its status."
    )
    code: str | None = Field(default=None, description="Where the error's code is.")
    field: str | None = Field(default=None, description="Where it names the field.")
    id: str | None = Field(default=None, description="Where it names the record that has the value already.")
    rules: list[ErrorRule] = Field(default=[], description="What errors mean; the first that fits decides.")


class FieldWords(Words):
    """One field, as `syncd check` and the mapping need it."""

    type: TypeName = Field(default="text", description="One of syncd's types, the nearest.")
    required: bool = Field(default=False, description="A create needs it.")
    read_only: bool = Field(default=False, description="It cannot be written.")
    unique: bool = Field(default=False, description="No two records have the same value.")
    length: int | None = Field(default=None, ge=1, description="Characters, at most.")
    scale: int | None = Field(default=None, ge=0, description="Digits after the point.")
    options: list[str] | None = Field(default=None, description="The values that it takes.")
    references: str | None = Field(default=None, description="The object whose id it holds.")
    default: bool = Field(default=False, description="The API fills it where a create leaves it out.")


class SchemaWords(Words):
    """The fields of an object: declared, read from the API, or else seen in a page."""

    fields: dict[str, TypeName | FieldWords] = Field(
        default={}, description="Declared fields: a type's name, or what is known."
    )
    source: RequestWords | None = Field(
        default=None, alias="from", description="A call that tells the fields."
    )
    at: str = Field(default="", description="Where its answer has them: a mapping by name, or a list.")
    words: dict[str, str] = Field(
        default={}, description="Where one of them has `name` (in a list), `type`, `required`, `read_only` …"
    )
    types: dict[str, TypeName] = Field(default={}, description="The API's names of types, and ours.")
