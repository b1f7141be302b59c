"""SOQL as text: names that are checked, values that are quoted, queries that fit into an address.

Sources: SOQL and SOSL Reference, "Quoted String Escape Sequences", "Date Formats and Date Literals";
Salesforce Developer Limits, "SOQL and SOSL Limits": 100,000 characters a statement, 16,384 bytes of
address and headers.
"""

from __future__ import annotations

import re
from collections.abc import Iterable, Iterator, Sequence
from datetime import UTC, datetime
from urllib.parse import quote as percent

from syncd.core.errors import NeedsOperator

ADDRESS = 12_000
"""Bytes of a percent-encoded query, at most; the rest of 16,384 is for the host and the headers."""
LITERAL = 4_000
"""Characters that a text in a condition may have."""

_NAME = re.compile(r"[A-Za-z][A-Za-z0-9_]*(?:\.[A-Za-z][A-Za-z0-9_]*){0,5}")
_ESCAPES = {"\\": "\\\\", "'": "\\'", "\n": "\\n", "\r": "\\r", "\t": "\\t", "\b": "\\b", "\f": "\\f"}
_ESCAPE = str.maketrans(_ESCAPES)


def is_name(text: str) -> bool:
    """Whether a text can be the API name of an object or field, or a path over relationships."""
    return _NAME.fullmatch(text) is not None


def text(value: str) -> str:
    """A text as a literal. Nothing in it can end the literal."""
    return f"'{value.translate(_ESCAPE)}'"


def moment(at: datetime) -> str:
    """An instant as a literal, in UTC; a fraction only where it has one."""
    utc = at.astimezone(UTC)
    spec = "milliseconds" if utc.microsecond else "seconds"
    return utc.isoformat(timespec=spec).replace("+00:00", "Z")


def select(
    fields: Iterable[str], object: str, where: str = "", order: str = "", limit: int | None = None
) -> str:
    """A query. Raises `NeedsOperator` for a name that is none: it came from the configuration."""
    names = list(fields)
    for name in (object, *names):
        if not is_name(name) and name != "COUNT()":
            raise NeedsOperator(f"{name!r} is no API name of Salesforce", "Write it as Setup shows it")
    parts = [f"SELECT {','.join(names)} FROM {object}"]
    parts += [f"WHERE {where}"] if where else []
    parts += [f"ORDER BY {order}"] if order else []
    parts += [f"LIMIT {limit}"] if limit is not None else []
    return " ".join(parts)


def encoded(query: str) -> str:
    """A query as it stands in an address."""
    return percent(query, safe="")


def among(name: str, values: Sequence[str]) -> str:
    """The condition that a field has one of the values."""
    return f"{name} IN ({','.join(map(text, values))})"


def chunks(values: Iterable[str], room: int) -> Iterator[list[str]]:
    """Values in groups whose literals fit into `room` encoded bytes; each group has one at least."""
    group: list[str] = []
    size = 0
    for value in values:
        length = len(encoded(text(value))) + 3
        if group and size + length > room:
            yield group
            group, size = [], 0
        group.append(value)
        size += length
    if group:
        yield group


def after(at: datetime, id: str, stamp: str = "SystemModstamp") -> str:
    """What comes behind a place in the order of (stamp, Id), however many records share a stamp."""
    when = moment(at)
    return f"{stamp} >= {when} AND ({stamp} > {when} OR Id > {text(id)})"


def both(*conditions: str) -> str:
    """Conditions that must all hold."""
    told = [f"({c})" if " OR " in c or " AND " in c else c for c in conditions if c]
    return " AND ".join(told)
