"""A write that waits for its turn was not sent: a stop in the meantime leaves no doubt about it."""

from __future__ import annotations

import asyncio

import pytest

from syncd.core.clock import SystemClock
from syncd.core.errors import NeedsOperator
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.push import Pusher
from tests.engine.conftest import MakePair, Pair
from tests.engine.test_deletes import fetch


class Held(SystemClock):
    """A clock that lets nobody through who waits."""

    def __init__(self) -> None:
        self.waited = asyncio.Event()

    async def sleep(self, seconds: float) -> None:
        self.waited.set()
        await asyncio.Event().wait()


async def stopped_while_waiting(p: Pair, keeper: Gatekeeper, clock: Held) -> None:
    """Begin to push a new company, and give up as soon as it waits."""
    await p.rig.read()
    await p.crm.execute("insert into company (name) values ('Acme')")
    await p.rig.read()
    stream = p.rig.stream("erp", "company")
    push = asyncio.create_task(Pusher(p.rig.world, stream, keeper).push())
    await clock.waited.wait()
    push.cancel()
    with pytest.raises(asyncio.CancelledError):
        await push


async def test_a_stop_while_a_system_is_paused_leaves_no_doubt(pair: MakePair) -> None:
    p, clock = await pair(), Held()
    keeper = Gatekeeper("erp", clock)

    async def refuse() -> None:
        raise NeedsOperator("the log-in is over", "log in again")

    with pytest.raises(NeedsOperator):
        await keeper.call(refuse)
    await stopped_while_waiting(p, keeper, clock)
    assert await fetch(p, "select 1 from sends") == []
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms") == 1


async def test_a_stop_in_the_queue_for_a_call_takes_the_intent_back(pair: MakePair) -> None:
    p, clock = await pair(), Held()
    keeper = Gatekeeper("erp", clock, calls_per_second=0.01)
    await keeper.call(lambda: asyncio.sleep(0))
    await stopped_while_waiting(p, keeper, clock)
    assert await fetch(p, "select 1 from sends") == []
    assert not p.rig.world.flying
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms") == 1
