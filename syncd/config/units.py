"""Durations, shares and the words of the configuration as pydantic types, with their JSON Schema."""

from __future__ import annotations

import re
from typing import Annotated, Any, Literal

from pydantic import BeforeValidator, PlainValidator, StringConstraints, WithJsonSchema

SECONDS = {"ms": 0.001, "s": 1.0, "m": 60.0, "h": 3600.0, "d": 86400.0, "w": 604800.0}
DURATION = r"^(\d+(\.\d+)?\s*(ms|s|m|h|d|w)\s*)+$"
SHARE = r"^\d+(\.\d+)?\s*%$"


def seconds(value: Any) -> float:
    """`30s`, `5m`, `1h30m`, `30d`, or a number of seconds, as seconds."""
    if isinstance(value, bool) or not isinstance(value, int | float | str):
        raise ValueError("must be a duration; write 30s, 5m, 1h or 30d")
    if isinstance(value, int | float):
        total = float(value)
    elif re.match(DURATION, value.strip()):
        total = sum(float(n) * SECONDS[u] for n, _, u in re.findall(r"(\d+(\.\d+)?)\s*([a-z]+)", value))
    else:
        raise ValueError("is not a duration; write 30s, 5m, 1h or 30d")
    if not 0 < total < float("inf"):
        raise ValueError("must be longer than nothing; write 30s, 5m, 1h or 30d")
    return total


def fraction(value: Any) -> float:
    """`2%`, or a number from 0 to 1, as a fraction."""
    if isinstance(value, str) and re.match(SHARE, value.strip()):
        value = float(value.strip().rstrip("%")) / 100
    if isinstance(value, bool) or not isinstance(value, int | float):
        raise ValueError("is not a share; write it as a percentage, such as 2%")
    if not 0 <= value <= 1:
        raise ValueError("is not between 0% and 100%; write it as a percentage, such as 2%")
    return float(value)


def word(value: Any) -> Any:
    """YAML 1.1 habits: true and false where `yes` and `no` are meant."""
    return {True: "yes", False: "no"}.get(value, value) if isinstance(value, bool) else value


def age(value: Any) -> float | None:
    """A duration, or None for the word `forever`."""
    try:
        return None if value == "forever" else seconds(value)
    except ValueError as error:
        raise ValueError(f"{error}, or forever") from None


DURATION_SCHEMA = {
    "anyOf": [{"type": "string", "pattern": DURATION}, {"type": "number", "exclusiveMinimum": 0}]
}
Duration = Annotated[float, BeforeValidator(seconds), WithJsonSchema(DURATION_SCHEMA)]
"""Seconds."""

Age = Annotated[
    float | None,
    PlainValidator(age),
    WithJsonSchema({"anyOf": [*DURATION_SCHEMA["anyOf"], {"const": "forever"}]}),
]
"""Seconds, or None: for ever."""

Share = Annotated[
    float,
    BeforeValidator(fraction),
    WithJsonSchema(
        {"anyOf": [{"type": "string", "pattern": SHARE}, {"type": "number", "minimum": 0, "maximum": 1}]}
    ),
]
"""A fraction from 0 to 1."""

Create = Annotated[
    Literal["yes", "matched_only", "no"],
    BeforeValidator(word),
    WithJsonSchema({"enum": ["yes", "matched_only", "no", True, False]}),
]

SYSTEM_NAME = r"^[A-Za-z][A-Za-z0-9_-]{0,62}$"
FIELD_NAME = r"^[A-Za-z_][A-Za-z0-9_]{0,62}$"
SystemName = Annotated[str, StringConstraints(pattern=SYSTEM_NAME)]
KindName = Annotated[str, StringConstraints(pattern=SYSTEM_NAME)]
FieldName = Annotated[str, StringConstraints(pattern=FIELD_NAME)]
