"""Rows of a page as changes: the hot path of every read, nothing else happens per row."""

from __future__ import annotations

from collections.abc import Sequence

import asyncpg

from connectors.sql.statements import Shape
from syncd.core.nouns import Change, Op


def changes(system: str, shape: Shape, rows: Sequence[asyncpg.Record]) -> list[Change]:
    """One upsert per row; the columns are the shape's fields, then id, version and time."""
    names, object, upsert = shape.fields, shape.object, Op.UPSERT
    i = len(names)
    v, t = i + 1, i + 2
    # `zip` ends with the names, before the columns that are not fields
    return [
        Change(system, object, row[i], upsert, dict(zip(names, row, strict=False)), False, row[v], row[t])
        for row in rows
    ]


def found(rows: Sequence[asyncpg.Record]) -> Sequence[asyncpg.Record]:
    """The rows of a page: an empty one comes as a single row without an id."""
    return () if len(rows) == 1 and rows[0]["id_"] is None else rows
