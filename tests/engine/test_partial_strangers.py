"""Records that become known by changes that tell only some of their fields."""

from __future__ import annotations

from collections.abc import AsyncIterator
from pathlib import Path
from typing import Any

import pytest

from syncd.core.nouns import Change
from syncd.engine.apply import apply, incoming
from syncd.store.store import Store
from tests.support.twofold import Twofold, twofold

ANN = {"email": "ann@x.org", "name": "Ann Lee", "phone": "1", "title": None, "firm": None}


@pytest.fixture
async def both(store: Store, tmp_path: Path) -> AsyncIterator[Twofold]:
    async with twofold(store, tmp_path) as made:
        yield made


async def taken_in(both: Twofold, *changes: Change) -> None:
    """The changes in one batch, as a feed brings them; then all that follows from it."""
    stream, store = both.rig.stream("crm", "contact"), both.store
    async with store.write() as tx:
        evidence = store.seq()
        items = incoming(stream, changes, evidence)
        await apply(tx, both.rig.world, stream, items, source="feed", evidence=evidence)
    await both.rig.work()


def part(**fields: Any) -> Change:
    return Change("crm", "contacts", "C1", fields=fields, partial=True)


async def test_a_part_that_follows_the_whole_in_one_batch_takes_nothing_away(both: Twofold) -> None:
    whole = Change("crm", "contacts", "C1", fields=ANN)
    await taken_in(both, whole, part(phone="2"))
    assert both.people() == [("ann@x.org", "Ann Lee", "2")]


async def test_who_is_known_by_a_part_is_read_whole(both: Twofold) -> None:
    both.crm.create("contacts", ANN)
    both.erp.create("people", {"email": "ann@x.org", "name": "Ann Lee"})
    await both.rig.intakes[both.rig.stream("erp", "contact").id].read()
    await taken_in(both, part(phone="1"))
    await both.rig.settle()
    assert both.people() == [("ann@x.org", "Ann Lee", "1")]
    assert len(both.crm.rows("contacts")) == 1
