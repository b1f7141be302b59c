"""F21: a log-in that is revoked, or of another account, pauses its system with one alert; nothing is lost."""

from __future__ import annotations

import json
import signal
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from connectors.rest.sandbox import RestSandbox
from tests.support.consent import TABLE, Desk
from tests.support.pair import run_sql
from tests.support.watching import Watch

FreshDatabase = Callable[[], Awaitable[str]]
PROFILE = {"auth": {"way": "oauth2", "rotate_refresh": True, "reuse_revokes": True, "expires_in": 2.0}}
AGAIN = "starting again with the new configuration"


@pytest.fixture
async def desk(tmp_path: Path, store_url: str, fresh_database: FreshDatabase) -> AsyncIterator[Desk]:
    other = await fresh_database()
    await run_sql(other, TABLE)
    async with RestSandbox(PROFILE).serving() as sandbox:
        assert isinstance(sandbox, RestSandbox)
        yield Desk(tmp_path, sandbox, store_url, other)


def known(desk: Desk) -> dict[str, str]:
    """Who is in the CRM behind the log-in, and their last name."""
    rows = desk.sandbox.people.rows("contacts").values()
    return {str(row.fields["email"]): str(row.fields["last_name"]) for row in rows}


async def typed(desk: Desk, email: str) -> None:
    await run_sql(desk.other, f"insert into people (email, last_name) values ('{email}', 'Typed')")


async def until_linked(store: Watch, people: int) -> None:
    """Until so many are in both systems."""
    await store.until("select count(*) = $1 from links", 2 * people)


async def test_a_revoked_log_in_pauses_says_so_once_and_goes_on(desk: Desk) -> None:
    await desk.connect()
    async with Watch.on(desk.store, "links") as store, desk.running() as daemon:
        await typed(desk, "ann@example.org")
        await until_linked(store, 1)
        desk.sandbox.auth.tokens.clear()
        desk.sandbox.auth.refresh.clear()
        said = "system crm: the log-in was refused (invalid_grant). Run `syncd connect crm`"
        await daemon.said(said)
        await run_sql(desk.other, "update people set last_name = 'Changed'")
        state = json.loads((await daemon.get("/readyz"))[1])
        assert (state["status"], said in state["systems"]["crm"]) == ("degraded", True)
        assert known(desk) == {"ann@example.org": "Typed"}
        await desk.connect()
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.said(AGAIN)
        await store.until("select count(*) = 2 from links where shadow::text like '%Changed%'")
        assert known(desk) == {"ann@example.org": "Changed"}
        assert (await daemon.stop())[0] == 0
    lines = [line for line in daemon.log.splitlines() if said in line]
    assert len({line.split(" ", 2)[2] for line in lines}) == len(lines), "each loop says it once"
    tokens = [*desk.sandbox.auth.tokens, *desk.sandbox.auth.refresh]
    assert not [token for token in tokens if token in daemon.log]


async def test_a_log_in_of_another_account_is_not_worked_with(desk: Desk) -> None:
    await desk.connect()
    desk.sandbox.account = "another org"
    async with Watch.on(desk.store, "links") as store, desk.running() as daemon:
        said = "this log-in shows the data of another org, and what is linked belongs to sandbox"
        await daemon.said(said)
        await typed(desk, "ann@example.org")
        await store.until("select count(*) = 1 from links")
        state = json.loads((await daemon.get("/readyz"))[1])
        assert said in state["systems"]["crm"]
        assert {route.split()[0] for route in desk.sandbox.calls} <= {"me", "token", "authorize"}
        assert known(desk) == {}
        desk.sandbox.account = "sandbox"
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.said(AGAIN)
        await until_linked(store, 1)
        assert known(desk) == {"ann@example.org": "Typed"}
        assert (await daemon.stop())[0] == 0
    assert daemon.log.count(said) == 1
