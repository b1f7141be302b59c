"""A kill at every commit and around every remote call, one after the other (PROMISES F1)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from itertools import count
from pathlib import Path

import pytest

from tests.engine.crash import Daemon, Lab, story
from tests.engine.labs import MemoryLab, SqlLab


async def walk(
    lab: Lab, *, first: int = 1, step: int = 1, telling: bool = True, again: bool = False
) -> list[str]:
    """Tell the story with a death at point `first`, `first + step`, … until none is reached; the points.

    `telling` leaves out points at which a death leaves nothing else behind than at the one before: before
    a commit (it is rolled back), and around calls that only read. `again` lets the next process die, too,
    a few points into its recovery.
    """
    calm = Daemon(lab)
    wanted = await story(lab, calm)
    await calm.end()
    assert wanted[2] == {}
    died: list[str] = []
    for at in count(first, step):
        daemon = Daemon(lab, [at, 1 + at % 7] if again else [at], telling=telling)
        try:
            found = await story(lab, daemon)
            assert found == wanted
        except AssertionError as error:
            error.add_note(f"after a death at point {at}: {[life.died_at for life in daemon.lives]}")
            raise
        finally:
            await daemon.end()
        point = daemon.lives[0].died_at
        if point is None:
            return died
        died.append(point)
    raise AssertionError


STEPS = {"keyless": 1, "upsert": 2, "findable": 3, "client_ids": 3, "blind": 3}
"""Every n-th point: all where a lost create is not known to us, some where it is only another way to know."""
MakeLab = Callable[[str], Awaitable[SqlLab]]


@pytest.fixture
async def sql_lab(
    store_url: str, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> AsyncIterator[MakeLab]:
    made: list[SqlLab] = []

    async def make(capture: str) -> SqlLab:
        crm, erp = await fresh_database(), await fresh_database()
        made.append(await SqlLab.make(store_url, crm, erp, tmp_path, capture))
        return made[-1]

    yield make
    for lab in made:
        await lab.aclose()


@pytest.mark.parametrize("first", [1, 2])
async def test_every_commit_and_write_to_tables(sql_lab: MakeLab, first: int) -> None:
    died = await walk(await sql_lab("triggers"), first=first, step=2)
    assert len(died) > 30
    assert set(died) <= {"after commit", "after Sender.send of crm", "after Sender.send of erp"}


async def test_before_every_commit_and_around_every_read(sql_lab: MakeLab) -> None:
    died = await walk(await sql_lab("triggers"), step=7, telling=False)
    points = {point.split(" of ")[0] for point in died}
    assert {"before commit", "before Sender.send", "after Intake._paced"} <= points


async def test_a_second_death_while_recovering(sql_lab: MakeLab) -> None:
    died = await walk(await sql_lab("updated_at"), step=3, again=True)
    assert len(died) > 20


@pytest.mark.parametrize(("variant", "step"), STEPS.items())
async def test_between_the_rows_of_a_write(store_url: str, tmp_path: Path, variant: str, step: int) -> None:
    lab = MemoryLab(store_url, tmp_path, variant)
    died = await walk(lab, first=step, step=step)
    await lab.aclose()
    assert len(died) >= 70 // step
    assert {point.split(" of ")[0] for point in died} >= {"write.commit", "write.answer", "after commit"}
