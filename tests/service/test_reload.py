"""A new configuration is taken whole by a daemon that runs, or not at all (F41)."""

from __future__ import annotations

import asyncio
import json
import signal
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from tests.support.commands import Running
from tests.support.pair import CONFIG, Pair, run_sql
from tests.support.watching import Watch

FreshDatabase = Callable[[], Awaitable[str]]
PREFERRING = CONFIG.replace("[{strategy: ask}]", "[{strategy: prefer, systems: [erp, crm]}]")
TAKEN = "starting again with the new configuration"


@pytest.fixture
async def pair(tmp_path: Path, fresh_database: FreshDatabase) -> Pair:
    made = await Pair.make(tmp_path, fresh_database)
    assert (await made.syncd("db", "upgrade")).code == 0
    await run_sql(made.crm, "insert into people (email, first_name) values ('ann@example.org', 'Ann')")
    return made


async def ready(daemon: Running) -> dict[str, Any]:
    found: dict[str, Any] = json.loads((await daemon.get("/readyz"))[1])
    return found


async def clash(crm: Watch, erp: Watch, word: str) -> None:
    """Both sides edit one field, and neither sees the other's edit before its own is there."""
    async with crm.con.transaction():
        await crm.con.execute("update people set first_name = $1", f"{word} of crm")
        await erp.con.execute("update contacts set given = $1", f"{word} of erp")


async def test_a_changed_rule_decides_what_comes_after_it(pair: Pair) -> None:
    async with (
        Watch.on(pair.crm, "people") as crm,
        Watch.on(pair.erp, "contacts") as erp,
        Watch.on(pair.store, "conflicts", "commands") as store,
        pair.running() as daemon,
    ):
        await erp.until("select 1 from contacts where syncd_id is not null")
        before = (await ready(daemon))["config"]
        await clash(crm, erp, "first")
        number = await store.until("select conflict from conflicts where state = 'open'")
        decided = await pair.syncd("conflicts", "decide", str(number), "--value", "Anna")
        assert decided.code == 0, decided
        await crm.until("select 1 from people where first_name = 'Anna'")
        await erp.until("select 1 from contacts where given = 'Anna'")

        pair.write(PREFERRING)
        done = await pair.syncd("reload")
        assert (done.code, "goes on with it" in done.out) == (0, True), done
        await daemon.said(TAKEN)
        await clash(crm, erp, "second")
        await crm.until("select 1 from people where first_name = 'second of erp'")
        rows = await store.con.fetch("select state, config from conflicts order by conflict")
        after = (await ready(daemon))["config"]
        assert [tuple(row) for row in rows] == [("decided", before), ("decided", after)]
        assert after != before
        assert (await daemon.stop())[0] == 0


async def test_a_broken_file_is_refused_whole_and_the_old_one_stays(pair: Pair) -> None:
    broken = PREFERRING.replace("website: text", "website: texd").replace("poll: 1s", "pol: 1s", 1)
    async with Watch.on(pair.erp, "contacts") as erp, pair.running() as daemon:
        await erp.until("select 1 from contacts")
        before = await ready(daemon)
        pair.write(broken)
        done = await pair.syncd("reload")
        assert done.code == 2
        assert "2 problems in the configuration" in done.err
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.said("the new configuration is refused, and the old one stays")
        await daemon.said('Did you mean "poll"?')
        await run_sql(pair.crm, "update people set first_name = 'Anna'")
        await erp.until("select 1 from contacts where given = 'Anna'")
        assert (await ready(daemon))["config"] == before["config"]
        assert TAKEN not in daemon.log


REFUSED = {
    "a field": ("last_name: family", "last_name: famly", 'contacts has no field "famly"'),
    "an object": ("object: contacts", "object: contactz", 'erp has no "contactz"'),
    "a database": ("${env:ERP}", "${env:LOST}", "Check the database's name in the url"),
}


@pytest.mark.parametrize("change", REFUSED)
async def test_what_a_system_refuses_is_refused_whole(pair: Pair, change: str) -> None:
    old, new, said = REFUSED[change]
    head, question, query = pair.erp.partition("?")
    pair.env["LOST"] = f"{head}_lost{question}{query}"
    async with Watch.on(pair.erp, "contacts") as erp, pair.running() as daemon:
        await erp.until("select 1 from contacts")
        before = await ready(daemon)
        pair.write(PREFERRING.replace(old, new))
        done = await pair.syncd("reload")
        assert (done.code, said in done.out) == (2, True), done
        assert "syncd.yaml:" in done.out
        await run_sql(pair.crm, "update people set first_name = 'Anna'")
        await erp.until("select 1 from contacts where given = 'Anna'")
        after = await ready(daemon)
        assert (after["config"], after["status"]) == (before["config"], "ok")
        assert TAKEN not in daemon.log


async def test_a_system_out_of_reach_is_no_reason_to_refuse(pair: Pair) -> None:
    pair.env["AWAY"] = "postgresql://127.0.0.1:1/erp"
    async with Watch.on(pair.erp, "contacts") as erp, pair.running() as daemon:
        await erp.until("select 1 from contacts")
        pair.write(PREFERRING.replace("${env:ERP}", "${env:AWAY}"))
        done = await pair.syncd("reload")
        assert (done.code, "erp is waited for: " in done.out) == (0, True), done
        await daemon.said(TAKEN)


@pytest.mark.parametrize("change", ["another store", "another port"])
async def test_what_only_a_restart_can_change_is_refused(pair: Pair, change: str) -> None:
    texts = {
        "another store": CONFIG.replace("${env:STORE}", "${env:CRM}"),
        "another port": CONFIG.replace("127.0.0.1:0", "127.0.0.1:1"),
    }
    async with pair.running() as daemon:
        pair.write(texts[change])
        daemon.process.send_signal(signal.SIGHUP)
        await daemon.said("this takes a restart of the daemon; nothing was changed")
    assert TAKEN not in daemon.log


async def test_without_a_daemon_nothing_is_left_to_do(pair: Pair) -> None:
    done = await pair.syncd("reload")
    assert (done.code, "no daemon runs now" in done.out) == (0, True)
    async with Watch.on(pair.store) as store:
        assert await store.con.fetchval("select count(*) from commands") == 0


async def test_under_load_nothing_is_lost_and_nothing_is_made_twice(pair: Pair) -> None:
    records = 600
    insert = """insert into people (email, first_name)
    select 'p' || i || '@example.org', 'P' || i from generate_series($1::int, $2::int) i"""
    async with Watch.on(pair.crm, "people") as crm, Watch.on(pair.erp, "contacts") as erp:
        async with Watch.on(pair.store, "outbox", "sends") as store, pair.running() as daemon:
            await erp.until("select 1 from contacts")
            pid = daemon.process.pid
            for turn in range(6):
                await crm.con.execute(insert, turn * 100 + 1, turn * 100 + 100)
                await crm.con.execute("update people set last_name = $1", f"turn {turn}")
                pair.write(PREFERRING if turn % 2 == 0 else CONFIG)
                daemon.process.send_signal(signal.SIGHUP)
                await reloads(daemon, turn + 1)
                assert (await daemon.get("/healthz"))[0] == 200
            await erp.until(
                f"select count(*) = {records + 1} from contacts where family = 'turn 5' having count(*) > 0",
                within=90,
            )
            await store.until("select not exists (select from outbox) and not exists (select from sends)")
            assert daemon.process.pid == pid
            assert (await daemon.stop())[0] == 0
        assert await erp.con.fetchval("select count(*) from contacts") == records + 1
        assert await erp.con.fetchval("select count(distinct mail) from contacts") == records + 1
        assert await crm.con.fetchval("select count(*) from people") == records + 1
    assert (await pair.syncd("reconcile")).code == 0


async def reloads(daemon: Running, times: int) -> None:
    """Wait for the log to tell of so many new configurations."""
    async with asyncio.timeout(60):
        while daemon.log.count(TAKEN) < times:
            daemon._grown.clear()
            await daemon._grown.wait()
