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
from tests.support.pair import CONFIG, ERP, Pair, run_sql
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


async def test_after_a_restart_a_lost_column_is_left_alone_and_comes_back(pair: Pair) -> None:
    """What its mapping once fitted is treated as while running: only the field waits, not its kind."""
    async with Watch.on(pair.erp, "contacts") as erp, Watch.on(pair.crm, "people") as crm:
        async with daemon_of(pair):
            await erp.until("select 1 from contacts where mail = 'ann@example.org'")
            async with Watch.on(pair.store, "meta") as store:
                await store.until("select count(*) = 4 from meta where key like 'schema:%'")
        await erp.con.execute("alter table contacts rename family to surname")
        await crm.con.execute("update people set first_name = 'Anna', last_name = 'Lee'")
        async with daemon_of(pair) as daemon:
            assert await erp.until("select 1 from contacts where given = 'Anna' and surname is null")
            assert daemon.troubles() == {}
            await erp.con.execute("update contacts set given = 'Annie'")
            await crm.until("select 1 from people where first_name = 'Annie' and last_name = 'Lee'")
            listed = "select field from parked where code = 'schema'"
            async with Watch.on(pair.store, "parked") as store:
                assert await store.until(listed) == "family"
                await erp.con.execute("alter table contacts rename surname to family")
                daemon.service.keepers["erp"].doubt.set()
                await erp.until("select 1 from contacts where family = 'Lee'")
                await store.until("select not exists (select from parked)")


async def test_after_a_restart_a_new_required_column_stops_creates_only(pair: Pair) -> None:
    async with Watch.on(pair.erp, "contacts") as erp, daemon_of(pair):
        await erp.until("select 1 from contacts where mail = 'ann@example.org'")
        async with Watch.on(pair.store, "meta") as store:
            await store.until("select count(*) = 4 from meta where key like 'schema:%'")
    await run_sql(pair.erp, "alter table contacts add branch text not null default 'x'")
    await run_sql(pair.erp, "alter table contacts alter branch drop default")
    await run_sql(pair.crm, "insert into people (email) values ('bob@example.org')")
    await run_sql(pair.crm, "update people set first_name = 'Anna' where email = 'ann@example.org'")
    async with Watch.on(pair.erp, "contacts") as erp, daemon_of(pair) as daemon:
        await erp.until("select 1 from contacts where given = 'Anna'")
        assert daemon.troubles() == {}
        await erp.con.execute("alter table contacts alter branch set default 'x'")
        daemon.service.keepers["erp"].doubt.set()
        await erp.until("select 1 from contacts where mail = 'bob@example.org'")


async def test_after_a_restart_a_field_that_never_was_is_a_mistake(pair: Pair) -> None:
    async with daemon_of(pair), Watch.on(pair.erp, "contacts") as erp:
        await erp.until("select 1 from contacts where mail = 'ann@example.org'")
    pair.write(CONFIG.replace("last_name: family", "last_name: famly"))
    async with daemon_of(pair) as daemon, Watch.on(pair.erp, "orgs") as erp:
        await run_sql(pair.crm, "update companies set name = 'Acme Ltd'")
        await erp.until("select 1 from orgs where title = 'Acme Ltd'")
        assert list(daemon.troubles()) == ["erp.contact"]


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
