"""Connections to PostgreSQL, and what to tell a person when there are none."""

from __future__ import annotations

from collections.abc import Iterator
from contextlib import contextmanager
from typing import Any
from urllib.parse import parse_qs, unquote, urlsplit

import asyncpg
import orjson

from syncd.core.errors import StoreUnavailable

PINS = {
    "jit": "off",
    "enable_seqscan": "off",
    "enable_bitmapscan": "off",
    "enable_hashjoin": "off",
    "enable_mergejoin": "off",
}
"""Planner settings of hot connections: on tables that were never analysed the planner's luck decides
between an index and a scan, and every hot statement is written for its index."""

_START = "Start it, or mend `store` in the configuration"
_LOST = ("is closed", "is closing", "was closed", "released back to the pool")
_TROUBLE: dict[str, tuple[str, str]] = {
    "08": ("broke the connection", "Look whether it is up and reachable"),
    "25006": ("is read-only", "Point `store` at the primary, or end its recovery"),
    "25P03": ("ended a transaction that stood still for too long", "Look why this process stalled"),
    "28": ("refused the log-in", "Mend the user or password in `store`"),
    "3D000": ("has no such database", "Create it, or mend `store`"),
    "42501": ("denies a right", "Let the user of `store` own its database"),
    "42P01": ("has no tables of syncd, or old ones", "Run `syncd db upgrade`"),
    "42703": ("has old tables", "Run `syncd db upgrade`"),
    "53100": ("has a full disk", "Free room on the server; nothing was half written"),
    "53300": ("has no connection left", "Raise max_connections, or end other users of it"),
    "53": ("is out of resources", "Look at the server's log"),
    "57P": ("is shutting down or starting", "Wait for it, or start it"),
    "58": ("has trouble with its files", "Look at the server's log and disk"),
}


def place(url: str) -> str:
    """Where a store is, for people: host, port and database, never the user's password."""
    parts = urlsplit(url)
    query = parse_qs(parts.query)
    host = parts.hostname or query.get("host", ["localhost"])[0]
    port = f":{parts.port}" if parts.port else ""
    return f"{unquote(host)}{port}/{unquote(parts.path.lstrip('/')) or 'postgres'}"


@contextmanager
def guarded(where: str) -> Iterator[None]:
    """Turn the loss of the store at `where` into `StoreUnavailable`; let all other errors through."""
    try:
        yield
    except asyncpg.PostgresError as error:
        lost = told(error.sqlstate or "", where)
        if lost is None:
            raise
        raise lost from error
    except asyncpg.InterfaceError as error:
        if not any(word in str(error) for word in _LOST):  # the rest are our own bugs
            raise
        raise _unavailable(where, "closed the connection", "Look whether it is up") from error
    except asyncpg.InternalClientError as error:  # the server's last word came while nobody listened
        raise _unavailable(where, "closed the connection", "Look whether it is up") from error
    except OSError as error:  # no socket, no route, no name; a time-out is one, too
        raise _unavailable(where, f"cannot be reached ({type(error).__name__})", _START) from error


def told(code: str, where: str) -> StoreUnavailable | None:
    """What an SQLSTATE means for the store as a whole; None when it speaks of one statement only."""
    for prefix, (what, todo) in _TROUBLE.items():
        if code.startswith(prefix):
            return _unavailable(where, what, todo)
    return None


def _unavailable(where: str, what: str, todo: str) -> StoreUnavailable:
    return StoreUnavailable(f"the store at {where} {what}. {todo}.")


async def open_hot(url: str, *, size: int, stall: float) -> Any:
    """The pool of the path of a change: pinned plans, `json` as bytes both ways.

    `stall` (seconds) bounds one statement, and how long the server lets an open transaction stand still:
    a stopped process must not keep a successor out for ever.
    """
    settings = {**PINS, "idle_in_transaction_session_timeout": str(int(stall * 1000))}
    return await _open(url, size, min_size=1, init=_json_as_bytes, settings=settings, command_timeout=stall)


async def open_plain(url: str, *, size: int) -> Any:
    """The pool for reports: the planner free, `json` decoded."""
    return await _open(url, size, min_size=0, init=_json_decoded, settings={}, command_timeout=None)


async def _open(
    url: str, size: int, *, min_size: int, init: Any, settings: dict[str, str], command_timeout: float | None
) -> Any:
    return await asyncpg.create_pool(
        url,
        min_size=min_size,
        max_size=size,
        max_queries=10_000_000,
        max_cached_statement_lifetime=0,
        init=init,
        reset=_keep,
        timeout=20,
        command_timeout=command_timeout,
        server_settings={"application_name": "syncd", **settings},
    )


async def _keep(_: Any) -> None:
    """asyncpg's reset costs a round trip per release; transactions here end themselves, and set nothing."""


async def _json_as_bytes(con: Any) -> None:
    # bytes, because orjson makes them and shadows compare them; asyncpg's own codec for bytea, because a
    # function in Python would be called for each of a dozen values of every record
    await con.set_builtin_type_codec("json", schema="pg_catalog", codec_name="bytea", format="binary")


async def _json_decoded(con: Any) -> None:
    await con.set_type_codec(
        "json", schema="pg_catalog", format="binary", encoder=orjson.dumps, decoder=orjson.loads
    )
