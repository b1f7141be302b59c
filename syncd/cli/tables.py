"""Tables and values as people read them."""

from __future__ import annotations

from collections.abc import Sequence
from typing import Any

import orjson
from rich.console import Group
from rich.markup import escape
from rich.table import Table

LONGEST = 60


def table(
    title: str | None, *columns: str, rows: Sequence[Sequence[Any]], numbers: Sequence[str] = ()
) -> Table:
    """A plain table; the columns in `numbers` are set to the right."""
    made = Table(title=title, title_justify="left", box=None, pad_edge=False, header_style="bold")
    for column in columns:
        made.add_column(column, justify="right" if column in numbers else "left", overflow="fold")
    for row in rows:
        made.add_row(*[shown(cell) for cell in row])
    return made


def told(title: str, body: Table, *then: str) -> Group:
    """A table under lines of its own width, and what can be done next under it."""
    return Group(shown(title), body, *(shown(line) for line in then))


def shown(value: Any) -> str:
    """A cell: text as it is, without control characters, never read as markup."""
    if value is None:
        return "-"
    text = value if isinstance(value, str) else str(value)
    return escape("".join(c if c.isprintable() or c == "\n" else "·" for c in text))


def counted(number: int, word: str) -> str:
    """`1 conflict`, `2 conflicts`."""
    return f"{number} {word}{'' if number == 1 else 's'}"


def brief(value: Any) -> str:
    """A record's value in a line: JSON, cut where it is long."""
    text = orjson.dumps(value, default=str).decode()
    return text if len(text) <= LONGEST else text[: LONGEST - 1] + "…"


def ids(found: dict[str, list[str]]) -> str:
    """A record's ids: `sales:17, erp:4`."""
    return ", ".join(f"{system}:{remote}" for system, many in found.items() for remote in many) or "-"
