"""`syncd connect` with a real browser: its page, its forms, its way back to this machine."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from shutil import which

import pytest

from connectors.rest.sandbox import RestSandbox
from tests.support.consent import TABLE, Desk
from tests.support.pair import run_sql

FreshDatabase = Callable[[], Awaitable[str]]
CHROMIUM = which("chromium") or which("chromium-browser") or which("google-chrome")
# skipped under SYNCD_REQUIRE_SERVICES as well: test_connect drives the same pages over plain HTTP everywhere
pytestmark = pytest.mark.skipif(CHROMIUM is None, reason="no chromium on this machine")


@pytest.fixture
async def desk(tmp_path: Path, store_url: str, fresh_database: FreshDatabase) -> AsyncIterator[Desk]:
    other = await fresh_database()
    await run_sql(other, TABLE)
    async with RestSandbox({"auth": {"way": "oauth2"}}).serving() as sandbox:
        assert isinstance(sandbox, RestSandbox)
        yield Desk(tmp_path, sandbox, store_url, other)


@pytest.mark.parametrize("host", ["127.0.0.1", "localhost"])
async def test_a_person_types_their_password_and_is_connected(desk: Desk, host: str) -> None:
    from playwright.async_api import async_playwright

    desk.auth = desk.auth.replace("127.0.0.1:0/", f"{host}:0/")
    desk.write()
    async with async_playwright() as playwright:
        browser = await playwright.chromium.launch(executable_path=CHROMIUM, args=["--no-sandbox"])
        page = await browser.new_page()
        complaints: list[str] = []
        page.on("console", lambda said: complaints.append(said.text))
        page.on("pageerror", lambda error: complaints.append(str(error)))
        async with desk.connecting() as waiting:
            await page.goto(waiting.address)
            await page.get_by_label("User").fill(desk.told["user"])
            await page.get_by_label("Password").fill("wrong")
            await page.get_by_role("button", name="Allow").click()
            assert "not valid" in await page.get_by_role("alert").inner_text()
            await page.get_by_label("User").fill(desk.told["user"])
            await page.get_by_label("Password").fill(desk.told["password"])
            _, done = await asyncio.gather(page.get_by_role("button", name="Allow").click(), waiting.ended())
        await page.get_by_role("heading", name="Connected").wait_for()
        assert await page.get_by_text("syncd is connected to crm. You can close this page.").count() == 1
        assert page.url.startswith(f"http://{host}:")
        await browser.close()
    assert (done.code, done.out.strip()) == (0, "crm is connected as api to sandbox"), done
    assert complaints == []
