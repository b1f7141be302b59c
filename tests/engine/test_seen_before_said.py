"""An inbox row is seen by others a moment before its writer hears that it is committed."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator
from contextlib import asynccontextmanager
from pathlib import Path
from typing import Any

import pytest

from syncd.core.nouns import Change
from syncd.engine.batch import Hold
from syncd.engine.save import hold
from syncd.store.store import Store, Tx
from tests.support.twofold import Twofold, twofold


class FarAway:
    """A connection whose commits are done at once and heard of late."""

    def __init__(self, con: Any) -> None:
        self._con, self.done, self.heard = con, asyncio.Event(), asyncio.Event()

    def __getattr__(self, name: str) -> Any:
        return getattr(self._con, name)

    async def execute(self, sql: str, *args: Any) -> Any:
        answer = await self._con.execute(sql, *args)
        if sql == "commit":
            self.done.set()
            await self.heard.wait()
        return answer


@pytest.fixture
async def both(store: Store, tmp_path: Path) -> AsyncIterator[Twofold]:
    async with twofold(store, tmp_path, rules="[{strategy: prefer, systems: [erp, crm]}]") as made:
        made.crm.create("firms", {"name": "Acme"})
        await made.rig.settle()
        yield made


async def until_it_waits_for_its_turn(store: Store) -> None:
    while not store._writer._waiters:
        await asyncio.sleep(0)


async def held(both: Twofold, item: Hold) -> tuple[FarAway, asyncio.Task[None]]:
    """Somebody puts a row into the inbox of `crm`'s firms; it is committed, and its writer has not heard."""
    stream = both.rig.stream("crm", "company")
    far: list[FarAway] = []

    async def write() -> None:
        async with both.store.write() as tx:
            await hold(tx, both.rig.world, stream.id, both.store.seq(), [item])
            tx._con = FarAway(tx._con)
            far.append(tx._con)
            reached.set()

    reached = asyncio.Event()
    writing = asyncio.create_task(write())
    await reached.wait()
    await far[0].done.wait()
    return far[0], writing


async def test_an_id_whose_read_began_before_its_writer_heard_is_not_waited_for_for_ever(
    both: Twofold,
) -> None:
    far, writing = await held(both, Hold("F1", "fetch", None))
    answer = both.crm.faults.arm("read.answer", hold=True)
    work = asyncio.create_task(both.rig.inboxes[both.rig.stream("crm", "company").id].work())
    await answer.reached.wait()
    far.heard.set()
    await writing
    answer.release()
    await work
    assert not both.rig.world.refetch
    both.erp.update("firms", "F1", {"name": "Acme & Co"})
    await both.rig.settle()
    assert both.crm.rows("firms")["F1"]["name"] == "Acme & Co"


async def test_a_change_that_was_taken_up_before_its_writer_heard_waits_no_more(both: Twofold) -> None:
    change = Change("crm", "firms", "F1", fields={"name": "Acme"}, evidence=both.store.seq())
    far, writing = await held(both, Hold("F1", "in_flight", change))
    work = asyncio.create_task(both.rig.inboxes[both.rig.stream("crm", "company").id].work())
    await until_it_waits_for_its_turn(both.store)
    far.heard.set()
    await writing
    await work
    assert not both.rig.world.queued
    both.erp.update("firms", "F1", {"name": "Acme & Co"})
    await both.rig.settle()
    assert both.crm.rows("firms")["F1"]["name"] == "Acme & Co"


async def test_what_a_copy_owes_is_not_crossed_off_by_what_its_record_was(both: Twofold) -> None:
    both.crm.create("contacts", {"email": "ann@x.org", "phone": "1"})
    await both.rig.settle()
    both.crm.update("contacts", "C1", {"phone": "2"})
    await both.rig.intakes[both.rig.stream("crm", "contact").id].read()
    both.erp.update("people", "P1", {"phone": "3"})
    far: list[FarAway] = []
    plain = both.store.write

    @asynccontextmanager
    async def write(**words: Any) -> AsyncIterator[Tx]:
        async with plain(**words) as tx:
            tx._con = FarAway(tx._con)
            far.append(tx._con)
            yield tx

    both.store.write = write  # type: ignore[method-assign]
    reading = asyncio.create_task(both.rig.intakes[both.rig.stream("erp", "contact").id].read())
    while not far:
        await asyncio.sleep(0)
    both.store.write = plain  # type: ignore[method-assign]
    await far[0].done.wait()
    pushing = asyncio.create_task(both.rig.pushers[both.rig.stream("crm", "contact").id].push())
    await until_it_waits_for_its_turn(both.store)
    far[0].heard.set()
    await reading
    await pushing
    await both.rig.settle()
    assert both.crm.rows("contacts")["C1"]["phone"] == "3"
