"""A daemon that stalled between its intent and its call has a successor: it must not write any more (F39)."""

from __future__ import annotations

import pytest

from syncd.core.clock import SystemClock
from syncd.core.errors import Fenced
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.push import Pusher
from tests.engine.conftest import MakePair, Pair
from tests.engine.test_deletes import fetch


class Succeeded(SystemClock):
    """A clock of somebody who waits for his turn until another daemon has the store."""

    def __init__(self, p: Pair) -> None:
        self.p = p
        self.waited = False

    async def sleep(self, seconds: float) -> None:
        self.waited = True
        async with self.p.rig.world.store.plain() as con:
            await con.execute("update lease set token = token + 1, expires = now() + interval '1 minute'")


async def test_who_was_succeeded_while_he_waited_for_his_turn_sends_nothing(pair: MakePair) -> None:
    p = await pair()
    clock = Succeeded(p)
    keeper = Gatekeeper("erp", clock, calls_per_second=0.01, call_seconds=60.0)
    await keeper.call(lambda: SystemClock().sleep(0))
    await p.rig.read()
    await p.crm.execute("insert into company (name) values ('Acme')")
    await p.rig.read()
    with pytest.raises(Fenced, match="took over the store"):
        await Pusher(p.rig.world, p.rig.stream("erp", "company"), keeper).push()
    assert clock.waited
    assert len(await fetch(p, "select 1 from sends")) == 1, "the intent stays, for the successor to judge"
    assert await p.one("erp", "select count(*) from firms") == 0
