"""A person who logs in: the command that waits for them, and what their browser does."""

from __future__ import annotations

import asyncio
import base64
import html
import re
from collections.abc import AsyncIterator, Mapping
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path
from typing import Any

import httpx

from connectors.rest.sandbox import RestSandbox
from syncd.cli.check import _text
from syncd.cli.connect import _told
from syncd.config import Settings, load
from syncd.core.errors import SyncdError
from syncd.service.check import check
from syncd.service.connect import connect
from syncd.service.connections import opened
from syncd.service.consent import Asking
from syncd.service.vendors import connector_options
from tests.support.commands import SYNCD, Done, Running, _env, syncd

KEY = base64.b64encode(bytes(range(32))).decode()
OTHER_KEY = base64.b64encode(bytes(range(1, 33))).decode()
AUTH = """{by: oauth2, grant: authorization_code, client_id: sandbox-client, client_secret: "${env:SECRET}",
      authorize_url: "@url@/oauth/authorize", token_url: "@url@/oauth/token",
      revoke_url: "@url@/oauth/revoke",
      redirect: "http://127.0.0.1:0/callback", scope: read write}"""
CONFIG = """\
store: "${env:STORE}"
systems:
  crm:
    connector: rest
    url: "@url@/api"
    auth: @auth@
    account: {call: /_me, id: account, user: user}
    calls:
      list: {path: "/{object}", query: {limit: "{limit}", cursor: "{cursor}"}, at: items}
      get: "/{object}/{id}"
      create: {path: "/{object}", body: "{values}"}
      update: {method: PATCH, path: "/{object}/{id}", body: "{values}"}
    paging: {by: cursor, next: next, limit: 500}
    poll: 200ms
  other: {connector: sql, url: "${env:OTHER}", capture: triggers, poll: 200ms}
kinds:
  contact:
    fields: {email: email, last_name: text}
    match: [email]
    systems:
      crm: {object: contacts, fields: {email: email, last_name: last_name}}
      other: {object: people, key_field: syncd_id, fields: {email: email, last_name: last_name}}
service: {listen: "127.0.0.1:0"}
"""
TABLE = "create table people (id serial primary key, email text, last_name text, syncd_id text unique)"


async def decide(address: str, told: Mapping[str, Any], **answer: str) -> httpx.Response:
    """What a browser does: read the page, fill its form, send it; not yet the way back."""
    async with httpx.AsyncClient() as browser:
        page = await browser.get(address)
        assert page.status_code == 200, page.text
        hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
        form = {name: html.unescape(value) for name, value in hidden.items()}
        form |= {"user": told["user"], "password": told["password"], "answer": "allow", **answer}
        return await browser.post(str(httpx.URL(address).join("authorize")), data=form)


@dataclass
class Waiting:
    """`syncd connect` while it waits for the person."""

    process: asyncio.subprocess.Process
    address: str = ""
    said: str = ""

    async def ended(self, pasted: str = "") -> Done:
        """How it ended; `pasted` is typed first."""
        async with asyncio.timeout(90):
            out, err = await self.process.communicate(pasted.encode())
        assert self.process.returncode is not None
        return Done(self.process.returncode, out.decode(), self.said + err.decode())


@dataclass
class Desk:
    """A folder with a configuration whose `crm` a person must connect, and the sandbox behind it."""

    folder: Path
    sandbox: RestSandbox
    store: str
    other: str
    auth: str = AUTH
    env: dict[str, str] = field(default_factory=dict)

    def __post_init__(self) -> None:
        secret = "sandbox-client-secret"
        self.env |= {"STORE": self.store, "OTHER": self.other, "SECRET": secret, "SYNCD_KEY": KEY}
        self.write()

    def write(self, more: str = "") -> None:
        text = CONFIG.replace("@auth@", self.auth).replace("@url@", self.sandbox.url)
        (self.folder / "syncd.yaml").write_text(text + more)

    @property
    def told(self) -> dict[str, Any]:
        told: dict[str, Any] = self.sandbox.ready()["auth"]
        return told

    async def syncd(self, *args: str, **env: str) -> Done:
        return await syncd(self.folder, *args, env={**self.env, **env})

    @asynccontextmanager
    async def connecting(self, *args: str) -> AsyncIterator[Waiting]:
        """`syncd connect crm` with its address read; killed if it still waits at the end."""
        process = await asyncio.create_subprocess_exec(
            *SYNCD, "connect", "crm", "--no-browser", *args,
            cwd=self.folder, env=_env(self.env), stdin=asyncio.subprocess.PIPE,
            stdout=asyncio.subprocess.PIPE, stderr=asyncio.subprocess.PIPE,
        )  # fmt: skip
        waiting = Waiting(process)
        try:
            assert process.stderr is not None
            async with asyncio.timeout(90):
                while not waiting.address and (line := (await process.stderr.readline()).decode()):
                    waiting.said += line
                    waiting.address = line.strip() if line.startswith("http") else ""
            yield waiting
        finally:
            if process.returncode is None:
                process.kill()
                await process.wait()

    def settings(self, **env: str) -> Settings:
        """The configuration, in this process."""
        return load(self.folder / "syncd.yaml", connector_options(), {**self.env, **env})

    async def check(self, **env: str) -> str:
        """What `syncd check` would print, behind its exit code."""
        found = await check(self.settings(**env))
        return f"{2 if found.wrong else 3 if found.out_of_reach else 0} {_text(found)}"

    async def connect(self, *, new_account: bool = False, **answer: str) -> tuple[str, httpx.Response]:
        """A log-in in this process: who is connected or the error, and the page that the browser shows."""
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        asking = Asking(address.set_result, seconds=30, new_account=new_account)
        async with opened(self.settings()) as logins, httpx.AsyncClient(timeout=30) as browser:
            work = asyncio.create_task(connect(logins, self.settings(), "crm", asking))
            back = await decide(await address, self.told, **answer)
            page = await browser.get(back.headers["Location"])
            try:
                return _told(await work), page
            except SyncdError as error:
                return str(error), page

    @asynccontextmanager
    async def running(self) -> AsyncIterator[Running]:
        async with Running.in_folder(self.folder, env=self.env) as daemon:
            yield daemon
