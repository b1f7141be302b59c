"""What only PostgreSQL can do to a connector: types, names, ids, constraints, triggers, rights."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Mapping
from typing import Any

import asyncpg
import pytest

from connectors.base import ObjectSpec
from connectors.sql import SqlConnector
from syncd.core.errors import CursorLost, NeedsOperator
from syncd.core.nouns import Accepted, Deferred, Exists, Push, PushOp, Rejected, Stale, StoredBy
from tests.conftest import FreshDatabase
from tests.contract.mirror import Mirror


class Place:
    """A database with one table under test."""

    def __init__(self, url: str, conn: asyncpg.Connection) -> None:
        self.url, self.conn = url, conn
        self.open: list[SqlConnector] = []

    async def table(self, sql: str, name: str = "t", *, key: str | None = None, **more: Any) -> SqlConnector:
        """Run `sql` and read table `name` with all of its columns."""
        await self.conn.execute(sql)
        return await self.reader(name, key=key, **more)

    async def reader(
        self,
        name: str = "t",
        *,
        key: str | None = None,
        options: Mapping[str, Any] | None = None,
        url: str | None = None,
        **settings: Any,
    ) -> SqlConnector:
        oid = "(select c.oid from pg_class c where c.relname = $1 and c.relkind = 'r')"
        sql = f"select attname::text from pg_attribute where attrelid = {oid} and attnum > 0"
        fields = tuple(r["attname"] for r in await self.conn.fetch(sql, name.split(".", 1)[-1]))
        spec = ObjectSpec(name, fields, key, options or {})
        made = SqlConnector("erp", {"url": url or self.url, **settings}, [spec])
        self.open.append(made)
        return made


@pytest.fixture
async def place(fresh_database: FreshDatabase) -> AsyncIterator[Place]:
    url = await fresh_database()
    conn = await asyncpg.connect(url)
    made = Place(url, conn)
    yield made
    for connector in made.open:
        await connector.aclose()
    await conn.close()


def push(n: int, op: PushOp = PushOp.CREATE, remote_id: str | None = None, /, **fields: Any) -> Push:
    return Push(n, "t", op, n, 1, fields, remote_id=remote_id, key=f"{n}")


async def only(connector: SqlConnector, *pushes: Push) -> Any:
    """The results in the order of the pushes, the only one bare."""
    got = {r.push_id: r for r in await connector.write(pushes)}
    assert len(got) == len(pushes)
    return got[pushes[0].push_id] if len(pushes) == 1 else [got[p.push_id] for p in pushes]


VALUES: list[tuple[str, Any, Any]] = [
    ("bigint", 9007199254740993, 9007199254740993),
    ("numeric(30,10)", "12345678901234567890.1234567891", "12345678901234567890.1234567891"),
    ("double precision", 1.5, 1.5),
    ("double precision", "NaN", "NaN"),
    ("boolean", True, True),
    ("date", "2026-02-28", "2026-02-28"),
    ("date", "infinity", "infinity"),
    ("timestamptz", "2026-02-28T10:00:00.5+02:00", "2026-02-28T08:00:00.500000Z"),
    ("timestamptz", "-infinity", "-infinity"),
    ("timestamp", "2026-02-28T10:00:00", "2026-02-28T10:00:00.000000"),
    ("uuid", "6BA8AE8A-6D2E-4F37-9A54-0A8D3F9D7B11", "6ba8ae8a-6d2e-4f37-9a54-0a8d3f9d7b11"),
    ("jsonb", {"a": [1, None, "x"]}, {"a": [1, None, "x"]}),
    ("json", "just a text", "just a text"),
    ("text[]", ["a", 'b"c', None], ["a", 'b"c', None]),
    ("integer[]", [1, 2], [1, 2]),
    ("numeric[]", ["1.10"], ["1.10"]),
    ("char(5)", "ab", "ab"),
    ("time", "10:11:12", "10:11:12"),
    ("bytea", "\\x00ff", "\\x00ff"),
    ("inet", "10.0.0.1", "10.0.0.1/32"),
]


@pytest.mark.parametrize(("kind", "sent", "read"), VALUES, ids=lambda v: str(v)[:24])
async def test_values_of_every_type_go_in_and_out(place: Place, kind: str, sent: Any, read: Any) -> None:
    db = await place.table(f"create table t (id serial primary key, v {kind})")
    got = await only(db, push(1, v=sent))
    assert isinstance(got, Accepted), got
    assert got.stored["v"] == read
    (change,) = await db.fetch("t", [got.remote_id])
    assert change.fields == {"id": got.remote_id, "v": read}
    again = await only(db, push(2, PushOp.UPDATE, got.remote_id, v=change.fields["v"]))
    assert again.stored["v"] == read, "what was read can be written back"


async def test_hostile_names(place: Place) -> None:
    schema, table, column = 'sch"ema; --', "ta ble'\"x\\", "co\"l $1 '; drop table y; --"
    quoted = [n.replace('"', '""') for n in (schema, table, column)]
    await place.conn.execute(f'''create schema "{quoted[0]}";
      create table "{quoted[0]}"."{quoted[1]}" (id serial primary key, "{quoted[2]}" varchar(9) unique)''')
    spec = ObjectSpec(table, (column,), column)
    for capture in ("scan", "triggers"):
        db = SqlConnector("erp", {"url": place.url, "schema": schema, "capture": capture}, [spec])
        place.open.append(db)
        assert column in (await db.describe()).objects[table].fields
        mirror = Mirror(db, table)
        await mirror.poll()
        await db.write([Push(1, table, PushOp.CREATE, 1, 1, {}, key=f"k{capture[:4]}")])
        await mirror.poll()
        assert f"k{capture[:4]}" in {r[column] for r in mirror.rows.values()}
        assert list(await db.find(table, [f"k{capture[:4]}"])) == [f"k{capture[:4]}"]
        await mirror.sweep()


IDS = {
    "serial": "id serial primary key",
    "always": "id bigint generated always as identity primary key",
    "by default": "id int generated by default as identity primary key",
    "uuid made there": "id uuid primary key default gen_random_uuid()",
    "uuid of ours": "id uuid primary key",
    "text of ours": "id text primary key",
}


@pytest.mark.parametrize("kind", IDS)
async def test_ids_of_every_kind(place: Place, kind: str) -> None:
    db = await place.table(f"create table t ({IDS[kind]}, name text)")
    await db.describe()
    ours = kind.endswith("ours")
    assert (db.capabilities.client_ids, db.capabilities.upsert_key) == (ours, ours)
    got = await only(db, *(push(n, name=f"n{n}") for n in range(50)))
    names = dict(await place.conn.fetch("select id::text, name from t"))
    assert {r.remote_id: f"n{r.push_id}" for r in got} == names, "each answer belongs to its push"
    again = await only(db, push(7, name="n7"))
    assert isinstance(again, Accepted)
    assert await place.conn.fetchval("select count(*) from t") == (50 if ours else 51)


async def test_an_id_that_a_trigger_makes(place: Place) -> None:
    db = await place.table("""create table t (id bigint primary key, name text);
      create function f() returns trigger language plpgsql as $$ begin
        new.id := 1000 + new.name::int; return new; end $$;
      create trigger f before insert on t for each row execute function f()""")
    got = await only(db, push(1, name="5"), push(2, name="3"))
    assert [r.remote_id for r in got] == ["1005", "1003"]
    await place.conn.execute("alter table t alter id set default 1")
    other = await place.reader()
    assert [r.remote_id for r in await only(other, push(3, name="8"), push(4, name="9"))] == ["1008", "1009"]


async def test_each_refused_row_says_why(place: Place) -> None:
    db = await place.table("""create table firm (id int primary key); insert into firm values (1);
      create table t (id serial primary key, name text not null, state text check (state in ('a', 'it''s')),
        n smallint, firm int references firm deferrable initially deferred, a int, b int,
        low text, unique (a, b));
      create unique index low_is_unique on t (lower(low)) where low <> '';
      insert into t (id, name, a, b, low) values (900, 'x', 1, 2, 'Taken')""")
    fields = (await db.describe()).objects["t"].fields
    assert fields["state"].options == ("a", "it's")
    assert (fields["firm"].references, fields["name"].required) == ("firm", True)
    got = await only(
        db,
        push(1, name="fine", state="it's", n=1, firm="1"),
        push(2, name=None, state="a", n=1, firm="1"),
        push(3, name="x", state="secret", n=1, firm="1"),
        push(4, name="x", state="a", n=70000, firm="1"),
        push(5, name="x", state="a", n="secret", firm="1"),
        push(6, name="x", state="a", n=1, firm="2"),
        push(7, name="x", a=1, b=2),
        push(8, name="x", low="tAKEN"),
        push(9, name="nul \0 byte"),
        push(10, name="half \ud800"),
        push(11, name="fine too", state="a", n=2, firm=None),
    )
    assert [(r.code, r.field) for r in got if isinstance(r, Rejected)] == [
        ("23502", "name"),
        ("23514", "state"),
        ("22003", "n"),
        ("22P02", "n"),
        ("23503", "firm"),
        ("22021", "name"),
        ("22021", "name"),
    ]
    assert [r for r in got if isinstance(r, Exists)] == [Exists(7, "900"), Exists(8, "900")]
    assert not any("secret" in r.message for r in got if isinstance(r, Rejected))
    assert await place.conn.fetchval("select count(*) from t") == 3


async def test_triggers_that_drop_rows_or_change_them_afterwards(place: Place) -> None:
    db = await place.table("""create table t (id serial primary key, name text);
      create function f() returns trigger language plpgsql as $$ begin
        if new.name = 'drop' then return null; end if; return new; end $$;
      create trigger f before insert on t for each row execute function f();
      create function g() returns trigger language plpgsql as $$ begin
        if new.name not like '%!' then update t set name = name || '!' where id = new.id; end if;
        return null; end $$;
      create trigger g after insert on t for each row execute function g()""")
    kept, dropped = await only(db, push(1, name="keep"), push(2, name="drop"))
    assert (kept.stored["name"], kept.stored_by) == ("keep!", StoredBy.READ_BACK)
    assert dropped.code == "suppressed"


async def test_a_locked_row_is_deferred_and_the_others_land(place: Place) -> None:
    db = await place.table(
        "create table t (id serial primary key, n int); insert into t (n) values (1), (2)", lock_timeout=0.05
    )
    other = await asyncpg.connect(place.url)
    async with other.transaction():
        await other.execute("select from t where id = 1 for update")
        got = await only(db, push(1, PushOp.UPDATE, "1", n=5), push(2, PushOp.UPDATE, "2", n=6))
    await other.close()
    assert got[0] == Deferred(1)
    assert isinstance(got[1], Accepted)


async def test_a_column_that_vanishes_in_mid_run(place: Place) -> None:
    db = await place.table("create table t (id serial primary key, a text, b text)")
    one = await only(db, push(1, a="x", b="y"))
    await place.conn.execute("alter table t drop column b")
    got = await only(db, push(2, PushOp.UPDATE, one.remote_id, a="z", b="z"), push(3, a="new"))
    assert (got[0].code, got[0].field) == ("unknown_field", "b")
    assert isinstance(got[1], Accepted)
    assert "b" not in (await db.fetch("t", [one.remote_id]))[0].fields


async def test_the_version_of_an_answer_is_that_of_the_row(place: Place) -> None:
    db = await place.table("create table t (id serial primary key, n int)")
    made = await only(db, push(1, n=1))
    one = Push(2, "t", PushOp.UPDATE, 1, 2, {"n": 2}, made.remote_id, expected_version=made.remote_version)
    got = await only(db, one)
    assert isinstance(got, Accepted)
    assert got.remote_version == (await db.fetch("t", [made.remote_id]))[0].remote_version
    assert await only(db, one) == Stale(2)


async def test_capture_by_triggers_loses_its_cursor_when_it_must(place: Place) -> None:
    db = await place.table("create table t (id serial primary key, n int)", capture="triggers", log_life=3600)
    mirror = Mirror(db, "t")
    await mirror.poll()
    for harm in (
        "truncate t",
        "drop trigger syncd_row on t; insert into t (n) values (7)",
        "insert into t (n) values (8); update syncd_capture.log set at = at - interval '2 hours'",
        "drop schema syncd_capture cascade",
    ):
        await place.conn.execute("insert into t (n) values (1)")
        await place.conn.execute(harm)
        fresh = await place.reader(capture="triggers", log_life=3600)
        with pytest.raises(CursorLost):
            async for _ in fresh.read_changes("t", mirror.cursor):
                pass
        mirror = Mirror(fresh, "t")
        await mirror.poll()
        assert len(mirror.rows) == await place.conn.fetchval("select count(*) from t")
    await db.uninstall()
    left = "select count(*) from pg_trigger where tgname like 'syncd%'"
    assert await place.conn.fetchval(left) == 0
    assert await place.conn.fetchval("select to_regnamespace('syncd_capture')") is None


async def test_a_changed_id_is_a_delete_and_a_new_record(place: Place) -> None:
    db = await place.table("create table t (id int primary key, n int)", capture="triggers")
    await place.conn.execute("insert into t values (1, 1), (2, 2)")
    mirror = Mirror(db, "t")
    await mirror.poll()
    await place.conn.execute("update t set id = 9 where id = 1")
    await mirror.poll()
    assert set(mirror.rows) == {"2", "9"}


async def test_the_bell_rings_for_a_write(place: Place) -> None:
    db = await place.table("create table t (id serial primary key, n int)", capture="triggers")
    await db.install()
    await db.bell()  # the first one is for what came before it listened
    await place.conn.execute("insert into t (n) values (1)")
    await db.bell()


@pytest.mark.parametrize("capture", ["scan", "updated_at"])
async def test_a_long_writer_does_not_make_quiet_polls_loud(place: Place, capture: str) -> None:
    db = await place.table(
        "create table t (id serial primary key, n int, at timestamptz default now())",
        capture=capture,
        options={"updated_at": "at"},
        overlap=0,
    )
    mirror = Mirror(db, "t")
    await mirror.poll()
    writer = await asyncpg.connect(place.url)
    transaction = writer.transaction()
    await transaction.start()
    await writer.execute("insert into t (n) values (0)")
    await place.conn.execute("insert into t (n) select g from generate_series(1, 20) g")
    assert len(await mirror.poll()) == 20
    assert await mirror.poll() == []
    await place.conn.execute("insert into t (n) values (21)")
    assert len(await mirror.poll()) == 1
    assert await mirror.poll() == []
    await transaction.commit()
    assert len(await mirror.poll()) == 1
    await mirror.poll()
    assert await mirror.poll() == []
    assert len(mirror.rows) == 22
    await writer.close()


async def test_a_hundred_thousand_rows_with_one_stamp(place: Place) -> None:
    db = await place.table(
        """create table t (id serial primary key, at timestamptz default now());
           insert into t select from generate_series(1, 100000); create index on t (at, id)""",
        capture="updated_at",
        options={"updated_at": "at"},
        page=5000,
    )
    mirror = Mirror(db, "t")
    await mirror.poll()
    await place.conn.execute("update t set at = now()")
    assert len({c.remote_id for c in await mirror.poll()}) == 100000
    assert await mirror.poll() == []


async def test_what_an_operator_is_told(place: Place) -> None:
    await place.conn.execute("""create table t (id serial primary key, k text); create table bare (n int);
      do $$ begin create role syncd_contract_poor login; exception when duplicate_object then null; end $$;
      create table closed (id serial primary key)""")
    user = place.url.split("//")[1].split("@")[0]
    poor = place.url.replace(f"//{user}@", "//syncd_contract_poor:pa55word@")
    for name, key, url, told in (
        ("t", "k", place.url, "CREATE UNIQUE INDEX"),
        ("t", "gone", place.url, "ADD COLUMN"),
        ("bare", None, place.url, "primary key"),
        ("nothing", None, place.url, "create the table"),
        ("closed", None, poor, "GRANT SELECT ON public.closed"),
    ):
        db = await place.reader(name, key=key, url=url)
        with pytest.raises(NeedsOperator) as caught:
            await Mirror(db, name).sweep()
        assert told in caught.value.todo
        assert "pa55word" not in str(caught.value)
    db = await place.reader("closed", url=poor, capture="triggers")
    with pytest.raises(NeedsOperator, match="GRANT CREATE ON DATABASE"):
        await db.install()


async def test_a_missing_right_is_told_only_where_one_is_missing(place: Place) -> None:
    """SQLSTATE 55000 comes from a database's, a table's or a trigger's state, whatever the role may do."""
    db = await place.table("create table t (id serial primary key, a text)")
    first = (await db.write([push(1, a="x")]))[0]
    assert isinstance(first, Accepted)
    await place.conn.execute("alter table t replica identity nothing; create publication p for table t")
    change = Push(2, "t", PushOp.UPDATE, 1, 1, {"a": "y"}, remote_id=first.remote_id)
    [refused] = await db.write([change])
    assert isinstance(refused, Rejected)
    assert (refused.code, refused.field) == ("55000", None)
    assert "REPLICA IDENTITY" in refused.message
    assert "GRANT" not in refused.message


async def test_a_database_that_allows_no_connections_is_told_as_one(place: Place) -> None:
    await place.conn.execute("create table t (id serial primary key, a text)")
    db = await place.reader("t")
    name = await place.conn.fetchval("select current_database()")
    admin = await asyncpg.connect(place.url, database="postgres")
    try:
        await admin.execute(f'alter database "{name}" allow_connections false')
        for ask in (db.describe, db.install):
            with pytest.raises(NeedsOperator) as caught:
                await ask()
            assert "ALLOW_CONNECTIONS" in caught.value.todo
            assert "GRANT" not in caught.value.todo
    finally:
        await admin.execute(f'alter database "{name}" allow_connections true')
        await admin.close()


async def test_many_tasks_may_be_the_first_at_once(place: Place) -> None:
    db = await place.table("create table t (id serial primary key, a text)")
    got = await asyncio.gather(*(db.write([push(n, a="x")]) for n in range(8)))
    assert sum(isinstance(r, Accepted) for rs in got for r in rs) == 8


async def test_capabilities_stand_while_the_database_is_away(place: Place) -> None:
    db = await place.table("create table t (id uuid primary key, a text)")
    await db.describe()
    known = db.capabilities
    await place.conn.execute("alter table t rename to away")
    with pytest.raises(NeedsOperator):
        await Mirror(db, "t").poll()
    assert db.capabilities == known
    await place.conn.execute("alter table away rename to t")
    await Mirror(db, "t").poll()


async def test_cascades_are_named(place: Place) -> None:
    db = await place.table("""create table t (id serial primary key);
      create table child (id serial primary key, t int references t on delete cascade)""")
    await db.describe()
    assert db.capabilities.cascades == {"t": ["child"]}
