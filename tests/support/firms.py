"""A portal in HubSpot's sandbox and a database, kept in sync by an engine that is stepped by hand."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass
from pathlib import Path
from typing import Any

import asyncpg

from connectors.hubspot.sandbox import HubSpotSandbox
from syncd.store.store import Store
from tests.support.rig import Rig

CONFIG = """
systems:
  hub: {{connector: hubspot, url: "{url}", auth: {{token: "${{file:{secret}}}"}}, {words}}}
  erp: {{connector: sql, url: "{erp}", capture: triggers}}
kinds:
  firm:
    fields: {{name: text}}
    match: [name]
    systems:
      hub: {{object: companies, key_field: syncd_id, fields: {{name: name}}}}
      erp: {{object: firms, key_field: key, fields: {{name: name}}}}
    deletes: {{policy: propagate, against_edit: ask}}
  contact:
    fields: {{last_name: text, email: email, firm: {{ref: firm}}}}
    match: [email]
    systems:
      hub: {{object: contacts, key_field: syncd_id,
        fields: {{last_name: lastname, email: email, firm: {{association: companies}}}}}}
      erp: {{object: people, key_field: key, fields: {{last_name: last, email: mail, firm: firm}}}}
    conflicts: [{{strategy: ask}}]
    deletes: {{policy: propagate, against_edit: ask}}
{more}"""
TABLES = """
create table firms (id bigserial primary key, name text, key text unique);
create table people (id bigserial primary key, last text, mail text,
  firm bigint references firms on delete set null, key text unique);
create table deals (id bigserial primary key, title text, key text unique);
create table roles (id bigserial primary key, deal bigint references deals on delete cascade,
  person bigint references people on delete cascade, role text, key text unique)"""

CONTACTS, COMPANIES = "contacts", "companies"


@dataclass
class FirmsRig:
    """The engine, the portal, and the database with the tables `firms`, `people`, `deals` and `roles`."""

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
        words: str = "refresh: 0, searches: 1000",
        more: str = "",
        **quirks: Any,
    ) -> AsyncIterator[FirmsRig]:
        """Both empty. `words` are the HubSpot system's settings, `more` further kinds."""
        sandbox = HubSpotSandbox({"limits": {"burst": 100_000, "search": None}, "quirks": quirks})
        async with sandbox.serving():
            erp = await fresh()
            con = await asyncpg.connect(erp)
            await con.execute(TABLES)
            (folder / "secret").write_text(sandbox.auth.options.token)
            told = {"url": sandbox.url, "erp": erp, "secret": folder / "secret", "words": words, "more": more}
            file = folder / "syncd.yaml"
            file.write_text(CONFIG.format(**told))
            rig = await Rig.make(store, file)
            try:
                yield cls(rig, sandbox, con)
            finally:
                await rig.aclose()
                await con.close()

    # -- the portal's people ---------------------------------------------------------------------------

    def make(self, object: str, **fields: Any) -> str:
        """A new record of a person's; its id."""
        row = self.sandbox.people.edit(object, "create", fields=fields)
        assert row is not None
        return str(row.id)

    def tie(
        self,
        one: str,
        other: str,
        *,
        primary: bool = True,
        label: str = "",
        of: str = CONTACTS,
        to: str = COMPANIES,
    ) -> None:
        """Associate two records, contact and company if no other objects are said."""
        pair = (of, to)
        book = self.sandbox.world.associations
        types = [type for type in book.types[pair] if primary and type.primary]
        types += [type for type in book.types[pair] if label and type.label == label]
        self.sandbox.world.associate(pair, (one, other), types, self.sandbox.world.moment("person"))

    def untie(self, one: str, other: str, *, of: str = CONTACTS, to: str = COMPANIES) -> None:
        """Associate them no more."""
        world, pair = self.sandbox.world, (of, to)
        world.tell_associations(world.associations.remove(pair, (one, other)), world.moment("person"))

    def ties(self, one: str, *, of: str = CONTACTS, to: str = COMPANIES) -> dict[str, set[str | None]]:
        """By the other record its labels, None for that without one."""
        found = self.sandbox.world.associated(of, one, to)
        return {other: {type.label for type in types} for other, types in found.items()}

    def only(self, object: str) -> str:
        """The id of the one record there."""
        (id,) = [id for id, row in self.sandbox.people.rows(object).items() if not row.deleted]
        return str(id)

    # -- the database, and what is set aside -----------------------------------------------------------

    async def firm_of(self, mail: str) -> str | None:
        """The name of a person's firm in the database."""
        sql = "select f.name from people p left join firms f on f.id = p.firm where mail = $1"
        found: str | None = await self.con.fetchval(sql, mail)
        return found

    async def listed(self) -> list[tuple[str, str]]:
        """The codes and fields of what is parked."""
        async with self.rig.world.store.read() as con:
            rows = await con.fetch("select code, field from parked order by code, field")
        return [(row["code"], row["field"]) for row in rows]

    @property
    def calls(self) -> int:
        """All calls so far."""
        return sum(self.sandbox.calls.values())

    @property
    def writes(self) -> int:
        """Calls so far that changed something in the portal."""
        words = ("create", "update", "associate", "dissociate", "delete")
        return sum(n for call, n in self.sandbox.calls.items() if call.startswith(words))
