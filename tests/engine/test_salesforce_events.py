"""A running engine that reads an org by change events: with the bus, without it, and with it again."""

from __future__ import annotations

import asyncio
from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from itertools import count
from pathlib import Path

from connectors.salesforce import SalesforceConnector
from syncd.engine.engine import Engine
from syncd.store.store import Store
from tests.support.salesforce import OrgRig
from tests.support.watching import Watch

FreshDatabase = Callable[[], Awaitable[str]]
EVENTS = """select count(*) = 3 from streams where system = 'sales' and cursor::jsonb @> '{"poll": null}'"""
"""Whether all of the org's objects are read by events."""
AWAY = "select bool_or((cursor::json->>'away') is not null) from streams where system = 'sales'"


@asynccontextmanager
async def listening(
    store: Store, fresh: FreshDatabase, folder: Path, words: str
) -> AsyncIterator[tuple[OrgRig, Watch, Watch]]:
    """A running engine; watches of its store and of the database."""
    pubsub = {"keepalive": 0.2}
    async with OrgRig.made(store, fresh, folder, words=f"capture: events, {words}", pubsub=pubsub) as org:
        engine = Engine(org.rig.world, org.rig.settings, org.rig.keepers)
        running = asyncio.create_task(engine.run())
        async with Watch.on(store.url, "streams") as mine, Watch.on(org.erp, "people") as theirs:
            try:
                await mine.until(EVENTS, within=60)
                yield org, mine, theirs
            finally:
                engine.stop()
                await running


async def test_changes_come_with_the_bus_and_without_it(
    store: Store, fresh_database: FreshDatabase, tmp_path: Path
) -> None:
    async with listening(store, fresh_database, tmp_path, "poll: 1s") as (org, mine, theirs):
        connector = org.rig.stream("sales", "firm").connector
        assert isinstance(connector, SalesforceConnector)
        connector.listening.door().clock = map(float, count(0, 1000)).__next__  # it is asked again at once
        ids = [
            org.sandbox.people.edit(
                "Contact", "create", fields={"LastName": f"L{n}", "Email": f"{n}@x.org"}
            ).id
            for n in range(3)
        ]
        await theirs.until("select count(*) = 3 from people")
        cut = org.sandbox.arm("stream_reset", object="/data/ContactChangeEvent")
        away = org.sandbox.arm("drop", route="pubsub.subscribe", times=None)
        org.sandbox.people.edit("Contact", id=ids[0], fields={"Title": "While it was away"})
        org.sandbox.people.edit("Contact", "delete", id=ids[1])
        await theirs.until("select count(*) = 2 and bool_or(job is not null) from people")
        await mine.until(AWAY)
        assert cut.fired
        assert away.fired
        away.times = 0
        await mine.until(f"select not ({AWAY})")
        org.sandbox.people.edit("Contact", id=ids[2], fields={"Title": "And after it"})
        await theirs.until("select count(job) = 2 from people")
