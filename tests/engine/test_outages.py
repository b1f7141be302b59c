"""A system that cannot be written to for long: what it is owed stays small, and nobody else pays for it."""

from __future__ import annotations

from collections.abc import Iterator
from typing import Any

import pytest

from syncd.core.errors import RetryLater
from syncd.engine.compact import Compactor
from syncd.engine.places import Place, Places
from syncd.engine.world import FRESH
from syncd.store import queues
from tests.engine.conftest import MakePair, Pair
from tests.engine.test_deletes import fetch


async def outbox(p: Pair) -> list[tuple[int, int, str | None]]:
    rows = await fetch(p, "select stream, record_id, approved from outbox order by seq")
    return [(row["stream"], row["record_id"], row["approved"]) for row in rows]


async def edit(p: Pair, times: int) -> None:
    """Edits of the same records that a sleeping system is told of later."""
    read = p.rig.intakes[p.rig.stream("crm", "company").id]
    for n in range(times):
        await p.crm.execute("update company set city = $1", f"City {n}")
        await read.read()


async def test_an_outage_with_many_edits_keeps_one_row_per_copy(pair: MakePair) -> None:
    p = await pair()
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome'), ('Bolt', 'Bonn')")
    await p.rig.settle()
    erp = p.rig.stream("erp", "company")
    p.rig.world.asleep.add(erp.id)
    compactor = Compactor(p.rig.world, least=4)
    assert await compactor.work() == 0, "nobody knows yet whether anything is written"
    await edit(p, 6)
    assert len(await outbox(p)) == 12
    assert await compactor.work() == 10
    assert await compactor.work() == 0
    assert len({record for _, record, _ in await outbox(p)}) == len(await outbox(p)) == 2

    p.rig.world.asleep.clear()
    calls = p.rig.world.counters[erp.id].pushed
    await p.rig.settle()
    assert p.rig.world.counters[erp.id].pushed == calls + 2
    assert await p.one("erp", "select count(*) from firms where town = 'City 5'") == 2
    assert await outbox(p) == []


async def test_what_is_written_to_is_left_alone(pair: MakePair) -> None:
    """Rows of a stream that works go by themselves; walking through them would cost for nothing."""
    p = await pair()
    compactor = Compactor(p.rig.world, least=1)
    await compactor.work()
    await p.crm.execute("insert into company (name, city) values ('Acme', 'Rome')")
    await p.rig.settle()
    store, erp = p.rig.world.store, p.rig.stream("erp", "company").id
    async with store.write() as tx:
        await queues.add_outbox(tx, store, [(erp, 1), (erp, 1)])
    assert await compactor.work() == 0
    assert await compactor.work() == 1


async def test_a_row_that_passed_a_brake_stays_passed(pair: MakePair) -> None:
    p = await pair()
    store, erp = p.rig.world.store, p.rig.stream("erp", "company").id
    async with store.write() as tx:
        for approved in ("update", "delete", "update", None, None):
            await queues.add_outbox(tx, store, [(erp, 7)], approved=approved)
    compactor = Compactor(p.rig.world, least=1)
    assert await compactor.work() + await compactor.work() == 2
    assert await outbox(p) == [(erp, 7, "delete"), (erp, 7, "update"), (erp, 7, None)]


async def test_a_sleeping_stream_takes_no_room_of_those_that_run(pair: MakePair) -> None:
    p = await pair()
    p.rig.world.asleep.add(p.rig.stream("erp", "company").id)
    await p.crm.execute("insert into company (name) select 'C' || n from generate_series(1, 20) n")
    await p.rig.read()
    assert p.rig.world.fresh == {}


async def test_a_system_that_fails_takes_no_room_for_long(pair: MakePair) -> None:
    p = await pair()
    await p.rig.read()
    await p.crm.execute("insert into company (name) select 'C' || n from generate_series(1, 20) n")
    await p.rig.read()
    assert 0 < len(p.rig.world.fresh) <= FRESH
    erp = p.rig.stream("erp", "company")
    p.rig.keepers["erp"].doubt.set()
    p.rig.keepers["erp"].watched = True
    with pytest.raises(RetryLater):
        await p.rig.pushers[erp.id].push()
    assert p.rig.world.fresh == {}


class NeverWalked(Places[Any]):
    """What a call that ends must not search through."""

    def __iter__(self) -> Iterator[Place]:
        raise AssertionError("walked through")


async def test_a_call_that_ends_walks_through_nothing_that_waits(pair: MakePair) -> None:
    p = await pair()
    world = p.rig.world
    world.queued, world.hints = NeverWalked(), NeverWalked()
    other = p.rig.stream("crm", "contact").id
    world.queued[other, "1"] = {}
    await p.crm.execute("insert into company (name) values ('Acme')")
    await p.rig.settle()
    assert await p.one("erp", "select count(*) from firms") == 1


def test_places_know_what_each_stream_has() -> None:
    places: Places[str] = Places()
    places[1, "a"], places[1, "a"], places[2, "b"] = "x", "y", "z"
    assert (places.any_of(1), places.any_of(2), places.any_of(3)) == (True, True, False)
    assert places.pop((1, "a")) == "y"
    assert places.pop((1, "a"), "none") == "none"
    places.update({(2, "b"): "w", (2, "c"): "v"})
    del places[2, "b"]
    assert (places.any_of(1), places.any_of(2), dict(places)) == (False, True, {(2, "c"): "v"})
