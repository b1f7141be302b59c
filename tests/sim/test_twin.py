"""Seeded schedules of the whole engine, judged by what people did (PROMISES I1 to I5, I7, I10, I13)."""

from __future__ import annotations

import json
import os
import tempfile
import threading
from collections.abc import Iterator
from contextlib import contextmanager
from dataclasses import replace
from pathlib import Path

import psycopg
import pytest

from syncd.store.migrate import upgrade
from tests.sim.twin.chapters import CHAPTERS
from tests.sim.twin.moods import draw, seeds_of
from tests.sim.twin.mutations import LIKELY, MUTATIONS
from tests.sim.twin.plan import FaultPlan, Plan
from tests.sim.twin.planted import KEPT as PLANTED
from tests.sim.twin.planted import hunted, patched, planted, story_of
from tests.sim.twin.shrink import shrink
from tests.sim.twin.store_troubles import POINTS
from tests.sim.twin.worker import Worker, worker
from tests.support.postgres import with_database

KEPT = sorted((Path(__file__).parents[1] / "cases" / "twin").glob("*.json"))
CHAPTER_OF = {
    92: ("references in a circle", "reference to itself", "reference attached later"),
    188: ("cascade by syncd",),
    32: ("convert",),
    44: ("hostile value",),
    140: ("held update released",),
    68: ("a change without its date",),
    80: ("date", "instant"),
}
"""A seed of each chapter, and what happens in it."""
LIVES = Path(__file__).parents[1] / "cases" / "lives"
TOLD = {
    "failing-store": [f"store {what}" for what in (*POINTS, "away")],
    "old-backup": ["store old_backup", "daemon ended with its store"],
    "two-daemons": ["stall", "takeover from a live daemon", "daemon fenced"],
    "stops": ["orderly stop"],
    "great-numbers": ["swell", "fill"],
}
"""What each kept story of `lives` must show."""
QUICK = "no version goes with a write"
"""A planted bug that one of the first seeds finds: the others are for `make mutants`."""


@pytest.fixture(scope="module")
def twin(postgres_url: str) -> Iterator[Worker]:
    """A worker on a database of its own."""
    name = f"syncd_twin_{os.getpid()}"
    with psycopg.connect(postgres_url, autocommit=True) as con:
        con.execute(f"create database {name}")
        try:
            upgrade(with_database(postgres_url, name))
            with worker(with_database(postgres_url, name)) as ready:
                yield ready
        finally:
            con.execute(f"drop database {name} with (force)")


@contextmanager
def vacuuming(url: str) -> Iterator[list[int]]:
    """What PostgreSQL does by itself at any moment, over and over: it moves rows, and changes plans."""
    rounds: list[int] = []
    over = threading.Event()

    def work() -> None:
        with psycopg.connect(url, autocommit=True) as con:
            while not over.is_set():
                con.execute("vacuum analyze")
                rounds.append(1)

    beside = threading.Thread(target=work)
    beside.start()
    try:
        yield rounds
    finally:
        over.set()
        beside.join()


@pytest.mark.parametrize("seed", [0, 1, 2, 7, 14])
def test_a_seeded_schedule_keeps_all_promises(twin: Worker, seed: int) -> None:
    outcome = twin.tell(draw(seed))
    assert outcome.faults == []
    assert outcome.happened["writes"] > 10


def test_each_chapter_is_told() -> None:
    assert {seed % (12 * len(CHAPTERS)) for seed in CHAPTER_OF} == {
        8 + 12 * number for number in range(len(CHAPTERS))
    }


@pytest.mark.parametrize("seed", CHAPTER_OF)
def test_a_chapter_keeps_all_promises(twin: Worker, seed: int) -> None:
    outcome = twin.tell(draw(seed, 30))
    assert outcome.faults == []
    assert [what for what in CHAPTER_OF[seed] if not outcome.happened[what]] == []


@pytest.mark.parametrize("file", KEPT, ids=lambda file: file.stem)
def test_a_schedule_that_failed_once(twin: Worker, file: Path) -> None:
    assert twin.tell(Plan.read(json.loads(file.read_text()))).faults == []


@pytest.mark.parametrize("story", TOLD)
def test_a_chapter_about_the_daemon_itself(twin: Worker, story: str) -> None:
    outcome = twin.tell(Plan.read(json.loads((LIVES / f"{story}.json").read_text())))
    assert outcome.faults == []
    assert [what for what in TOLD[story] if not outcome.happened[what]] == []


@pytest.mark.parametrize("story", ["failing-store", "two-daemons"])
def test_such_a_chapter_is_the_same_to_the_byte(twin: Worker, story: str) -> None:
    plan = Plan.read(json.loads((LIVES / f"{story}.json").read_text()))
    assert twin.tell(plan).bytes == twin.tell(plan).bytes


@pytest.mark.parametrize("seed", [8])
def test_the_same_seed_is_the_same_run_to_the_byte(twin: Worker, seed: int) -> None:
    first = twin.tell(draw(seed))
    with vacuuming(twin.server.url) as rounds:
        second = twin.tell(draw(seed))
    assert first.bytes == second.bytes
    assert len(first.log) > 200
    assert len(rounds) > 1


def test_a_fault_that_never_fires_fails_the_run(twin: Worker) -> None:
    plan = draw(0)
    never = FaultPlan(0.5, "refused", plan.systems[0].name, skip=10_000)
    few = replace(plan, events=plan.events[:5], faults=(never,), deaths=())
    assert twin.tell(few).faults == [f"never fired: {never}"]


def test_a_planted_bug_is_found() -> None:
    mutation = next(mutation for mutation in MUTATIONS if mutation.name == QUICK)
    with tempfile.TemporaryDirectory() as folder:
        assert hunted(planted(mutation, Path(folder)), "--runs", "2")["seed"] is not None


def test_the_mutations_fit_the_code() -> None:
    assert all(patched(mutation) for mutation in MUTATIONS)
    assert {file.name for file in PLANTED.glob("*.json")} <= {story_of(m).name for m in MUTATIONS}
    assert len({mutation.name for mutation in MUTATIONS}) == len(MUTATIONS) >= 25
    assert all(seeds_of(LIKELY[mutation.name]) for mutation in MUTATIONS)
    assert LIKELY.keys() == {mutation.name for mutation in MUTATIONS}


def test_a_patch_that_fits_no_more_is_told() -> None:
    gone = replace(MUTATIONS[0], old="what nobody ever wrote")
    with pytest.raises(ValueError, match=r"stands 0 times in conflict/settle\.py; write the patch anew"):
        patched(gone)


def test_shrinking_leaves_only_what_is_needed() -> None:
    plan = draw(3)
    needed = {plan.events[5], plan.events[20]}
    small = shrink(plan, lambda p: {e.who for e in needed} <= {e.who for e in p.events} and len(p.events) > 1)
    assert len(small.events) == 2
    assert not small.faults
    assert not small.deaths
    assert all(not system.quirks for system in small.systems)


def test_a_plan_can_be_written_down(tmp_path: Path) -> None:
    assert Plan.read(json.loads(json.dumps(draw(5).written()))) == draw(5)
