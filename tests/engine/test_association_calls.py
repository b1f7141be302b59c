"""How often HubSpot is asked for contacts with companies, counted by the portal."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from pathlib import Path

import pytest

from syncd.store.store import Store
from tests.support.firms import FirmsRig

COUNT = 1000


@pytest.fixture
async def portal(
    store: Store, fresh_database: Callable[[], Awaitable[str]], tmp_path: Path
) -> AsyncIterator[FirmsRig]:
    async with FirmsRig.made(store, fresh_database, tmp_path) as portal:
        yield portal


@pytest.mark.slow
async def test_a_first_sync_makes_records_and_associations_in_one_call(portal: FirmsRig) -> None:
    await portal.con.execute(f"insert into firms (name) select n from generate_series(1, {COUNT // 10}) n")
    each = f"select n, n || '@x.example', 1 + n % {COUNT // 10} from generate_series(1, {COUNT}) n"
    await portal.con.execute(f"insert into people (last, mail, firm) {each}")
    before = portal.calls
    await portal.rig.settle()
    made = portal.calls - before
    assert all(portal.ties(id) for id in portal.sandbox.people.rows("contacts"))
    await portal.con.execute(f"update people set firm = 1 + (firm + 1) % {COUNT // 10}")
    before = portal.calls
    await portal.rig.settle()
    moved = portal.calls - before
    print(f"{made} calls for {COUNT} contacts in {COUNT // 10} companies; {moved} to move them all")
    assert made <= 0.03 * (COUNT + COUNT // 10) + 10
    assert moved <= 0.15 * COUNT
