"""`syncd run` with the embedded store: nothing to set up, killed and back, shared with commands."""

from __future__ import annotations

import signal
from collections.abc import Awaitable, Callable, Iterator
from pathlib import Path

import pytest

from tests.support.pair import CONFIG, Pair, run_sql
from tests.support.postgres import reachable_folder
from tests.support.watching import Watch

FreshDatabase = Callable[[], Awaitable[str]]
pytestmark = pytest.mark.slow


@pytest.fixture
def folder() -> Iterator[Path]:
    with reachable_folder() as found:
        yield found


async def test_it_needs_nothing_comes_back_after_a_kill_and_serves_commands(
    folder: Path, fresh_database: FreshDatabase
) -> None:
    pair = await Pair.make(folder, fresh_database, CONFIG.replace('"${env:STORE}"', "embedded"))
    await run_sql(pair.crm, "insert into companies (name, website) values ('Acme', 'acme.example')")
    async with Watch.on(pair.erp, "orgs") as erp:
        async with pair.running() as daemon:
            await erp.until("select 1 from orgs where title = 'Acme'")
            beside = await pair.syncd("status")
            assert (beside.code, "2 live" in beside.out or "1 live" in beside.out) == (0, True)
            second = await pair.syncd("run")
            assert second.code == 3
            assert "in use by another syncd" in second.err
            await daemon.stop(signal.SIGKILL)
        await run_sql(pair.crm, "update companies set name = 'Acme Ltd'")
        async with pair.running() as daemon:
            await erp.until("select 1 from orgs where title = 'Acme Ltd'")
            assert await erp.con.fetchval("select count(*) from orgs") == 1
            code, seconds = await daemon.stop()
            assert (code, seconds < 10) == (0, True)
    after = await pair.syncd("status", "--json")
    assert after.json()["daemon"]["runs"] is False
    assert [s["links"] for s in after.json()["streams"] if s["kind"] == "company"] == [{"live": 1}] * 2
