"""Promise 4: an edit that fell between our guard read and our write is found in the portal's history."""

from __future__ import annotations

from asyncio import FIRST_COMPLETED, create_task, wait
from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path
from typing import Any

import orjson
import pytest

from syncd.store.store import Store
from tests.support.hubspot import CONFIG, PortalRig

FreshDatabase = Callable[[], Awaitable[str]]

TURNS = CONFIG + "    brakes: {{flap: {{count: 0}}}}\n"
"""People here edit one field in turn, more often than the brake on flapping fields lets pass."""


@pytest.fixture
async def portal(store: Store, fresh_database: FreshDatabase, tmp_path: Path) -> AsyncIterator[PortalRig]:
    async with PortalRig.made(store, fresh_database, tmp_path, config=TURNS) as portal:
        yield portal


async def entries(portal: PortalRig) -> list[tuple[str, Any, str]]:
    """Of what was listed as overwritten: the field, what was lost and when, and why."""
    sql = "select field, candidates, why from conflicts where verdict->>'rule' = 'overwritten' order by 1"
    async with portal.rig.world.store.read() as con:
        rows = await con.fetch(sql)
    told = [(row["field"], orjson.loads(row["candidates"]), row["why"]) for row in rows]
    return [(field, (of[0]["value"], of[1]["value"], of[1]["time"]), why) for field, of, why in told]


async def while_we_write(portal: PortalRig, **fields: str) -> None:
    """What the portal is owed is written, and a person edits the first record meanwhile."""
    fault = portal.sandbox.arm("hang", route="update.batch", object="contacts")
    writing = create_task(portal.rig.settle())
    reached = create_task(fault.reached.wait())
    done, _ = await wait({writing, reached}, return_when=FIRST_COMPLETED)
    if writing in done:
        reached.cancel()
        await writing
    assert fault.fired, "nothing was written"
    portal.edit(id=next(iter(portal.contacts())), fields=fields)
    fault.release()
    await writing


async def test_an_edit_that_was_written_over_unseen_is_found_and_listed(portal: PortalRig) -> None:
    await portal.fill(60)
    id, filled = next(iter(portal.contacts().items()))
    new = filled["phone"] + " 000"
    await portal.con.execute("update people set tel = tel || ' 000', last = 'New' || id")
    await while_we_write(portal, phone="+1 999", firstname="Typed")
    fields = portal.contacts()[id]
    assert fields["phone"] == new, "nothing told of the edit"
    assert fields["firstname"] == "Typed"
    assert await entries(portal) == []
    portal.sandbox.calls.clear()
    assert await portal.rig.look_back() == 1
    assert portal.sandbox.calls == {"ids contacts": 2}, "50 records a call, each once"
    ((field, (stands, over, at), why),) = await entries(portal)
    assert (field, stands, over) == ("phone", new, "+1 999")
    edited, ours = sorted(v.at for v in portal.sandbox.world.hub_table("contacts").history[id]["phone"])[-2:]
    assert edited <= at * 1000 <= ours
    assert "CRM_UI userId:" in why
    portal.sandbox.calls.clear()
    assert await portal.rig.look_back() == 0
    assert not portal.sandbox.calls
    assert await portal.rig.settle() == 0


async def test_nothing_is_listed_of_our_own_writes_and_of_edits_that_were_seen(portal: PortalRig) -> None:
    await portal.fill(1)
    (id,) = portal.contacts()
    for n, tel in enumerate(("+1 5", "+1 6", "+1 5")):
        await portal.con.execute("update people set tel = $1", tel)
        await portal.rig.settle()
        portal.edit(id=id, fields={"phone": f"+1 77{n}"})
        await portal.rig.settle()
    await portal.con.execute("update people set tel = '+1 8'")
    await while_we_write(portal, phone="+1 8")
    assert portal.contacts()[id]["phone"] == "+1 8"
    assert await portal.rig.look_back() == 0
    assert await entries(portal) == []


async def test_after_an_answer_that_was_lost(portal: PortalRig) -> None:
    await portal.fill(1)
    (id,) = portal.contacts()
    lost = portal.sandbox.arm("lose_answer", route="update.batch", object="contacts")
    await portal.con.execute("update people set tel = '+1 11'")
    await while_we_write(portal, phone="+1 2")
    assert lost.fired
    assert portal.contacts()[id]["phone"] == "+1 11"
    found = await portal.rig.look_back()
    told = [told for _, told, _ in await entries(portal)]
    assert [(stands, over) for stands, over, _ in told] == [("+1 11", "+1 2")]
    assert found == 1
