"""A portal that does all it can at once, and a database: whatever people do, both end up the same."""

from __future__ import annotations

import random
from collections.abc import Awaitable, Callable
from pathlib import Path
from typing import Any

import pytest

from connectors.sandboxes.faults import Fault
from syncd.core.errors import RetryLater
from syncd.store.store import Store
from tests.support.hubspot import CONFIG, PortalRig
from tests.support.rig import Rig

QUIRKS = {
    "index_lag": 2.0,
    "noop_bumps": True,
    "date_as_ms": True,
    "page_cap": 3,
    "late_stamps": 1.0,
}
BRAKES = """
    brakes: {{delete: {{count: 1000, share: 100%, per: 1h}}}}
"""
FAULTS: list[dict[str, Any]] = [
    {"kind": "lose_answer", "route": "write"},
    {"kind": "error_before", "status": 502},
    {"kind": "error_before", "status": 429},
    {"kind": "error_before", "status": 423},
    {"kind": "fewer"},
    {"kind": "partial", "rows": [0]},
]


class Play:
    """People at both sides, one step at a time."""

    def __init__(self, portal: PortalRig, chance: random.Random) -> None:
        self.portal, self.chance = portal, chance
        self.count = 0
        self.left = chance.sample(range(len(FAULTS)), len(FAULTS))
        """The faults that did not fire yet."""
        self.fault: Fault | None = None

    async def step(self) -> None:
        """One person does one thing."""
        portal, chance = self.portal, self.chance
        self.count += 1
        word, ids = f"w{self.count}", sorted(portal.contacts())
        act = chance.choice(["make", "edit", "edit", "delete", "merge", "restore", "there", "there", "there"])
        if act == "make" or len(ids) < 3:
            portal.edit("create", fields={"email": f"{word}@acme.com", "lastname": word})
        elif act == "edit":
            field = chance.choice(["firstname", "lastname", "phone"])
            portal.edit(id=chance.choice(ids), fields={field: chance.choice([word, None, f" {word} "])})
        elif act == "delete" and len(ids) > 4:
            portal.edit("delete", id=chance.choice(ids))
        elif act == "merge" and len(ids) > 4:
            kept, lost = chance.sample(ids, 2)
            portal.edit("merge", id=kept, loser=lost)
        elif act == "there":
            await self.there(word)

    async def there(self, word: str) -> None:
        """Somebody in the database."""
        con, chance = self.portal.con, self.chance
        ids = [row["id"] for row in await con.fetch("select id from people order by id")]
        act = chance.choice(["make", "edit", "edit", "delete"])
        if act == "make" or len(ids) < 3:
            await con.execute("insert into people (last, mail) values ($1, $2)", word, f"{word}@acme.com")
        elif act == "edit":
            column = chance.choice(["first", "last", "tel"])
            await con.execute(
                f"update people set {column} = $2 where id = $1",
                chance.choice(ids),
                chance.choice([word, None]),
            )
        elif len(ids) > 4:
            await con.execute("delete from people where id = $1", chance.choice(ids))

    async def work(self) -> None:
        """The engine has a turn, in which something may fail: a fault stays armed until it fires."""
        if self.fault is None and self.chance.random() < 0.7:
            said = dict(FAULTS[self.left[0] if self.left else self.chance.randrange(len(FAULTS))])
            self.fault = self.portal.sandbox.arm(said.pop("kind"), **said)
        self.portal.sandbox.clock.advance(self.chance.choice([0.5, 5.0, 30.0]))
        try:
            await self.portal.rig.read()
            await self.portal.rig.work()
        except RetryLater:
            pass
        if self.fault is not None and self.fault.fired:
            self.fault, self.left = None, self.left[1:]
            self.portal.sandbox.faults.disarm()

    async def restarted(self, store: Store, folder: Path) -> None:
        """A new engine, without the pauses of the old one, long after; nothing fails any more."""
        self.portal.sandbox.faults.disarm()
        self.portal.sandbox.clock.advance(3600)
        await self.portal.rig.aclose()
        self.portal.rig = await Rig.make(store, folder / "syncd.yaml")

    async def agree(self) -> None:
        """Each contact is linked once, to a row that says the same; other rows are known as second ones."""
        portal = self.portal
        there = {str(row["id"]): row for row in await portal.con.fetch("select * from people")}
        async with portal.rig.world.store.read() as con:
            links = await con.fetch("select stream, remote_id, record_id, state from links")
        hub = portal.rig.stream("hub", "contact").id
        live = [row for row in links if row["state"] == "live"]
        ours = {row["remote_id"]: row["record_id"] for row in live if row["stream"] == hub}
        assert sorted(row["remote_id"] for row in live if row["stream"] == hub) == sorted(portal.contacts())
        theirs = {row["record_id"]: row["remote_id"] for row in live if row["stream"] != hub}
        gone = {row["record_id"] for row in links if row["stream"] != hub and row["state"] == "gone"}
        seconds = {row["remote_id"] for row in links if row["stream"] != hub and row["state"] == "duplicate"}
        assert set(theirs.values()) <= there.keys() <= {*theirs.values(), *seconds}
        for id, fields in portal.contacts().items():
            if ours[id] in gone and ours[id] not in theirs:
                continue  # deleted there, and edited here: it stays, and is not made anew
            row = there[theirs[ours[id]]]
            pairs = {"firstname": "first", "lastname": "last", "email": "mail", "phone": "tel"}
            assert {name: plain(fields[name]) for name in pairs} == {
                name: plain(row[column]) for name, column in pairs.items()
            }, id


def plain(value: str | None) -> str:
    """A value without what the portal makes of it."""
    return (value or "").strip().lower()


@pytest.mark.parametrize(("seed", "journal"), [(0, False), (1, True)])
async def test_both_sides_end_up_the_same(
    seed: int, journal: bool, store: Store, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> None:
    print(f"seed {seed}")
    async with PortalRig.made(
        store, fresh_database, tmp_path, config=CONFIG.rstrip() + BRAKES, journal=journal, quirks=QUIRKS
    ) as portal:
        play = Play(portal, random.Random(seed))
        await portal.fill(8)
        for turn in range(60):
            if turn >= 20 and not play.left:
                break
            for _ in range(play.chance.randint(1, 4)):
                await play.step()
            await play.work()
        assert not play.left, f"never fired: {[FAULTS[n] for n in play.left]}"
        await play.restarted(store, tmp_path)
        await portal.rig.settle()
        await portal.rig.sweep()
        await portal.rig.settle()
        await portal.rig.sweep()
        assert await portal.rig.settle() == 0, "nothing is written any more"
        await play.agree()
