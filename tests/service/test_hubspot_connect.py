"""`syncd connect` and `syncd check` with a HubSpot app: let in by a person, scopes, another portal."""

from __future__ import annotations

import asyncio
import html
import re
from collections.abc import AsyncIterator, Awaitable, Callable
from dataclasses import dataclass, field
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import httpx
import pytest

from connectors.hubspot.sandbox import HubSpotSandbox
from syncd.cli.check import _text
from syncd.cli.connect import _told
from syncd.config import Settings, load
from syncd.core.errors import SyncdError
from syncd.service.check import check
from syncd.service.connect import connect, disconnect
from syncd.service.connections import opened
from syncd.service.consent import Asking
from syncd.service.vendors import connector_options
from tests.support.consent import KEY
from tests.support.pair import run_sql

FreshDatabase = Callable[[], Awaitable[str]]
APP = '{client_id: "${env:ID}", client_secret: "${env:SECRET}", redirect: "http://127.0.0.1:0/callback"}'
TOKEN = '{token: "${env:TOKEN}"}'
CONFIG = """\
store: "${env:STORE}"
systems:
  hub: {connector: hubspot, url: "@url@", auth: @auth@}
  erp: {connector: sql, url: "${env:ERP}", capture: triggers}
kinds:
  contact:
    fields: {email: email, last_name: text}
    match: [email]
    systems:
      hub: {object: contacts, key_field: syncd_id, fields: {email: email, last_name: lastname}}
      erp: {object: people, key_field: syncd_id, fields: {email: email, last_name: last_name}}
"""
TABLE = "create table people (id serial primary key, email text, last_name text, syncd_id text unique)"
WANTED = "oauth crm.objects.contacts.read crm.schemas.contacts.read crm.objects.contacts.write"


@dataclass
class Desk:
    """A folder with a configuration, and the portal behind it."""

    folder: Path
    sandbox: HubSpotSandbox
    env: dict[str, str]
    asked: list[dict[str, list[str]]] = field(default_factory=list)

    def settings(self, auth: str) -> Settings:
        text = CONFIG.replace("@auth@", auth).replace("@url@", self.sandbox.url)
        (self.folder / "syncd.yaml").write_text(text)
        return load(self.folder / "syncd.yaml", connector_options(), self.env)

    async def check(self, auth: str) -> str:
        """What `syncd check` would print, behind its exit code."""
        found = await check(self.settings(auth))
        return f"{2 if found.wrong else 3 if found.out_of_reach else 0} {_text(found)}"

    async def connect(self, *, new_account: bool = False) -> str:
        """A person lets the app in: who is connected, or the error."""
        address: asyncio.Future[str] = asyncio.get_running_loop().create_future()
        asking = Asking(address.set_result, seconds=30, new_account=new_account)
        settings = self.settings(APP)
        async with opened(settings) as logins, httpx.AsyncClient(timeout=30) as browser:
            work = asyncio.create_task(connect(logins, settings, "hub", asking))
            self.asked.append(parse_qs(urlsplit(await address).query))
            page = await browser.get(await address)
            hidden = dict(re.findall(r'type="hidden" name="(\w+)" value="([^"]*)"', page.text))
            form = {name: html.unescape(value) for name, value in hidden.items()} | {"decision": "allow"}
            back = await browser.post(f"{self.sandbox.url}/oauth/authorize", data=form)
            await browser.get(back.headers["Location"])
            try:
                return _told(await work)
            except SyncdError as error:
                return str(error)


@pytest.fixture
async def desk(tmp_path: Path, store_url: str, fresh_database: FreshDatabase) -> AsyncIterator[Desk]:
    erp = await fresh_database()
    await run_sql(erp, TABLE)
    async with HubSpotSandbox({"auth": {"rotate_refresh": True}}).serving() as sandbox:
        assert isinstance(sandbox, HubSpotSandbox)
        options = sandbox.auth.options
        told = {"ID": options.client_id, "SECRET": options.client_secret, "TOKEN": options.token}
        yield Desk(tmp_path, sandbox, {"STORE": store_url, "ERP": erp, "SYNCD_KEY": KEY, **told})


async def test_a_person_lets_the_app_in(desk: Desk) -> None:
    assert "nobody has logged in yet. Run `syncd connect hub`" in await desk.check(APP)
    assert await desk.connect() == "hub is connected to portal 62515 (62515)"
    assert desk.asked[0]["scope"] == [WANTED]
    desk.sandbox.calls.clear()
    found = await desk.check(APP)
    assert found.startswith("0 "), found
    assert "to portal 62515" in found
    assert desk.sandbox.calls["token"] == 0, "the kept token serves"
    desk.sandbox.auth.grants.clear()
    assert (await desk.check(APP)).startswith("0 "), "and is renewed, by a refresh token that serves once"
    assert (await desk.check(APP)).startswith("0 ")
    settings, given = desk.settings(APP), set(desk.sandbox.auth.refresh)
    async with opened(settings) as logins:
        await disconnect(logins, settings, "hub")
    assert len(given - desk.sandbox.auth.refresh) == 1, "HubSpot forgot it, too"


async def test_another_portal_is_refused(desk: Desk) -> None:
    await desk.connect()
    before = await desk.check(APP)
    desk.sandbox.account = "another"
    said = await desk.connect()
    assert "belongs to portal 62515 (62515)" in said
    assert "62515 (62515)" in await desk.check(APP), "the old tokens stay, and show another portal here"
    desk.sandbox.account = "sandbox"
    assert await desk.check(APP) == before
    desk.sandbox.account = "another"
    assert "connected to portal" in await desk.connect(new_account=True)


async def test_scopes_that_are_missing_are_told(desk: Desk) -> None:
    assert (await desk.check(TOKEN)).startswith("0 ")
    options = desk.sandbox.auth.options
    few = tuple(scope for scope in options.scopes if scope != "crm.objects.contacts.write")
    desk.sandbox.auth.options = options.model_copy(update={"scopes": few})
    found = await desk.check(TOKEN)
    assert "the app may not write it: it lacks the scope crm.objects.contacts.write" in found
    none = tuple(scope for scope in few if "contacts" not in scope)
    desk.sandbox.auth.options = options.model_copy(update={"scopes": none})
    found = await desk.check(TOKEN)
    assert found.startswith("2 "), found
    assert "Give the app one of the scopes" in found
    assert "contacts.read" in found


async def test_a_token_that_is_no_good(desk: Desk) -> None:
    desk.env["TOKEN"] = "pat-na1-canary-and-wrong"
    found = await desk.check(TOKEN)
    assert found.startswith("2 "), found
    assert "401" in found
    assert "canary" not in found
