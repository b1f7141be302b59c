"""What must be read before anything is written: else the same person is made twice."""

from __future__ import annotations

import asyncio

from syncd.engine.engine import Engine
from tests.engine.conftest import MakePair
from tests.support.watching import Watch

QUIET = """select not exists (select from outbox) and not exists (select from inbox)
and not exists (select from sends)"""


async def test_nobody_is_created_in_a_system_that_was_not_read_to_its_end(pair: MakePair) -> None:
    p = await pair(erp_capture="scan, page: 3")
    rows = "select 'p' || i || '@x.org', 'Ann' from generate_series(1, 300) i"
    await p.crm.execute(f"insert into contact (email, first) {rows} order by i desc")
    await p.erp.execute(f"insert into people (mail, name) {rows}")
    engine = Engine(p.rig.world, p.rig.settings, p.rig.keepers)
    running = asyncio.create_task(engine.run())
    async with Watch.on(p.rig.world.store.url, "outbox", "inbox", "sends") as watch:
        await asyncio.wait_for(engine.caught_up.wait(), 60)
        await watch.until(QUIET, within=60)
    engine.stop()
    await running
    assert await p.one("erp", "select count(*) from people") == 300
    assert await p.one("crm", "select count(*) from contact") == 300
