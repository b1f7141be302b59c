"""The demo's third system: a newsletter service with a JSON API, by `syncd sandbox rest`."""

from __future__ import annotations

import asyncio
import sys
from asyncio.subprocess import DEVNULL, PIPE, Process
from collections.abc import AsyncIterator, Mapping, Sequence
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import aiohttp
import orjson

from syncd.core.errors import SyncdError
from syncd.service.demo.database import Tables
from syncd.service.demo.systems import Commit

PATIENCE = 30.0
"""Seconds for the sandbox to be ready, and for one call to it."""
PROFILE = """\
# The newsletter service's own idea of the world: see docs/sandbox.md.
key_field: syncd_key
objects:
  organisations:
    prefix: o
    fields: {label: {required: true}, domain: {}, town: {}, size: {type: integer}}
  members:
    prefix: m
    fields: {given: {}, family: {}, address: {type: email}, mobile: {type: phone}, lists: {type: set},
      organisation: {type: ref, references: organisations}}
"""


class Marketing:
    """The service as the people who work in it see it: a `Remote`."""

    def __init__(self, url: str, token: str, http: aiohttp.ClientSession) -> None:
        self.url, self.token, self._http = url, token, http

    def key(self, table: str) -> str:
        return "id"

    def id(self, text: str) -> Any:
        return text

    @asynccontextmanager
    async def prepared(self, table: str, id: Any, values: Mapping[str, Any]) -> AsyncIterator[Commit]:
        yield lambda: self._control("edit", {"object": table, "id": id, "fields": values})

    async def insert(self, table: str, values: Mapping[str, Any]) -> None:
        await self._control("edit", {"object": table, "op": "create", "fields": values})

    async def delete(self, table: str, id: Any) -> None:
        await self._control("edit", {"object": table, "op": "delete", "id": id})

    async def rows(self, table: str, key: str, values: Sequence[Any]) -> list[Mapping[str, Any]]:
        found = await self._get(f"/api/{table}", {"ids" if key == "id" else key: ",".join(values)})
        items: list[Mapping[str, Any]] = found["items"]
        return items

    async def column(self, table: str, column: str) -> list[Any]:
        found = await self._get("/_sandbox/state", {"object": table})
        return [row[column] for row in found[table].values()]

    async def tell(self, url: str, secret: str) -> None:
        """From now on tell an address of what people change here; not of what the API's user does."""
        await self._control("webhooks", {"url": url, "secret": secret, "skip": ["api"]})

    async def taken(self) -> int:
        """How many of the last 1,000 deliveries were taken."""
        found = await self._get("/_sandbox/webhooks", {})
        return sum(200 <= one["status"] < 300 for one in found["deliveries"])

    async def _control(self, name: str, words: Mapping[str, Any]) -> None:
        async with self._http.post(f"{self.url}/_sandbox/{name}", data=orjson.dumps(words)) as answer:
            answer.raise_for_status()

    async def _get(self, path: str, query: Mapping[str, str]) -> dict[str, Any]:
        headers = {"Authorization": f"Bearer {self.token}"}
        async with self._http.get(self.url + path, params=query, headers=headers) as answer:
            answer.raise_for_status()
            found: dict[str, Any] = await answer.json()
            return found


@asynccontextmanager
async def marketing(folder: Path, tables: Tables) -> AsyncIterator[Marketing]:
    """The service, holding `tables`, for the length of the block."""
    profile, seed = _files(folder, tables)
    process = await asyncio.create_subprocess_exec(
        *(sys.executable, "-m", "syncd", "sandbox", "rest", "--profile", str(profile), "--seed", str(seed)),
        stdin=DEVNULL,
        stdout=PIPE,
        stderr=PIPE,
        start_new_session=True,  # Ctrl-C is for the demo, which then ends it
    )
    try:
        ready = await _ready(process)
        async with aiohttp.ClientSession(timeout=aiohttp.ClientTimeout(total=PATIENCE)) as http:
            yield Marketing(ready["url"], ready["auth"]["token"], http)
    finally:
        await _end(process)


def _files(folder: Path, tables: Tables) -> tuple[Path, Path]:
    """The sandbox's profile and seed, written down."""
    folder.mkdir(exist_ok=True)
    profile, seed = folder / "profile.yaml", folder / "seed.json"
    profile.write_text(PROFILE)
    seed.write_bytes(orjson.dumps(tables))
    return profile, seed


async def _ready(process: Process) -> Any:
    assert process.stdout is not None
    assert process.stderr is not None
    async with asyncio.timeout(PATIENCE):
        line = await process.stdout.readline()
        if not line:
            said = (await process.stderr.read()).decode(errors="replace")
            raise SyncdError(f"`syncd sandbox rest` did not start: {said.strip()}")
    return orjson.loads(line)


async def _end(process: Process) -> None:
    if process.returncode is None:
        process.terminate()
    try:
        async with asyncio.timeout(5):
            await process.communicate()
    except TimeoutError:
        process.kill()
        await process.wait()
