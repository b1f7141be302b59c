"""The three steps of a write in memory, each held, lost or delayed on purpose."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator

import pytest

from syncd.core.errors import RetryLater
from syncd.core.nouns import Accepted, Stale, Uncertain
from tests.contract.memory_subject import MemorySubject
from tests.contract.mirror import Mirror
from tests.contract.suite import create, first, person, update, write


@pytest.fixture
async def subject() -> AsyncIterator[MemorySubject]:
    made = MemorySubject()
    yield made
    assert made.remote.faults.unfired() == []
    await made.aclose()


async def test_an_edit_between_start_and_commit(subject: MemorySubject) -> None:
    one = await subject.create(person(1))
    connector = await subject.connector()
    version = (await first(connector, one)).remote_version
    held = subject.remote.faults.arm("write.before_commit", hold=True)
    task = asyncio.create_task(write(connector, update(1, one, version, name="ours")))
    await held.reached.wait()
    await subject.update(one, {"name": "theirs"})
    held.release()
    assert (await task)[1] == Stale(1)
    assert (await subject.rows())[one]["name"] == "theirs"


async def test_an_edit_between_commit_and_answer(subject: MemorySubject) -> None:
    one = await subject.create(person(1))
    connector = await subject.connector()
    held = subject.remote.faults.arm("write.answer", hold=True)
    task = asyncio.create_task(write(connector, update(1, one, None, name="ours")))
    await held.reached.wait()
    await subject.update(one, {"name": "theirs"})
    held.release()
    answer = (await task)[1]
    assert isinstance(answer, Accepted)
    assert answer.stored["name"] == "ours"
    assert (await subject.rows())[one]["name"] == "theirs"


async def test_a_write_that_lands_after_its_answer_was_given_up(subject: MemorySubject) -> None:
    connector = await subject.connector()
    late = subject.remote.faults.arm("write.late_commit")
    with pytest.raises(RetryLater) as caught:
        await connector.write([create(1, **person(1))])
    assert caught.value.uncertain
    assert await subject.rows() == {}
    late.release()
    assert [r["name"] for r in (await subject.rows()).values()] == ["name 1"]


async def test_one_row_of_many_stays_uncertain(subject: MemorySubject) -> None:
    connector = await subject.connector()
    subject.remote.faults.arm("write.uncertain", skip=1)
    got = await write(connector, create(1, **person(1)), create(2, **person(2)))
    assert isinstance(got[1], Accepted)
    assert isinstance(got[2], Uncertain)
    assert len(await subject.rows()) == 2


async def test_a_page_cut_short_fails_and_is_read_again(subject: MemorySubject) -> None:
    for n in range(8):
        await subject.create(person(n))
    mirror = Mirror(await subject.connector(), "people")
    subject.remote.faults.arm("read.truncate")
    with pytest.raises(RetryLater):
        await mirror.poll()
    assert mirror.cursor is None
    await mirror.poll()
    assert len(mirror.rows) == 8


async def test_what_a_page_hides_the_sweep_finds(subject: MemorySubject) -> None:
    one = await subject.create(person(1))
    await subject.create(person(2))
    mirror = Mirror(await subject.connector(), "people")
    subject.remote.faults.hide(one)
    await mirror.poll()
    assert one not in mirror.rows
    await mirror.sweep()
    assert one in mirror.rows


async def test_a_look_up_by_key_that_lags(subject: MemorySubject) -> None:
    connector = await subject.connector()
    made = (await write(connector, create(1, **person(1))))[1]
    assert isinstance(made, Accepted)
    subject.remote.faults.hide(made.remote_id, 2, point="find.hide")
    assert await connector.find("people", ["1"]) == {}
    assert await connector.find("people", ["1"]) == {}
    assert list(await connector.find("people", ["1"])) == ["1"]


async def test_the_bell_rings_for_an_edit(subject: MemorySubject) -> None:
    connector = await subject.connector()
    task = asyncio.create_task(connector.bell())
    await asyncio.sleep(0)
    assert not task.done()
    await subject.create(person(1))
    await task


def test_an_unknown_point_is_refused(subject: MemorySubject) -> None:
    with pytest.raises(ValueError, match="no fault point"):
        subject.remote.faults.arm("write.whenever")
