"""The commands beside a daemon: what they show is so, and what they ask for is done."""

from __future__ import annotations

import json
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd import __version__
from tests.support.commands import syncd
from tests.support.pair import CONFIG, Pair, run_sql
from tests.support.watching import Watch

FreshDatabase = Callable[[], Awaitable[str]]


@pytest.fixture
async def pair(tmp_path: Path, fresh_database: FreshDatabase) -> Pair:
    made = await Pair.make(tmp_path, fresh_database)
    assert (await made.syncd("db", "upgrade")).code == 0
    return made


@asynccontextmanager
async def one_person(pair: Pair) -> AsyncIterator[tuple[Watch, Watch]]:
    """A daemon that has one person in both systems, and watches on both tables."""
    await run_sql(pair.crm, "insert into people (email, first_name) values ('ann@example.org', 'Ann')")
    async with Watch.on(pair.crm, "people") as crm, Watch.on(pair.erp, "contacts") as erp, pair.running():
        await erp.until("select 1 from contacts where syncd_id is not null")
        yield crm, erp


async def listed(pair: Pair, *command: str) -> Any:
    return (await pair.syncd(*command, "--json")).json()


async def test_a_conflict_is_listed_shown_and_decided(pair: Pair) -> None:
    async with one_person(pair) as (crm, erp), Watch.on(pair.store, "conflicts") as store:
        async with crm.con.transaction():  # neither side may see the other's edit before its own is there
            await crm.con.execute("update people set first_name = 'Anna'")
            await erp.con.execute("update contacts set given = 'Annie'")
        number = await store.until("select conflict from conflicts where state = 'open'")

        done = await pair.syncd("conflicts")
        assert done.code == 1
        assert "Annie" in done.out
        assert "(crm:1, erp:1)" in done.out
        assert "`syncd conflicts decide N --candidate C`" in done.out
        (row,) = await listed(pair, "conflicts")
        assert (row["conflict"], row["field"], row["base"]) == (number, "first_name", "Ann")
        assert row["ids"] == {"crm": ["1"], "erp": ["1"]}
        values = [candidate["value"] for candidate in row["candidates"]]
        assert sorted(values) == ["Anna", "Annie"]
        shown = await pair.syncd("conflicts", "show", str(number))
        assert "crm:1, erp:1" in shown.out
        assert f"`syncd conflicts decide {number} --candidate C`" in shown.out

        outside = await pair.syncd("conflicts", "decide", str(number), "--candidate", "7")
        assert outside.code == 2
        neither = await pair.syncd("conflicts", "decide", str(number))
        assert (neither.code, f"syncd conflicts show {number}" in neither.err) == (2, True)
        decided = await pair.syncd(
            "conflicts", "decide", str(number), "--candidate", str(values.index("Annie")), "--json"
        )
        assert (decided.code, decided.json()["state"]) == (0, "done")
        await crm.until("select 1 from people where first_name = 'Annie'")
        assert (await pair.syncd("conflicts")).code == 0
        shown = await pair.syncd("conflicts", "show", str(number))
        assert "decided" in shown.out
        assert "--candidate" not in shown.out
        assert (await pair.syncd("conflicts", "decide", str(number), "--value", "x")).code == 1


async def test_a_parked_write_is_listed_and_tried_again(pair: Pair) -> None:
    await run_sql(pair.erp, "alter table contacts add constraint short check (length(given) < 5)")
    async with one_person(pair) as (crm, erp), Watch.on(pair.store, "parked") as store:
        await crm.con.execute("update people set first_name = 'Annabelle'")
        number = await store.until("select parked from parked")
        done = await pair.syncd("parked")
        assert (done.code, "erp contact" in done.out) == (1, True)
        (row,) = await listed(pair, "parked", "--system", "erp")
        assert (row["parked"], row["direction"], row["field"]) == (number, "out", "given")
        assert "Annabelle" not in done.out
        assert "(1)" in done.out
        shown = await pair.syncd("parked", "show", str(number))
        assert (shown.code, f"`syncd parked retry {number}`" in shown.out) == (0, True)
        assert await listed(pair, "parked", "--system", "crm") == []

        await erp.con.execute("alter table contacts drop constraint short")
        assert (await pair.syncd("parked", "retry", str(number))).code == 0
        await erp.until("select 1 from contacts where given = 'Annabelle'")
        assert (await pair.syncd("parked")).code == 0
        assert (await pair.syncd("parked", "drop", str(number))).code == 1


async def test_a_brake_is_shown_with_what_it_holds_and_released(pair: Pair) -> None:
    brakes = "    brakes: {create: {count: 1, per: 1h}}\nservice:"
    pair.write(CONFIG.replace("service:", brakes))
    people = ", ".join(f"('p{n}@example.org', 'P{n}')" for n in range(3))
    await run_sql(pair.crm, f"insert into people (email, first_name) values {people}")
    async with (
        Watch.on(pair.erp, "contacts") as erp,
        Watch.on(pair.store, "held") as store,
        pair.running(),
    ):
        number = await store.until("select brake from held group by 1 having count(*) = 3")
        assert (await pair.syncd("brakes")).code == 1
        (row,) = await listed(pair, "brakes")
        assert (row["system"], row["kind"], row["op"], row["held"]) == ("erp", "contact", "create", 3)
        told = (await pair.syncd("brakes", "show", str(number))).out
        assert told.splitlines()[0] == f"brake {number}: create of contact in erp, holds 3"
        assert f"`syncd brakes release {number}`" in told
        shown = await listed(pair, "brakes", "show", str(number))
        assert [write["ids"] for write in shown["writes"]] == [{"crm": [str(n)]} for n in (1, 2, 3)]
        assert all(write["version"] == write["version_now"] for write in shown["writes"])
        status = await listed(pair, "status")
        held = {(s["system"], s["kind"]): (s["held"], s["brakes"]) for s in status["streams"]}
        assert held["erp", "contact"] == (3, ["create"])

        released = await pair.syncd("brakes", "release", str(number))
        assert (released.code, released.out) == (0, "3 released\n")
        await erp.until("select count(*) = 3 from contacts")
        assert (await pair.syncd("brakes")).code == 0
        assert len(await listed(pair, "brakes", "--all")) == 1
        assert (await pair.syncd("brakes", "release", str(number))).code == 1


async def test_status_tells_of_links_and_of_the_daemon(pair: Pair) -> None:
    before = await pair.syncd("status")
    assert before.code == 0
    assert "no daemon runs" in before.out
    assert "nothing was synced yet" in before.out
    async with one_person(pair), Watch.on(pair.store, "outbox") as store:
        await store.until("select not exists (select from outbox)")
        status = await listed(pair, "status")
    streams = {(s["system"], s["kind"]): s for s in status["streams"]}
    assert {key: s["links"] for key, s in streams.items() if s["kind"] == "contact"} == {
        ("crm", "contact"): {"live": 1},
        ("erp", "contact"): {"live": 1},
    }
    assert status["kinds"] == [{"kind": "contact", "records": 1, "deleted": 0, "conflicts": 0}]
    assert status["daemon"]["runs"] is True
    assert status["store_bytes"] > 1_000_000
    assert status["daemon"]["says"]["status"] == "ok"
    only = await listed(pair, "status", "--system", "erp")
    assert {s["system"] for s in only["streams"]} == {"erp"}


async def test_a_sweep_that_is_asked_for_comes_to_its_end(pair: Pair) -> None:
    async with one_person(pair), Watch.on(pair.store, "streams") as store:
        await store.until("select bool_and(swept_at is not null) from streams")
        before = await store.con.fetchval("select max(swept_at) from streams")
        assert (await pair.syncd("sweep", "nowhere")).code == 2
        done = await pair.syncd("sweep", "crm")
        assert (done.code, done.out) == (0, "2 sweeps begin\n")
        swept = "select bool_and(swept_at > $1) from streams where system = 'crm'"
        assert await store.until(swept, before, within=120)


async def test_a_request_without_a_daemon_waits_for_one(pair: Pair) -> None:
    done = await pair.syncd("parked", "drop", "1", "--json")
    assert (done.code, done.json()["state"]) == (0, "waiting")
    async with Watch.on(pair.store, "commands") as store, pair.running():
        assert await store.until("select done is not null and not ok from commands")


async def test_init_writes_a_file_that_loads_and_never_overwrites(tmp_path: Path) -> None:
    done = await syncd(tmp_path, "init", "sales:sql", "erp:sql")
    assert done.code == 0
    file = tmp_path / "syncd.yaml"
    before = file.read_text()
    assert file.stat().st_mode & 0o077 == 0
    url = "postgresql://127.0.0.1:1/x"
    checked = await syncd(tmp_path, "check", env={"SALES_URL": url, "ERP_URL": url})
    assert checked.code == 3  # the file is right; the systems are not there
    for args in (["a:sql"], ["a"], ["a:nothing"], ["1 a:sql"], ["-c", "b.yaml", "a:sql", "a:sql"]):
        assert (await syncd(tmp_path, "init", *args)).code == 2
    assert file.read_text() == before


async def test_schema_and_connectors(tmp_path: Path) -> None:
    schema = json.loads((await syncd(tmp_path, "schema")).out)
    assert {"systems", "kinds", "store"} <= schema["properties"].keys()
    found = (await syncd(tmp_path, "--json", "connectors")).json()
    assert {(c["name"], c["problem"]) for c in found} >= {("memory", None), ("sql", None)}


async def test_help_lists_every_command_without_importing_any(tmp_path: Path) -> None:
    done = await syncd(tmp_path, "--help", env={"PYTHONPROFILEIMPORTTIME": "1"})
    assert done.code == 0
    for name in ("run", "check", "status", "conflicts", "brakes", "db"):
        assert f" {name} " in done.out
    assert "typer" in done.err
    for heavy in ("asyncpg", "aiohttp", "sqlalchemy", "pydantic", "syncd.cli.run"):
        assert f" {heavy}\n" not in done.err


async def test_a_conflict_about_a_reference_names_what_it_points_at(pair: Pair) -> None:
    await run_sql(pair.crm, "insert into companies (name) values ('Acme'), ('Zet')")
    async with one_person(pair) as (crm, erp), Watch.on(pair.store, "conflicts", "outbox") as store:
        await store.until("select (select count(*) from links) = 6 and not exists (select from outbox)")
        async with crm.con.transaction():
            await crm.con.execute("update people set company_id = 1")
            sql = "update contacts set org = (select org_id from orgs where title = 'Zet')"
            await erp.con.execute(sql)
        number = await store.until("select conflict from conflicts where state = 'open'")
        shown = await pair.syncd("conflicts", "show", str(number))
        (row,) = await listed(pair, "conflicts")
    assert {target["name"] for target in row["targets"].values()} == {"Acme", "Zet"}
    acme = next(n for n, target in row["targets"].items() if target["name"] == "Acme")
    assert f'company {acme} "Acme" (crm:1, erp:' in shown.out


NOT_THERE = {
    "nosys:1": "no contact lives in a system nosys, but in crm, erp",
    "crm:77": "there is none of that id, it was not read yet",
    "77": "a remote's id is written SYSTEM:REMOTE_ID",
    "Ann": "write a number, or SYSTEM:REMOTE_ID",
}


async def test_what_cannot_be_explained_is_told_with_what_to_try(pair: Pair) -> None:
    async with one_person(pair):
        for ident, words in NOT_THERE.items():
            for command in ("explain", "history"):
                done = await pair.syncd(command, "contact", ident)
                assert (done.code, words in done.err) == (1, True), done


async def test_the_version_is_told(tmp_path: Path) -> None:
    done = await syncd(tmp_path, "--version")
    assert (done.code, done.out.strip()) == (0, f"syncd {__version__}")
