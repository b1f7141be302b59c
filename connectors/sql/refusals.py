"""Why the database refused one row, said without its values."""

from __future__ import annotations

import re
from collections.abc import Callable

import asyncpg
import orjson

from connectors.sql.catalog import Conn, Index
from connectors.sql.changing import castable, holder, holder_of
from connectors.sql.errors import NOT_READY, NOT_READY_TODO, condition, is_passing
from connectors.sql.statements import Shape
from syncd.core.errors import NeedsOperator
from syncd.core.nouns import Deferred, Exists, Fields, Push, PushOp, PushResult, Rejected

_RIGHTS = {
    PushOp.CREATE: "insert",
    PushOp.UPDATE: "update",
    PushOp.ARCHIVE: "update",
    PushOp.DELETE: "delete",
}


def unsendable(push: Push) -> Rejected | None:
    """A value that is no text of Unicode, or that PostgreSQL cannot hold, would fail the whole batch."""
    if _sendable(dict(push.fields)):
        return None
    for name, value in push.fields.items():
        if _sendable(value):
            continue
        return Rejected(
            push.push_id, "22021", "the value holds characters that the database cannot store", name
        )
    return None


def _sendable(value: object) -> bool:
    try:
        return b"\\u0000" not in orjson.dumps(value) or not _has_nul(value)
    except TypeError:
        return False


def _has_nul(value: object) -> bool:
    if isinstance(value, dict):
        return any(_has_nul(k) or _has_nul(v) for k, v in value.items())
    if isinstance(value, list):
        return any(map(_has_nul, value))
    return isinstance(value, str) and "\0" in value


async def judge(
    conn: Conn,
    shape: Shape,
    push: Push,
    fields_of: Callable[[Push], Fields],
    error: asyncpg.PostgresError,
) -> PushResult:
    """The result for the one row that made a statement fail. The connection is in a sound transaction."""
    fields = fields_of(push)
    if error.sqlstate == "42501" and _RIGHTS[push.op] not in shape.table.rights:
        table, right = f"{shape.table.schema}.{shape.table.name}", _RIGHTS[push.op].upper()
        raise NeedsOperator(
            f"no right to {_RIGHTS[push.op]} rows of {table}",
            f"Run: GRANT {right} ON {table} TO the url's role",
        )
    if is_passing(error) or error.sqlstate == "57014":
        return Deferred(push.push_id)
    if error.sqlstate == "23505" and push.op is PushOp.CREATE:
        other = await _holder(conn, shape, fields, error)
        if other is not None:
            return Exists(push.push_id, other)
    if error.sqlstate == NOT_READY:
        message = f"the database refused the row: {condition(error)}. {NOT_READY_TODO}"
        return Rejected(push.push_id, error.sqlstate, message)
    name = await _field(conn, shape, fields, error)
    column = f" in column {name}" if name else ""
    return Rejected(
        push.push_id, error.sqlstate, f"the database refused the row: {condition(error)}{column}", name
    )


async def _holder(conn: Conn, shape: Shape, fields: Fields, error: asyncpg.PostgresError) -> str | None:
    """The record that already has the unique value; a trigger may have changed the value we sent."""
    index = shape.table.indexes.get(error.constraint_name or "")
    if index is None:
        return None
    stored = re.search(r"\(.*?\)=\((.*)\)[^)]*\Z", error.detail or "", re.S)
    if len(index.expressions) == 1 and stored is not None:
        sql, argument = holder(shape, index.expressions[0], index.condition), stored[1]
    elif len(index.columns) == len(index.expressions) and all(c in fields for c in index.columns):
        sql = holder_of(shape, index.columns, index.condition)
        argument = orjson.dumps([{f"c{i}": fields[c] for i, c in enumerate(index.columns)}]).decode()
    else:
        return None
    found = await conn.fetchrow(sql, argument)
    return None if found is None else str(found["id_"])


async def _field(conn: Conn, shape: Shape, fields: Fields, error: asyncpg.PostgresError) -> str | None:
    """Which field is to blame, where the error or a try of each one tells."""
    if error.column_name:
        return str(error.column_name)
    constraint = error.constraint_name or ""
    if constraint in shape.table.constraints:
        return shape.table.constraints[constraint]
    index: Index | None = shape.table.indexes.get(constraint)
    if index is not None and len(index.columns) == 1:
        return index.columns[0]
    if error.sqlstate == "22001":
        return _too_long(shape, fields)
    return await _uncastable(conn, shape, fields) if error.sqlstate[:2] == "22" else None


def _too_long(shape: Shape, fields: Fields) -> str | None:
    for name, value in fields.items():
        length = shape.table.columns[name].info.length
        if length is not None and isinstance(value, str) and len(value) > length:
            return name
    return None


async def _uncastable(conn: Conn, shape: Shape, fields: Fields) -> str | None:
    for name, value in fields.items():
        try:
            async with conn.transaction():
                await conn.fetch(castable(shape, name), orjson.dumps([{"c0": value}]).decode())
        except asyncpg.PostgresError:
            return name
    return None
