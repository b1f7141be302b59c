"""A wire between a client and PostgreSQL that can be cut right after a COMMIT was carried out."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from urllib.parse import parse_qs, urlsplit


class Proxy:
    """Listens on a port of this machine; `armed` cuts the next connection that commits."""

    def __init__(self, url: str) -> None:
        self.target = urlsplit(url)
        self.armed = False
        self.cut = False
        self._server: asyncio.Server | None = None
        self._tasks: set[asyncio.Task[None]] = set()

    @property
    def url(self) -> str:
        """The database, by way of this wire."""
        assert self._server is not None
        port = self._server.sockets[0].getsockname()[1]
        user = self.target.username or "root"
        return f"postgresql://{user}:secret@127.0.0.1:{port}{self.target.path}?sslmode=disable"

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Proxy]:
        """Carry connections while the block lasts."""
        self._server = await asyncio.start_server(self._serve, "127.0.0.1", 0)
        try:
            yield self
        finally:
            self._server.close()
            for task in list(self._tasks):
                task.cancel()
            await asyncio.gather(*self._tasks, return_exceptions=True)

    async def _connect(self) -> tuple[asyncio.StreamReader, asyncio.StreamWriter]:
        folder = parse_qs(self.target.query).get("host", [""])[0]
        port = self.target.port or int(parse_qs(self.target.query).get("port", ["5432"])[0])
        if folder.startswith("/"):
            return await asyncio.open_unix_connection(f"{folder}/.s.PGSQL.{port}")
        return await asyncio.open_connection(self.target.hostname or "127.0.0.1", port)

    async def _serve(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        task = asyncio.current_task()
        assert task is not None
        self._tasks.add(task)
        task.add_done_callback(self._tasks.discard)
        up_reader, up_writer = await self._connect()
        answers = asyncio.create_task(self._pump(up_reader, writer))
        try:
            while data := await reader.read(65536):
                if self.armed and b"COMMIT;" in data:
                    answers.cancel()
                    await self._swallow(data, up_reader, up_writer)
                    return
                up_writer.write(data)
                await up_writer.drain()
        except ConnectionError:
            pass
        finally:
            answers.cancel()
            writer.close()
            up_writer.close()

    async def _swallow(self, data: bytes, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        """Let the server commit, keep its answer."""
        await asyncio.sleep(0)  # the cancelled pump lets go of the reader
        writer.write(data)
        await writer.drain()
        await reader.read(65536)
        self.armed, self.cut = False, True

    async def _pump(self, reader: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
        try:
            while data := await reader.read(65536):
                writer.write(data)
                await writer.drain()
        except ConnectionError:
            pass
        writer.close()  # a request to cancel is answered by hanging up
