"""A brake on updates: a mass change is held, and let go or taken back by a person."""

from __future__ import annotations

from dataclasses import replace
from datetime import UTC, datetime, timedelta
from pathlib import Path

import pytest

from syncd.store import intents
from syncd.store.store import Store
from tests.support.twofold import Twofold, twofold

BRAKE = "brakes: {update: {share: 30%, per: 10m}}"


async def edited(crms: Twofold) -> int:
    """Ten people, six of whom a rogue job renames; the number of the brake that holds that."""
    for number in range(10):
        crms.crm.create("contacts", {"email": f"p{number}@x.org", "name": f"P{number}", "phone": "1"})
    await crms.rig.settle()
    crms.crm.bulk_edit("contacts", {"phone": "666"}, [f"C{number}" for number in range(1, 7)])
    await crms.rig.settle()
    assert {phone for _, _, phone in crms.people()} == {"1"}
    async with crms.store.plain() as con:
        brake = await con.fetchrow("select brake, op, why from brakes where ended is null")
        assert await con.fetchval("select count(*) from held") == 6
    assert (brake["op"], brake["why"]) == ("update", "more than 30% of all updates in 600 s")
    return int(brake["brake"])


async def test_a_mass_change_is_held_until_it_is_released(store: Store, tmp_path: Path) -> None:
    async with twofold(store, tmp_path, brakes=BRAKE) as crms:
        brake = await edited(crms)
        await intents.ask(store, "release", {"brake": brake})
        await crms.rig.settle()
        assert sum(phone == "666" for _, _, phone in crms.people()) == 6


@pytest.mark.parametrize("how", ["take_theirs", "detach"])
async def test_a_mass_change_is_discarded(store: Store, tmp_path: Path, how: str) -> None:
    async with twofold(store, tmp_path, brakes=BRAKE) as crms:
        brake = await edited(crms)
        await intents.ask(store, "discard", {"brake": brake, "how": how})
        await crms.rig.settle()
        async with store.plain() as con:
            pulled = await con.fetchval("select brake from brakes where ended is null")
        assert (pulled is None) == (how == "detach"), (
            "what takes it back in the first system is a mass change, too"
        )
        if pulled is not None:
            await intents.ask(store, "release", {"brake": pulled})
            await crms.rig.settle()
        assert {phone for _, _, phone in crms.people()} == {"1"}
        there = [row["phone"] for row in crms.crm.rows("contacts").values()]
        assert sorted(there) == (["1"] * 10 if how == "take_theirs" else ["1"] * 4 + ["666"] * 6)
        assert await crms.rig.settle() == 0


async def test_a_discard_brings_back_what_was_told_not_what_became_of_it(
    store: Store, tmp_path: Path
) -> None:
    """The second system keeps phones in small letters."""
    async with twofold(store, tmp_path, brakes="brakes: {update: {count: 2, per: 10m}}") as crms:
        fields = crms.erp.tables["people"].fields
        fields["phone"] = replace(fields["phone"], normalise=("lower",))
        for number in range(4):
            crms.crm.create("contacts", {"email": f"p{number}@x.org", "name": f"P{number}", "phone": "Ext A"})
        await crms.rig.settle()
        crms.crm.bulk_edit("contacts", {"phone": "Ext B"})
        await crms.rig.settle()
        async with crms.store.plain() as con:
            brake = await con.fetchval("select brake from brakes where ended is null")
        await intents.ask(store, "discard", {"brake": brake, "how": "take_theirs"})
        await crms.rig.commands.work()
        async with store.plain() as con:
            held = await con.fetch(
                "select fields::jsonb ->> 'phone' as phone from records where kind = 'contact'"
            )
        assert [row["phone"] for row in held] == ["Ext A"] * 4
        assert {phone for _, _, phone in crms.people()} == {"ext a"}


async def test_a_second_copy_is_no_hindrance_to_a_discard(store: Store, tmp_path: Path) -> None:
    async with twofold(store, tmp_path, brakes=BRAKE) as crms:
        for number in range(10):
            crms.crm.create("contacts", {"email": f"p{number}@x.org", "name": f"P{number}", "phone": "1"})
        await crms.rig.settle()
        crms.erp.merge("people", *list(crms.erp.rows("people"))[:2])
        await crms.rig.settle()
        crms.crm.bulk_edit("contacts", {"phone": "666"})
        await crms.rig.settle()
        async with crms.store.plain() as con:
            brake = await con.fetchval("select brake from brakes where ended is null")
        asked = await intents.ask(store, "discard", {"brake": brake, "how": "detach"})
        await crms.rig.settle()
        async with store.plain() as con:
            assert await con.fetchval("select ok from commands where command = $1", asked)
            states = await con.fetch("select state, count(*) as n from links group by state")
        assert {row["state"] for row in states} == {"live", "duplicate", "detached"}
        assert await crms.rig.settle() == 0


class Watched:
    """A clock that somebody sets."""

    def __init__(self) -> None:
        self.time = datetime(2026, 1, 1, 0, 0, 50, tzinfo=UTC)

    def now(self) -> datetime:
        return self.time

    def monotonic(self) -> float:
        return self.time.timestamp()

    async def sleep(self, seconds: float) -> None:
        self.time += timedelta(seconds=seconds)


@pytest.mark.parametrize(("seconds", "held"), [(71, 1), (119, 1), (181, 0)])
async def test_a_window_is_never_shorter_than_it_says(
    store: Store, tmp_path: Path, seconds: int, held: int
) -> None:
    async with twofold(store, tmp_path, brakes="brakes: {update: {count: 3, per: 2m}}") as crms:
        crms.rig.world.clock = clock = Watched()
        for number in range(4):
            crms.crm.create("contacts", {"email": f"p{number}@x.org", "name": f"P{number}", "phone": "1"})
        await crms.rig.settle()
        crms.crm.bulk_edit("contacts", {"phone": "2"}, ["C1", "C2", "C3"])
        await crms.rig.settle()
        clock.time += timedelta(seconds=seconds)
        crms.crm.update("contacts", "C4", {"phone": "2"})
        await crms.rig.settle()
        async with store.plain() as con:
            assert await con.fetchval("select count(*) from held") == held


async def test_what_was_approved_is_the_update(store: Store, tmp_path: Path) -> None:
    """They are deleted before the released updates are sent: a delete passes the brake on deletes."""
    words = "brakes: {update: {share: 30%, per: 10m}, delete: {count: 2}}"
    async with twofold(store, tmp_path, brakes=words) as crms:
        brake = await edited(crms)
        await intents.ask(store, "release", {"brake": brake})
        await crms.rig.commands.work()
        for number in range(1, 7):
            crms.crm.delete("contacts", f"C{number}")
        await crms.rig.settle()
        assert len(crms.people()) == 10
        async with store.plain() as con:
            rows = await con.fetch("select op from brakes where ended is null")
            assert await con.fetchval("select count(*) from held") == 6
        assert [row["op"] for row in rows] == ["delete"]


async def test_few_updates_pass(store: Store, tmp_path: Path) -> None:
    async with twofold(store, tmp_path, brakes=BRAKE) as crms:
        for number in range(10):
            crms.crm.create("contacts", {"email": f"p{number}@x.org", "name": f"P{number}", "phone": "1"})
        await crms.rig.settle()
        crms.crm.bulk_edit("contacts", {"phone": "2"}, ["C1", "C2", "C3"])
        await crms.rig.settle()
        assert sum(phone == "2" for _, _, phone in crms.people()) == 3
