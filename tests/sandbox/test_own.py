"""A third party's sandbox: its own objects, routes and errors, and another protocol beside."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from importlib.metadata import EntryPoint
from typing import Any

import pytest
from aiohttp import web

from connectors.sandboxes import registry
from connectors.sandboxes.door import Answer
from connectors.sandboxes.faults import Call
from connectors.sandboxes.server import Sandbox
from connectors.sandboxes.shape import ObjectShape, Refusal
from syncd.core.errors import ConfigError
from tests.sandbox.client import session


class Notes(Sandbox):
    """Notes by number; another door says hello."""

    def objects(self) -> dict[str, ObjectShape]:
        return {"notes": ObjectShape.model_validate({"fields": {"text": {}}})}

    def routes(self, app: web.Application) -> None:
        app.router.add_get("/notes/{id}", self._read)
        self.door.error = lambda call, refusal: Answer.json(["no", refusal.code], refusal.status)

    async def _read(self, request: web.Request) -> web.StreamResponse:
        id = request.match_info["id"]

        def work() -> Answer:
            row = self.world.find(self.world.table("notes"), id)
            if row is None:
                raise Refusal(404, "no_note", "there is no such note")
            return Answer.json(row.fields["text"])

        return await self.door.run(request, Call("get", "notes", (id,)), work)

    @asynccontextmanager
    async def beside(self) -> AsyncIterator[dict[str, Any]]:
        async def hello(_: asyncio.StreamReader, writer: asyncio.StreamWriter) -> None:
            writer.write(b"hello")
            writer.close()
            await writer.wait_closed()

        async with await asyncio.start_server(hello, "127.0.0.1", 0) as server:
            yield {"hello": server.sockets[0].getsockname()[1]}


async def test_it_has_faults_control_and_a_second_protocol() -> None:
    async with Notes({"auth": {"way": "none"}}).serving() as notes, session(notes.url) as client:
        made = await client.control("edit", object="notes", op="create", fields={"text": "hi"})
        assert (await client.get(f"/notes/{made['id']}")).body == "hi"
        assert (await client.get("/notes/9")).body == ["no", "no_note"]
        notes.arm("error_before", status=503)
        assert (await client.get(f"/notes/{made['id']}")).status == 503
        assert notes.calls == {"get notes": 3}
        reader, writer = await asyncio.open_connection("127.0.0.1", notes.ready()["hello"])
        assert await reader.read() == b"hello"
        writer.close()
        await writer.wait_closed()


def announced(monkeypatch: pytest.MonkeyPatch, *targets: str) -> None:
    points = [EntryPoint("own", target, registry.GROUP) for target in targets]
    monkeypatch.setattr(registry, "entry_points", lambda group: points)


def test_it_is_found_by_its_entry_point(monkeypatch: pytest.MonkeyPatch) -> None:
    announced(monkeypatch, "connectors.rest.sandbox:RestSandbox")
    assert registry.names() == ["own"]
    assert issubclass(registry.load("own"), Sandbox)


@pytest.mark.parametrize(
    ("targets", "said"),
    [
        ((), "installed are: none"),
        (("nowhere.at.all:X",), "cannot be used: ModuleNotFoundError"),
        (("json:dumps",), "is no Sandbox"),
        (("json:dumps", "json:loads"), "claimed by more than one package"),
    ],
)
def test_one_that_cannot_be_used(
    monkeypatch: pytest.MonkeyPatch, targets: tuple[str, ...], said: str
) -> None:
    announced(monkeypatch, *targets)
    with pytest.raises(ConfigError, match=said):
        registry.load("own")
