"""What cannot be used sleeps, is owed what it misses, and wakes: the others run meanwhile."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path

import pytest

from syncd.core.clock import SystemClock
from syncd.service.compose import open_service
from syncd.service.daemon import Daemon
from syncd.service.health import readiness
from syncd.service.vendors import load_settings
from tests.support.pair import ERP, Pair, run_sql
from tests.support.watching import Watch

FreshDatabase = Callable[[], Awaitable[str]]


@pytest.fixture
async def pair(tmp_path: Path, fresh_database: FreshDatabase, monkeypatch: pytest.MonkeyPatch) -> Pair:
    made = await Pair.make(tmp_path, fresh_database)
    for name, text in made.env.items():
        monkeypatch.setenv(name, text)
    await run_sql(
        made.crm,
        """insert into companies (name, website) values ('Acme', 'acme.example');
        insert into people (email, first_name, company_id) values ('ann@example.org', 'Ann', 1)""",
    )
    return made


@asynccontextmanager
async def daemon_of(pair: Pair) -> AsyncIterator[Daemon]:
    """The daemon in this process, which looks again at sleeping systems at once."""
    settings = load_settings(pair.folder / "syncd.yaml")
    async with open_service(settings, clock=SystemClock(), lease=True, look=False) as service:
        daemon = Daemon(service, look_again=0.05)
        running = asyncio.create_task(daemon.run())
        try:
            yield daemon
        finally:
            daemon.stop()
            await running


async def test_a_table_without_a_mapped_column_sleeps_alone(pair: Pair) -> None:
    await run_sql(pair.erp, "alter table contacts drop column family")
    async with Watch.on(pair.erp, "orgs", "contacts") as erp, daemon_of(pair) as daemon:
        await erp.until("select 1 from orgs where title = 'Acme'")
        told = daemon.troubles()
        assert list(told) == ["erp.contact"]
        assert "kinds.contact.systems.erp.fields.last_name" in told["erp.contact"]
        assert 'has no field "family"' in told["erp.contact"]
        ready = await readiness(daemon)
        assert (ready["ready"], ready["status"]) == (True, "degraded")
        assert not any("erp.contact" in loop["name"] for loop in ready["loops"])

        await erp.con.execute("alter table contacts add column family text")
        await erp.until("select 1 from contacts where mail = 'ann@example.org' and org is not null")
        assert daemon.troubles() == {}


async def test_a_table_that_is_missing_sleeps_alone(pair: Pair) -> None:
    await run_sql(pair.erp, "alter table contacts rename to later")
    async with Watch.on(pair.erp, "orgs", "later") as erp, daemon_of(pair) as daemon:
        await erp.until("select 1 from orgs where title = 'Acme'")
        assert list(daemon.troubles()) == ["erp.contact"]
        await erp.con.execute("alter table later rename to contacts")
        await erp.until("select 1 from contacts where mail = 'ann@example.org'")


async def test_a_database_that_is_missing_is_owed_everything_and_gets_it(pair: Pair) -> None:
    name = pair.erp.partition("?")[0].rpartition("/")[2]
    await run_sql(pair.crm, f'alter database "{name}" rename to "{name}_away"')
    try:
        async with daemon_of(pair) as daemon:
            async with Watch.on(pair.store, "outbox") as store:
                owed = "select count(*) = 2 from outbox join streams using (stream) where system = 'erp'"
                await store.until(owed)
            assert list(daemon.troubles()) == ["erp"]
            assert "no such database" in daemon.troubles()["erp"] or name in daemon.troubles()["erp"]
            await run_sql(pair.crm, f'alter database "{name}_away" rename to "{name}"')
            async with Watch.on(pair.erp, "contacts") as erp:
                await erp.until("select 1 from contacts where mail = 'ann@example.org' and org is not null")
            assert daemon.troubles() == {}
    finally:
        away = f"select 1 from pg_database where datname = '{name}_away'"
        async with Watch.on(pair.crm) as admin:
            if await admin.con.fetchval(away):
                await admin.con.execute(f'alter database "{name}_away" rename to "{name}"')


async def test_nothing_is_left_running_or_held(pair: Pair) -> None:
    async with daemon_of(pair):
        pass
    async with daemon_of(pair) as daemon, Watch.on(pair.erp, "orgs") as erp:
        await erp.until("select 1 from orgs")
        assert daemon.service.store.lease_left() > 0
    assert ERP  # the tables above are these
