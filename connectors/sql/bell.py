"""LISTEN as a bell: it says that something was written, never what; the log is read for that."""

from __future__ import annotations

import asyncio
from dataclasses import dataclass, field
from typing import Any

import asyncpg

from connectors.sql.catalog import Conn
from connectors.sql.errors import guarded
from connectors.sql.session import Session


@dataclass(slots=True)
class Bell:
    """A connection that listens. Rings once when it (re)connects, for what it may have missed."""

    session: Session
    _conn: Conn | None = None
    _rung: asyncio.Event = field(default_factory=asyncio.Event)

    async def wait(self) -> None:
        """Return when it rang since the last call."""
        if self._conn is None or self._conn.is_closed():
            await self._connect()
        await self._rung.wait()
        self._rung.clear()

    async def _connect(self) -> None:
        options = self.session.options
        with guarded(f"system {self.session.system}: cannot listen", self.session.where):
            conn: Conn = await asyncpg.connect(
                options.url.get_secret_value(),
                timeout=options.connect_timeout,
                server_settings={"application_name": "syncd"},
            )
            conn.add_termination_listener(self._ring)
            await conn.add_listener("syncd", self._ring)
        self._conn = conn
        self._rung.set()

    def _ring(self, *_: Any) -> None:
        self._rung.set()

    async def aclose(self) -> None:
        """Hang up."""
        conn, self._conn = self._conn, None
        if conn is not None:
            conn.terminate()
