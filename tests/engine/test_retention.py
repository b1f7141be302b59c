"""A store is pruned while it works: the engine's own rows, under a clock that is moved by hand."""

from __future__ import annotations

from datetime import datetime, timedelta

from syncd.config import RetentionSettings
from syncd.core.clock import SystemClock
from syncd.engine.retention import EVERY, REST, Pruner
from syncd.store.explain import explain, life
from syncd.store.history import find_record, load_story, replay
from syncd.store.store import Store
from tests.engine.conftest import MakePair, Pair

DAY = 86_400.0
KEPT = RetentionSettings(30 * DAY, 365 * DAY, 30 * DAY, 365 * DAY)


class Ahead(SystemClock):
    """A clock that runs ahead by some days, and waits for nothing."""

    def __init__(self) -> None:
        self.days = 0.0
        self.waited: list[float] = []

    def now(self) -> datetime:
        return super().now() + timedelta(days=self.days)

    async def sleep(self, seconds: float) -> None:
        self.waited.append(seconds)


async def a_round(p: Pair, clock: Ahead, kept: RetentionSettings = KEPT) -> dict[str, int]:
    """One round, as the engine's loop makes it; the rows that went."""
    before = dict(p.rig.world.pruned)
    p.rig.world.clock = clock
    pruner = Pruner(p.rig.world, kept)
    while not clock.waited or clock.waited[-1] != EVERY:
        await pruner.work()
        await pruner.wait()
    assert set(clock.waited[:-1]) <= {REST}
    clock.waited.clear()
    return {t: n - before.get(t, 0) for t, n in p.rig.world.pruned.items() if n > before.get(t, 0)}


async def count(store: Store, table: str) -> int:
    async with store.read() as con:
        return int(await con.fetchval(f"select count(*) from {table}"))


async def test_a_year_later_the_past_is_gone_and_what_stands_is_still_explained(pair: MakePair) -> None:
    p, clock = await pair(), Ahead()
    store = p.rig.world.store
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome'), ('Zet', 'Bonn')")
    await p.rig.settle()
    for city in ("Bern", "Oslo", "Wien"):
        await p.crm.execute("update company set city = $1", city)
        await p.rig.settle()
    assert await a_round(p, clock) == {}, "nothing is old yet"

    clock.days = 31
    pages = await count(store, "pages")
    assert await a_round(p, clock) == {"pages": pages}
    number = await find_record(store, "company", "crm:1")
    maps = {(s.system, s.object): s.map for s in p.rig.streams if s.kind == "company"}
    told = explain(await load_story(store, "company", number), "city", maps).origin
    assert "the journal begins on" in told

    clock.days = 400
    removed = await a_round(p, clock)
    assert removed["versions"] == 4  # two of the three edits of each
    story = await load_story(store, "company", number)
    assert replay(story.versions) == (dict(story.record.fields), False)
    assert "kept from" in life(story)[0]

    await p.crm.execute("update company set city = 'Lima' where id = 1")
    assert await p.rig.settle() == 1, "and the sync goes on"
    assert await p.one("erp", "select town from firms where title = 'Acme'") == "Lima"


async def test_what_was_deleted_is_forgotten_only_when_it_was_gone_for_long(pair: MakePair) -> None:
    p, clock = await pair(), Ahead()
    store = p.rig.world.store
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome'), ('Zet', 'Bonn')")
    await p.rig.settle()
    await a_round(p, clock)  # remembers the sequence of this time
    await p.erp.execute("delete from firms where title = 'Acme'")
    await p.rig.sweep()
    await p.rig.settle()
    assert await p.one("crm", "select count(*) from company") == 1

    clock.days = 370  # the versions are old, the copies' last word is not known to be
    assert "records" not in await a_round(p, clock)
    clock.days = 800
    removed = await a_round(p, clock)
    assert (removed["records"], removed["links"]) == (1, 2)
    assert await count(store, "records") == 1
    await p.rig.sweep()
    assert await p.rig.settle() == 0
    assert await p.one("erp", "select count(*) from firms") == 1


async def test_forever_is_for_ever(pair: MakePair) -> None:
    p, clock = await pair(), Ahead()
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    await p.crm.execute("delete from company")
    await p.rig.sweep()
    await p.rig.settle()
    clock.days = 9000
    removed = await a_round(p, clock, RetentionSettings(30 * DAY, None, 30 * DAY, None))
    clock.days = 18_000
    again = await a_round(p, clock, RetentionSettings(30 * DAY, None, 30 * DAY, None))
    assert removed.keys() | again.keys() <= {"pages", "brake_use"}
    assert removed["pages"] > 0
