"""`syncd connect`: a person's log-in over a real server's page, all the way, and all that can go wrong."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from urllib.parse import parse_qs, urlsplit

import asyncpg
import httpx
import pytest

from connectors.rest.sandbox import RestSandbox
from syncd.core.clock import SystemClock
from syncd.core.errors import ConfigError, NeedsOperator, RetryLater
from syncd.service.compose import open_service
from syncd.service.connect import disconnect
from syncd.service.connections import connections, opened
from tests.support.consent import KEY, OTHER_KEY, TABLE, Desk, decide
from tests.support.pair import run_sql

FreshDatabase = Callable[[], Awaitable[str]]
PROFILE = {"auth": {"way": "oauth2", "rotate_refresh": True, "reuse_revokes": True}}
FULL = """
create function full_disk() returns trigger language plpgsql as
$$ begin raise exception using errcode = '53100', message = 'the disk is full'; end $$;
create trigger full_disk before insert or update on tokens for each row execute function full_disk()"""
CONNECTED = "crm is connected as api to sandbox"


@pytest.fixture
async def desk(tmp_path: Path, store_url: str, fresh_database: FreshDatabase) -> AsyncIterator[Desk]:
    other = await fresh_database()
    await run_sql(other, TABLE)
    async with RestSandbox(PROFILE).serving() as sandbox:
        assert isinstance(sandbox, RestSandbox)
        yield Desk(tmp_path, sandbox, store_url, other)


async def rows(desk: Desk, sql: str) -> list[asyncpg.Record]:
    con = await asyncpg.connect(desk.store)
    try:
        return list(await con.fetch(sql))
    finally:
        await con.close()


async def test_the_commands_from_the_first_word_to_the_last(desk: Desk) -> None:
    before = await desk.syncd("check")
    said = "system crm: nobody has logged in yet. Run `syncd connect crm`"
    assert (before.code, said in before.out) == (2, True), before
    async with desk.connecting() as waiting, httpx.AsyncClient() as browser:
        back = (await decide(waiting.address, desk.told)).headers["Location"]
        page, done = await asyncio.gather(browser.get(back), waiting.ended())
    assert (done.code, done.out.strip(), "<h1>Connected</h1>" in page.text) == (0, CONNECTED, True), done
    (row,) = await rows(desk, "select * from tokens")
    issued = [*desk.sandbox.auth.tokens, *desk.sandbox.auth.refresh]
    assert len(issued) == 3  # the access token, its refresh token, and the ready line's
    assert not [token for token in issued if token.encode() in bytes(row["body"])]
    assert not [token for token in issued if token in done.out + done.err]
    desk.sandbox.calls.clear()
    after = await desk.syncd("check")
    assert after.code == 0, after
    assert f"connected since {row['connected']:%Y-%m-%d %H:%M} UTC as api to sandbox" in after.out
    assert desk.sandbox.calls["token"] == 0, "the kept access token serves the next process, too"
    status = (await desk.syncd("connect", "--status", "--json")).json()
    assert [(s["state"], s["owner"]["account"]) for s in status] == [("connected", "sandbox")]
    out = await desk.syncd("disconnect", "crm")
    assert (out.code, "revoked and forgotten" in out.out) == (0, True), out
    assert desk.sandbox.auth.refresh == {"sandbox-refresh-token"}
    wrong = await desk.syncd("connect", "crn")
    said = 'there is no system "crn" in the configuration: it has crm, other'
    assert (wrong.code, wrong.err.strip()) == (2, said)


async def test_pasted_from_a_browser_elsewhere(desk: Desk) -> None:
    async with desk.connecting("--paste") as waiting:
        assert parse_qs(urlsplit(waiting.address).query)["redirect_uri"] == ["http://127.0.0.1:8688/callback"]
        back = (await decide(waiting.address, desk.told)).headers["Location"]
        done = await waiting.ended(f"  {back}\n")
    assert (done.code, done.out.strip()) == (0, CONNECTED), done
    for wrong, said in ((back, "belongs to another log-in"), ("hm", "is not the address")):
        async with desk.connecting("--paste") as waiting:
            done = await waiting.ended(f"{wrong}\n")
        assert (done.code, said in done.err) == (3, True), done
    silent = await desk.syncd("connect", "crm", "--no-browser", "--timeout", "1")
    assert (silent.code, "nobody came back within 1 s. Run it again" in silent.err) == (3, True), silent


async def test_without_a_key_nobody_is_sent_anywhere(desk: Desk) -> None:
    done = await desk.syncd("connect", "crm", "--no-browser", SYNCD_KEY="")
    said = "there is no key to keep its tokens under. Make one with `syncd connect --make-key FILE`"
    assert (done.code, said in done.err, "http" in done.err) == (3, True, False), done
    made = await desk.syncd("connect", "--make-key", "crm.key")
    file = desk.folder / "crm.key"
    assert (made.code, file.stat().st_mode & 0o777) == (0, 0o600)
    assert file.read_text().strip() not in made.out
    assert (await desk.syncd("connect", "--make-key", "crm.key")).code == 2, "a key is never written over"
    desk.env["SYNCD_KEY"] = ""
    desk.write('secrets: {key: "${file:crm.key}"}\n')
    assert (await desk.connect())[0] == CONNECTED


async def test_a_person_who_says_no_is_told_so_in_both_places(desk: Desk) -> None:
    said, page = await desk.connect(answer="deny")
    assert said == (
        "system crm: the log-in was refused (access_denied): the person said no. Log in again, and approve"
    )
    assert said in page.text
    assert page.headers["Referrer-Policy"] == "no-referrer"
    assert await rows(desk, "select * from tokens") == []


async def test_only_the_browser_that_was_sent_can_answer(desk: Desk) -> None:
    async with desk.connecting() as waiting, httpx.AsyncClient() as browser:
        back = (await decide(waiting.address, desk.told)).headers["Location"]
        state = parse_qs(urlsplit(back).query)["state"][0]
        for address, headers in (
            (back.replace(state, "x" * len(state)), {}),
            (back.replace(state, "%C3%A9"), {}),
            (back.partition("?")[0], {}),
            (back, {"Host": "evil.example"}),
        ):
            stray = await browser.get(address, headers=headers)
            assert (stray.status_code, "Connected" in stray.text) == (400, False)
        assert (await browser.get(back.replace("/callback", "/else"))).status_code == 404
        page, done = await asyncio.gather(browser.get(back), waiting.ended())
    assert (page.status_code, done.code) == (200, 0), done


async def test_a_code_that_the_server_does_not_take_is_told(desk: Desk) -> None:
    redeem = desk.sandbox.auth.redeem
    assert redeem is not None

    def late(form: dict[str, str]) -> str:
        desk.sandbox.clock.advance(61)
        return redeem(form)

    desk.sandbox.auth.redeem = late
    said, page = await desk.connect()
    assert said.startswith("system crm: the log-in was refused (invalid_grant): the code is void.")
    assert said in page.text


async def test_what_needs_nobody_is_told(desk: Desk) -> None:
    settings = desk.settings()
    async with opened(settings) as logins:
        with pytest.raises(ConfigError, match="other logs in by its configuration alone"):
            await disconnect(logins, settings, "other")
        with pytest.raises(NeedsOperator, match="crm: it is not connected"):
            await disconnect(logins, settings, "crm")


async def test_a_wrong_key_is_told_and_an_old_one_still_opens(desk: Desk) -> None:
    assert (await desk.connect())[0] == CONNECTED
    wrong = await desk.check(SYNCD_KEY=OTHER_KEY)
    assert "encrypted under another key than those of `secrets`" in wrong
    none = await desk.check(SYNCD_KEY="")
    assert "are encrypted, and there is no key" in none
    assert {text[0] for text in (wrong, none)} == {"2"}
    settings = desk.settings(SYNCD_KEY=OTHER_KEY)
    async with opened(settings) as logins:
        assert [found.state for found in await connections(logins, settings)] == ["unreadable"]
    desk.write('secrets: {key: "${env:NEW}", old_keys: ["${env:SYNCD_KEY}"]}\n')
    before = await rows(desk, "select key from tokens")
    assert (await desk.check(NEW=OTHER_KEY))[0] == "0"
    assert await rows(desk, "select key from tokens") != before, "read once, it is under the new key"
    desk.write()
    assert (await desk.check(SYNCD_KEY=OTHER_KEY))[0] == "0"
    assert KEY not in wrong + none


async def test_a_row_is_good_for_its_own_system_and_client_only(desk: Desk) -> None:
    assert (await desk.connect())[0] == CONNECTED
    await run_sql(desk.store, "update tokens set client = 'another'")
    settings = desk.settings()
    async with opened(settings) as logins:
        (found,) = await connections(logins, settings)
    assert (found.state, "it was connected for another client_id" in str(found)) == ("missing", True)
    desk.auth = desk.auth.replace("client_id: sandbox-client", "client_id: another")
    desk.write()
    forged = await desk.check()
    assert (forged[0], "somebody changed the row" in forged) == ("2", True), forged


async def test_another_account_is_refused_unless_it_is_wanted(desk: Desk) -> None:
    assert (await desk.connect())[0] == CONNECTED
    kept = await rows(desk, "select version, body from tokens")
    desk.sandbox.account = "another org"
    refused, page = await desk.connect()
    said = "this log-in shows the data of another org, and what is linked belongs to sandbox"
    assert (said in refused, said in page.text) == (True, True)
    assert await rows(desk, "select version, body from tokens") == kept
    assert len(desk.sandbox.auth.refresh) == 2, "the refused log-in's is revoked"
    checked = await desk.check()
    assert (checked[0], said in checked) == ("2", True), checked
    taken, _ = await desk.connect(new_account=True)
    assert "in place of sandbox: run `syncd reload`" in taken
    assert (await desk.check())[0] == "0"


async def test_another_account_is_read_from_the_beginning(desk: Desk) -> None:
    assert (await desk.connect())[0] == CONNECTED
    await _built(desk)
    await run_sql(desk.store, "update streams set cursor = 'a place', swept_at = now()")
    desk.sandbox.account = "another org"
    assert "in place of sandbox" in (await desk.connect(new_account=True))[0]
    sql = "select system, cursor, swept_at = 'epoch' from streams order by system"
    places = [("crm", None, True), ("other", "a place", False)]
    await _built(desk)
    assert [tuple(row) for row in await rows(desk, sql)] == places
    await run_sql(desk.store, "update streams set cursor = 'a place', swept_at = now()")
    await _built(desk)
    assert {row["cursor"] for row in await rows(desk, sql)} == {"a place"}, "once is enough"


async def _built(desk: Desk) -> None:
    """What a daemon does when it starts."""
    async with open_service(desk.settings(), clock=SystemClock(), lease=True) as service:
        await service.world()


async def test_tokens_that_cannot_be_kept_are_revoked(desk: Desk) -> None:
    assert (await desk.connect())[0] == CONNECTED
    kept = set(desk.sandbox.auth.refresh)
    await run_sql(desk.store, FULL)
    assert CONNECTED not in (await desk.connect())[0]
    assert set(desk.sandbox.auth.refresh) == kept
    await run_sql(desk.store, "drop trigger full_disk on tokens")
    assert (await desk.connect())[0] == CONNECTED


async def test_what_is_disconnected_is_revoked_first_and_its_account_stays_known(desk: Desk) -> None:
    assert (await desk.connect())[0] == CONNECTED
    settings = desk.settings()
    async with opened(settings) as logins:
        fault = desk.sandbox.arm("error_before", route="revoke", status=503, times=2)
        with pytest.raises(RetryLater, match="the revocation was refused"):
            await disconnect(logins, settings, "crm")
        assert len(await rows(desk, "select 1 from tokens")) == 1
        assert await disconnect(logins, settings, "crm", force=True) is False
    assert fault.fired == 2
    assert await rows(desk, "select 1 from tokens") == []
    desk.sandbox.account = "another org"
    assert "belongs to sandbox" in (await desk.connect())[0]
