"""`reconcile`, `plan`, `explain` and `history` as a person calls them, with and without a daemon."""

from __future__ import annotations

import json
from collections.abc import Awaitable, Callable
from pathlib import Path

import pytest

from tests.support.pair import Pair, run_sql
from tests.support.watching import Watch

FreshDatabase = Callable[[], Awaitable[str]]


@pytest.fixture
async def pair(tmp_path: Path, fresh_database: FreshDatabase) -> Pair:
    made = await Pair.make(tmp_path, fresh_database)
    assert (await made.syncd("db", "upgrade")).code == 0
    await run_sql(made.crm, "insert into companies (name) select 'Firm ' || i from generate_series(1, 5) i")
    return made


async def synced(pair: Pair) -> None:
    """Everything in both systems, nothing on its way, the daemon stopped."""
    queues = ("outbox", "sends", "inbox")
    async with Watch.on(pair.erp, "orgs") as erp, Watch.on(pair.store, *queues) as store, pair.running():
        await erp.until("select 1 from orgs having count(*) = 5")
        await store.until(f"select not exists (select from {' union all select from '.join(queues)})")


async def test_plan_then_run_then_reconcile(pair: Pair) -> None:
    planned = (await pair.syncd("plan", "--json")).json()
    assert planned["total"] == 5
    assert planned["records"] == {"company": 5}
    assert [x["creates"] for x in planned["pairs"] if x["system"] == "erp"] == [5, 0]
    before = await pair.syncd("reconcile")
    assert before.code == 1
    await synced(pair)
    after = await pair.syncd("reconcile", "--json")
    assert (after.code, after.json()["in_sync"], after.json()["total"]) == (0, True, 0)
    told = await pair.syncd("plan")
    assert told.code == 0
    assert "nothing to write" in told.out


async def test_reconcile_names_what_differs_and_asks_for_repair(pair: Pair) -> None:
    await synced(pair)
    await run_sql(pair.erp, "update orgs set site = 'x.org' where title = 'Firm 2'")
    out = pair.folder / "report.json"
    done = await pair.syncd("reconcile", "company", "--repair", "--out", str(out))
    assert done.code == 1
    assert "1 difference, 0 of them open items" in done.out
    report = json.loads(out.read_text())
    (found,) = report["differences"]
    named = tuple(found[name] for name in ("kind", "system", "field", "ours", "theirs", "reason"))
    assert named == ("company", "erp", "website", None, "x.org", "unread")
    assert len(report["sweeps_asked"]) == 1
    async with Watch.on(pair.crm, "companies") as crm, pair.running():
        await crm.until("select 1 from companies where website = 'x.org'")
    assert (await pair.syncd("reconcile")).code == 0


async def test_explain_and_history_by_a_systems_own_id(pair: Pair) -> None:
    await synced(pair)
    told = await pair.syncd("explain", "company", "erp:1", "name")
    assert told.code == 0
    assert "crm said so" in told.out
    data = (await pair.syncd("explain", "company", "crm:1", "name", "--json")).json()
    (name,) = data["fields"]
    assert {place["system"] for place in name["places"]} == {"crm", "erp"}
    past = (await pair.syncd("history", "company", str(data["record_id"]), "--json")).json()
    assert [version["system"] for version in past["versions"]] == ["crm"]
    assert past["versions"][0]["changes"]["name"] == name["value"]
    assert "version" in (await pair.syncd("history", "company", "crm:1")).out


async def test_wrong_ids_kinds_and_fields_are_told_apart(pair: Pair) -> None:
    await synced(pair)
    assert (await pair.syncd("explain", "company", "crm:77")).code == 1
    assert (await pair.syncd("history", "company", "sap:1")).code == 1
    assert (await pair.syncd("history", "person", "crm:1")).code == 2
    assert (await pair.syncd("explain", "company", "crm:1", "colour")).code == 2
    assert (await pair.syncd("reconcile", "person")).code == 2


async def test_a_system_that_is_away_is_not_called_in_sync(pair: Pair) -> None:
    await synced(pair)
    pair.env["ERP"] = "postgresql://nobody@127.0.0.1:1/none"
    done = await pair.syncd("reconcile", "--json")
    assert done.code == 3
    assert not done.json()["in_sync"]
    assert {x["system"] for x in done.json()["pairs"] if x["why_not"]} == {"erp"}
    assert (await pair.syncd("plan")).code == 3
