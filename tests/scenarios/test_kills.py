"""Kill -9 of the running daemon, twenty times in its life, most of them with work under way (PROMISES F1)."""

from __future__ import annotations

import asyncio
import random
import time
from dataclasses import dataclass, field
from statistics import median

from tests.scenarios.conftest import MakeOrg
from tests.scenarios.edits import People
from tests.scenarios.org import SIDES, TABLES, Org
from tests.support.commands import Running

KILLS, IN_FIRST_SYNC, WITH_WORK = 20, 6, 15
SEED = 11
BACK = 5.0
"""Seconds from the start of a daemon to its first page, cursor or push: what the project promises.

The median is held to it: a single start may lose its turn to the tests that run beside it.
"""
SLOW = """
create or replace function slow() returns trigger language plpgsql as
  'begin perform pg_sleep(0.03); return null; end';
create trigger slow after insert or update or delete on {table} for each statement
  when (current_setting('application_name') = 'syncd') execute function slow();"""


@dataclass
class Life:
    """What was under way at each kill, and how long each daemon took to be back at work."""

    rng: random.Random
    left: list[dict[str, int]] = field(default_factory=list)
    back: list[float] = field(default_factory=list)


async def test_twenty_kills_end_as_no_kill_would(make_org: MakeOrg) -> None:
    org = await make_org(capture="triggers")
    for side in SIDES:
        for table in TABLES[side].values():
            await org.cons[side].execute(SLOW.format(table=table))
    people, life = People(org, SEED), Life(random.Random(SEED))
    for _ in range(IN_FIRST_SYNC):
        await _one_life(org, life)
    await _to_rest(org)
    for number in range(KILLS - IN_FIRST_SYNC):
        burst = asyncio.create_task(_burst(org, people, number))
        if number % 2:
            await burst
        await _one_life(org, life)
        await burst
    await _to_rest(org)
    busy = [left for left in life.left if left.keys() & {"inbox", "outbox", "sends"}]
    new = 2 * (KILLS - IN_FIRST_SYNC)
    assert len(busy) >= WITH_WORK, life.left
    assert any("sends" in left for left in life.left)
    assert len(life.back) == KILLS
    assert median(life.back) < BACK, life.back
    assert await people.lost() == []
    assert await org.journal_replays() > 0
    whole = {"account": 1223 + new, "contact": 1024 + new, "opportunity": 1517}
    assert [await org.counts(side) for side in SIDES] == [whole, whole]
    assert await org.cons["store"].fetchval("select count(*) from parked") == 0


async def _burst(org: Org, people: People, number: int) -> None:
    """People at work: edits on both sides, and one new firm with its contact on each."""
    edits = await people.edits(alone=50, together=15)
    for side, found in edits.items():
        await people.do(side, found)
    firm, person = f"New firm {number}", f"new{number}"
    await org.hands["org"].execute(
        f"with a as (insert into account (name) values ('{firm} A') returning id) insert into contact "
        f"(first_name, last_name, account_id) select 'Nea', 'Neumann{number}', id from a"
    )
    await org.hands["erp"].execute(
        f"with a as (insert into customers (title) values ('{firm} B') returning cust_no) insert into "
        f"persons (name, mail, customer) select 'Ned Nowak', '{person}@x.example', cust_no from a"
    )


async def _to_rest(org: Org) -> None:
    async with org.running() as daemon:
        await org.until(org.at_rest)
        await org.quiet()
        assert (await daemon.stop())[0] == 0


async def _one_life(org: Org, life: Life) -> None:
    """Start, wait until it is at work and for some events more, kill."""
    mark = await _mark(org)
    began = time.monotonic()
    async with org.running() as daemon:
        await org.until(lambda: _moved(org, mark))
        life.back.append(time.monotonic() - began)
        await _some_events(org, life.rng.choice((0, 2, 5, 10, 40)))
        await _kill(daemon)
        life.left.append(await org.left())


async def _mark(org: Org) -> tuple[int, ...]:
    sql = """select coalesce((select max(seq) from pages), 0),
      coalesce((select max(batch) from sends), 0), (select count(*) from streams where cursor is not null)"""
    return tuple(await org.cons["store"].fetchrow(sql))


async def _moved(org: Org, mark: tuple[int, ...]) -> bool:
    return await _mark(org) > mark


async def _some_events(org: Org, number: int) -> None:
    """Let the databases ring so many times; less when there is nothing left to do."""
    for _ in range(number):
        if not await org.left():
            return
        org.rung.clear()
        await org.ring()


async def _kill(daemon: Running) -> None:
    daemon.process.kill()
    await daemon.process.wait()
