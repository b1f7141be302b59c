"""What asyncpg raises, by what happens next. Server messages are never passed on: they quote values."""

from __future__ import annotations

import re
from collections.abc import Iterator
from contextlib import contextmanager

import asyncpg

from syncd.core.errors import NeedsOperator, RetryLater, SchemaMoved, SyncdError

LOST = (OSError, TimeoutError, asyncpg.InterfaceError, asyncpg.InternalClientError)
"""No answer came: the connection is gone, or the wait was too long."""

_LATER = {"08", "40", "53", "57", "58", "XX"}
_LATER_STATES = {"55P03", "55006"}
_LOGIN = {"28000", "28P01"}
COLUMNS_MOVED = {"42703", "0A000", "42704", "42883", "42804", "42846"}
SCHEMA_MOVED = COLUMNS_MOVED | {"42P01"}


def moved(system: str, object: str) -> SchemaMoved:
    """A table's columns are not those that `describe` told."""
    return SchemaMoved(f"system {system}: the columns of {object} are not what they were")


def condition(error: asyncpg.PostgresError) -> str:
    """The error's kind in words, such as `not null violation`."""
    words = re.sub(r"(?<!^)(?=[A-Z])", " ", type(error).__name__.removesuffix("Error")).lower()
    return f"{words} ({error.sqlstate})"


def is_passing(error: asyncpg.PostgresError) -> bool:
    """Whether the same statement may succeed later."""
    return error.sqlstate[:2] in _LATER or error.sqlstate in _LATER_STATES


def is_lost(error: BaseException) -> bool:
    """Whether the connection broke, so that what was sent has no answer."""
    if isinstance(error, asyncpg.PostgresError):
        return error.sqlstate[:2] == "08" or error.sqlstate in ("57P01", "57P02", "57P03")
    return isinstance(error, LOST)


NOT_READY = "55000"
NOT_READY_TODO = (
    "It must be put right there first; the server's log at this time says what: a database that allows no "
    "connections (ALLOW_CONNECTIONS), a published table without a REPLICA IDENTITY, or a trigger's own rule"
)
"""PostgreSQL's `object_not_in_prerequisite_state`: no right is missing, and no value is wrong."""


def next_step(error: BaseException, what: str, where: str, grant: str | None = None) -> SyncdError:
    """The syncd error for one of asyncpg's. `what` begins with the system's name; `where` is the database.

    `grant` says what to do where a right is missing.
    """
    if not isinstance(error, asyncpg.PostgresError):
        return RetryLater(f"{what}: no answer from {where} ({type(error).__name__}); it will be tried again")
    text = f"{what} at {where}: {condition(error)}"
    if error.sqlstate in _LOGIN:
        return NeedsOperator(text, "Check the user and password in the url, and the server's pg_hba.conf")
    if error.sqlstate == "3D000":
        return NeedsOperator(text, "Check the database's name in the url, or create the database")
    if error.sqlstate == "42501":
        return NeedsOperator(text, grant or "Grant the missing right to the url's role")
    if error.sqlstate == "25006":
        return NeedsOperator(text, "Name the primary server in the url; this one is read-only")
    if is_passing(error):
        return RetryLater(text)
    if error.sqlstate == NOT_READY:
        return NeedsOperator(text, NOT_READY_TODO)
    return NeedsOperator(text, "Look this SQLSTATE up in the server's log at this time and mend it")


@contextmanager
def guarded(what: str, where: str, grant: str | None = None) -> Iterator[None]:
    """Let nothing but syncd's errors out; the arguments are those of `next_step`."""
    try:
        yield
    except (asyncpg.PostgresError, *LOST) as error:
        raise next_step(error, what, where, grant) from None
