"""What must be read before anything is written: else the same person is made twice."""

from __future__ import annotations

import asyncio

from syncd.engine.engine import Engine
from tests.engine.conftest import MakePair


async def test_nobody_is_created_in_a_system_that_was_not_read_to_its_end(pair: MakePair) -> None:
    p = await pair(erp_capture="scan, page: 3")
    rows = "select 'p' || i || '@x.org', 'Ann' from generate_series(1, 300) i"
    await p.crm.execute(f"insert into contact (email, first) {rows} order by i desc")
    await p.erp.execute(f"insert into people (mail, name) {rows}")
    engine = Engine(p.rig.world, p.rig.settings, p.rig.keepers)
    running = asyncio.create_task(engine.run())
    async with asyncio.timeout(60):
        while await _work(p) or not engine.caught_up.is_set():
            await asyncio.sleep(0.05)
    engine.stop()
    await running
    assert await p.one("erp", "select count(*) from people") == 300
    assert await p.one("crm", "select count(*) from contact") == 300


async def _work(p: object) -> int:
    sql = "select (select count(*) from outbox) + (select count(*) from inbox) + (select count(*) from sends)"
    async with p.rig.world.store.plain() as con:  # type: ignore[attr-defined]
        return int(await con.fetchval(sql))
