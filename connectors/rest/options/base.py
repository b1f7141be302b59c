"""What the models have in common."""

from __future__ import annotations

from collections.abc import Callable
from typing import Annotated, Any, TypeVar

from pydantic import BaseModel, BeforeValidator, ConfigDict, WithJsonSchema

from syncd.core.errors import NeedsOperator

T = TypeVar("T")


class Words(BaseModel):
    """A part of the file: unknown keys are problems, values are never shown."""

    model_config = ConfigDict(extra="forbid", frozen=True, hide_input_in_errors=True)


def sound(value: T, compiled: Callable[[], object]) -> T:
    """The value, if what is made of it can be made; else `ValueError` with the reason."""
    try:
        compiled()
    except NeedsOperator as error:
        raise ValueError(str(error).replace(f". {error.todo}", f"; {error.todo}")) from None
    return value


def as_list(value: Any) -> Any:
    """One word as a list of one."""
    return value if isinstance(value, list) or value is None else [value]


WORDS = {"anyOf": [{"type": "string"}, {"type": "array", "items": {"type": "string"}}]}
NUMBERS = {"anyOf": [{"type": "integer"}, {"type": "array", "items": {"type": "integer"}}]}
Texts = Annotated[list[str], BeforeValidator(as_list), WithJsonSchema(WORDS)]
Statuses = Annotated[list[int], BeforeValidator(as_list), WithJsonSchema(NUMBERS)]
