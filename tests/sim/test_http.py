"""Seeded schedules of the whole engine against the sandboxes, over HTTP on a virtual clock."""

from __future__ import annotations

import json
import os
from collections.abc import Iterator
from dataclasses import replace
from pathlib import Path
from typing import Any

import psycopg
import pytest

from connectors.http import Request
from syncd.store.migrate import upgrade
from tests.sim.http.crm import in_passing
from tests.sim.http.forgery import FORGERIES
from tests.sim.http.loop import HttpLoop
from tests.sim.http.plan import FAULTS, draw_http
from tests.sim.http.run import HttpRun, HttpServer
from tests.sim.twin.catalogue import OVER_HTTP, never, sometimes
from tests.sim.twin.plan import FaultPlan, Plan
from tests.sim.twin.worker import Worker, worker
from tests.support.postgres import with_database

CASES = Path(__file__).parents[1] / "cases" / "http"
KEPT = sorted(CASES.glob("*.json"))


@pytest.fixture(scope="module")
def http(postgres_url: str) -> Iterator[Worker]:
    """A worker on a database of its own."""
    name = f"syncd_http_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as con:
        con.execute(f"create database {name}")
        try:
            upgrade(with_database(postgres_url, name))
            with worker(with_database(postgres_url, name), HttpRun, HttpServer, HttpLoop) as ready:
                yield ready
        finally:
            con.execute(f"drop database {name} with (force)")


@pytest.mark.parametrize("seed", [114, 135])
def test_a_seeded_schedule_over_http_keeps_all_promises(http: Worker, seed: int) -> None:
    outcome = http.tell(draw_http(seed))
    assert outcome.faults == []
    assert outcome.happened["writes"] > 10


@pytest.mark.parametrize("file", KEPT, ids=[file.stem for file in KEPT])
def test_a_story_that_once_failed(http: Worker, file: Path) -> None:
    """Which answer comes first is the machine's choice, so a story may be another one each time."""
    assert http.tell(Plan.read(json.loads(file.read_text())["plan"])).faults == []


def test_what_a_judge_of_doubles_must_know_is_noted(http: Worker, monkeypatch: pytest.MonkeyPatch) -> None:
    """When a fault hid what is new, and when a create was sent: twice, for nobody answered the first time."""
    made: dict[str, Any] = {}
    make = HttpRun.make_crms

    def remembered(run: HttpRun) -> Any:
        made.update(make(run))
        return made

    monkeypatch.setattr(HttpRun, "make_crms", remembered)
    plan = Plan.read(json.loads((CASES / "typed-while-a-fault-hides-it.json").read_text())["plan"])
    wanted = ("create", "people", 8)
    events = tuple(replace(e, after=0.3) for e in plan.events if (e.what, e.object, e.who) == wanted)
    faults = (FaultPlan(0.1, "hide_new", "b", lasts=60.0), FaultPlan(0.1, "error_before", "b", skip=3))
    assert http.tell(replace(plan, events=events, faults=faults, slow=0.0)).faults == []
    crm = made["b"]
    ((began, ended),) = crm.spans
    assert (began, len([who for _, _, who in crm.tried if who == 8])) == (0.1, 2)
    assert ended <= crm.told_of("people", "P1") < ended + 5


def test_what_a_search_or_a_history_shows_is_not_taken_up() -> None:
    path = "/crm/v3/objects/contacts"
    asked = b'{"properties":[],"propertiesWithHistory":["phone"]}'
    assert in_passing(Request("POST", f"{path}/search", body=b"{}"))
    assert in_passing(Request("POST", f"{path}/batch/read", body=asked))
    assert not in_passing(Request("POST", f"{path}/batch/read", body=asked.replace(b'"phone"', b"")))


def short_and_forged(times: int) -> Plan:
    """A few edits, while every kind of delivery comes that must not be believed."""
    plan = draw_http(17)
    (system,) = (system.name for system in plan.systems if "webhooks" in system.more)
    faults = tuple(
        FaultPlan(0.5 + number / 10, what, system, times=times) for number, what in enumerate(FORGERIES)
    )
    return replace(plan, events=plan.events[:15], faults=faults, deaths=())


def test_no_delivery_is_believed_that_nobody_sent(http: Worker) -> None:
    outcome = http.tell(short_and_forged(times=5))
    assert outcome.faults == []
    assert [what for what in FORGERIES if not outcome.happened[f"fault {what}"]] == []
    assert outcome.happened["webhook accepted"] > 10


def test_a_delivery_that_is_taken_for_another_fails_the_run(
    http: Worker, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setitem(FORGERIES, "hook_unsigned", ("forged", 202))
    assert [said[:16] for said in http.tell(short_and_forged(times=1)).faults] == ["F7 hook_unsigned"]


def test_what_runs_over_http_count_has_a_name() -> None:
    told = {key.removeprefix("fault ") for key in sometimes(OVER_HTTP) if key.startswith("fault ")}
    assert told <= {*FORGERIES, *(what for faults in FAULTS.values() for what in faults)}
    assert never({}, {6: ("quirk webhook_drop",)}) == ["quirk webhook_drop (F6)"]
