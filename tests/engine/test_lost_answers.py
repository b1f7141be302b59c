"""Writes whose answer is lost, and records that hide afterwards (PROMISES F2, F3, F4, F5)."""

from __future__ import annotations

from collections.abc import AsyncIterator, Callable
from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path
from typing import Any

import pytest

from connectors.memory import MemoryRemote
from syncd.engine.recover import recover
from syncd.engine.settle import TRIES_BEFORE_PARKING
from tests.engine.crash import Daemon, left_over, listed
from tests.engine.labs import VARIANTS, MemoryLab
from tests.support.rig import Rig


class HandClock:
    """Time that passes when somebody waits, or by hand."""

    def __init__(self) -> None:
        self.seconds = 0.0

    def now(self) -> datetime:
        return datetime(2026, 1, 1, tzinfo=UTC) + timedelta(seconds=self.seconds)

    def monotonic(self) -> float:
        return self.seconds

    async def sleep(self, seconds: float) -> None:
        self.seconds += seconds


class Case:
    """A rig on two CRMs in memory, of which `erp` loses answers."""

    def __init__(self, lab: MemoryLab, rig: Rig, clock: HandClock) -> None:
        self.lab, self.rig, self.clock = lab, rig, clock

    @property
    def crm(self) -> MemoryRemote:
        return self.lab.sides["crm"]

    @property
    def erp(self) -> MemoryRemote:
        return self.lab.sides["erp"]

    async def run(self) -> None:
        """Some rounds: a round that only loses an answer looks like rest."""
        for _ in range(3):
            await self.rig.settle()

    async def one(self, **fields: Any) -> None:
        """Both sides have this person once, nothing waits, nothing is listed, nothing more is written."""
        await self.run()
        for remote in (self.crm, self.erp):
            (row,) = remote.rows("people").values()
            assert {name: row[name] for name in fields} == fields
        assert await left_over(self.rig.world.store) == {}
        assert (await listed(self.rig.world.store))[1] == []
        before = await self.lab.writes()
        await self.rig.sweep()
        await self.run()
        assert await self.lab.writes() == before


Make = Callable[..., Any]


@pytest.fixture
async def case(store_url: str, tmp_path: Path) -> AsyncIterator[Make]:
    """`await case(variant, find_lag=…)` answers a case with one new person in `crm`, not synced yet."""
    made: list[tuple[MemoryLab, Daemon]] = []

    async def make(variant: str, find_lag: float = 0.0) -> Case:
        clock = HandClock()
        lab = MemoryLab(store_url, tmp_path, variant)
        await lab.reset()
        for remote in lab.sides.values():
            remote.clock, remote.features.find_lag = clock.now, find_lag
        daemon = Daemon(lab, clock=clock)
        made.append((lab, daemon))
        rig = await daemon.rest()
        lab.sides["crm"].create("people", {"email": "ann@x.org", "name": "Ann Lee"})
        return Case(lab, rig, clock)

    yield make
    for lab, daemon in made:
        await daemon.end()
        await lab.aclose()


@pytest.mark.parametrize("variant", VARIANTS)
async def test_a_create_whose_answer_is_lost_makes_one_record(case: Make, variant: str) -> None:
    c: Case = await case(variant)
    lost = c.erp.faults.arm("write.after_commit")
    await c.one(email="ann@x.org", name="Ann Lee")
    assert lost.fired == 1


@pytest.mark.parametrize("variant", ["upsert", "client_ids", "findable"])
async def test_the_record_is_hidden_from_listings_as_well(case: Make, variant: str) -> None:
    c: Case = await case(variant)
    lost, hidden = c.erp.faults.arm("write.after_commit"), c.erp.faults.arm("read.hide", times=3)
    await c.one(email="ann@x.org")
    assert lost.fired == 1
    assert hidden.fired


async def test_a_look_up_that_lags_is_waited_for(case: Make) -> None:
    c: Case = await case("findable", find_lag=60.0)
    lost, hidden = c.erp.faults.arm("write.after_commit"), c.erp.faults.arm("read.hide", times=1000)
    await c.run()
    assert lost.fired
    assert hidden.fired
    assert c.erp.calls["write"] == 1, "it was not tried again while it could not be looked for"
    c.clock.seconds += 61.0
    await c.run()
    assert c.erp.calls["write"] == 1
    hidden.times = 0
    await c.one(email="ann@x.org")


async def test_a_look_up_that_hides_for_longer_than_declared_ends_at_the_unique_key(case: Make) -> None:
    c: Case = await case("findable")
    lost = c.erp.faults.arm("write.after_commit")
    unlisted, hidden = c.erp.faults.arm("read.hide", times=1000), c.erp.faults.arm("find.hide", times=3)
    await c.run()
    assert c.erp.calls["write"] == 2
    unlisted.times = 0
    await c.one(email="ann@x.org")
    assert lost.fired
    assert hidden.fired
    assert unlisted.fired


async def test_a_create_that_is_read_before_it_can_be_looked_for_is_in_doubt_no_more(case: Make) -> None:
    c: Case = await case("findable", find_lag=60.0)
    lost = c.erp.faults.arm("write.after_commit")
    await c.rig.read()
    await c.rig.work()
    (ann,) = c.crm.rows("people")
    c.crm.update("people", ann, {"name": "Ann Poe"})
    await c.one(email="ann@x.org", name="Ann Poe")
    assert lost.fired == 1
    assert c.rig.world.doubts == {}


async def test_without_a_key_it_is_listed_until_it_shows_up_and_matches(case: Make) -> None:
    c: Case = await case("keyless")
    lost, hidden = c.erp.faults.arm("write.after_commit"), c.erp.faults.arm("read.hide", times=1)
    await c.run()
    assert (lost.fired, hidden.fired) == (1, 1)
    assert (await listed(c.rig.world.store))[1] == [("ann@x.org", "out", "create_unknown")]
    assert c.erp.calls["write"] == 1
    await c.rig.sweep()
    await c.one(email="ann@x.org")
    assert c.erp.calls["write"] == 1


async def test_without_a_key_an_edit_does_not_create_it_again(case: Make) -> None:
    c: Case = await case("keyless")
    lost, hidden = c.erp.faults.arm("write.after_commit"), c.erp.faults.arm("read.hide", times=1)
    await c.run()
    assert (lost.fired, hidden.fired) == (1, 1)
    (ann,) = c.crm.rows("people")
    c.crm.update("people", ann, {"name": "Ann Poe"})
    await c.run()
    assert c.erp.calls["write"] == 1
    assert (await listed(c.rig.world.store))[1] == [("ann@x.org", "out", "create_unknown")]
    await c.rig.sweep()
    await c.run()
    assert len(c.erp.rows("people")) == 1


@pytest.mark.parametrize("variant", VARIANTS)
async def test_an_update_whose_answer_is_lost_is_not_written_twice(case: Make, variant: str) -> None:
    c: Case = await case(variant)
    await c.one(name="Ann Lee")
    (ann,) = c.crm.rows("people")
    c.crm.update("people", ann, {"name": "Ann Poe"})
    lost, before = c.erp.faults.arm("write.after_commit"), c.erp.calls["write"]
    await c.one(name="Ann Poe")
    assert lost.fired == 1
    assert c.erp.calls["write"] == before + 1


@pytest.mark.parametrize("variant", VARIANTS)
async def test_an_update_that_lands_after_a_newer_one_is_undone(case: Make, variant: str) -> None:
    c: Case = await case(variant)
    await c.one(name="Ann Lee")
    (ann,) = c.crm.rows("people")
    c.crm.update("people", ann, {"name": "Ann Poe"})
    late = c.erp.faults.arm("write.late_commit")
    await c.run()
    assert late.fired == 1
    c.crm.update("people", ann, {"name": "Ann Ray"})
    await c.run()
    late.release()
    await c.one(name="Ann Ray")


@pytest.mark.parametrize("variant", ["upsert", "findable", "client_ids"])
async def test_a_create_that_lands_after_it_was_made_again_makes_one_record(case: Make, variant: str) -> None:
    c: Case = await case(variant)
    late = c.erp.faults.arm("write.late_commit")
    await c.run()
    late.release()
    await c.one(email="ann@x.org")
    assert late.fired == 1


@pytest.mark.parametrize("variant", ["upsert", "findable", "client_ids"])
async def test_a_lost_create_of_who_is_deleted_meanwhile_holds_up_nobody(case: Make, variant: str) -> None:
    c: Case = await case(variant)
    lost = c.erp.faults.arm("write.after_commit")
    await c.rig.read()
    await c.rig.pushers[c.rig.stream("erp", "contact").id].push()
    [ann] = c.crm.rows("people")
    c.crm.delete("people", ann)
    c.erp.create("people", {"email": "bob@x.org"})
    await c.run()
    assert lost.fired == 1
    assert "bob@x.org" in {row["email"] for row in c.crm.rows("people").values()}
    assert await left_over(c.rig.world.store) == {}


async def test_answers_that_are_lost_now_and_then_list_nobody(case: Make) -> None:
    c: Case = await case("upsert")
    await c.run()
    (ann,) = c.crm.rows("people")
    for number in range(TRIES_BEFORE_PARKING + 2):
        lost = c.erp.faults.arm("write.after_commit")
        c.crm.update("people", ann, {"name": f"Ann {number}"})
        await c.one(name=f"Ann {number}")
        assert lost.fired == 1


def bends_names(remote: MemoryRemote) -> None:
    """From now on it keeps names in small letters."""
    fields = remote.tables["people"].fields
    fields["name"] = replace(fields["name"], normalise=("lower",))


async def bob_lost(c: Case) -> str:
    """Bob is typed in `erp`; the answer of `crm`, whose word counts, to his create is lost."""
    await c.run()
    bends_names(c.crm)
    lost = c.crm.faults.arm("write.after_commit")
    bob = c.erp.create("people", {"email": "bob@x.org", "name": "Bob Ray"})
    await c.rig.intakes[c.rig.stream("erp", "contact").id].read()
    await c.rig.pushers[c.rig.stream("crm", "contact").id].push()
    assert lost.fired == 1
    return bob


async def conflicts(c: Case) -> int:
    async with c.rig.world.store.read() as con:
        return int(await con.fetchval("select count(*) from conflicts"))


@pytest.mark.parametrize("variant", ["upsert", "findable", "client_ids"])
@pytest.mark.parametrize("restarts", [False, True])
async def test_what_a_lost_create_left_in_another_form_is_nobodys_edit(
    case: Make, variant: str, restarts: bool
) -> None:
    c: Case = await case(variant)
    bob = await bob_lost(c)
    if restarts:
        c.rig.world.doubts.clear()
        await recover(c.rig.world)
    await c.run()
    assert c.erp.rows("people")[bob]["name"] == "Bob Ray"
    assert await conflicts(c) == 0


@pytest.mark.parametrize("restarts", [False, True])
async def test_what_a_lost_create_said_is_known_when_its_record_has_moved(case: Make, restarts: bool) -> None:
    c: Case = await case("findable", find_lag=60.0)
    bob = await bob_lost(c)
    c.erp.update("people", bob, {"name": "Bob Roy"})
    await c.rig.intakes[c.rig.stream("erp", "contact").id].read()
    if restarts:
        c.rig.world.doubts.clear()
        await recover(c.rig.world)
    await c.run()
    assert c.erp.rows("people")[bob]["name"] == "Bob Roy"
    assert sorted(row["name"] for row in c.crm.rows("people").values()) == ["Ann Lee", "bob roy"]
    assert await conflicts(c) == 0


async def test_a_copy_that_was_found_is_not_made_again_before_it_is_read(case: Make) -> None:
    """An edit comes between the look-up of its key and the read by its id."""
    c: Case = await case("findable")
    lost, hidden = c.erp.faults.arm("write.after_commit"), c.erp.faults.arm("read.hide", times=1000)
    await c.rig.read()
    pusher = c.rig.pushers[c.rig.stream("erp", "contact").id]
    await pusher.push()
    await pusher.push()
    [ann] = c.crm.rows("people")
    c.crm.update("people", ann, {"name": "Ann Poe"})
    await c.rig.read()
    await pusher.push()
    assert (lost.fired, c.erp.calls["write"]) == (1, 1)
    hidden.times = 0
    await c.one(name="Ann Poe")


@pytest.mark.parametrize("variant", ["upsert", "findable", "client_ids"])
async def test_a_lost_create_of_who_is_deleted_meanwhile_makes_nobody_anew(case: Make, variant: str) -> None:
    c: Case = await case(variant)
    lost = c.erp.faults.arm("write.after_commit")
    await c.rig.intakes[c.rig.stream("crm", "contact").id].read()
    await c.rig.pushers[c.rig.stream("erp", "contact").id].push()
    [ann] = c.crm.rows("people")
    c.crm.delete("people", ann)
    await c.run()
    assert lost.fired == 1
    assert (c.crm.rows("people"), c.erp.rows("people")) == ({}, {})


@pytest.mark.parametrize("variant", VARIANTS)
async def test_what_an_unanswered_create_made_is_no_edit_of_what_was_edited_since(
    case: Make, variant: str
) -> None:
    c: Case = await case(variant)
    (ann,) = c.crm.rows("people")
    crm = c.rig.stream("crm", "contact")
    edited = []

    async def meanwhile(point: str, object: str, _: str | None) -> None:
        if (point, object) == ("write.commit", "people") and not edited:
            edited.append(c.crm.update("people", ann, {"name": "Ann Poe"}))
            await c.rig.intakes[crm.id].read()

    c.erp.faults.hook = meanwhile
    lost = c.erp.faults.arm("write.after_commit")
    (erp,) = (pusher for pusher in c.rig.pushers.values() if pusher.stream is c.rig.stream("erp", "contact"))
    await c.rig.intakes[crm.id].read()
    await erp.push()
    assert lost.fired == len(edited) == 1
    await c.one(name="Ann Poe")
    assert (await listed(c.rig.world.store))[0] == [], "nobody disagrees"


@pytest.mark.parametrize("variant", ["keyless", "blind"])
async def test_what_an_unanswered_create_made_is_known_though_two_of_ours_match_it(
    case: Make, variant: str
) -> None:
    """She was typed twice: what shows up is the one that was sent as just that."""
    c: Case = await case(variant)
    c.crm.create("people", {"email": "ann@x.org", "name": "Ann Poe"})
    lost = c.erp.faults.arm("write.after_commit")
    await c.run()
    await c.rig.sweep()
    await c.run()
    assert lost.fired == 1
    for remote in (c.crm, c.erp):
        assert sorted(row["name"] for row in remote.rows("people").values()) == ["Ann Lee", "Ann Poe"]
    assert (await listed(c.rig.world.store))[1] == []
