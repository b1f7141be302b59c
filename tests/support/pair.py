"""Two databases of different shape, a store, and the configuration that keeps them the same."""

from __future__ import annotations

from collections.abc import AsyncIterator, Awaitable, Callable
from contextlib import asynccontextmanager
from dataclasses import dataclass, field
from pathlib import Path

import asyncpg

from tests.support.commands import Done, Running, syncd

CRM = """
create table companies (id serial primary key, name text, website text, syncd_id text unique);
create table people (id serial primary key, email text, first_name text, last_name text,
  company_id int references companies, syncd_id text unique);"""
ERP = """
create table orgs (org_id serial primary key, title text, site text, syncd_id text unique);
create table contacts (id serial primary key, mail text, given text, family text,
  org int references orgs, syncd_id text unique);"""
CONFIG = """\
store: "${env:STORE}"
systems:
  crm: {connector: sql, url: "${env:CRM}", capture: triggers, poll: 1s}
  erp: {connector: sql, url: "${env:ERP}", capture: triggers, poll: 1s}
kinds:
  company:
    fields: {name: text, website: text}
    match: [website]
    systems:
      crm: {object: companies, key_field: syncd_id, fields: {name: name, website: website}}
      erp: {object: orgs, key_field: syncd_id, fields: {name: title, website: site}}
  contact:
    fields: {email: email, first_name: text, last_name: text, company: {ref: company}}
    match: [email]
    systems:
      crm:
        object: people
        key_field: syncd_id
        fields: {email: email, first_name: first_name, last_name: last_name, company: company_id}
      erp:
        object: contacts
        key_field: syncd_id
        fields: {email: mail, first_name: given, last_name: family, company: org}
    conflicts: [{strategy: ask}]
service: {listen: "127.0.0.1:0"}
"""


@dataclass
class Pair:
    """The folder with `syncd.yaml`, and where everything is."""

    folder: Path
    crm: str
    erp: str
    store: str
    env: dict[str, str] = field(default_factory=dict)

    @classmethod
    async def make(cls, folder: Path, fresh: Callable[[], Awaitable[str]], config: str = CONFIG) -> Pair:
        """New databases with empty tables; the store's is empty altogether."""
        crm, erp, store = await fresh(), await fresh(), await fresh()
        pair = cls(folder, crm, erp, store, {"CRM": crm, "ERP": erp, "STORE": store})
        await run_sql(crm, CRM)
        await run_sql(erp, ERP)
        pair.write(config)
        return pair

    def write(self, config: str) -> None:
        (self.folder / "syncd.yaml").write_text(config, encoding="utf-8")

    async def syncd(self, *args: str) -> Done:
        """A command on this configuration."""
        return await syncd(self.folder, *args, env=self.env)

    @asynccontextmanager
    async def running(self, *args: str) -> AsyncIterator[Running]:
        """The daemon on this configuration."""
        async with Running.in_folder(self.folder, *args, env=self.env) as daemon:
            yield daemon


async def run_sql(url: str, sql: str) -> None:
    """Statements in a database."""
    con = await asyncpg.connect(url)
    try:
        await con.execute(sql)
    finally:
        await con.close()
