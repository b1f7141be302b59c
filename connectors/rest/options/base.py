"""What the models have in common."""

from __future__ import annotations

from typing import Annotated, Any

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema


class Words(BaseModel):
    """A part of the file: unknown keys are problems, values are never shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def as_list(value: Any) -> Any:
    """One word as a list of one."""
    return value if isinstance(value, list) or value is None else [value]


WORDS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
NUMBERS = {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}
Texts = Annotated[list[str], BeforeValidator(as_list), WithJsonSchema(WORDS)]
Statuses = Annotated[list[int], BeforeValidator(as_list), WithJsonSchema(NUMBERS)]
