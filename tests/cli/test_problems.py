"""What is wrong is said in sentences with a place and a next step, and ends in the right exit code."""

from __future__ import annotations

import asyncio
import os
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.commands import ROOT, SYNCD, Done, syncd
from tests.support.pair import CONFIG, Pair, run_sql

FreshDatabase = Callable[[], Awaitable[str]]
ENV = {
    "STORE": "postgresql://127.0.0.1:1/store",
    "CRM": "postgresql://sync:canary-secret@127.0.0.1:1/crm",
    "ERP": "postgresql://127.0.0.1:1/erp",
}

ARCHIVING = "    deletes: {policy: archive}\n    conflicts:"
FILES = {
    "broken YAML": (("systems:\n", "systems: [\n"), "syncd.yaml:2:10: ", "not closed"),
    "a bracket at the end": (("service:", "more: ["), "syncd.yaml:", "opened with [ here and not closed"),
    "unknown key": (("poll: 1s", "pol: 1s"), "syncd.yaml:3:", 'Did you mean "poll"?'),
    "wrong type": (("website: text", "website: texd"), "syncd.yaml:7:", "Did you mean text?"),
    "no such connector": (("connector: sql", "connector: sqk"), "syncd.yaml:3:", 'Did you mean "sql"?'),
    "missing secret": (
        ("${env:CRM}", "${env:CRN}"),
        "syncd.yaml:3:",
        "the environment variable CRN is not set",
    ),
    "missing file": (("${env:CRM}", "${file:no.txt}"), "syncd.yaml:3:", "the file no.txt cannot be read"),
    "plain secret": (("${env:CRM}", "postgresql://a:pw@h/d"), "syncd.yaml:3:", "${env:"),
    "archiving": (("    conflicts:", ARCHIVING), "syncd.yaml:", '"archive" is missing'),
    "condition": (("strategy: ask", "strategy: ask, when: a"), "syncd.yaml:", 'when: speaks of "a"'),
}


def refused(done: Done, code: int) -> str:
    """What was said on the error's side, which is no traceback and holds no secret."""
    assert (done.code, done.out) == (code, ""), done
    assert "Traceback" not in done.err
    assert "canary-secret" not in done.err
    return done.err


@pytest.mark.parametrize("case", FILES)
async def test_a_wrong_file(tmp_path: Path, case: str) -> None:
    (old, new), place, words = FILES[case]
    assert old in CONFIG
    (tmp_path / "syncd.yaml").write_text(CONFIG.replace(old, new, 1))
    said = refused(await syncd(tmp_path, "check", env=ENV), 2)
    assert said.startswith(place)
    assert words in said


@pytest.mark.parametrize("command", ["run", "status", "conflicts", "sweep"])
async def test_every_command_refuses_a_wrong_file(tmp_path: Path, command: str) -> None:
    (tmp_path / "syncd.yaml").write_text(CONFIG.replace("poll: 1s", "pol: 1s", 1))
    assert "1 problem in the configuration" in refused(await syncd(tmp_path, command, env=ENV), 2)


@pytest.mark.parametrize("command", ["check", "plan", "reconcile", "status", "conflicts", "parked", "brakes"])
async def test_a_wrong_file_as_json(tmp_path: Path, command: str) -> None:
    (tmp_path / "syncd.yaml").write_text(CONFIG.replace("poll: 1s", "pol: 1s", 1))
    done = await syncd(tmp_path, command, "--json", env=ENV)
    assert (done.code, done.err) == (2, "")
    problem, *others = done.json()["problems"]
    assert not others
    assert (problem["line"], problem["hint"]) == (3, 'Did you mean "poll"?')
    assert done.json()["ok"] is False


@pytest.mark.parametrize("command", ["plan", "reconcile", "status", "conflicts", "parked", "brakes", "sweep"])
async def test_a_store_out_of_reach_as_json(tmp_path: Path, command: str) -> None:
    (tmp_path / "syncd.yaml").write_text(CONFIG)
    done = await syncd(tmp_path, command, "--json", env=ENV)
    assert (done.code, done.err) == (3, "")
    assert "the store at 127.0.0.1:1/store cannot be reached" in done.json()["error"]


async def test_a_store_whose_database_is_missing(tmp_path: Path, fresh_database: FreshDatabase) -> None:
    pair = await Pair.make(tmp_path, fresh_database)
    head, question, query = pair.store.partition("?")
    pair.env["STORE"] = f"{head}_gone{question}{query}"
    done = await pair.syncd("check")
    assert done.code == 3
    assert "has no such database. Create it, or mend `store`." in done.out
    for command in (["db", "current"], ["db", "upgrade"], ["status"]):
        assert "has no such database" in refused(await pair.syncd(*command), 3)


async def test_a_bug_is_told_as_one_and_is_no_difference(
    tmp_path: Path, fresh_database: FreshDatabase
) -> None:
    pair = await Pair.make(tmp_path, fresh_database)
    assert (await pair.syncd("db", "upgrade")).code == 0
    await run_sql(pair.store, "alter table streams alter column stream type text")  # what no release has
    said = refused(await pair.syncd("reconcile"), 3)
    assert "failed unexpectedly" in said
    assert "SYNCD_TRACEBACK=1" in said
    assert (await pair.syncd("reconcile", "--json")).json()["ok"] is False
    pair.env["SYNCD_TRACEBACK"] = "1"
    assert "Traceback" in (await pair.syncd("reconcile")).err


async def test_all_problems_at_once(tmp_path: Path) -> None:
    (tmp_path / "syncd.yaml").write_text(CONFIG.replace("poll", "pol").replace("website: text", "website: x"))
    said = refused(await syncd(tmp_path, "check", env=ENV), 2)
    assert len(said.splitlines()) == 4
    assert said.endswith("3 problems in the configuration\n")


async def test_no_file(tmp_path: Path) -> None:
    said = refused(await syncd(tmp_path, "check", "-c", "other.yaml"), 2)
    assert "other.yaml: does not exist" in said


@pytest.mark.parametrize("command", ["run", "status", "conflicts"])
async def test_a_store_out_of_reach(tmp_path: Path, command: str) -> None:
    (tmp_path / "syncd.yaml").write_text(CONFIG)
    said = refused(await syncd(tmp_path, command, env=ENV), 3)
    assert "the store at 127.0.0.1:1/store" in said


async def test_check_tells_of_systems_and_store_out_of_reach(tmp_path: Path) -> None:
    (tmp_path / "syncd.yaml").write_text(CONFIG)
    done = await syncd(tmp_path, "check", env=ENV)
    assert done.code == 3
    for words in ("system crm (sql): ", "system erp (sql): ", "store: the store at 127.0.0.1:1/store"):
        assert words in done.out
    assert done.out.endswith("3 out of reach\n")
    assert "canary-secret" not in done.out + done.err


async def test_check_holds_the_mappings_against_the_tables(
    tmp_path: Path, fresh_database: FreshDatabase
) -> None:
    pair = await Pair.make(tmp_path, fresh_database)
    assert (await pair.syncd("check")).code == 0
    await run_sql(pair.erp, "alter table contacts drop column family; alter table orgs drop column syncd_id")
    done = await pair.syncd("check")
    assert done.code == 2
    assert "syncd.yaml:23:" in done.out
    assert 'kinds.contact.systems.erp.fields.last_name: contacts has no field "family"' in done.out
    assert 'kinds.company.systems.erp.key_field: orgs has no field "syncd_id"' in done.out
    assert done.out.endswith("2 problems\n")
    for command in ("plan", "reconcile"):
        assert (await pair.syncd(command)).code == 2, f"{command} and check end alike"
    data = (await pair.syncd("check", "--json")).json()
    assert data["ok"] is False
    assert {problem["line"] for problem in data["problems"]} == {11, 23}
    assert [system["name"] for system in data["systems"]] == ["crm", "erp"]


async def test_wrong_usage(tmp_path: Path) -> None:
    assert (await syncd(tmp_path, "nonsense")).code == 2
    assert (await syncd(tmp_path, "conflicts", "decide")).code == 2
    assert (await syncd(tmp_path)).code == 2


SALES = "sales: {connector: salesforce, auth: "
MISFITS = {
    "Salesforce by the app's own log-in": (
        SALES + '{flow: client_credentials, client_id: a, client_secret: "${env:STORE}"}}',
        "needs the org's My Domain as login_url. Write login_url: https://",
    ),
    "Salesforce by a session": (
        SALES + '{flow: session, access_token: "${env:STORE}"}}',
        "flow session needs the org's My Domain as login_url",
    ),
    "HubSpot without what signs": (
        'marketing: {connector: hubspot, auth: {token: "${env:STORE}"}, webhooks: {}}',
        "webhooks needs a secret: the app's client secret",
    ),
    "HubSpot by journal without an app": (
        'marketing: {connector: hubspot, auth: {token: "${env:STORE}"}, capture: journal}',
        "capture: journal needs an app by OAuth",
    ),
}


@pytest.mark.parametrize("case", MISFITS)
async def test_settings_that_do_not_go_together(tmp_path: Path, case: str) -> None:
    section, words = MISFITS[case]
    (tmp_path / "syncd.yaml").write_text(CONFIG.replace("systems:\n", f"systems:\n  {section}\n", 1))
    said = refused(await syncd(tmp_path, "check", env=ENV), 2)
    name = section.partition(":")[0]
    assert said.startswith(f"syncd.yaml:3:{len(name) + 5}: systems.{name}: "), said
    assert words in said


@pytest.mark.parametrize("args", [("schema",), ("--json", "connectors"), ("connectors",), ("--help",)])
async def test_output_that_nobody_reads_to_its_end_is_no_failure(
    tmp_path: Path, args: tuple[str, ...]
) -> None:
    reader, writer = os.pipe()
    os.close(reader)
    try:
        process = await asyncio.create_subprocess_exec(
            *SYNCD,
            *args,
            cwd=tmp_path,
            env={**os.environ, "PYTHONPATH": str(ROOT)},
            stdout=writer,
            stderr=asyncio.subprocess.PIPE,
        )
    finally:
        os.close(writer)
    async with asyncio.timeout(60):
        _, err = await process.communicate()
    assert (process.returncode, err) == (1 if args == ("--help",) else 141, b"")
