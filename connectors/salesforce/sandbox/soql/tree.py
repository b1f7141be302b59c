"""What a SOQL text says."""

from __future__ import annotations

from dataclasses import dataclass
from typing import Any, Literal

Op = Literal["=", "!=", "<", "<=", ">", ">=", "like", "in", "not in", "includes", "excludes"]


@dataclass(frozen=True, slots=True)
class Path:
    """A field, by way of parents; `place` is where it stands in the text."""

    words: tuple[str, ...]
    place: int


@dataclass(frozen=True, slots=True)
class Value:
    """A literal; a range is a date literal such as `LAST_N_DAYS:3`, told as its name and number."""

    kind: Literal["text", "number", "bool", "null", "date", "datetime", "range"]
    value: Any
    place: int


@dataclass(frozen=True, slots=True)
class Compare:
    """A field against a value, a list of them, or those that another query selects."""

    path: Path
    op: Op
    value: Value | tuple[Value, ...] | Query


@dataclass(frozen=True, slots=True)
class Not:
    """The opposite."""

    one: Condition


@dataclass(frozen=True, slots=True)
class Many:
    """All of them, or any."""

    word: Literal["and", "or"]
    all: tuple[Condition, ...]


Condition = Compare | Not | Many


@dataclass(frozen=True, slots=True)
class Selected:
    """A field, an aggregate over one (`function`.

    No path: `COUNT()`), `FIELDS(…)`, or a query of children.
    """

    path: Path | None = None
    function: str = ""
    alias: str = ""
    all: Literal["", "ALL", "STANDARD", "CUSTOM"] = ""
    children: Query | None = None


@dataclass(frozen=True, slots=True)
class Order:
    """A field to order by."""

    path: Path
    descending: bool = False
    nulls_last: bool = False


@dataclass(frozen=True, slots=True)
class Query:
    """A whole SELECT; `source` is the object, or the name of children in a query inside another."""

    text: str
    selected: tuple[Selected, ...]
    source: Path
    alias: str = ""
    where: Condition | None = None
    groups: tuple[Path, ...] = ()
    orders: tuple[Order, ...] = ()
    limit: int | None = None
    offset: int = 0
    all_rows: bool = False
