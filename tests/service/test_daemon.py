"""`syncd run` as a process: it syncs, tells how it fares, stops, and keeps persons out of its log."""

from __future__ import annotations

import json
import re
import socket
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.pair import CONFIG, Pair, run_sql
from tests.support.postgres import with_database
from tests.support.watching import Watch

FreshDatabase = Callable[[], Awaitable[str]]
EMAIL, NAME = "canary.person@example.org", "Canaryname"
PERSON = (
    f"insert into people (email, first_name, last_name, company_id) values ('{EMAIL}', 'Ann', '{NAME}', 1)"
)


@pytest.fixture
async def pair(tmp_path: Path, fresh_database: FreshDatabase) -> Pair:
    made = await Pair.make(tmp_path, fresh_database)
    await run_sql(
        made.crm, f"insert into companies (name, website) values ('Acme', 'acme.example'); {PERSON}"
    )
    await run_sql(made.erp, "insert into orgs (title, site) values ('Beta', 'beta.example')")
    return made


def value(metrics: str, name: str, **labels: str) -> float:
    """One sample of the exposition text."""
    told = ",".join(f'{key}="{text}"' for key, text in sorted(labels.items()))
    line = f"{name}{{{told}}}" if told else name
    found = re.search(rf"^{re.escape(line)} (\S+)$", metrics, re.MULTILINE)
    assert found, f"no {line} in:\n{metrics}"
    return float(found[1])


async def test_it_syncs_both_ways_tells_about_it_and_stops_at_once(pair: Pair) -> None:
    async with (
        Watch.on(pair.erp, "contacts", "orgs") as erp,
        Watch.on(pair.crm, "companies", "people") as crm,
        pair.running() as daemon,
    ):
        org = await erp.until(f"select org from contacts where mail = '{EMAIL}'")
        assert await erp.con.fetchval("select title from orgs where org_id = $1", org) == "Acme"
        await crm.until("select 1 from companies where name = 'Beta'")
        await erp.con.execute("update contacts set given = 'Anna'")
        await crm.until("select 1 from people where first_name = 'Anna'")

        assert await daemon.get("/healthz") == (200, '{"status":"ok","version":"0.1.0"}')
        status, body = await daemon.get("/readyz")
        ready = json.loads(body)
        assert (status, ready["ready"], ready["status"]) == (200, True, "ok")
        assert ready["systems"] == {"crm": None, "erp": None}
        assert {"commands", "read crm.contact", "push erp.company"} <= {
            loop["name"] for loop in ready["loops"]
        }
        _, metrics = await daemon.get("/metrics")
        writes = value(metrics, "syncd_writes_total", kind="contact", system="erp")
        assert writes in (1, 2)  # its company may have come later
        assert value(metrics, "syncd_behind", kind="contact", system="crm") == 0
        assert value(metrics, "syncd_system_up", system="erp") == 1
        assert value(metrics, "syncd_lease_left_seconds") > 0
        code, seconds = await daemon.stop()
    assert code == 0
    assert seconds < 10
    assert "stopped" in daemon.log
    assert not (pair.folder / ".syncd" / "daemon.json").exists()


async def test_its_log_says_what_runs_where_and_holds_neither_secrets_nor_persons(pair: Pair) -> None:
    await run_sql(pair.erp, "alter table contacts add constraint no_canaries check (mail not like 'canary%')")
    async with Watch.on(pair.erp, "orgs") as erp, pair.running("--log-json") as daemon:
        await erp.until("select 1 from orgs where title = 'Acme'")
        parked = await parked_items(pair)
        code, _ = await daemon.stop()
    assert code == 0
    assert [item["system"] for item in parked] == ["erp"]
    lines = [json.loads(line) for line in daemon.log.splitlines()]
    assert {"crm (sql): company, contact", "erp (sql): company, contact"} <= {
        line["message"] for line in lines
    }
    for secret in (EMAIL, NAME, pair.crm, pair.store):
        assert secret not in daemon.log


async def parked_items(pair: Pair) -> list[dict[str, object]]:
    """What is parked, once something is."""
    async with Watch.on(pair.store, "parked") as store:
        await store.until("select 1 from parked")
    found: list[dict[str, object]] = (await pair.syncd("parked", "--json")).json()
    return found


async def test_a_second_daemon_is_refused_and_the_first_goes_on(pair: Pair) -> None:
    async with pair.running() as daemon:
        second = await pair.syncd("run")
        assert second.code == 3
        assert re.search(r"is held by another daemon \(.*process \d+\)", second.err)
        assert (await daemon.get("/readyz"))[0] == 200
        assert (await daemon.stop())[0] == 0


async def test_it_stops_when_another_takes_the_store(pair: Pair) -> None:
    async with pair.running() as daemon:
        await run_sql(pair.store, "update lease set token = token + 1")
        await run_sql(pair.crm, "insert into companies (name) values ('Late')")
        assert await daemon.ended() == 3
    assert "another daemon took over the store" in daemon.log


async def test_a_database_of_yours_with_old_tables_is_not_touched(pair: Pair) -> None:
    await run_sql(pair.store, "create table mine (id int)")
    done = await pair.syncd("run")
    assert done.code == 3
    assert "run `syncd db upgrade`" in done.err
    assert (await pair.syncd("db", "current", "--json")).json()["current"] is None
    assert (await pair.syncd("db", "upgrade")).code == 0
    assert (await pair.syncd("db", "current")).code == 0


async def test_a_taken_port_is_said(pair: Pair) -> None:
    with socket.create_server(("127.0.0.1", 0)) as taken:
        port = taken.getsockname()[1]
        pair.write(CONFIG.replace("127.0.0.1:0", f"127.0.0.1:{port}"))
        done = await pair.syncd("run")
    assert done.code == 3
    assert f"cannot listen on 127.0.0.1:{port}" in done.err
    assert "Set service.listen to another port" in done.err


async def test_a_system_that_goes_and_comes_back_is_told_and_delays_nobody(pair: Pair) -> None:
    async with Watch.on(pair.erp, "contacts") as erp, pair.running() as daemon:
        await erp.until("select 1 from contacts")
        await cut_off(pair.crm, allow=False)
        await daemon.said("read crm.company: ")
        status, body = await daemon.get("/readyz")
        ready = json.loads(body)
        assert (status, ready["ready"], ready["status"]) == (200, True, "degraded")
        read = next(loop for loop in ready["failing"] if loop["loop"] == "read crm.company")
        assert read["system"] == "crm"
        assert read["failures"] > 0
        asked = ("cannot read companies", "cannot read the catalog")  # as the cut came
        assert any(words in read["trouble"] for words in asked)
        assert {loop["system"] for loop in ready["failing"]} == {"crm"}
        assert "crm" in ready["systems"]["crm"]
        assert ready["systems"]["erp"] is None
        assert value((await daemon.get("/metrics"))[1], "syncd_system_up", system="crm") == 0
        told = await pair.syncd("status")
        assert told.code == 1
        assert "crm: system crm: cannot read " in told.out  # of what, moves on with every try
        assert (await daemon.stop())[1] < 10


async def cut_off(url: str, *, allow: bool) -> None:
    """Let nobody into a database, and throw out who is in it."""
    name = url.partition("?")[0].rpartition("/")[2]
    await run_sql(
        with_database(url, "postgres"),
        f"""update pg_database set datallowconn = {allow} where datname = '{name}';
        select pg_terminate_backend(pid) from pg_stat_activity where datname = '{name}'""",
    )


POISON = """
insert into pages (seq, stream, evidence, source, seen_at, body) values (0, 1, 0, 'feed', 'epoch', '');
create function refuse() returns trigger language plpgsql as $$ begin raise exception 'poisoned'; end $$;
create trigger refuse before delete on pages for each row execute function refuse();"""


async def test_a_loop_that_fails_is_named_and_all_else_goes_on(pair: Pair) -> None:
    assert (await pair.syncd("db", "upgrade")).code == 0
    await run_sql(pair.store, POISON)
    async with Watch.on(pair.erp, "contacts", "orgs") as erp, pair.running() as daemon:
        await daemon.said("prune failed unexpectedly")
        await erp.until("select 1 from contacts")
        status, body = await daemon.get("/readyz")
        ready = json.loads(body)
        assert (status, ready["ready"], ready["status"]) == (200, True, "degraded")
        assert ready["systems"] == {"crm": None, "erp": None}
        assert [(loop["loop"], loop["system"]) for loop in ready["failing"]] == [("prune", None)]
        assert value((await daemon.get("/metrics"))[1], "syncd_loop_failures", loop="prune") > 0
        told = await pair.syncd("status")
        assert told.code == 1
        assert re.search(r"prune failed \d+ times in a row since 20.* UTC: ", told.out)
        assert (await daemon.stop())[0] == 0
