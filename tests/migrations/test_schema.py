"""The migrations and the declared tables make the same database."""

from __future__ import annotations

import asyncio
from collections.abc import Awaitable, Callable
from concurrent.futures import ThreadPoolExecutor

import asyncpg
import pytest
from alembic import command
from alembic.autogenerate import compare_metadata
from alembic.config import Config
from alembic.migration import MigrationContext
from sqlmodel import SQLModel

from syncd.core.errors import StoreUnavailable
from syncd.store import tables
from syncd.store.migrate import current, engine, pending, scripts, upgrade

FreshDatabase = Callable[[], Awaitable[str]]
RELATIONS = """select c.relname, c.relkind::text, c.relpersistence::text, c.reloptions::text
    from pg_class c join pg_namespace n on n.oid = c.relnamespace
    where n.nspname = 'public' and c.relname !~ '^alembic_version'"""
COLUMNS = """select c.relname, a.attname, a.attnum,
        format_type(a.atttypid, a.atttypmod) as type, a.attnotnull,
        pg_get_expr(d.adbin, d.adrelid) as standard
    from pg_attribute a join pg_class c on c.oid = a.attrelid join pg_namespace n on n.oid = c.relnamespace
    left join pg_attrdef d on d.adrelid = a.attrelid and d.adnum = a.attnum
    where n.nspname = 'public' and c.relkind = 'r' and a.attnum > 0 and not a.attisdropped
        and c.relname <> 'alembic_version'"""
INDEXES = """select tablename, indexname, indexdef from pg_indexes
    where schemaname = 'public' and tablename <> 'alembic_version'"""
CONSTRAINTS = """select conrelid::regclass::text as place, conname, pg_get_constraintdef(oid) as says
    from pg_constraint where conrelid <> 0 and conrelid::regclass::text <> 'alembic_version'
        and connamespace = 'public'::regnamespace"""
SEQUENCES = "select sequencename, data_type::text, start_value, increment_by, cycle from pg_sequences"


async def seen(url: str) -> dict[str, set[tuple[object, ...]]]:
    con = await asyncpg.connect(url)
    queries = {
        "relations": RELATIONS,
        "columns": COLUMNS,
        "indexes": INDEXES,
        "constraints": CONSTRAINTS,
        "sequences": SEQUENCES,
    }
    answer = {name: {tuple(row) for row in await con.fetch(sql)} for name, sql in queries.items()}
    await con.close()
    return answer


def declare(url: str) -> None:
    made = engine(url)
    SQLModel.metadata.create_all(made)
    made.dispose()


def upgrade_to(url: str, revision: str) -> None:
    """The store of an earlier release."""
    config = Config()
    config.set_main_option("script_location", str(scripts()))
    with engine(url).connect() as connection:
        config.attributes["connection"] = connection
        command.upgrade(config, revision)


async def test_migrated_and_declared_databases_are_the_same(fresh_database: FreshDatabase) -> None:
    migrated, declared = await fresh_database(), await fresh_database()
    await asyncio.to_thread(upgrade, migrated)
    await asyncio.to_thread(declare, declared)
    ours, theirs = await seen(migrated), await seen(declared)
    for part, rows in theirs.items():
        assert ours[part] == rows, part
    assert ("sweep_seen", "r", "u", None) in ours["relations"]
    assert ("links", "r", "p", "{fillfactor=60}") in ours["relations"]
    assert any("WHERE (state <> 'duplicate'::text)" in str(row[2]) for row in ours["indexes"])
    assert ("store_seq", "bigint", 1, 1000, False) in ours["sequences"]


async def test_alembic_finds_nothing_to_add(store_url: str) -> None:
    def compare() -> list[object]:
        with engine(store_url).connect() as connection:
            options = {"compare_type": True, "compare_server_default": True}
            context = MigrationContext.configure(connection, opts=options)
            return list(compare_metadata(context, SQLModel.metadata))

    assert tables.Lease.metadata is SQLModel.metadata
    assert await asyncio.to_thread(compare) == []


async def test_upgrade_goes_to_the_head_once(fresh_database: FreshDatabase) -> None:
    url = await fresh_database()
    steps = pending(url)
    assert steps
    assert current(url) is None
    assert upgrade(url) == steps
    assert current(url) == steps[-1]
    assert pending(url) == upgrade(url) == []


async def test_what_was_approved_stays_so(fresh_database: FreshDatabase) -> None:
    url = await fresh_database()
    await asyncio.to_thread(upgrade_to, url, "0004")
    con = await asyncpg.connect(url)
    await con.execute(
        "insert into outbox (seq, stream, record_id, approved) values (1, 1, 1, true), (2, 1, 2, false)"
    )
    await asyncio.to_thread(upgrade, url)
    rows = await con.fetch("select seq, approved from outbox order by seq")
    await con.close()
    assert [tuple(row) for row in rows] == [(1, "any"), (2, None)]


async def test_two_upgrades_at_once_take_turns(fresh_database: FreshDatabase) -> None:
    url = await fresh_database()
    wanted = pending(url)
    with ThreadPoolExecutor(3) as threads:
        runs = await asyncio.gather(
            *(asyncio.get_running_loop().run_in_executor(threads, upgrade, url) for _ in range(3))
        )
    assert sorted(runs) == sorted([wanted, [], []])


async def test_a_store_of_a_newer_syncd_is_refused(store_url: str) -> None:
    con = await asyncpg.connect(store_url)
    await con.execute("update alembic_version set version_num = 'from the future'")
    await con.close()
    with pytest.raises(StoreUnavailable, match="newer syncd"):
        upgrade(store_url)


def test_a_server_out_of_reach_is_told_without_its_password() -> None:
    with pytest.raises(StoreUnavailable, match=r"127\.0\.0\.1:1/crm") as caught:
        upgrade("postgresql://ann:s3cret@127.0.0.1:1/crm")
    assert "s3cret" not in str(caught.value)


def test_no_step_is_edited_into_a_tree() -> None:
    revisions = sorted(path.name[:4] for path in (scripts() / "versions").glob("*.py"))
    assert revisions == [f"{number:04}" for number in range(1, len(revisions) + 1)]
