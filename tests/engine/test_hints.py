"""Hints of webhooks in the engine: kept together, asked once, never lost to a read that began before them."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from connectors.memory import MemoryRemote
from syncd.core.errors import RetryLater
from syncd.core.nouns import Change, Op
from syncd.engine import hints as hints_module
from syncd.engine.batch import Hold
from syncd.engine.hints import Hints
from syncd.engine.save import hold
from syncd.engine.world import Stream
from tests.engine.crash import at_rest
from tests.engine.labs import MemoryLab
from tests.support.rig import Rig


class Case:
    """Two CRMs in memory with one person in sync, and a door for hints."""

    def __init__(self, lab: MemoryLab, rig: Rig) -> None:
        self.lab, self.rig = lab, rig
        self.crm, self.erp = lab.sides["crm"], lab.sides["erp"]
        self.hints = Hints(lambda: rig.world)

    def stream(self, system: str) -> Stream:
        return self.rig.stream(system, "contact")

    async def tell(
        self, remote: MemoryRemote, *ids: str, version: str | None = None, op: Op = Op.TOUCH
    ) -> None:
        """A webhook of a CRM names people."""
        system = "crm" if remote is self.crm else "erp"
        named = [Change(system, "people", i, op, remote_version=version) for i in ids]
        await self.hints.take([(stream, c) for c in named for stream in self.hints.streams(system, "people")])

    async def waiting(self) -> list[tuple[str, str]]:
        async with self.rig.world.store.read() as con:
            rows = await con.fetch("select remote_id, reason from inbox order by seq")
        return [(row["remote_id"], row["reason"]) for row in rows]

    async def work(self, system: str) -> int:
        """Work one inbox off; returns how many reads by id it took."""
        counters = self.rig.world.counters[self.stream(system).id]
        before = counters.calls
        await self.rig.inboxes[self.stream(system).id].work()
        return counters.calls - before

    def version(self, remote: MemoryRemote, remote_id: str) -> str:
        return str(remote.tables["people"].rows[remote_id].version)


def only(remote: MemoryRemote) -> str:
    (remote_id,) = remote.rows("people")
    return remote_id


@pytest.fixture
async def case(store_url: str, tmp_path: Path) -> AsyncIterator[Case]:
    async with MemoryLab.opened(store_url, tmp_path, "upsert") as lab:
        lab.sides["crm"].create("people", {"email": "ann@x.org", "name": "Ann"})
        async with at_rest(lab) as rig:
            yield Case(lab, rig)


async def test_many_at_once_are_one_row_per_id_and_one_commit(case: Case) -> None:
    ids = [case.crm.create("people", {"email": f"p{n}@x.org"}) for n in range(10)]
    before = case.rig.world.store.statements
    await asyncio.gather(*(case.tell(case.crm, ids[n % 10], ids[(n + 1) % 10]) for n in range(100)))
    assert case.rig.world.store.statements - before <= 5
    assert sorted(await case.waiting()) == sorted((i, "fetch") for i in ids)
    before = case.rig.world.store.statements
    await case.tell(case.crm, ids[0])
    assert case.rig.world.store.statements == before, "it waits already"
    assert await case.work("crm") == 1
    assert await case.waiting() == []
    assert len(case.crm.rows("people")) == 11


async def test_one_that_comes_during_the_read_of_its_record_is_read_again(case: Case) -> None:
    one = only(case.crm)
    case.crm.update("people", one, {"name": "first"})
    await case.tell(case.crm, one)
    answer = case.crm.faults.arm("read.answer", hold=True)
    work = asyncio.create_task(case.work("crm"))
    await answer.reached.wait()
    case.crm.update("people", one, {"name": "second"})
    await case.tell(case.crm, one)
    assert await case.waiting() == [(one, "fetch")] * 2
    await case.tell(case.crm, one)
    assert await case.waiting() == [(one, "fetch")] * 2
    answer.release()
    assert await work == 2
    await case.rig.pushers[case.stream("erp").id].push()
    assert case.erp.rows("people")[only(case.erp)]["name"] == "second"


@pytest.mark.parametrize("answered", [False, True])
async def test_our_own_update_told_back_is_not_read(case: Case, answered: bool) -> None:
    one, other = only(case.crm), only(case.erp)
    case.crm.update("people", one, {"name": "Anna"})
    await case.rig.read()
    stalled = case.erp.faults.arm("write.answer", hold=True)
    push = asyncio.create_task(case.rig.pushers[case.stream("erp").id].push())
    await stalled.reached.wait()
    if answered:
        stalled.release()
        await push
    await case.tell(case.erp, other, version=case.version(case.erp, other))
    assert await case.waiting() == ([] if answered else [(other, "fetch")])
    assert await case.work("erp") == 0
    stalled.release()
    await push
    assert case.rig.world.bells.inbox[case.stream("erp").id].is_set() is not answered
    assert await case.work("erp") == 0
    assert await case.waiting() == []


async def test_our_own_create_told_back_is_not_read(case: Case) -> None:
    case.crm.create("people", {"email": "bob@x.org", "name": "Bob"})
    await case.rig.read()
    stalled = case.erp.faults.arm("write.answer", hold=True)
    push = asyncio.create_task(case.rig.pushers[case.stream("erp").id].push())
    await stalled.reached.wait()
    (new,) = [i for i, row in case.erp.rows("people").items() if row["name"] == "Bob"]
    strange = case.erp.create("people", {"email": "eve@x.org"})
    await case.tell(case.erp, new, version=case.version(case.erp, new))
    await case.tell(case.erp, strange, version=case.version(case.erp, strange))
    assert await case.work("erp") == 0, "what they are, the create's answer tells"
    stalled.release()
    await push
    assert await case.work("erp") == 1, "the one that is not ours"
    assert await case.waiting() == []
    await case.rig.settle()
    assert len(case.crm.rows("people")) == len(case.erp.rows("people")) == 3


async def test_an_edit_made_on_top_of_our_write_is_read(case: Case) -> None:
    one, other = only(case.crm), only(case.erp)
    case.crm.update("people", one, {"name": "Anna"})
    await case.rig.read()
    stalled = case.erp.faults.arm("write.answer", hold=True)
    push = asyncio.create_task(case.rig.pushers[case.stream("erp").id].push())
    await stalled.reached.wait()
    await case.tell(case.erp, other, version=case.version(case.erp, other))
    case.erp.update("people", other, {"phone": "7"})
    await case.tell(case.erp, other, version=case.version(case.erp, other))
    stalled.release()
    await push
    assert await case.work("erp") == 1
    await case.rig.pushers[case.stream("crm").id].push()
    assert case.crm.rows("people")[one]["phone"] == "7"


async def test_a_delete_is_believed_after_a_look_only(case: Case) -> None:
    one = only(case.crm)
    await case.tell(case.crm, one, op=Op.DELETE)
    assert await case.work("crm") == 1
    assert await case.rig.pushers[case.stream("erp").id].push() == 0
    case.crm.delete("people", one)
    await case.tell(case.crm, one, op=Op.DELETE)
    assert await case.work("crm") == 1
    assert await case.rig.pushers[case.stream("erp").id].push() == 1
    assert case.erp.rows("people") == {}
    await case.tell(case.crm, one, op=Op.DELETE)
    assert await case.waiting() == [], "it is known to be gone"


async def test_a_system_that_cannot_be_asked_for_a_record_is_read_at_once(case: Case) -> None:
    stream = case.stream("crm")
    stream.fetcher = None
    assert not case.rig.world.bells.read[stream.id].is_set()
    await case.tell(case.crm, only(case.crm))
    assert case.rig.world.bells.read[stream.id].is_set()
    assert await case.waiting() == []


async def test_there_is_a_bound(case: Case, monkeypatch: pytest.MonkeyPatch) -> None:
    monkeypatch.setattr(hints_module, "MOST_WAITING", 2)
    await case.tell(case.crm, "1", "2")
    with pytest.raises(RetryLater):
        await case.tell(case.crm, "3")
    await case.work("crm")
    await case.tell(case.crm, "3")
    with pytest.raises(RetryLater):
        Hints(lambda: None).streams("crm", "people")


@pytest.mark.parametrize(("lingers", "reads"), [(False, 2), (True, 1)])
async def test_what_comes_during_a_read_that_lingered_waits_for_the_next_one(
    case: Case, lingers: bool, reads: int
) -> None:
    one, other = only(case.crm), case.crm.create("people", {"email": "bob@x.org"})
    inbox = case.rig.inboxes[case.stream("crm").id]
    inbox.lingers = lingers
    told = asyncio.Event()

    async def tell_more(point: str, *_: object) -> None:
        if point == "read.answer" and not told.is_set():
            told.set()
            await case.tell(case.crm, other)

    case.crm.faults.hook = tell_more
    await case.tell(case.crm, one)
    assert await case.work("crm") == reads
    assert told.is_set()
    assert len(await case.waiting()) == 2 - reads
    assert case.rig.world.bells.inbox[case.stream("crm").id].is_set(), "it rang for the next time"


async def test_a_delivery_of_too_many_ids_is_one_read_of_the_feed(
    case: Case, monkeypatch: pytest.MonkeyPatch
) -> None:
    monkeypatch.setattr(hints_module, "MOST_NAMED", 3)
    case.crm.create("people", {"email": "bob@x.org", "name": "Bob"})
    stream = case.stream("crm")
    bell = case.rig.world.bells.read[stream.id]
    bell.clear()
    await case.tell(case.crm, "1", "2", "3", "3")
    assert (len(await case.waiting()), bell.is_set()) == (3, False)
    await case.tell(case.crm, *(str(n) for n in range(100, 104)))
    assert (len(await case.waiting()), bell.is_set()) == (3, True)


async def test_a_read_that_begins_while_another_asks_for_the_same_id_leaves_nothing_waiting(
    case: Case,
) -> None:
    one, other = (case.crm.create("people", {"email": f"{name}@x.org"}) for name in ("bea", "cid"))
    world, stream = case.rig.world, case.stream("crm").id
    await case.tell(case.crm, one)
    async with world.store.write(numbers=10) as tx:
        await hold(tx, world, stream, 0, [Hold(one, "fetch", None), Hold(other, "fetch", None)])
        reading = asyncio.create_task(case.work("crm"))
        while (stream, one) not in world.fetching:
            await asyncio.sleep(0)
    await reading
    await case.work("crm")
    assert await case.waiting() == []
    assert not world.refetch
