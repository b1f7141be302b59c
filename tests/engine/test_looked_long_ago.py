"""What a guarding read showed is no licence to write much later: a process may stall, or wait its turn."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path

import pytest

from syncd.core.clock import SystemClock
from syncd.engine.gatekeeper import Gatekeeper
from syncd.engine.push import Pusher
from syncd.engine.send import LOOK_STANDS
from syncd.store.store import Store
from tests.support.twofold import Twofold, twofold


@pytest.fixture
async def both(store: Store, tmp_path: Path) -> AsyncIterator[Twofold]:
    async with twofold(store, tmp_path) as made:
        yield made


class Interrupted(SystemClock):
    """A clock of a process that always sleeps longer than it wanted to, while a person may type something."""

    def __init__(self, both: Twofold, types: str | None) -> None:
        self.both, self.types = both, types
        self.late = 0.0

    def monotonic(self) -> float:
        return super().monotonic() + self.late

    async def sleep(self, seconds: float) -> None:
        self.late += LOOK_STANDS + seconds + 1.0
        if self.types is not None:
            self.both.erp.update("people", next(iter(self.both.erp.rows("people"))), {"name": self.types})


async def about_to_write(both: Twofold, types: str | None) -> Pusher:
    """Somebody was edited in the one, and is to be written in the other, which compares nothing."""
    both.erp.features.compare_and_set = False
    both.crm.create("contacts", {"email": "ann@x.org", "name": "Ann Lee", "phone": "1"})
    await both.rig.settle()
    stream, clock = both.rig.stream("erp", "contact"), Interrupted(both, types)
    stream.guard, both.rig.world.clock = "read", clock
    both.crm.update("contacts", next(iter(both.crm.rows("contacts"))), {"name": "Ann Smith"})
    await both.rig.read()
    return Pusher(both.rig.world, stream, Gatekeeper("erp", clock, calls_per_second=0.4))


async def test_an_edit_since_a_look_of_long_ago_is_not_written_over(both: Twofold) -> None:
    pusher = await about_to_write(both, "Ann Jones")
    assert await pusher.push() == 0
    assert both.people() == [("ann@x.org", "Ann Jones", "1")]
    async with both.store.read() as con:
        assert await con.fetchval("select count(*) from sends") == 0
    await pusher.push()
    await both.rig.settle()
    async with both.store.plain() as con:
        found = await con.fetch("select candidates from conflicts where field = 'name'")
    assert {c["value"] for row in found for c in row["candidates"]} == {"Ann Smith", "Ann Jones"}


async def test_who_is_always_late_writes_at_the_second_look(both: Twofold) -> None:
    pusher = await about_to_write(both, None)
    assert [await pusher.push(), await pusher.push()] == [0, 1]
    assert both.people() == [("ann@x.org", "Ann Smith", "1")]
