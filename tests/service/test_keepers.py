"""Tokens in the store: renewed by one process at a time, never burnt, never used before they are durable."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import AsyncExitStack, asynccontextmanager
from pathlib import Path
from typing import Any, cast

import asyncpg
import pytest

from connectors.rest import RestConnector
from connectors.rest.sandbox import RestSandbox
from syncd.core.errors import LoginNeeded, NeedsOperator
from syncd.service.connections import connections, opened
from syncd.service.redact import Redactor
from syncd.service.vendors import make_connector
from tests.support.consent import TABLE, Desk
from tests.support.pair import run_sql

FreshDatabase = Callable[[], Awaitable[str]]
PROFILE = {"auth": {"way": "oauth2", "rotate_refresh": True, "reuse_revokes": True}}
SEEDED = """{by: oauth2, grant: refresh_token, client_id: sandbox-client, client_secret: "${env:SECRET}",
      token_url: "@url@/oauth/token", refresh_token: "${env:REFRESH}"}"""


@pytest.fixture
async def desk(tmp_path: Path, store_url: str, fresh_database: FreshDatabase) -> AsyncIterator[Desk]:
    other = await fresh_database()
    await run_sql(other, TABLE)
    async with RestSandbox(PROFILE).serving() as sandbox:
        assert isinstance(sandbox, RestSandbox)
        yield Desk(tmp_path, sandbox, store_url, other)


@asynccontextmanager
async def processes(desk: Desk, count: int, **env: str) -> AsyncIterator[list[RestConnector]]:
    """So many connectors, each over a store of its own, as processes have them."""
    settings = desk.settings(**env)
    async with AsyncExitStack() as stack:
        made = []
        for _ in range(count):
            logins = await stack.enter_async_context(opened(settings))
            connector = make_connector(settings, "crm", (), logins)
            stack.push_async_callback(connector.aclose)
            made.append(cast("RestConnector", connector))
        yield made


async def row(desk: Desk) -> Any:
    con = await asyncpg.connect(desk.store)
    try:
        return await con.fetchrow("select * from tokens")
    finally:
        await con.close()


async def test_many_who_find_the_token_void_renew_it_once(desk: Desk) -> None:
    await desk.connect()
    async with processes(desk, 6) as made:
        assert {(await one.identify()).id for one in made} == {"sandbox"}  # type: ignore[union-attr]
        for turn in (2, 3):
            desk.sandbox.auth.tokens.clear()
            desk.sandbox.calls.clear()
            found = await asyncio.gather(*(one.identify() for one in made))
            assert [account.id for account in found if account is not None] == ["sandbox"] * 6
            assert desk.sandbox.calls["token"] == 1, "a refresh token that serves once was not raced for"
            assert ((await row(desk))["version"], (await row(desk))["holder"]) == (turn, None)


async def test_a_renewal_that_nobody_waits_for_any_more_is_stored_all_the_same(desk: Desk) -> None:
    await desk.connect()
    async with processes(desk, 1) as (one,):
        desk.sandbox.auth.tokens.clear()
        fault = desk.sandbox.arm("hang", route="token")
        asking = asyncio.create_task(one.identify())
        await fault.reached.wait()
        asking.cancel()
        with pytest.raises(asyncio.CancelledError):
            await asking
        fault.release()
        await one.aclose()  # which waits for what is under way
    assert (await row(desk))["version"] == 2
    desk.sandbox.calls.clear()
    async with processes(desk, 1) as (next_one,):
        assert await next_one.identify() is not None
    assert desk.sandbox.calls["token"] == 0


async def test_whoever_died_while_renewing_is_waited_for_and_then_followed(desk: Desk) -> None:
    await desk.connect()
    desk.sandbox.auth.tokens.clear()
    held = "update tokens set holder = 'the dead', held_until = now() + interval '700 milliseconds'"
    await run_sql(desk.store, held)
    desk.sandbox.calls.clear()
    async with processes(desk, 2) as made:
        await asyncio.gather(*(one.identify() for one in made))
    assert desk.sandbox.calls["token"] == 1
    assert (await row(desk))["version"] == 2


async def test_a_configured_refresh_token_is_used_first_and_then_what_came_of_it(desk: Desk) -> None:
    desk.auth = SEEDED
    desk.write()
    desk.sandbox.auth.refresh.add("a second one")
    for token, calls in (("sandbox-refresh-token", 1), ("sandbox-refresh-token", 0), ("a second one", 1)):
        desk.sandbox.calls.clear()
        async with processes(desk, 1, REFRESH=token) as (one,):
            assert await one.identify() is not None
        assert desk.sandbox.calls["token"] == calls, token
    desk.sandbox.auth.tokens.clear()
    async with processes(desk, 1, REFRESH="a second one") as (one,):
        assert await one.identify() is not None, "the one that it was traded for, not the spent one"
    async with processes(desk, 1, REFRESH="x", SYNCD_KEY="") as (one,):
        desk.sandbox.calls.clear()
        with pytest.raises(NeedsOperator, match="there is no key"):
            await one.identify()
        assert desk.sandbox.calls["token"] == 0, "nothing is spent that could not be kept"


async def test_what_is_refused_waits_for_a_person_and_goes_on_after_them(desk: Desk) -> None:
    await desk.connect()
    async with processes(desk, 1) as (one,):
        await one.identify()
        desk.sandbox.auth.tokens.clear()
        desk.sandbox.auth.refresh.clear()
        with pytest.raises(LoginNeeded, match=r"refused \(invalid_grant\)\. Run `syncd connect crm`"):
            await one.identify()
        settings = desk.settings()
        async with opened(settings) as logins:
            (found,) = await connections(logins, settings)
            assert (found.state, "its renewal is refused since" in str(found)) == ("refused", True)
            await desk.connect()
            (found,) = await connections(logins, settings)
            assert (found.state, found.refused) == ("connected", None)
        assert await one.identify() is not None, "the same process takes the new log-in"


async def test_a_running_process_does_not_change_accounts(desk: Desk) -> None:
    await desk.connect()
    async with processes(desk, 1) as (one,):
        await one.identify()
        desk.sandbox.account = "another org"
        await desk.connect(new_account=True)
        desk.sandbox.auth.tokens.clear()
        with pytest.raises(NeedsOperator, match=r"with another account while this ran\. Run `syncd reload`"):
            await one.identify()


async def test_tokens_in_use_are_masked_wherever_they_are_said(desk: Desk) -> None:
    await desk.connect()
    async with processes(desk, 1) as (one,):
        desk.sandbox.auth.tokens.clear()
        await one.identify()
    secret = [*desk.sandbox.auth.tokens, *desk.sandbox.auth.refresh - {"sandbox-refresh-token"}]
    assert len(secret) == 2
    said = Redactor()(f"a log line of {' and '.join(secret)}, Bearer abcdefgh1234, ?code=xyz&state=1")
    assert said == "a log line of *** and ***, Bearer ***, ?code=***&state=1"
