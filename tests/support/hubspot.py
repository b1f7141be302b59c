"""A portal in HubSpot's sandbox and a database, kept in sync by an engine that is stepped by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from datetime import datetime
from pathlib import Path
from typing import Any

import asyncpg

from connectors.hubspot.sandbox import HubSpotSandbox
from syncd.store.store import Store
from tests.support.rig import Rig

CONFIG = """
systems:
  hub: {{connector: hubspot, url: "{url}", {auth}, searches: 1000}}
  erp: {{connector: sql, url: "{erp}", capture: triggers}}
kinds:
  contact:
    fields: {{first_name: text, last_name: text, email: email, phone: text}}
    match: [email]
    systems:
      hub: {{object: contacts, key_field: syncd_id,
        fields: {{first_name: firstname, last_name: lastname, email: email, phone: phone}}}}
      erp: {{object: people, key_field: key,
        fields: {{first_name: first, last_name: last, email: mail, phone: tel}}}}
    conflicts: [{{strategy: prefer, systems: [hub, erp]}}]
    deletes: {{policy: propagate, against_edit: edit-wins}}
"""
TABLES = """create table people (id bigserial primary key, first text, last text, mail text, tel text,
  key text unique)"""
FILL = """insert into people (first, last, mail, tel)
select 'First' || n, 'Last' || n, 'p' || n || '@acme.com', '+1 ' || n from generate_series(1, $1::int) n"""


class Hurried:
    """A portal's clock, which a sleeper puts forward. `slept` seconds so far."""

    def __init__(self, sandbox: HubSpotSandbox) -> None:
        self.clock, self.slept = sandbox.clock, 0.0

    def now(self) -> datetime:
        return self.clock.now()

    def monotonic(self) -> float:
        return self.clock.monotonic()

    async def sleep(self, seconds: float) -> None:
        self.slept += seconds
        self.clock.advance(seconds)


@dataclass
class PortalRig:
    """The engine, the portal, and the database with the table `people`."""

    rig: Rig
    sandbox: HubSpotSandbox
    con: Any

    @classmethod
    @asynccontextmanager
    async def made(
        cls,
        store: Store,
        fresh: Callable[[], Awaitable[str]],
        folder: Path,
        *,
        config: str = CONFIG,
        tables: str = TABLES,
        journal: bool = False,
        paced: bool = False,
        **profile: Any,
    ) -> AsyncIterator[PortalRig]:
        """Both empty; `profile` is the sandbox's. With `journal` changes are found by that. `paced`: the
        engine keeps to the portal's limits, and whoever sleeps puts the portal's clock forward.
        """
        sandbox = HubSpotSandbox({"limits": {"burst": 100_000, "search": None}, **profile})
        async with sandbox.serving():
            erp = await fresh()
            con = await asyncpg.connect(erp)
            await con.execute(tables)
            words = {"url": sandbox.url, "erp": erp, "auth": _auth(sandbox, folder, journal)}
            file = folder / "syncd.yaml"
            file.write_text(config.format(**words))
            clock = Hurried(sandbox) if paced else None
            made = cls(await Rig.make(store, file, clock, paced=paced), sandbox, con)
            hub: Any = made.rig.connectors["hub"]
            hub.client.now = sandbox.clock.now
            try:
                yield made
            finally:
                await made.rig.aclose()
                await con.close()

    @property
    def used(self) -> int:
        """Calls that the portal counted against the day's."""
        return self.sandbox.limits.day_calls

    async def fill(self, count: int) -> int:
        """So many people in the database and then in the portal; the calls that it took."""
        await self.con.execute(FILL, count)
        before = self.used
        await self.rig.settle()
        assert len(self.contacts()) == count
        return self.used - before

    def contacts(self) -> dict[str, dict[str, Any]]:
        """What the portal holds, by id."""
        return {id: row.fields for id, row in self.sandbox.people.rows("contacts").items()}

    def edit(self, op: str = "update", object: str = "contacts", **more: Any) -> Any:
        """A person at the portal."""
        return self.sandbox.people.edit(object, op, **more)


def _auth(sandbox: HubSpotSandbox, folder: Path, journal: bool) -> str:
    """A log-in as the file says it, its secrets beside the file."""
    told = sandbox.ready()["auth"]
    for name in ("token", "client_secret", "refresh_token"):
        (folder / name).write_text(told[name])
    if not journal:
        return f'auth: {{token: "${{file:{folder / "token"}}}"}}'
    secrets = [f'{name}: "${{file:{folder / name}}}"' for name in ("client_secret", "refresh_token")]
    return f"auth: {{client_id: {told['client_id']}, {', '.join(secrets)}}}, capture: journal"
